import COSE
import Crypto
import HTTPServer
import KeyStore
import LedgerMessages
import Linux
import Operations
import Threads

/// A ledger on the loopback that books for real and misbehaves as scripted.
final class ScriptedLedger: Sendable {
    /// What becomes of one batch.
    enum Mode: Sendable {
        case book
        /// Answers this status, books nothing.
        case status(Int, code: String, expected: UInt64?)
        /// Books, then answers this status: the receipt is lost.
        case bookAndLose(Int)
        /// Books, but the answer is what this makes of the receipt.
        case answer(@Sendable (Receipt) -> [UInt8])
    }

    struct State: Sendable {
        var booked: [[UInt8]] = []
        var attempts = 0
        /// For the n-th batch, from 1.
        var mode: @Sendable (Int) -> Mode = { _ in .book }
        /// When set, every call but `/v1/time` gets this.
        var wall: (status: Int, code: String)?
        /// So many calls but `/v1/time` get a hotspot's page, which refuses all the same.
        var page = 0
        /// Every call, the time's too, gets a hotspot's page, which welcomes everybody.
        var isWelcoming = false
        var head: (sequence: UInt64, hash: [UInt8])?
        /// An old answer about its head, given once.
        var lateHead: (sequence: UInt64, hash: [UInt8])?
        var policy: (tag: String, bytes: [UInt8])?
        /// How often a terminal said how it is; it is answered after `hears` the first time.
        var reports = 0
        var hears: (@Sendable () -> Void)?
        var denyList: [UInt8]?
        var denySince: [String] = []
        var clockAhead: Int64 = 0
        var authorisation = AuthorisationAnswer.useOfflineRules
        /// How long the n-th authorisation takes, from 1.
        var delay: @Sendable (Int) -> Duration = { _ in .zero }
        var authorisations = 0
        /// What any card is said to have.
        var balance: CardBalanceAnswer?
        var unsigned = 0
        var calls = 0
    }

    let key: SigningKey
    private let terminal: Ed25519PublicKey
    let state = Monitor(State())
    private let server = Monitor<HTTPServer?>(nil)

    init(terminal: Ed25519PublicKey) throws {
        key = try SigningKey.create()
        self.terminal = terminal
        let server = try HTTPServer(
            address: "127.0.0.1", port: 0, bodyLimit: messageSizeMax
        ) { [weak self] request in
            self?.answer(request) ?? HTTPResponse(status: 503)
        }
        self.server.update { $0 = server }
    }

    var url: String { "http://127.0.0.1:\(server.read { $0?.port ?? 0 })" }
    func stop() { server.update { $0.take() }?.stop() }
    func set(_ change: (inout State) -> Void) { state.update { change(&$0) } }

    /// Sequence numbers booked, in order.
    var booked: [UInt64] {
        state.read { state in
            state.booked.compactMap { bytes in
                (try? Sign1(parsing: bytes, limit: Entry.sizeMax))
                    .flatMap { try? Entry(payload: $0.payload).sequence }
            }
        }
    }

    /// It was restored from a backup that holds so many entries.
    func forget(to count: Int) {
        state.update { $0.booked.removeLast($0.booked.count - count) }
    }

    private func problem(_ status: Int, _ code: String, _ expected: UInt64? = nil) -> HTTPResponse {
        let more = expected.map { ",\"expected\":\($0)" } ?? ""
        return HTTPResponse(
            status: status, headers: [("Content-Type", "application/problem+json")],
            body: Array("{\"code\":\"\(code)\"\(more)}".utf8))
    }

    private func isSigned(_ request: HTTPRequest) -> Bool {
        let query = request.query.map { "\($0.0)=\($0.1)" }.joined(separator: "&")
        let target = request.path + (query.isEmpty ? "" : "?" + query)
        guard let input = request.header("signature-input"),
            let raw = request.header("signature"), let digest = request.header("content-digest"),
            let signature = RequestSignature(input: input, signature: raw)
        else { return false }
        return signature.verifies(
            method: request.method, pathAndQuery: target, body: request.body,
            contentDigest: digest, key: terminal)
    }

    private func answer(_ request: HTTPRequest) -> HTTPResponse {
        let isSigned = isSigned(request)
        let wall = state.update { state in
            state.calls += 1
            if !isSigned { state.unsigned += 1 }
            return state.wall
        }
        if state.read({ $0.isWelcoming }) {
            return HTTPResponse(
                status: 200, headers: [("Content-Type", "text/html")],
                body: Array("<h1>Welcome</h1>".utf8))
        }
        if request.path == "/v1/time" {
            let ahead = state.read { $0.clockAhead }
            let time = Int64(Clock.realtimeMilliseconds()) + ahead
            return HTTPResponse(status: 200, body: Array("{\"ms\":\(time)}".utf8))
        }
        if let wall { return problem(wall.status, wall.code) }
        let isPage = state.update { state in
            defer { state.page = max(0, state.page - 1) }
            return state.page > 0
        }
        if isPage {
            return HTTPResponse(
                status: 403, headers: [("Content-Type", "text/html")],
                body: Array("<h1>{\"code\":\"pay first\"}</h1>".utf8))
        }
        switch (request.method, request.path.split(separator: "/").last) {
        case ("GET", "head"): return head()
        case ("GET", "policy"): return policy(request.header("if-none-match"))
        case ("GET", "deny-list"): return denyList(request)
        case ("PUT", "status"): return status()
        case ("POST", "entries"): return entries(request.body)
        case ("POST", "authorizations"): return authorise()
        case ("GET", "balance"):
            return state.read { $0.balance }.map { HTTPResponse(status: 200, body: $0.encoded) }
                ?? problem(404, "card-unknown")
        default: return problem(404, "unknown")
        }
    }

    private func head() -> HTTPResponse {
        let (sequence, hash) = state.update { state in
            state.lateHead.take() ?? state.head
                ?? (
                    UInt64(state.booked.count),
                    state.booked.last.map { sha256($0) } ?? [UInt8](repeating: 0, count: 32)
                )
        }
        let body = CBOR.record([1: .unsigned(sequence), 2: .bytes(hash)]).encoded
        return HTTPResponse(status: 200, body: body)
    }

    private func policy(_ tag: String?) -> HTTPResponse {
        guard let policy = state.read({ $0.policy }) else { return problem(404, "no-policy") }
        if policy.tag == tag { return HTTPResponse(status: 304) }
        return HTTPResponse(status: 200, headers: [("ETag", policy.tag)], body: policy.bytes)
    }

    private func denyList(_ request: HTTPRequest) -> HTTPResponse {
        state.update { state in
            state.denySince.append(request.query.first?.1 ?? "")
            return state.denyList.map { HTTPResponse(status: 200, body: $0) }
                ?? HTTPResponse(status: 304)
        }
    }

    private func status() -> HTTPResponse {
        let hears = state.update { state in
            state.reports += 1
            return state.hears.take()
        }
        hears?()
        return HTTPResponse(status: 204)
    }

    private func authorise() -> HTTPResponse {
        let (delay, answer) = state.update { state in
            state.authorisations += 1
            return (state.delay(state.authorisations), state.authorisation)
        }
        Clock.sleep(delay)
        return HTTPResponse(status: 200, body: answer.encoded)
    }

    private func entries(_ body: [UInt8]) -> HTTPResponse {
        let mode = state.update { state in
            state.attempts += 1
            return state.mode(state.attempts)
        }
        if case .status(let status, let code, let expected) = mode {
            return problem(status, code, expected)
        }
        guard let receipt = book(body) else { return problem(409, "gap", 1) }
        switch mode {
        case .book, .status:
            return HTTPResponse(status: 200, body: key.withKey { receipt.signed(by: $0).bytes })
        case .bookAndLose(let status): return problem(status, "lost")
        case .answer(let make): return HTTPResponse(status: 200, body: make(receipt))
        }
    }

    /// Books what follows, each entry once; nil for a gap, a fork or a wrong signature.
    private func book(_ body: [UInt8]) -> Receipt? {
        state.update { state in
            guard let items = try? CBOR.sequence(body, count: 1_000, limit: messageSizeMax),
                let first = items.first.flatMap({ sequence($0) }), first > 0
            else { return nil }
            var outcomes: [Outcome] = []
            for (index, bytes) in items.enumerated() {
                let place = Int(first) - 1 + index
                guard sequence(bytes) == first + UInt64(index), place <= state.booked.count else {
                    return nil
                }
                if place < state.booked.count {
                    guard state.booked[place] == bytes else { return nil }
                    outcomes.append(.duplicate)
                } else {
                    state.booked.append(bytes)
                    outcomes.append(.settled)
                }
            }
            return Receipt(
                terminal: terminal.kid, from: first, to: first + UInt64(items.count) - 1,
                head: sha256(items[items.count - 1]), outcomes: outcomes)
        }
    }

    private func sequence(_ bytes: [UInt8]) -> UInt64? {
        guard let message = try? Sign1(parsing: bytes, limit: Entry.sizeMax),
            let payload = try? message.verified(by: terminal)
        else { return nil }
        return try? Entry(payload: payload).sequence
    }
}
