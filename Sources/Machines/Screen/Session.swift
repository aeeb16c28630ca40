import Crypto
import HTTPServer

/// The two secrets of one start: the cookie that lets a page see state, and the token that lets it
/// give orders. Another site can make a browser send the first; it cannot read the second.
struct Session: Sendable {
    /// Whose: the name of its cookie begins with it.
    let name: String
    /// Sent back as the header `X-Eco-Session`, 64 hexadecimal characters.
    let token = Hexadecimal.text(randomBytes(32))
    private let cookie = Hexadecimal.text(randomBytes(32))

    /// The merchant's page, or the customer display: neither opens what is the other's.
    init(_ name: String = "eco_session") { self.name = name }

    /// Cookies do not know ports, so the name does: two terminals on one machine do not meet.
    private func cookieName(_ port: UInt16) -> String { "\(name)_\(port)" }

    /// The `Set-Cookie` value.
    func setCookie(port: UInt16) -> String {
        "\(cookieName(port))=\(cookie); Path=/; HttpOnly; SameSite=Strict"
    }

    /// S1: who asks, and by which name.
    func checkHost(_ request: HTTPRequest, port: UInt16) throws(Problem) {
        let hosts = ["127.0.0.1:\(port)", "localhost:\(port)"]
        guard request.isLoopback, let host = request.header("host"),
            hosts.contains(host.lowercased())
        else { throw .hostNotAllowed }
    }

    /// S2: a page of another origin, by what browsers say of it.
    func checkOrigin(_ request: HTTPRequest, port: UInt16) throws(Problem) {
        for (name, value) in request.headers {
            if name == "origin" {
                let origins = ["http://127.0.0.1:\(port)", "http://localhost:\(port)"]
                guard origins.contains(value) else { throw .originNotAllowed }
            } else if name == "sec-fetch-site" {
                guard value == "same-origin" || value == "none" else { throw .originNotAllowed }
            }
        }
    }

    /// S2: the cookie of this start.
    func checkCookie(_ request: HTTPRequest, port: UInt16) throws(Problem) {
        let prefix = cookieName(port) + "="
        let values = (request.header("cookie") ?? "").split(separator: ";").compactMap { part in
            let pair = part.drop { $0 == " " }
            return pair.hasPrefix(prefix) ? String(pair.dropFirst(prefix.count)) : nil
        }
        guard values.count == 1, equalInConstantTime(Array(values[0].utf8), Array(cookie.utf8))
        else { throw .sessionMissing }
    }

    /// S2: the token of the page.
    func checkToken(_ request: HTTPRequest) throws(Problem) {
        guard let value = request.header("x-eco-session"),
            equalInConstantTime(Array(value.utf8), Array(token.utf8))
        else { throw .tokenInvalid }
    }
}
