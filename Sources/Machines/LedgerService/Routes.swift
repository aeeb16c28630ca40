import COSE
import Crypto
import HTTPServer
import LedgerBook
import LedgerMessages
import Operations
import Threads
import Tokens

/// From a request to an answer.
final class Routes: Sendable {
    let shelf: Shelf
    /// For what only looks: a scan here holds up no booking.
    let readers: Shelf
    let authority: Authority
    let clock: @Sendable () -> UInt64
    let meter = Meter()
    let tally = Monitor(OutcomeTally())
    let putBack = PutBack()
    private let trouble: @Sendable (String) -> Void
    private let door: Door
    /// When the book last took a write to show that it does, milliseconds.
    private let written = Monitor<UInt64?>(nil)

    init(
        shelf: Shelf, readers: Shelf, authority: Authority,
        clock: @escaping @Sendable () -> UInt64, trouble: @escaping @Sendable (String) -> Void
    ) {
        self.trouble = trouble
        self.shelf = shelf
        self.readers = readers
        self.authority = authority
        self.clock = clock
        door = Door(shelf: shelf)
    }

    func answer(_ request: HTTPRequest) -> HTTPResponse {
        let found = Route.find(request.path)
        let response: HTTPResponse
        do throws(Refusal) {
            guard let found else { throw Refusal(404, "not-found", "No such resource.") }
            let method = found.route.method
            guard request.method == method else {
                throw Refusal(405, "method", "Use \(method).", header: ["Allow", method])
            }
            response = try serve(found.route, found.word, request)
        } catch { response = error.response }
        meter.count(found?.route, response.status)
        return response
    }

    /// What the server refuses before it has read a request.
    func refused(_ status: Int) -> HTTPResponse {
        meter.count(nil, status)
        return switch status {
        case 411: Refusal(411, "length-required", "A body needs a Content-Length.").response
        case 413: Refusal(413, "too-large", "At most 4 MiB.").response
        default: Refusal(status, "length", "The Content-Length is not one number.").response
        }
    }

    private func serve(
        _ route: Route, _ word: String, _ request: HTTPRequest
    ) throws(Refusal) -> HTTPResponse {
        switch route {
        case .pair: return try pair(request)
        case .entries: return try entries(request, word)
        case .head: return try head(request, word)
        case .policy: return try policy(request, word)
        case .verdicts: return try verdicts(request, word)
        case .status: return try status(request, word)
        case .authorisation: return try authorise(request)
        case .denyList: return try denyList(request)
        case .balance: return try balance(request, word)
        case .time: return json("{\"ms\":\(clock())}")
        case .cardPage: return cardPage(request)
        case .health: return json("{\"status\":\"ok\"}")
        case .readiness: return try ready()
        case .metrics: return try metrics()
        case .openAPI, .cddl: return asset(route.rawValue)
        }
    }

    /// A commit waits for the disk: however often anybody asks, there is one in five seconds.
    private static let writeInterval: UInt64 = 5_000

    private func ready() throws(Refusal) -> HTTPResponse {
        let now = clock()
        let isFresh = written.read { last in
            last.map { now >= $0 && now - $0 < Self.writeInterval } ?? false
        }
        do throws(Refusal) {
            try book { (book) throws(BookError) in try book.check(writing: !isFresh) }
        } catch {
            written.read { $0 = nil }
            throw error
        }
        if !isFresh { written.read { $0 = now } }
        return json("{\"status\":\"ready\"}")
    }

    private func asset(_ path: String) -> HTTPResponse {
        let asset = LedgerAsset.embedded[path]
        return HTTPResponse(
            status: asset == nil ? 404 : 200,
            headers: [
                ("Content-Type", asset?.type ?? "text/plain"), ("Cache-Control", "no-cache"),
                ("X-Content-Type-Options", "nosniff"),
            ], body: asset?.bytes ?? [])
    }

    // MARK: calls of terminals

    private func pair(_ request: HTTPRequest) throws(Refusal) -> HTTPResponse {
        let now = clock()
        let origin = request.origin
        try door.checkPairingPace(of: origin, now: now)
        try expect("application/cbor", request)
        // What holds no code guesses none.
        guard let asked = try? PairingRequest(request.body) else {
            throw Refusal(400, "malformed", "Not a pairing request.")
        }
        do throws(BookError) {
            let terminal = try shelf.with { (book) throws(BookError) in
                try book.pair(code: asked.code, key: asked.publicKey, now: now)
            }
            let answer = PairingAnswer(
                terminal: terminal.id, ledgerKey: authority.signer.publicKey)
            return cbor(answer.encoded, status: 201)
        } catch {
            if error == .pairingCode { door.notePairingFailure(of: origin, now: now) }
            throw Refusal(error)
        }
    }

    private func entries(_ request: HTTPRequest, _ id: String) throws(Refusal) -> HTTPResponse {
        let now = clock()
        try expect("application/cbor-seq", request)
        let terminal = try terminal(of: request, id: id, now: now)
        let start = ContinuousClock.now
        do throws(BookError) {
            let batch = try VerifiedBatch(request.body, key: terminal.key)
            let receipt = try shelf.with { (book) throws(BookError) in
                try book.book(batch, authority: authority, now: now)
            }
            meter.booked(in: ContinuousClock.now - start)
            return cose(receipt)
        } catch { throw Refusal(error) }
    }

    private func status(_ request: HTTPRequest, _ id: String) throws(Refusal) -> HTTPResponse {
        let now = clock()
        try expect("application/cbor", request)
        let terminal = try terminal(of: request, id: id, now: now)
        guard let status = try? TerminalStatus(request.body) else {
            throw Refusal(400, "malformed", "Not a terminal's status.")
        }
        try book { (book) throws(BookError) in
            try book.note(status, of: terminal, now: now)
        }
        return HTTPResponse(status: 204, headers: [("Cache-Control", "no-store")])
    }

    private func head(_ request: HTTPRequest, _ id: String) throws(Refusal) -> HTTPResponse {
        let terminal = try terminal(of: request, id: id, now: clock())
        let head = try book { (book) throws(BookError) in try book.head(of: terminal) }
        return cbor(
            CBOR.record([1: .unsigned(head.sequence), 2: .bytes(head.hash)]).encoded)
    }

    private func policy(_ request: HTTPRequest, _ id: String) throws(Refusal) -> HTTPResponse {
        let now = clock()
        let terminal = try terminal(of: request, id: id, now: now)
        let policy = try book { (book) throws(BookError) in
            try book.policy(of: terminal, authority: authority, now: now)
        }
        return tagged(policy, request)
    }

    private func verdicts(_ request: HTTPRequest, _ id: String) throws(Refusal) -> HTTPResponse {
        let terminal = try terminal(of: request, id: id, now: clock())
        let list = try book { (book) throws(BookError) in try book.verdicts(of: terminal) }
        return tagged(authority.signer.withKey { list.signed(by: $0).bytes }, request)
    }

    /// What was signed, or that it is what the terminal has.
    private func tagged(_ bytes: [UInt8], _ request: HTTPRequest) -> HTTPResponse {
        let tag = "\"" + Hexadecimal.text(Array(sha256(bytes).prefix(8))) + "\""
        if request.header("if-none-match") == tag {
            return HTTPResponse(status: 304, headers: [("ETag", tag)])
        }
        return cose(bytes, headers: [("ETag", tag)])
    }

    private func authorise(_ request: HTTPRequest) throws(Refusal) -> HTTPResponse {
        let now = clock()
        try expect("application/cbor", request)
        let terminal = try terminal(of: request, id: nil, now: now)
        guard let asked = try? AuthorisationRequest(request.body) else {
            throw Refusal(400, "malformed", "Not an authorisation request.")
        }
        let answer = try book { (book) throws(BookError) in
            try book.authorise(
                asked, from: terminal.key.kid, authority: authority, now: now)
        }
        return cbor(answer.encoded)
    }

    private func denyList(_ request: HTTPRequest) throws(Refusal) -> HTTPResponse {
        guard request.query.count == 1, request.query[0].0 == "since",
            let since = UInt64(request.query[0].1), "\(since)" == request.query[0].1
        else { throw Refusal(400, "malformed", "Ask for ?since=N.") }
        let now = clock()
        let terminal = try terminal(of: request, id: nil, now: now, query: "?since=\(since)")
        let delta = try book { (book) throws(BookError) in try book.denyList(since: since) }
        if since > delta.epoch {
            let given = try book { (book) throws(BookError) in try book.denyEpoch() }
            if let said = putBack.note(since, of: terminal.id, given: given, now: now) {
                trouble(said)
            }
        }
        return cose(authority.signer.withKey { delta.signed(by: $0).bytes })
    }

    private func balance(
        _ request: HTTPRequest, _ digits: String
    ) throws(Refusal) -> HTTPResponse {
        let now = clock()
        guard let number = CardNumber(digits), number.digits == digits else {
            throw Refusal(400, "malformed", "Not a card number.")
        }
        _ = try terminal(of: request, id: nil, now: now)
        let balance = try book { (book) throws(BookError) in
            try book.balance(of: number, now: now)
        }
        return cbor(
            CardBalanceAnswer(
                card: number, cents: balance.cents, available: balance.available
            ).encoded)
    }

    // MARK: shared

    private func terminal(
        of request: HTTPRequest, id: String?, now: UInt64, query: String = ""
    ) throws(Refusal) -> TerminalRecord {
        guard query.isEmpty == request.query.isEmpty else {
            throw Refusal(400, "malformed", "This call takes no query.")
        }
        return try door.terminal(
            of: request, pathAndQuery: request.path + query, id: id, now: now)
    }

    private func book<R>(_ body: (Book) throws(BookError) -> R) throws(Refusal) -> R {
        do throws(BookError) { return try shelf.with(body) } catch { throw Refusal(error) }
    }

    private func expect(_ type: String, _ request: HTTPRequest) throws(Refusal) {
        guard request.header("content-type") == type else {
            throw Refusal(415, "content-type", "Send \(type).")
        }
    }

    private func cbor(_ bytes: [UInt8], status: Int = 200) -> HTTPResponse {
        HTTPResponse(
            status: status,
            headers: [("Content-Type", "application/cbor"), ("Cache-Control", "no-store")],
            body: bytes)
    }

    private func cose(_ bytes: [UInt8], headers: [(String, String)] = []) -> HTTPResponse {
        HTTPResponse(
            status: 200,
            headers: [("Content-Type", "application/cose; cose-type=\"cose-sign1\"")] + headers,
            body: bytes)
    }

    private func json(_ text: String) -> HTTPResponse {
        HTTPResponse(
            status: 200,
            headers: [("Content-Type", "application/json"), ("Cache-Control", "no-store")],
            body: Array(text.utf8))
    }
}
