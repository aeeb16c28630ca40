import Foundation
import Glibc

/// A whole HTTP/1.1 request or answer, head and body.
struct Message {
    let bytes: [UInt8]
    let headCount: Int

    var text: String { String(decoding: bytes[..<headCount], as: UTF8.self) }
    var body: ArraySlice<UInt8> { bytes[headCount...] }
    /// Of an answer.
    var status: Int {
        text.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
    }

    static func answer(_ status: Int, _ type: String, _ body: [UInt8]) -> [UInt8] {
        let head =
            "HTTP/1.1 \(status) Told\r\nContent-Type: \(type)\r\n"
            + "Content-Length: \(body.count)\r\n\r\n"
        return Array(head.utf8) + body
    }

    /// The same with the first bytes of its body alone, and a length that says so.
    func shortened(to count: Int) -> [UInt8] {
        let lines = text.components(separatedBy: "\r\n").map { line in
            line.lowercased().hasPrefix("content-length:") ? "Content-Length: \(count)" : line
        }
        return Array(lines.joined(separator: "\r\n").utf8) + body.prefix(count)
    }

    /// The bytes a whole message has that begins here; nil while its head is not whole.
    static func size(_ bytes: [UInt8]) -> (head: Int, whole: Int)? {
        let end: [UInt8] = [13, 10, 13, 10]
        guard let range = Data(bytes).firstRange(of: end) else { return nil }
        let head = String(decoding: bytes[..<range.upperBound], as: UTF8.self).lowercased()
        let length = head.components(separatedBy: "content-length:").dropFirst().first.flatMap {
            Int($0.drop { $0 == " " }.prefix { $0.isNumber })
        }
        return (range.upperBound, range.upperBound + (length ?? 0))
    }
}

/// A listening socket on a free port. Closed when nobody has it any more, and so once: a second
/// `close` would take a descriptor of somebody else in this process.
final class WireListener: Sendable {
    let port: UInt16
    private let socket: Int32

    init() throws {
        socket = Wire.make()
        var address = Wire.loopback(0)
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let code = withUnsafeMutablePointer(to: &address) { [socket] in
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(socket, $0, size) | listen(socket, 256) | getsockname(socket, $0, &size)
            }
        }
        port = UInt16(bigEndian: address.sin_port)
        guard socket >= 0, code == 0 else { throw CocoaError(.fileReadUnknown) }
    }

    deinit { close(socket) }

    /// The next connection; nil once it is stopped.
    func accept() -> Wire? {
        let file = Glibc.accept(socket, nil, nil)
        guard file >= 0 else { return nil }
        _ = fcntl(file, F_SETFD, FD_CLOEXEC)
        return Wire(file)
    }

    /// Wakes whoever waits in `accept`; may be called again.
    func stop() { shutdown(socket, Int32(SHUT_RDWR)) }
}

/// One TCP connection that can be broken in every way.
final class Wire: @unchecked Sendable {  // because only its thread uses it
    private let socket: Int32
    private var rest: [UInt8] = []
    private var isReset = false

    fileprivate init(_ socket: Int32) {
        self.socket = socket
        var on: Int32 = 1
        setsockopt(socket, Int32(IPPROTO_TCP), TCP_NODELAY, &on, 4)
    }

    deinit { close(socket) }

    fileprivate static func loopback(_ port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return address
    }

    fileprivate static func make() -> Int32 {
        Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    }

    static func connect(_ port: UInt16) -> Wire? {
        let wire = Wire(make())
        var address = loopback(port)
        let code = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(wire.socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        return code == 0 ? wire : nil
    }

    /// True while nothing came, not even the end.
    var isIdle: Bool { rest.isEmpty && !isReady(.zero) }

    private func isReady(_ limit: Duration) -> Bool {
        var watch = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
        return poll(&watch, 1, Int32(limit / .milliseconds(1))) > 0
    }

    func write(_ bytes: [UInt8]) -> Bool {
        var done = 0
        while done < bytes.count {
            let sent = bytes[done...].withUnsafeBytes {
                send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard sent > 0 else { return false }
            done += sent
        }
        return true
    }

    /// The next whole message; nil at the end, or when it does not come in time.
    func message(within limit: Duration) -> Message? {
        while true {
            if let size = Message.size(rest), rest.count >= size.whole {
                let bytes = Array(rest[..<size.whole])
                rest.removeFirst(size.whole)
                return Message(bytes: bytes, headCount: size.head)
            }
            guard isReady(limit) else { return nil }
            var part = [UInt8](repeating: 0, count: 65_536)
            let count = recv(socket, &part, part.count, 0)
            guard count > 0 else { return nil }
            rest += part[..<count]
        }
    }

    /// Until the other end has enough of it.
    func waitForEnd(_ limit: Duration) { _ = isReady(limit) }

    /// The other end gets a reset in place of an end.
    func reset() {
        var atOnce = linger(l_onoff: 1, l_linger: 0)
        setsockopt(socket, SOL_SOCKET, SO_LINGER, &atOnce, socklen_t(MemoryLayout<linger>.size))
    }
}
