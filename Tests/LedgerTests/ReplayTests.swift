import COSE
import Crypto
import HTTPClient
import LedgerBook
import LedgerMessages
import Linux
import Operations
import Testing
import Tokens

@testable import LedgerService

/// Nonces are kept by each instance: a request that was taken by one may be shown to another within
/// the five minutes that its time allows. Each call that changes something changes nothing then.
@Suite struct ReplayTests {
    /// A signed request as it went over the wire.
    private struct Sent {
        let method: String
        let path: String
        let body: [UInt8]
        let headers: [(String, String)]
    }

    /// An instance, and others on its database that have not seen what it took.
    private final class Pair {
        let first: Running
        private static let tables = [
            "entries", "receipts", "transactions", "postings", "balances", "card_counters",
            "authorisations", "terminal_status", "terminals", "pairing_codes", "flags", "cards",
            "deny_changes", "policies", "counters",
        ]

        init(_ store: Store) throws {
            first = try Running(store)
        }

        func send(
            _ till: Till, _ method: String, _ path: String, _ body: [UInt8], type: String
        ) throws -> (Sent, HTTPExchange) {
            let sent = Sent(
                method: method, path: path, body: body,
                headers: first.signed(till, method, path, body, type: type))
            return (sent, try first.send(method, path, body, sent.headers))
        }

        /// At another instance, or at the same after a restart.
        func again(_ sent: Sent) throws -> HTTPExchange {
            let second = try LedgerService(
                database: first.ledger.address, authority: first.ledger.authority,
                address: "127.0.0.1", port: 0, clock: { [time = first.time] in time.now },
                trouble: { Issue.record("trouble: \($0)") })
            defer { second.stop() }
            let client = HTTPClient(
                timeout: .seconds(60), connectTimeout: .seconds(20), answerLimit: 4 << 20)
            return try client.send(
                method: sent.method, url: "http://127.0.0.1:\(second.port)\(sent.path)",
                headers: sent.headers, body: sent.body)
        }

        /// Every row of every table that a call of a terminal can change.
        func rows() throws -> [String] {
            let sql = try first.ledger.sql()
            return try Self.tables.flatMap { table in
                try sql.rows("SELECT * FROM \(table)").map { "\(table): \($0)" }.sorted()
            }
        }
    }

    @Test(arguments: Store.all)
    func `what one instance took changes nothing at another`(store: Store) throws {
        let pair = try Pair(store)
        let (ledger, time) = (pair.first.ledger, pair.first.time)
        let (card, till) = (try ledger.card(), try ledger.till())
        let place = "/v1/terminals/\(till.id)"
        var sent: [Route: (Sent, answer: HTTPExchange)] = [:]
        sent[.entries] = try pair.send(
            till, "POST", place + "/entries", try till.pay(card, 100), type: "application/cbor-seq")
        func status(_ last: UInt64) -> [UInt8] {
            TerminalStatus(last: last, unsentCents: 0, oldest: nil, version: "1", clock: time.now)
                .encoded
        }
        sent[.status] = try pair.send(
            till, "PUT", place + "/status", status(1), type: "application/cbor")
        let asked = AuthorisationRequest(
            entry: EntryID(milliseconds: time.now), card: card.number,
            amount: Amount(cents: 300) ?? .zero,
            sun: try card.read(digest: [UInt8](repeating: 0, count: 16)))
        sent[.authorisation] = try pair.send(
            till, "POST", "/v1/authorizations", asked.encoded, type: "application/cbor")
        let code = try ledger.book.pairingCode(merchant: "Café des Halles", now: time.now)
        let other = Till()
        let body = PairingRequest(code: code, publicKey: other.signer.publicKey).encoded
        sent[.pair] = try pair.send(
            other, "POST", "/v1/terminals", body, type: "application/cbor")
        #expect(sent.values.map(\.answer.status).sorted() == [200, 200, 201, 204])
        // Nobody adds a call that changes something and forgets it here.
        #expect(Set(sent.keys) == Set(Route.allCases.filter { $0.method != "GET" }))
        // Life goes on: a later batch, a later word, the payment that was authorised.
        time.advance(60_000)
        _ = try pair.first.post(till, [try till.pay(card, 300, id: asked.entry), till.event()])
        _ = try pair.send(till, "PUT", place + "/status", status(3), type: "application/cbor")
        let before = try pair.rows()
        #expect(before.count > 15)
        for advance in [0, 200_000] as [UInt64] {
            time.advance(advance)
            for (route, (request, answer)) in sent {
                let again = try pair.again(request)
                #expect(again.status == answer.status, "\(route)")
                #expect(again.body == answer.body, "\(route)")
                #expect(try pair.rows() == before, "\(route) at another instance")
            }
        }
        time.advance(60_000)
        for (route, (request, _)) in sent where route != .pair {
            #expect(try pair.again(request).status == 401, "\(route): too old now")
        }
        #expect(try pair.rows() == before)
    }

    /// The one thing left: a refusal leaves no trace, so that asking again after a top-up helps.
    /// Shown to another instance within five minutes after such a top-up, it reserves what the
    /// terminal had asked for; no money moves, and the reservation ends by itself.
    @Test(arguments: Store.all)
    func `a refused authorisation that is replayed after a top-up reserves for a while at most`(
        store: Store
    ) throws {
        let pair = try Pair(store)
        let (ledger, time) = (pair.first.ledger, pair.first.time)
        let (card, till) = (try ledger.card(100), try ledger.till())
        let asked = AuthorisationRequest(
            entry: EntryID(milliseconds: time.now), card: card.number,
            amount: Amount(cents: 300) ?? .zero,
            sun: try card.read(digest: [UInt8](repeating: 0, count: 16)))
        let (sent, answer) = try pair.send(
            till, "POST", "/v1/authorizations", asked.encoded, type: "application/cbor")
        #expect(
            try AuthorisationAnswer(answer.body)
                == .insufficient(missing: Amount(cents: 200) ?? .zero))
        try ledger.book.topUp(card.number, Amount(cents: 1_000) ?? .zero, now: time.now)
        let before = try pair.rows().filter { !$0.hasPrefix("authorisations") }
        _ = try pair.again(sent)
        #expect(try pair.rows().filter { !$0.hasPrefix("authorisations") } == before)
        let balance = try ledger.book.balance(of: card.number, now: time.now)
        #expect(balance.cents == 1_100 && balance.available == 800)
        time.advance(Book.reservationTime)
        #expect(try ledger.book.balance(of: card.number, now: time.now).available == 1_100)
    }
}
