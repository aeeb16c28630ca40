import Crypto
import HTTPClient
import LedgerBook
import LedgerMessages
import LedgerService
import Linux
import Synchronization
import Testing

/// The real API on a loopback port, with a clock that the test holds. Every answer it gives is held
/// against openapi.json.
final class Running {
    let ledger: TestLedger
    let service: LedgerService
    let time: Time
    let client = HTTPClient(
        timeout: .seconds(60), connectTimeout: .seconds(20), answerLimit: 4 << 20)

    final class Time: Sendable {
        let milliseconds = Atomic<UInt64>(Sunday.noon)
        var now: UInt64 { milliseconds.load(ordering: .relaxed) }
        func advance(_ by: UInt64) { milliseconds.add(by, ordering: .relaxed) }
    }

    init(
        _ store: Store,
        trouble: @escaping @Sendable (String) -> Void = { Issue.record("trouble: \($0)") }
    ) throws {
        let time = Time()
        ledger = try TestLedger(store)
        self.time = time
        service = try LedgerService(
            database: ledger.address, authority: ledger.authority, address: "127.0.0.1", port: 0,
            clock: { time.now }, trouble: trouble)
    }

    deinit { service.stop() }

    func send(
        _ method: String, _ path: String, _ body: [UInt8]? = nil,
        _ headers: [(String, String)] = []
    ) throws -> HTTPExchange {
        let answer = try client.send(
            method: method, url: "http://127.0.0.1:\(service.port)\(path)", headers: headers,
            body: body)
        if let fault = Contract.shared.fault(method, path, answer) { Issue.record("\(fault)") }
        return answer
    }

    /// Sends a request line and headers as they are, and reads the answer.
    func raw(_ method: String, _ path: String, _ headers: [String]) throws -> HTTPExchange {
        let connection = try TCPConnection.connect(
            host: "127.0.0.1", port: service.port, timeout: .seconds(60))
        let lines = ["\(method) \(path) HTTP/1.1", "Host: ledger", "Connection: close"] + headers
        try connection.write(Array((lines.joined(separator: "\r\n") + "\r\n\r\n").utf8))
        var bytes: [UInt8] = []
        while let byte = try connection.read(exactly: 1, timeout: .seconds(60)) { bytes += byte }
        let parts = String(decoding: bytes, as: UTF8.self)
            .split(separator: "\r\n\r\n", maxSplits: 1, omittingEmptySubsequences: false)
        let head = parts[0].split(separator: "\r\n")
        let answer = HTTPExchange(
            status: Int(head[0].split(separator: " ")[1]) ?? 0,
            headers: head.dropFirst().map { line in
                let cut = line.split(separator: ":", maxSplits: 1)
                return (cut[0].lowercased(), String(cut[1].dropFirst()))
            }, body: Array((parts.count > 1 ? parts[1] : "").utf8))
        if let fault = Contract.shared.fault(method, path, answer) { Issue.record("\(fault)") }
        return answer
    }

    func signed(
        _ till: Till, _ method: String, _ path: String, _ body: [UInt8] = [],
        type: String? = nil, created: UInt64? = nil
    ) -> [(String, String)] {
        let headers = till.signer.withKey {
            RequestSignature.headers(
                method: method, pathAndQuery: path, body: body,
                created: created ?? time.now / 1_000, key: $0)
        }
        return headers + (type.map { [("Content-Type", $0)] } ?? [])
    }

    func post(_ till: Till, _ entries: [[UInt8]]) throws -> HTTPExchange {
        let path = "/v1/terminals/\(till.id)/entries"
        let body = entries.flatMap { $0 }
        return try send(
            "POST", path, body, signed(till, "POST", path, body, type: "application/cbor-seq"))
    }

    func get(
        _ till: Till, _ path: String, _ headers: [(String, String)] = []
    ) throws -> HTTPExchange {
        try send("GET", path, nil, signed(till, "GET", path) + headers)
    }
}
