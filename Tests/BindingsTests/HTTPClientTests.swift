import HTTPClient
import HTTPServer
import Linux
import TestSupport
import Testing
import Threads

@Suite struct HTTPClientTests {
    private func client(limit: Int = 1000) -> HTTPClient {
        HTTPClient(timeout: .seconds(60), connectTimeout: .seconds(20), answerLimit: limit)
    }

    private func server() throws -> HTTPServer {
        try HTTPServer(address: "127.0.0.1", port: 0, bodyLimit: 2_000_000) { request in
            switch request.path {
            case "/big": HTTPResponse(status: 200, body: Array(repeating: 7, count: 1001))
            case "/endless": HTTPResponse { [UInt8](repeating: 7, count: 400) }
            case "/moved": HTTPResponse(status: 302, headers: [("Location", "/big")])
            case "/silent":
                HTTPResponse {
                    Clock.sleep(.milliseconds(50))
                    return []
                }
            default:
                HTTPResponse(
                    status: 201,
                    headers: [("X-One", "1"), ("X-One", "2"), ("X-Method", request.method)],
                    body: Array("\(request.body.count) \(request.header("x-sent") ?? "")".utf8))
            }
        }
    }

    private func failure(
        _ client: HTTPClient, _ url: String, method: String = "GET",
        headers: [(String, String)] = [], timeout: Duration? = nil
    ) -> HTTPClientError? {
        do throws(HTTPClientError) {
            _ = try client.send(
                method: method, url: url, headers: headers, body: nil, timeout: timeout)
            return nil
        } catch {
            return error
        }
    }

    @Test(arguments: [
        ("GET", [UInt8]?.none, "0 yes"), ("POST", [], "0 yes"), ("POST", [1, 2], "2 yes"),
        ("PUT", Array(repeating: 0, count: 1_500_000), "1500000 yes"), ("HEAD", nil, ""),
        ("DELETE", nil, "0 yes"),
    ])
    func `a request and its answer cross whole`(
        method: String, body: [UInt8]?, text: String
    ) throws {
        let server = try server()
        let client = client()
        for _ in 0..<2 {
            let answer = try client.send(
                method: method, url: "http://127.0.0.1:\(server.port)/",
                headers: [("X-Sent", "yes")], body: body)
            #expect(answer.status == 201)
            #expect(answer.headers.filter { $0.name == "x-one" }.map(\.value) == ["1", "2"])
            #expect(answer.headers.first { $0.name == "x-method" }?.value == method)
            #expect(String(decoding: answer.body, as: UTF8.self) == text)
        }
    }

    @Test func `an answer over the limit is refused, announced or not`() throws {
        let server = try server()
        let base = "http://127.0.0.1:\(server.port)"
        #expect(failure(client(), base + "/big")?.isTooLarge == true)
        #expect(failure(client(), base + "/endless")?.isTooLarge == true)
        #expect(failure(client(limit: 1001), base + "/big") == nil)
    }

    @Test func `a redirect is an answer, not followed`() throws {
        let server = try server()
        let answer = try client().send(
            method: "GET", url: "http://127.0.0.1:\(server.port)/moved", headers: [], body: nil)
        #expect(answer.status == 302)
    }

    @Test func `a silent server is a time-out, and the client works on`() throws {
        let server = try server()
        let client = client()
        let base = "http://127.0.0.1:\(server.port)"
        let error = failure(client, base + "/silent", timeout: .milliseconds(200))
        #expect(error?.isTimeout == true && error?.isTooLarge == false)
        #expect(failure(client, base + "/") == nil)
    }

    @Test func `no server, no file and no other protocol`() throws {
        let port = try Ports.free()
        #expect(failure(client(), "http://127.0.0.1:\(port)/")?.code == 7)
        #expect(failure(client(), "file:///etc/hostname")?.code == 1)
        #expect(failure(client(), "not a url") != nil)
        let endless = failure(client(), "http://127.0.0.1:\(port)/", timeout: .seconds(Int64.max))
        #expect(endless?.code == 7)
    }

    @Test(arguments: [
        ("GET", "/", "A", "b\r\nX-Token: c"), ("GET", "/", "A\nB", "c"),
        ("GET", "/", "A", "b\u{0}c"),
        ("GET / HTTP/1.1\r\nA: b\r\n\r\nGET", "/", "A", "b"), ("GET", "/a\r\nb", "A", "b"),
        ("GET", "/a\u{0}b", "A", "b"), ("", "/", "A", "b"), ("GET", "/", "", "b"),
    ])
    func `text that would forge a line of the request is refused`(
        method: String, path: String, name: String, value: String
    ) throws {
        let server = try server()
        let error = failure(
            client(), "http://127.0.0.1:\(server.port)\(path)", method: method,
            headers: [(name, value)])
        #expect(error?.call == "curl_easy_setopt")
    }
}
