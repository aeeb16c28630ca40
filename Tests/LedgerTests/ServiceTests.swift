import COSE
import Crypto
import Foundation
import HTTPClient
import LedgerBook
import LedgerMessages
import Operations
import Testing
import Tokens

struct ProblemDocument: Decodable {
    let type: String
    let title: String
    let status: Int
    let detail: String
    let code: String
    let retryable: Bool
    let expected: UInt64?
}

extension HTTPExchange {
    func header(_ name: String) -> String? {
        headers.first { $0.name == name }?.value
    }

    var problem: ProblemDocument {
        get throws {
            #expect(header("content-type") == "application/problem+json")
            let document = try JSONDecoder().decode(ProblemDocument.self, from: Data(body))
            #expect(document.status == status && !document.detail.isEmpty)
            return document
        }
    }
}

@Suite struct ServiceTests {
    @Test(arguments: Store.all)
    func `a terminal pairs, sends, asks and pulls`(store: Store) throws {
        let running = try Running(store)
        let (ledger, till) = (running.ledger, Till())
        let code = try ledger.book.pairingCode(merchant: "Café des Halles", now: Sunday.noon)
        let request = PairingRequest(code: code, publicKey: till.signer.publicKey).encoded
        let cbor = [("Content-Type", "application/cbor")]
        let paired = try running.send("POST", "/v1/terminals", request, cbor)
        #expect(paired.status == 201)
        let answer = try PairingAnswer(paired.body)
        #expect(answer.terminal == till.id && answer.ledgerKey == ledger.signer.publicKey)

        let card = try ledger.card()
        let batch = [till.event(), try till.pay(card, 250)]
        let sent = try running.post(till, batch)
        #expect(sent.status == 200)
        #expect(sent.header("content-type") == "application/cose; cose-type=\"cose-sign1\"")
        let receipt = try Receipt(sent.body, ledger: answer.ledgerKey)
        #expect(receipt.outcomes == [.settled, .settled])
        #expect(try running.post(till, batch).body == sent.body)

        let head = try running.get(till, "/v1/terminals/\(till.id)/entries/head")
        let item = try CBOR.decode(head.body, limit: 256)
        #expect(item[1] == .unsigned(2) && item[2] == .bytes(till.previous))

        let balance = try CBOR.decode(
            try running.get(till, "/v1/cards/\(card.number.digits)/balance").body, limit: 256)
        #expect(balance[2] == .integer(9_750) && balance[3] == .integer(9_750))

        let body = AuthorisationRequest(
            entry: EntryID(milliseconds: Sunday.noon), card: card.number,
            amount: Amount(cents: 10_000) ?? .zero,
            sun: try card.read(digest: [UInt8](repeating: 0, count: 16))
        ).encoded
        let asked = try running.send(
            "POST", "/v1/authorizations", body,
            running.signed(till, "POST", "/v1/authorizations", body, type: "application/cbor"))
        #expect(
            try AuthorisationAnswer(asked.body)
                == .insufficient(missing: Amount(cents: 250) ?? .zero))
    }

    @Test(arguments: Store.all)
    func `the policy has an ETag and the deny-list a delta`(store: Store) throws {
        let running = try Running(store)
        let till = try running.ledger.till()
        let path = "/v1/terminals/\(till.id)/policy"
        let policy = try running.get(till, path)
        #expect(policy.status == 200)
        let tag = try #require(policy.header("etag"))
        let same = try running.get(till, path, [("If-None-Match", tag)])
        #expect(same.status == 304 && same.body.isEmpty)
        let card = try running.ledger.card()
        _ = try running.ledger.book.setBlocked(true, card: card.number, now: Sunday.noon)
        let delta = try DenyListDelta(
            try running.get(till, "/v1/deny-list?since=0").body,
            ledger: running.ledger.signer.publicKey)
        #expect(delta.added == [card.number] && delta.epoch == 1)
    }

    @Test(arguments: Store.all)
    func `gap and fork say which number is expected`(store: Store) throws {
        let running = try Running(store)
        let till = try running.ledger.till()
        let (one, two, three) = (till.event("a"), till.event("b"), till.event("c"))
        #expect(try running.post(till, [one]).status == 200)
        let gap = try running.post(till, [three])
        #expect(gap.status == 409)
        #expect(try gap.problem.code == "gap" && gap.problem.expected == 2)
        #expect(Problem(gap.body).expected == 2)
        _ = two
        let fork = try running.post(till, [till.signer.sign(payload: forged(till)).bytes])
        #expect(try fork.problem.code == "fork" && fork.problem.expected == 2)
    }

    private func forged(_ till: Till) -> [UInt8] {
        Entry(
            sequence: 1, id: EntryID(milliseconds: Sunday.noon),
            previous: [UInt8](repeating: 0, count: 32), time: Sunday.noon,
            clockTrust: .synchronised, body: .technicalEvent(TechnicalEvent(code: "other"))
        ).item.encoded
    }

    @Test(arguments: Store.all)
    func `a request is taken once, from its own terminal, within five minutes`(store: Store) throws
    {
        let running = try Running(store)
        let (till, other) = (try running.ledger.till(), try running.ledger.till())
        let path = "/v1/terminals/\(till.id)/entries/head"
        let headers = running.signed(till, "GET", path)
        #expect(try running.send("GET", path, nil, headers).status == 200)
        func refusal(
            _ headers: [(String, String)], _ path: String, status: Int = 401
        ) throws -> String {
            let exchange = try running.send("GET", path, nil, headers)
            #expect(exchange.status == status)
            return try exchange.problem.code
        }
        #expect(try refusal(headers, path) == "replayed")
        running.time.advance(299_000)
        #expect(try refusal(headers, path) == "replayed")
        running.time.advance(2_000)
        #expect(try refusal(headers, path) == "clock-skew")
        let now = running.time.now / 1_000
        for created in [now - 301, now + 301, 0, .max] {
            let late = running.signed(till, "GET", path, created: created)
            #expect(try refusal(late, path) == "clock-skew")
        }
        let stranger = Till()
        #expect(try refusal(running.signed(stranger, "GET", path), path) == "terminal-unknown")
        #expect(
            try refusal(running.signed(other, "GET", path), path, status: 403)
                == "other-terminal")
        // Signed for another path, then with an altered body.
        let policy = "/v1/terminals/\(till.id)/policy"
        #expect(try refusal(running.signed(till, "GET", path), policy) == "signature")
        #expect(try refusal([], path) == "signature")
        let entries = "/v1/terminals/\(till.id)/entries"
        let signed = running.signed(
            till, "POST", entries, [1], type: "application/cbor-seq")
        let altered = try running.send("POST", entries, till.event(), signed)
        #expect(try altered.status == 401 && altered.problem.code == "signature")
        try running.ledger.book.revoke(kid: till.kid, now: Sunday.noon)
        #expect(
            try refusal(running.signed(till, "GET", path), path) == "terminal-revoked")
    }

    /// A clock that is ahead makes a request good for longer than it is remembered by its own time.
    @Test func `a request of a clock that is ahead is taken once all the same`() throws {
        let running = try Running(.sqlite)
        let till = try running.ledger.till()
        let path = "/v1/terminals/\(till.id)/entries/head"
        let ahead = running.signed(till, "GET", path, created: running.time.now / 1_000 + 299)
        #expect(try running.send("GET", path, nil, ahead).status == 200)
        running.time.advance(500_000)
        // Another one makes the door forget what is old.
        #expect(try running.get(till, path).status == 200)
        #expect(try running.send("GET", path, nil, ahead).problem.code == "replayed")
    }

    @Test(arguments: Store.all)
    func `every call of a terminal is signed, by the terminal it names`(store: Store) throws {
        let running = try Running(store)
        let (till, other, card) = (
            try running.ledger.till(), try running.ledger.till(), try running.ledger.card()
        )
        let own = "/v1/terminals/\(till.id)"
        for (method, path, type) in [
            ("GET", own + "/entries/head", nil), ("GET", own + "/policy", nil),
            ("GET", own + "/verdicts", nil), ("PUT", own + "/status", "application/cbor"),
            ("POST", own + "/entries", "application/cbor-seq"),
            ("POST", "/v1/authorizations", "application/cbor"),
            ("GET", "/v1/deny-list?since=0", nil),
            ("GET", "/v1/cards/\(card.number.digits)/balance", nil),
        ] as [(String, String, String?)] {
            let body: [UInt8]? = method == "GET" ? nil : [0xA0]
            let unsigned = try running.send(
                method, path, body, type.map { [("Content-Type", $0)] } ?? [])
            #expect(try unsigned.status == 401 && unsigned.problem.code == "signature", "\(path)")
            guard path.hasPrefix(own) else { continue }
            let foreign = try running.send(
                method, path, body, running.signed(other, method, path, body ?? [], type: type))
            #expect(
                try foreign.status == 403 && foreign.problem.code == "other-terminal", "\(path)")
        }
    }

    @Test(arguments: Store.all)
    func `pairing attempts are counted`(store: Store) throws {
        let running = try Running(store)
        let request = PairingRequest(code: "AAAAAAAA", publicKey: TestSigner().publicKey).encoded
        let cbor = [("Content-Type", "application/cbor")]
        for _ in 0..<10 {
            let wrong = try running.send("POST", "/v1/terminals", request, cbor)
            #expect(try wrong.status == 403 && wrong.problem.code == "pairing-code")
        }
        let limited = try running.send("POST", "/v1/terminals", request, cbor)
        #expect(limited.status == 429 && limited.header("retry-after") == "600")
        #expect(try limited.problem.retryable && limited.problem.code == "rate-limited")
        running.time.advance(600_001)
        #expect(try running.send("POST", "/v1/terminals", request, cbor).status == 403)
    }

    @Test(arguments: Store.all)
    func `every route refuses nonsense with a problem document`(store: Store) throws {
        let running = try Running(store)
        let till = try running.ledger.till()
        let terminal = "/v1/terminals/\(till.id)"
        let (seq, cbor) = ("application/cbor-seq", "application/cbor")
        let table: [(String, String, String?, [UInt8], Int, String)] = [
            ("POST", "/v1/terminals", cbor, [], 400, "malformed"),
            ("POST", "/v1/terminals", cbor, [0xA1, 0x01], 400, "malformed"),
            ("POST", "/v1/terminals", "text/plain", [0xA0], 415, "content-type"),
            ("POST", "\(terminal)/entries", seq, [0xFF], 422, "malformed"),
            ("POST", "\(terminal)/entries", seq, [0xA0], 422, "malformed"),
            ("POST", "\(terminal)/entries", seq, [0x9F, 0x01], 422, "malformed"),
            (
                "POST", "\(terminal)/entries", seq, [UInt8](repeating: 0, count: 1_001), 413,
                "too-many-entries"
            ),
            ("POST", "\(terminal)/entries", cbor, [], 415, "content-type"),
            ("POST", "\(terminal)/entries", seq, Till().event(), 422, "entry-signature"),
            ("POST", "/v1/authorizations", cbor, [], 400, "malformed"),
            ("POST", "/v1/authorizations", cbor, [0x81, 0x81], 400, "malformed"),
            ("POST", "/v1/authorizations", nil, [0xA0], 415, "content-type"),
            ("GET", "/v1/deny-list", nil, [], 400, "malformed"),
            ("GET", "/v1/deny-list?since=-1", nil, [], 400, "malformed"),
            ("GET", "/v1/deny-list?since=1&since=2", nil, [], 400, "malformed"),
            ("GET", "/v1/deny-list?since=99999999999999999999", nil, [], 400, "malformed"),
            ("GET", "/v1/cards/123/balance", nil, [], 400, "malformed"),
            ("GET", "/v1/cards/000000000000/balance", nil, [], 404, "card-unknown"),
            ("GET", "\(terminal)/policy?x=1", nil, [], 400, "malformed"),
            ("GET", "\(terminal)/entries", nil, [], 405, "method"),
            ("POST", "\(terminal)/policy", nil, [], 405, "method"),
            ("DELETE", "/v1/terminals", nil, [], 405, "method"),
            ("POST", "/c", nil, [], 405, "method"),
            ("GET", "/", nil, [], 404, "not-found"),
            ("GET", "/v1//terminals", nil, [], 404, "not-found"),
            ("GET", "/v1/terminals/../../x/y/z", nil, [], 404, "not-found"),
        ]
        for (method, path, type, body, status, code) in table {
            let headers = running.signed(till, method, path, body, type: type)
            let exchange = try running.send(
                method, path, method == "GET" ? nil : body, headers)
            #expect(exchange.status == status, "\(method) \(path)")
            #expect(try exchange.problem.code == code, "\(method) \(path)")
        }
        #expect(try running.ledger.book.audit().entries == 0)
    }

    @Test(arguments: Store.all)
    func `open routes answer anybody`(store: Store) throws {
        let running = try Running(store)
        let time = try running.send("GET", "/v1/time")
        #expect(String(decoding: time.body, as: UTF8.self) == "{\"ms\":\(Sunday.noon)}")
        #expect(try running.send("GET", "/healthz").status == 200)
        #expect(try running.send("GET", "/readyz").status == 200)
        let till = try running.ledger.till()
        let card = try running.ledger.card()
        #expect(try running.post(till, [try till.pay(card, 1)]).status == 200)
        let metrics = try running.send("GET", "/metrics")
        let text = String(decoding: metrics.body, as: UTF8.self)
        #expect(text.contains("eco_ledger_entries_total{outcome=\"settled\"} 1\n"))
        #expect(text.hasSuffix("# EOF\n"))
        #expect(!text.contains(till.id) && !text.contains(card.number.digits))
    }

    @Test(arguments: Store.all)
    func `a phone that taps the card sees its state and nothing else`(store: Store) throws {
        let running = try Running(store)
        let card = try running.ledger.card()
        func page(_ evidence: Evidence) throws -> (Int, String) {
            guard case .sdm(let piccData, let mac, let digest) = evidence else { return (0, "") }
            let hex = [digest, piccData, mac].map { Hexadecimal.text($0).uppercased() }
            let exchange = try running.send(
                "GET", "/c?d=\(hex[0])&e=\(hex[1])&c=\(hex[2])")
            #expect(exchange.header("content-type") == "text/html; charset=utf-8")
            return (exchange.status, String(decoding: exchange.body, as: UTF8.self))
        }
        let zeros = [UInt8](repeating: 0, count: 16)
        let (status, valid) = try page(try card.read(digest: zeros))
        #expect(status == 200 && valid.contains("<h1>Cette carte est valable</h1>"))
        #expect(valid.contains("<html lang=\"fr\">"))
        #expect(!valid.contains(card.number.digits) && !valid.contains("100"))
        _ = try running.ledger.book.setBlocked(true, card: card.number, now: Sunday.noon)
        #expect(try page(try card.read(digest: zeros)).1.contains("bloquée"))
        let forged = Evidence.sdm(piccData: randomBytes(16), mac: randomBytes(8), digest: zeros)
        #expect(try page(forged).0 == 404)
        #expect(try running.send("GET", "/c?d=00").status == 400)
    }

    @Test func `a service whose server ended its connections goes on`() throws {
        let running = try Running(.postgreSQL) { _ in }
        let till = try running.ledger.till()
        let batch = [till.event()]
        #expect(try running.post(till, batch).status == 200)
        let ended = try running.ledger.sql().rows(
            """
            SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid()
            """)
        #expect(!ended.isEmpty)
        let refused = try running.send("GET", "/readyz")
        #expect(refused.status == 503)
        #expect(try refused.problem.retryable && refused.problem.code == "storage")
        #expect(try running.post(till, batch + [till.event()]).status == 200)
    }
}
