import HTTPServer
import Linux
import Synchronization
import TestSupport
import Testing
import Threads

@Suite struct HTTPServerTests {
    /// Answers with what it understood of the request.
    private static func echo(_ request: HTTPRequest) -> HTTPResponse {
        let query = request.query.map { "\($0.0)=\($0.1)" }.joined(separator: ",")
        let text =
            "\(request.method) \(request.path) [\(query)] \(request.body.count) "
            + "\(request.header("x-token") ?? "none") "
            + "\(request.headers.filter { $0.name == "x-token" }.count) \(request.isLoopback) "
            + request.client
        return HTTPResponse(status: 200, headers: [("X-Seen", "yes")], body: Array(text.utf8))
    }

    private func server(
        port: UInt16 = 0, patience: Duration = .seconds(15), connections: Int = 64,
        _ handler: @escaping @Sendable (HTTPRequest) -> HTTPResponse = HTTPServerTests.echo
    ) throws -> HTTPServer {
        try HTTPServer(
            address: "127.0.0.1", port: port, bodyLimit: 1000, connectionsLimit: connections,
            patience: patience, handler: handler)
    }

    private func exchange(_ port: UInt16, _ head: String, body: String = "") throws -> String {
        let client = try RawClient(port)
        try client.send("\(head)\r\nHost: a\r\nConnection: close\r\n\r\n\(body)")
        return client.answer()
    }

    @Test func `a request arrives whole and its answer too`() throws {
        let server = try server(port: Ports.free())
        let answer = try exchange(
            server.port, "POST /a%20b?x=1&y=%26&z HTTP/1.1\r\nX-Token: t\r\nContent-Length: 3",
            body: "abc")
        #expect(answer.hasPrefix("HTTP/1.1 200 OK\r\n"))
        #expect(answer.contains("\r\nX-Seen: yes\r\n"))
        #expect(answer.hasSuffix("\r\n\r\nPOST /a b [x=1,y=&,z=] 3 t 1 true 127.0.0.1"))
        server.stop()
        server.stop()
        #expect(throws: LinuxError.self) { _ = try RawClient(server.port) }
    }

    @Test func `two headers with one name are kept, and neither is picked`() throws {
        let server = try server()
        let answer = try exchange(
            server.port, "GET / HTTP/1.1\r\nX-Token: a\r\nx-token: b")
        #expect(answer.hasSuffix("GET / [] 0 none 2 true 127.0.0.1"))
    }

    @Test(arguments: [
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n\r\n", "413"),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n", "4"),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n", "411"),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", "400"),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", "400"),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1x\r\n\r\na", "400"),
        ("GET / HTTP/1.1\r\nHost: a\r\nA: " + String(repeating: "a", count: 40_000), "4"),
    ])
    func `a request over a limit is refused before its body`(
        request: String, status: String
    ) throws {
        let server = try server()
        #expect(try RawClient.status(server.port, request).hasPrefix("HTTP/1.1 " + status))
    }

    @Test func `rubbish, silence and hang-ups leave the server standing`() throws {
        let server = try server()
        for text in ["\u{0}\u{1}\u{2}\r\n\r\n", "GET\r\n\r\n", "", "POST / HTTP/1.1\r\nContent-Le"]
        {
            let client = try RawClient(server.port)
            try client.send(text)
            client.connection.shutdown()
        }
        #expect(try exchange(server.port, "GET /ok HTTP/1.1").contains("GET /ok"))
    }

    @Test func `clients that dribble are cut, and give their place to others`() throws {
        let server = try server(patience: .milliseconds(400), connections: 2)
        let begun = Clock.monotonicNanoseconds()
        let dribblers = (0..<2).map { number in
            NamedThread.start("dribble-\(number)") {
                guard let client = try? RawClient(server.port) else { return }
                // A byte each 20 ms: an idle time-out would never end this one.
                while Clock.monotonicNanoseconds() - begun < 30_000_000_000 {
                    do { try client.send("A") } catch { return }
                    Clock.sleep(.milliseconds(20))
                }
            }
        }
        for dribbler in dribblers { dribbler.join() }
        #expect(Clock.monotonicNanoseconds() - begun < 20_000_000_000)
        // A client that a busy machine makes slow is cut too, and asks again.
        #expect(
            Programs.wait {
                (try? exchange(server.port, "GET /ok HTTP/1.1"))?.contains("GET /ok") == true
            })
    }

    @Test func `a slow handler outlives the patience meant for clients`() throws {
        let server = try server(patience: .seconds(2)) { _ in
            Clock.sleep(.seconds(4))
            return HTTPResponse(status: 204)
        }
        // A client that a busy machine makes slow is cut, and asks again.
        #expect(
            Programs.wait {
                (try? exchange(server.port, "GET / HTTP/1.1"))?.hasPrefix("HTTP/1.1 204") == true
            })
    }

    @Test func `an answer that is not HTTP becomes an empty 500`() throws {
        let server = try server { request in
            request.path == "/status"
                ? HTTPResponse(status: 42)
                : HTTPResponse(status: 200, headers: [("A", "b\r\nSet-Cookie: c")])
        }
        for path in ["/status", "/header"] {
            let answer = try exchange(server.port, "GET \(path) HTTP/1.1")
            #expect(answer.hasPrefix("HTTP/1.1 500"))
            #expect(!answer.contains("Set-Cookie"))
        }
    }

    @Test func `a stream sends its parts as they come, past the patience, and ends`() throws {
        let parts = Monitor<[[UInt8]?]>([Array("data: 1\n\n".utf8)])
        let server = try server(patience: .seconds(2)) { _ in
            HTTPResponse(headers: [("Content-Type", "text/event-stream")]) {
                let next = parts.wait(atMost: .milliseconds(50)) { queue in
                    queue.isEmpty ? nil : Optional.some(queue.removeFirst())
                }
                return next ?? []
            }
        }
        var listener: Stayer?
        // A client that a busy machine makes slow is cut, and asks again.
        let isHeard = try Programs.wait {
            parts.update { $0 = [Array("data: 1\n\n".utf8)] }
            let one = try Stayer(
                server.port, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            listener = one
            return one.client.answer(until: "data: 1\n\n").contains("text/event-stream")
        }
        try #require(isHeard)
        Clock.sleep(.seconds(4))  // longer than the patience: the point of this test
        let long = [UInt8](repeating: 65, count: 50_000)
        parts.update { $0 += [long, Array("end\n".utf8), nil] }
        let rest = try #require(listener).client.answer()
        #expect(rest.filter { $0 == "A" }.count >= long.count)
        #expect(rest.contains("end\n"))
    }

    @Test func `stop ends open streams at once, and a client that left ends its own`() throws {
        let pulls = Monitor(0)
        let server = try server { _ in
            HTTPResponse {
                pulls.update { $0 += 1 }
                _ = pulls.wait(atMost: .milliseconds(50)) { _ in Int?.none }
                return []
            }
        }
        let request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
        do {
            let leaver = try RawClient(server.port)
            try leaver.send(request)
            #expect(pulls.wait(atMost: .seconds(60)) { $0 > 0 ? true : nil } == true)
        }
        var last = -1
        let isQuiet = (0..<100).contains { _ in
            let before = pulls.read { $0 }
            defer { last = before }
            if before == last { return true }
            Clock.sleep(.milliseconds(150))
            return false
        }
        #expect(isQuiet)
        let stayers = try [Stayer(server.port, request), Stayer(server.port, request)]
        for stayer in stayers {
            #expect(stayer.client.answer(until: "\r\n").hasPrefix("HTTP/1.1 200"))
        }
        let begun = Clock.monotonicNanoseconds()
        server.stop()
        // Left alone, the streams would go on for ever.
        #expect(Clock.monotonicNanoseconds() - begun < 15_000_000_000)
        for stayer in stayers { #expect(stayer.client.answer().contains("\r\n\r\n")) }
    }

    private final class Stayer {
        let client: RawClient
        init(_ port: UInt16, _ request: String) throws {
            client = try RawClient(port)
            try client.send(request)
        }
    }

    @Test func `a taken port and a wrong address are refused with a sentence`() throws {
        let server = try server()
        let taken = #expect(throws: HTTPServerError.self) {
            try HTTPServer(
                address: "127.0.0.1", port: server.port, bodyLimit: 1, handler: Self.echo)
        }
        #expect(taken?.detail.contains("Address already in use") == true)
        #expect(throws: HTTPServerError.self) {
            try HTTPServer(address: "nowhere", port: 0, bodyLimit: 1, handler: Self.echo)
        }
    }
}
