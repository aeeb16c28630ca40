import COSE
import Crypto
import LedgerBook
import LedgerMessages
import Operations
import SQLite
import TestSupport
import Testing
import Tokens

@Suite struct BookTests {
    @Test(arguments: Store.all)
    func `a payment moves money once, and the sums are zero`(store: Store) throws {
        let ledger = try TestLedger(store)
        let (card, till) = (try ledger.card(), try ledger.till())
        let receipt = try ledger.send(till, [till.event(), try till.pay(card, 1_250)])
        #expect(receipt.outcomes == [.settled, .settled])
        #expect(receipt.from == 1 && receipt.to == 2 && receipt.head == till.previous)
        #expect(try ledger.balance(card) == 8_750)
        #expect(try ledger.taken() == 1_250)
        let sums = try ledger.sql().rows(
            "SELECT CAST(sum(cents) AS BIGINT), count(*) FROM postings")
        #expect(sums == [[.integer(0), .integer(4)]])
        #expect(try ledger.book.audit().faults == [])
    }

    @Test(arguments: Store.all)
    func `the same batch again gives the same receipt and books nothing`(store: Store) throws {
        let ledger = try TestLedger(store)
        let (card, till) = (try ledger.card(), try ledger.till())
        let batch = [try till.pay(card, 100), try till.pay(card, 200)]
        let first = try ledger.sendRaw(till, batch)
        let again = try ledger.sendRaw(till, batch, now: Sunday.noon + 3_600_000)
        #expect(first == again)
        #expect(try ledger.balance(card) == 9_700)
    }

    @Test(arguments: Store.all)
    func `after a lost reply a longer batch repeats what was said and books the rest`(store: Store)
        throws
    {
        let ledger = try TestLedger(store)
        let (card, till) = (try ledger.card(), try ledger.till())
        let lost = [try till.pay(card, 100), till.event()]
        try ledger.send(till, lost)
        let receipt = try ledger.send(till, lost + [try till.pay(card, 200)])
        #expect(receipt.outcomes == [.settled, .settled, .settled])
        #expect(receipt.from == 1 && receipt.to == 3)
        #expect(try ledger.balance(card) == 9_700)
    }

    @Test(arguments: Store.all)
    func `a gap is refused whole, with the number expected`(store: Store) throws {
        let ledger = try TestLedger(store)
        let (card, till) = (try ledger.card(), try ledger.till())
        let (one, two, three) = (
            try till.pay(card, 1), try till.pay(card, 2), try till.pay(card, 3)
        )
        try ledger.send(till, [one])
        #expect(throws: BookError.gap(expected: 2)) { try ledger.send(till, [three]) }
        #expect(throws: BookError.gap(expected: 2)) { try ledger.send(till, [one, three]) }
        #expect(try ledger.balance(card) == 9_999)
        #expect(try ledger.send(till, [two, three]).outcomes == [.settled, .settled])
        #expect(throws: BookError.gap(expected: 2)) { try ledger.send(till, [one, three]) }
    }

    @Test(arguments: Store.all)
    func `a fork is refused whole, at a known number and after the head`(store: Store) throws {
        let ledger = try TestLedger(store)
        let till = try ledger.till()
        let (one, two) = (till.event("a"), till.event("b"))
        try ledger.send(till, [one, two])
        let other = Forked(till.signer)
        let (forkedOne, forkedTwo) = (other.event("x"), other.event("y"))
        #expect(throws: BookError.fork(expected: 3)) { try ledger.send(till, [forkedOne]) }
        #expect(throws: BookError.fork(expected: 3)) {
            try ledger.send(till, [forkedOne, forkedTwo, other.event("z")])
        }
        #expect(throws: BookError.fork(expected: 3)) {
            try ledger.send(till, [other.event("w", 3)])
        }
        let head = try ledger.book.head(of: #require(try ledger.book.terminal(kid: till.kid)))
        #expect(head.sequence == 2 && head.hash == till.previous)
    }

    @Test(arguments: Store.all)
    func `an entry of another key, an altered one and a malformed one are refused`(store: Store)
        throws
    {
        let ledger = try TestLedger(store)
        let (till, stranger) = (try ledger.till(), try ledger.till())
        #expect(throws: BookError.entrySignature) { try ledger.send(till, [stranger.event()]) }
        var altered = till.event()
        altered[altered.count - 1] ^= 1
        #expect(throws: BookError.entrySignature) { try ledger.send(till, [altered]) }
        let foreign = till.signer.withKey {
            Sign1(signing: [0xA0], kid: stranger.kid, key: $0).bytes
        }
        #expect(throws: BookError.entrySignature) { try ledger.send(till, [foreign]) }
        let nonsense = till.signer.sign(payload: [0xA0]).bytes
        #expect(throws: BookError.malformed("entry: seq")) { try ledger.send(till, [nonsense]) }
        let unknown = Till()
        #expect(throws: BookError.terminalUnknown) { try ledger.send(unknown, [unknown.event()]) }
    }

    @Test func `a batch over a thousand entries is refused`() throws {
        let till = Till()
        let batch = (0...1_000).flatMap { _ in till.event() }
        #expect(throws: BookError.tooManyEntries) {
            try VerifiedBatch(batch, key: till.signer.publicKey)
        }
    }

    @Test(arguments: Store.all)
    func `time that goes back within a chain is refused`(store: Store) throws {
        let ledger = try TestLedger(store)
        let (card, till) = (try ledger.card(), try ledger.till())
        try ledger.send(till, [try till.pay(card, 1, time: Sunday.noon)])
        let back = try till.pay(card, 1, time: Sunday.noon - 1)
        #expect(throws: BookError.malformed("entry: time goes back")) {
            try ledger.send(till, [back])
        }
    }

    @Test(arguments: Store.all)
    func `a revoked terminal is not heard`(store: Store) throws {
        let ledger = try TestLedger(store)
        let till = try ledger.till()
        try ledger.book.revoke(kid: till.kid, now: Sunday.noon)
        #expect(throws: BookError.terminalRevoked) { try ledger.send(till, [till.event()]) }
    }

    @Test(arguments: Store.all)
    func `one id settles once, also under another number of the chain`(store: Store) throws {
        let ledger = try TestLedger(store)
        let (card, till) = (try ledger.card(), try ledger.till())
        let id = EntryID(milliseconds: Sunday.noon)
        let receipt = try ledger.send(
            till, [try till.pay(card, 100, id: id), try till.pay(card, 100, id: id)])
        #expect(receipt.outcomes == [.settled, .duplicate])
        #expect(try ledger.balance(card) == 9_900)
    }

    @Test(arguments: Store.all)
    func `training settles and moves nothing`(store: Store) throws {
        let ledger = try TestLedger(store)
        let (card, till) = (try ledger.card(), try ledger.till())
        let id = EntryID(milliseconds: Sunday.noon)
        let evidence = try card.read(digest: till.digest(id, 500, card.number))
        let entry = till.append(
            .payment(till.payment(card, 500, evidence)), id: id, isTraining: true)
        #expect(try ledger.send(till, [entry]).outcomes == [.settled])
        #expect(try ledger.balance(card) == 10_000)
        #expect(try ledger.taken() == 0)
        #expect(try ledger.book.audit().faults == [])
    }

    @Test(arguments: Store.all)
    func `a payment beyond the balance settles and is flagged`(store: Store) throws {
        let ledger = try TestLedger(store)
        let (card, till) = (try ledger.card(300), try ledger.till())
        #expect(try ledger.send(till, [try till.pay(card, 1_000)]).outcomes == [.settled])
        #expect(try ledger.balance(card) == -700)
        #expect(try ledger.flags() == ["overdrawn"])
        #expect(try ledger.taken() == 1_000)
    }

    @Test(
        arguments: [
            "entries", "postings", "transactions", "card_counters", "receipts", "flags",
            "deny_changes", "policies", "card_epochs",
        ], Store.all)
    func `what is written stays`(table: String, store: Store) throws {
        let ledger = try TestLedger(store)
        let (card, till) = (try ledger.card(10), try ledger.till())
        try ledger.send(till, [try till.pay(card, 100)])
        _ = try ledger.book.setBlocked(true, card: card.number, now: Sunday.noon)
        let terminal = try #require(try ledger.book.terminal(kid: till.kid))
        _ = try ledger.book.policy(of: terminal, authority: ledger.authority, now: Sunday.noon)
        let database = try ledger.sql()
        let before = try database.rows("SELECT * FROM \(table)")
        #expect(!before.isEmpty)
        let column = try #require(try database.columns(of: table).first)
        for sql in ["UPDATE \(table) SET \(column) = \(column)", "DELETE FROM \(table)"] {
            let error = #expect(throws: SQLFailure.self) { try database.run(sql) }
            #expect(error?.message == "ledger: \(table) is append-only")
        }
        #expect(try database.rows("SELECT * FROM \(table)") == before)
    }

    @Test(arguments: Store.all)
    func `the database itself refuses a number, a settled id and a half transaction`(
        store: Store
    ) throws {
        let ledger = try TestLedger(store)
        let (card, till) = (try ledger.card(), try ledger.till())
        try ledger.send(till, [try till.pay(card, 100)])
        let database = try ledger.sql()
        for (step, previous) in [(0, "previous"), (1, "hash")] as [(Int64, String)] {
            let error = #expect(throws: SQLFailure.self) {
                try database.run(
                    """
                    INSERT INTO entries SELECT id + $1, terminal, seq + $1, uuid, hash, cose, kind,
                        time, trust, card, cents, counter, received, outcome, code, \(previous)
                    FROM entries
                    """, [.integer(step)])
            }
            #expect(error?.isUnique == true, "step \(step)")
        }
        // Two postings that do not answer each other; in a file, a first one alone is the audit's.
        try database.run("INSERT INTO transactions(id, what, time) VALUES(-5, 'theft', 0)")
        let half = #expect(throws: SQLFailure.self) {
            try database.run(
                """
                INSERT INTO postings(txn, account, cents)
                VALUES(-5, 'issuance', -7), (-5, 'card:100000000016', 8)
                """)
        }
        #expect(half?.message.contains("does not sum to zero") == true)
    }

    @Test(arguments: Store.all)
    func `a book of another version or no book is refused`(store: Store) throws {
        let ledger = try TestLedger(store)
        let empty = try Place(store)
        #expect(throws: BookError.self) { try Book(empty.address) }
        try ledger.sql().setVersion(99)
        #expect(throws: BookError.unusable("the ledger was written by another version")) {
            try Book(ledger.address)
        }
    }

    @Test func `a server that may lose what it confirmed is refused`() throws {
        let hasty = try Cluster(options: "-c fsync=off")
        let address = try #require(StoreAddress(hasty.address("postgres")))
        let error = #expect(throws: BookError.self) { try Book(address, create: true) }
        guard case .unusable(let sentence) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(sentence.contains("fsync=off"))
    }

    @Test(arguments: Store.all)
    func `audit finds what somebody changed behind the book's back`(store: Store) throws {
        let ledger = try TestLedger(store)
        let (card, till) = (try ledger.card(), try ledger.till())
        try ledger.send(till, [try till.pay(card, 100), till.event()])
        #expect(try ledger.book.audit().faults == [])
        let database = try ledger.sql()
        for table in ["postings", "entries"] { try database.unguard(table) }
        try database.run("UPDATE postings SET cents = 99 WHERE account LIKE 'merchant:%'")
        try database.run("UPDATE entries SET cents = 99 WHERE seq = 1")
        let faults = try ledger.book.audit().faults
        #expect(faults.contains("a transaction does not sum to zero: 4294967297"))
        #expect(
            faults.contains(
                "a settled payment is not booked exactly as it says, entry: \(till.id) 1"))
        #expect(
            faults.contains(
                "terminal \(till.id): entry 1: a column differs from what was signed"))
    }

    @Test(arguments: Store.all)
    func `audit finds a chain that was re-signed, altered or cut`(store: Store) throws {
        let ledger = try TestLedger(store)
        let till = try ledger.till()
        try ledger.send(till, [till.event("a"), till.event("b")])
        let database = try ledger.sql()
        try database.unguard("entries")
        func fault() throws -> [String] { try ledger.book.audit().faults }
        func replace(_ bytes: [UInt8], id: EntryID) throws {
            try database.run(
                "UPDATE entries SET cose = $1, hash = $2, uuid = $3, time = $4 WHERE seq = 2",
                [
                    .blob(bytes), .blob(sha256(bytes)), .blob(id.bytes),
                    .integer(Int64(Sunday.noon)),
                ])
        }
        let id = EntryID(milliseconds: Sunday.noon)
        let unlinked = Entry(
            sequence: 2, id: id, previous: [UInt8](repeating: 0, count: 32), time: Sunday.noon,
            clockTrust: .synchronised, body: .technicalEvent(TechnicalEvent(code: "b")))
        let bytes = till.signer.withKey { unlinked.signed(by: $0).bytes }
        try replace(bytes, id: id)
        let receipt = "terminal \(till.id): the receipt of entries 1 to 2 is about another chain"
        #expect(
            try fault() == [
                "terminal \(till.id): entry 2 does not follow the one before", receipt,
            ])
        try replace(bytes.dropLast() + [bytes[bytes.count - 1] ^ 1], id: id)
        #expect(
            try fault() == [
                "terminal \(till.id): entry 2 is not what the terminal signed", receipt,
            ])
        try database.run("DELETE FROM entries WHERE seq = 1")
        #expect(try fault() == ["terminal \(till.id): entry 1 is missing", receipt])
    }
}

/// A second chain under the key of a terminal.
private final class Forked {
    private let signer: TestSigner
    private var sequence: UInt64 = 0
    private var previous = [UInt8](repeating: 0, count: 32)

    init(_ signer: TestSigner) { self.signer = signer }

    func event(_ code: String, _ number: UInt64? = nil) -> [UInt8] {
        sequence = number ?? sequence + 1
        let entry = Entry(
            sequence: sequence, id: EntryID(milliseconds: Sunday.noon), previous: previous,
            time: Sunday.noon, clockTrust: .synchronised,
            body: .technicalEvent(TechnicalEvent(code: code)))
        let message = signer.withKey { entry.signed(by: $0) }
        previous = message.digest
        return message.bytes
    }
}
