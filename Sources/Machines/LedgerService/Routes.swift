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
    let authority: Authority
    let clock: @Sendable () -> UInt64
    private let door: Door
    private let statuses = Monitor<[Int: UInt64]>([:])

    init(shelf: Shelf, authority: Authority, clock: @escaping @Sendable () -> UInt64) {
        self.shelf = shelf
        self.authority = authority
        self.clock = clock
        door = Door(shelf: shelf)
    }

    func answer(_ request: HTTPRequest) -> HTTPResponse {
        let response: HTTPResponse
        do throws(Refusal) {
            response = try route(request)
        } catch { response = error.response }
        statuses.read { $0[response.status, default: 0] += 1 }
        return response
    }

    private func route(_ request: HTTPRequest) throws(Refusal) -> HTTPResponse {
        let parts = request.path.split(separator: "/", omittingEmptySubsequences: false)
            .dropFirst().map(String.init)
        switch parts.count {
        case 1: return try open(request, parts[0])
        case 2 where parts == ["v1", "time"]:
            try allow("GET", request)
            return json("{\"ms\":\(clock())}")
        case 2 where parts == ["v1", "terminals"]:
            try allow("POST", request)
            return try pair(request)
        case 2 where parts == ["v1", "authorizations"]:
            try allow("POST", request)
            return try authorise(request)
        case 2 where parts == ["v1", "deny-list"]:
            try allow("GET", request)
            return try denyList(request)
        case 4 where parts[0] == "v1" && parts[1] == "cards" && parts[3] == "balance":
            try allow("GET", request)
            return try balance(request, parts[2])
        case 4 where parts[0] == "v1" && parts[1] == "terminals" && parts[3] == "entries":
            try allow("POST", request)
            return try entries(request, parts[2])
        case 4 where parts[0] == "v1" && parts[1] == "terminals" && parts[3] == "policy":
            try allow("GET", request)
            return try policy(request, parts[2])
        case 5
        where parts[0] == "v1" && parts[1] == "terminals"
            && parts[3...] == ["entries", "head"]:
            try allow("GET", request)
            return try head(request, parts[2])
        default: throw Refusal(404, "not-found", "No such resource.")
        }
    }

    private func open(_ request: HTTPRequest, _ name: String) throws(Refusal) -> HTTPResponse {
        guard ["healthz", "readyz", "metrics", "c"].contains(name) else {
            throw Refusal(404, "not-found", "No such resource.")
        }
        try allow("GET", request)
        switch name {
        case "healthz": return json("{\"status\":\"ok\"}")
        case "readyz":
            try book { (book) throws(BookError) in try book.check() }
            return json("{\"status\":\"ready\"}")
        case "metrics":
            let counts = try book { (book) throws(BookError) in
                (try book.outcomeCounts(), try book.cardCount())
            }
            return metrics(outcomes: counts.0, cards: counts.1, statuses: statuses.read { $0 })
        default: return cardPage(request)
        }
    }

    // MARK: calls of terminals

    private func pair(_ request: HTTPRequest) throws(Refusal) -> HTTPResponse {
        let now = clock()
        try door.checkPairingPace(now: now)
        try expect("application/cbor", request)
        guard let asked = try? PairingRequest(request.body) else {
            door.notePairingFailure(now: now)
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
            if error == .pairingCode { door.notePairingFailure(now: now) }
            throw Refusal(error)
        }
    }

    private func entries(_ request: HTTPRequest, _ id: String) throws(Refusal) -> HTTPResponse {
        let now = clock()
        try expect("application/cbor-seq", request)
        let terminal = try terminal(of: request, id: id, now: now)
        do throws(BookError) {
            let batch = try VerifiedBatch(request.body, key: terminal.key)
            let receipt = try shelf.with { (book) throws(BookError) in
                try book.book(batch, authority: authority, now: now)
            }
            return cose(receipt)
        } catch { throw Refusal(error) }
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
        let tag = "\"" + Hexadecimal.text(Array(sha256(policy).prefix(8))) + "\""
        if request.header("if-none-match") == tag {
            return HTTPResponse(status: 304, headers: [("ETag", tag)])
        }
        return cose(policy, headers: [("ETag", tag)])
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
                asked, from: terminal.key.kid, keys: authority.keys, now: now)
        }
        return cbor(answer.encoded)
    }

    private func denyList(_ request: HTTPRequest) throws(Refusal) -> HTTPResponse {
        guard request.query.count == 1, request.query[0].0 == "since",
            let since = UInt64(request.query[0].1), "\(since)" == request.query[0].1
        else { throw Refusal(400, "malformed", "Ask for ?since=N.") }
        _ = try terminal(of: request, id: nil, now: clock(), query: "?since=\(since)")
        let delta = try book { (book) throws(BookError) in try book.denyList(since: since) }
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

    private func allow(_ method: String, _ request: HTTPRequest) throws(Refusal) {
        guard request.method == method else {
            throw Refusal(
                405, "method", "Use \(method).", header: ["Allow", method])
        }
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
