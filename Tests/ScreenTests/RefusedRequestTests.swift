import Foundation
import Operations
import Screen
import Terminal
import Testing
import WebDriver

/// A hostile request and the one answer it may get.
struct Hostile: Sendable, CustomTestStringConvertible {
    let name: String
    var method = "POST"
    var path = "/api/arm"
    var body = #"{"amountCents":1250}"#
    /// nil value: the header is left out.
    var changes: [String: String?] = [:]
    var host: String?
    let status: Int
    let code: String

    var testDescription: String { name }
}

@Suite struct RefusedRequestTests {
    static let identifier = Samples.id.description

    static let strangers = [
        Hostile(
            name: "DNS rebinding: another name in Host", host: "evil.example:8787", status: 403,
            code: "host-not-allowed"),
        Hostile(
            name: "another port in Host", host: "127.0.0.1:1", status: 403,
            code: "host-not-allowed"),
        Hostile(name: "no port in Host", host: "127.0.0.1", status: 403, code: "host-not-allowed"),
        Hostile(name: "an empty Host", host: "", status: 403, code: "host-not-allowed"),
        Hostile(
            name: "the page under another name", method: "GET", path: "/", host: "evil.example",
            status: 403, code: "host-not-allowed"),
        Hostile(
            name: "events under another name", method: "GET", path: "/events",
            host: "evil.example", status: 403, code: "host-not-allowed"),
        Hostile(
            name: "no token", changes: ["X-Eco-Session": nil], status: 403,
            code: "token-invalid"),
        Hostile(
            name: "a wrong token", changes: ["X-Eco-Session": "00"], status: 403,
            code: "token-invalid"),
        Hostile(
            name: "no cookie", changes: ["Cookie": nil], status: 401,
            code: "session-missing"),
        Hostile(
            name: "a wrong cookie", changes: ["Cookie": "eco_session=00"], status: 401,
            code: "session-missing"),
        Hostile(
            name: "another origin", changes: ["Origin": "http://evil.example"], status: 403,
            code: "origin-not-allowed"),
        Hostile(
            name: "a sandboxed origin", changes: ["Origin": "null"], status: 403,
            code: "origin-not-allowed"),
        Hostile(
            name: "another port as origin", changes: ["Origin": "http://127.0.0.1:1"],
            status: 403, code: "origin-not-allowed"),
        Hostile(
            name: "cross-site by Sec-Fetch-Site", changes: ["Sec-Fetch-Site": "cross-site"],
            status: 403, code: "origin-not-allowed"),
        Hostile(
            name: "events from another origin", method: "GET", path: "/events",
            changes: ["Origin": "http://evil.example"], status: 403, code: "origin-not-allowed"),
        Hostile(
            name: "events without a cookie", method: "GET", path: "/events",
            changes: ["Cookie": nil], status: 401, code: "session-missing"),
        Hostile(
            name: "operations without a cookie", method: "GET", path: "/api/operations",
            changes: ["Cookie": nil], status: 401, code: "session-missing"),
    ]

    static let shapes = [
        Hostile(name: "an unknown route", path: "/api/gift", status: 404, code: "not-found"),
        Hostile(
            name: "a file of the machine", method: "GET", path: "/../../etc/passwd",
            status: 404, code: "not-found"),
        Hostile(name: "GET of an order", method: "GET", status: 405, code: "method-not-allowed"),
        Hostile(name: "POST of the page", path: "/", status: 405, code: "method-not-allowed"),
        Hostile(
            name: "DELETE of the operations", method: "DELETE", path: "/api/operations",
            status: 405, code: "method-not-allowed"),
        Hostile(name: "a preflight", method: "OPTIONS", status: 405, code: "method-not-allowed"),
        Hostile(
            name: "a form", changes: ["Content-Type": "application/x-www-form-urlencoded"],
            status: 415, code: "media-type-not-json"),
        Hostile(
            name: "plain text", changes: ["Content-Type": "text/plain"], status: 415,
            code: "media-type-not-json"),
        Hostile(
            name: "no media type", changes: ["Content-Type": nil], status: 415,
            code: "media-type-not-json"),
        Hostile(
            name: "a body over 4 KiB",
            body: #"{"amountCents":1250}"# + String(repeating: " ", count: 4096), status: 413,
            code: "body-too-large"),
        Hostile(
            name: "no limit", method: "GET", path: "/api/operations?limit=0", status: 422,
            code: "limit-invalid"),
        Hostile(
            name: "too high a limit", method: "GET", path: "/api/operations?limit=501",
            status: 422, code: "limit-invalid"),
        Hostile(
            name: "a limit that is no number", method: "GET",
            path: "/api/operations?limit=1e2", status: 422, code: "limit-invalid"),
        Hostile(
            name: "an unknown query", method: "GET", path: "/api/operations?all=1",
            status: 422, code: "limit-invalid"),
    ]

    static let malformed = [
        "", "{", "nonsense", #"{"amountCents":}"#, #"{"amountCents":1250"#, "{\u{0}}",
        #"{"amountCents":1250}}"#, #"{'amountCents':1250}"#,
        String(repeating: "[", count: 4000), #"{"amountCents":NaN}"#,
    ].map {
        Hostile(name: "malformed \($0.prefix(30))", body: $0, status: 400, code: "malformed-json")
    }

    static let wrong = [
        "{}", "[]", "null", "1250", #"{"amountCents":null}"#, #"{"amountCents":"1250"}"#,
        #"{"amountCents":true}"#, #"{"amountCents":12.5}"#, #"{"amountCents":1250.0}"#,
        #"{"amountCents":125e1}"#, #"{"amountCents":1E3}"#, #"{"amountCents":[1250]}"#,
        #"{"amountCents":9223372036854775808}"#, #"{"amountCents":1e400}"#,
        #"{"amountCents":99999999999999999999999999999999}"#, #"{"amountcents":1250}"#,
        #"{"amountCents":1250,"label":"x"}"#, #"{"amountCents":1,"amountCents":1250}"#,
        #"{"amountCents":01250}"#, #"{"amountCents":-0}"#, #"{"\u0061mountCents":1250}"#,
    ].map { Hostile(name: "wrong \($0.prefix(44))", body: $0, status: 422, code: "body-invalid") }

    static let outOfRange = [0, -1, 100_000_000, Int64.max, Int64.min].map {
        Hostile(
            name: "amount \($0)", body: "{\"amountCents\":\($0)}", status: 422,
            code: "amount-invalid")
    }

    static let identifiers =
        [
            #"{"id":""}"#, #"{"id":"x"}"#, #"{"id":12}"#, #"{"amountCents":1250}"#,
            "{\"id\":\"\(identifier.uppercased())\"}",
            "{\"id\":\"\(identifier.filter { $0 != "-" })\"}",
            #"{"id":"00000000-0000-4000-8000-000000000000"}"#,
            "{\"id\":\"\(identifier)\",\"force\":true}",
        ].map {
            Hostile(
                name: "cancel \($0.prefix(44))", path: "/api/cancel", body: $0, status: 422,
                code: "body-invalid")
        } + [
            Hostile(
                name: "acknowledge with a field", path: "/api/acknowledge", body: #"{"a":1}"#,
                status: 422, code: "body-invalid"),
            Hostile(
                name: "send a list", path: "/api/send", body: "[]", status: 422,
                code: "body-invalid"),
        ]

    @Test(arguments: strangers + shapes + malformed + wrong + outOfRange + identifiers)
    func `A hostile request gets its status, its code, and changes nothing`(
        _ hostile: Hostile
    ) throws {
        let service = try Service()
        let before = service.checkout.state.snapshot
        let answer = try service.order(
            hostile.path, hostile.body, changing: hostile.changes, method: hostile.method,
            host: hostile.host)
        #expect(answer.status == hostile.status)
        #expect(answer.header("content-type") == "application/problem+json")
        #expect(answer.member("code") as? String == hostile.code)
        #expect(answer.member("status") as? Int == hostile.status)
        #expect(answer.header("cache-control") == "no-store")
        #expect(answer.header("access-control-allow-origin") == nil)
        #expect(answer.header("allow") != nil || hostile.status != 405)
        #expect(service.checkout.state.snapshot == before)
        #expect(service.checkout.state.sendCount == 0)
    }

    @Test func `A body far over the limit is refused before it is read`() throws {
        let service = try Service()
        let body = String(repeating: " ", count: 200_000)
        #expect(try service.order("/api/arm", body).status == 413)
    }

    @Test func `Doubled security headers are none`() throws {
        let service = try Service()
        let port = service.screen.port
        let headers = service.orderHeaders + [("X-Eco-Session", service.token)]
        let body = Array(#"{"amountCents":1250}"#.utf8)
        #expect(try service.client.send("POST", "/api/arm", headers, body: body).status == 403)
        let twoHosts = service.orderHeaders + [("Host", "evil.example:\(port)")]
        let answer = try service.client.send("POST", "/api/arm", twoHosts, body: body)
        #expect([400, 403].contains(answer.status))
        #expect(service.checkout.snapshot.stage == .amountEntry)
    }

    @Test func `The secrets of one start are worth nothing at the next`() throws {
        let old = try Service()
        let fresh = try Service()
        let port = fresh.screen.port
        let cookie = "eco_session_\(port)=" + old.cookie.split(separator: "=")[1]
        #expect(
            try fresh.order("/api/send", "{}", changing: ["Cookie": cookie]).status == 401)
        #expect(
            try fresh.order("/api/send", "{}", changing: ["X-Eco-Session": old.token]).status
                == 403)
        #expect(try fresh.order("/api/send", "{}").status == 204)
    }
}
