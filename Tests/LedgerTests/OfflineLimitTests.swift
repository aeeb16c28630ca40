import COSE
import Crypto
import LedgerBook
import LedgerMessages
import Operations
import TestSupport
import Testing
import Tokens

/// What a terminal takes beyond its limits is not settled by itself (P4).
@Suite struct OfflineLimitTests {
    private let day: UInt64 = 24 * 60 * Sunday.minute
    private let over = Outcome.held(code: "over-limit")

    private func made(_ store: Store) throws -> (TestLedger, SoftwareCard, Till) {
        let ledger = try TestLedger(store)
        return (ledger, try ledger.card(100_000), try ledger.till())
    }

    /// Gives a terminal a policy with this limit per payment.
    private func give(_ ledger: TestLedger, _ till: Till, _ cents: Int64, at now: UInt64) throws {
        var settings = try ledger.book.settings()
        settings.paymentCents = cents
        try ledger.book.set(settings)
        let terminal = try #require(try ledger.book.terminal(kid: till.kid))
        _ = try ledger.book.policy(of: terminal, authority: ledger.authority, now: now)
    }

    @Test(arguments: Store.all)
    func `a cent above the limit is held, and a person decides`(store: Store) throws {
        let (ledger, card, till) = try made(store)
        #expect(
            try ledger.send(till, [try till.pay(card, 2_000), try till.pay(card, 2_001)]).outcomes
                == [.settled, over])
        #expect(try ledger.balance(card) == 98_000)
        #expect(try ledger.book.blockReasons() == [] && ledger.flags() == [])
        // It was proven and counted when it came.
        try ledger.book.decide(
            terminal: till.kid, sequence: 2, release: true, reason: "asked", now: Sunday.noon)
        #expect(try ledger.balance(card) == 95_999)
        #expect(try ledger.book.audit().faults == [])
    }

    @Test(arguments: Store.all)
    func `what this ledger authorised settles, for exactly that payment`(store: Store) throws {
        let (ledger, card, till) = try made(store)
        let other = try ledger.otherTill()
        let id = EntryID(milliseconds: Sunday.noon)
        let name = try ledger.approval(till, card, 9_000, id)
        // Another amount, another operation, another terminal, a name made up.
        let wrong = [
            try till.pay(card, 9_001, id: id, authorisation: name),
            try till.pay(card, 9_000, authorisation: name),
            try till.pay(card, 9_000, authorisation: randomBytes(16)),
        ]
        #expect(try ledger.send(till, wrong).outcomes == [over, over, over])
        #expect(
            try ledger.outcome(other, other.pay(card, 9_000, id: id, authorisation: name)) == over)
        #expect(try ledger.flags() == Array(repeating: "authorisation-unknown", count: 4))
        #expect(
            try ledger.outcome(till, till.pay(card, 9_000, id: id, authorisation: name)) == .settled
        )
        #expect(try ledger.balance(card) == 91_000)
        #expect(try ledger.book.audit().faults == [])
    }

    @Test(arguments: Store.all)
    func `a ledger that forgot what it authorised knows it again`(store: Store) throws {
        let (ledger, card, till) = try made(store)
        let id = EntryID(milliseconds: Sunday.noon)
        let name = try ledger.approval(till, card, 9_000, id)
        try ledger.sql().run("DELETE FROM authorisations")
        let other = Authority(signer: TestSigner(), keys: ledger.keys)
        let entry = try till.pay(card, 9_000, id: id, authorisation: name)
        let batch = try VerifiedBatch(entry, key: till.signer.publicKey)
        #expect(try ledger.sendRaw(till, [entry]).isEmpty == false)
        #expect(try ledger.balance(card) == 91_000 && ledger.flags() == [])
        // A ledger with another key gave no such name.
        let stranger = try TestLedger(store, keys: ledger.keys)
        try stranger.book.registerCard(
            number: card.number, uid: card.uid, epoch: 1, cardClass: .member, now: Sunday.noon)
        let code = try stranger.book.pairingCode(merchant: "Café des Halles", now: Sunday.noon)
        _ = try stranger.book.pair(code: code, key: till.signer.publicKey, now: Sunday.noon)
        let receipt = try stranger.book.book(batch, authority: other, now: Sunday.noon)
        #expect(try Receipt(receipt, ledger: other.signer.publicKey).outcomes == [over])
    }

    @Test(arguments: Store.all)
    func `a name that was forgotten is that of one amount and one card`(store: Store) throws {
        let (ledger, card, till) = try made(store)
        let other = try ledger.card()
        let id = EntryID(milliseconds: Sunday.noon)
        let name = try ledger.approval(till, card, 9_000, id)
        try ledger.sql().run("DELETE FROM authorisations")
        let wrong = [
            try till.pay(card, 9_001, id: id, authorisation: name),
            try till.pay(other, 9_000, id: id, authorisation: name),
        ]
        #expect(try ledger.send(till, wrong).outcomes == [over, over])
        #expect(
            try ledger.outcome(till, till.pay(card, 9_000, id: id, authorisation: name)) == .settled
        )
    }

    @Test(arguments: Store.all)
    func `what comes late is judged by the policies of its time`(store: Store) throws {
        let (ledger, card, till) = try made(store)
        try give(ledger, till, 3_000, at: Sunday.noon)
        try give(ledger, till, 1_000, at: Sunday.noon + day)
        func outcome(
            _ cents: Int64, _ time: UInt64, _ trust: ClockTrust = .synchronised, by book: Book
        ) throws -> Outcome {
            let entry = try till.pay(card, cents, time: time, trust: trust)
            let receipt = try ledger.sendRaw(till, [entry], by: book)
            return try #require(
                try Receipt(receipt, ledger: ledger.signer.publicKey).outcomes.first)
        }
        // A book that has read nothing yet, and one that has.
        for _ in 0..<2 {
            #expect(try outcome(3_000, Sunday.noon + 2 * day, by: ledger.book) == .settled)
            #expect(try outcome(3_001, Sunday.noon + 2 * day, by: ledger.book) == over)
        }
        #expect(try outcome(3_000, Sunday.noon + 13 * day, by: Book(ledger.address)) == .settled)
        // The first policy lived for fourteen days, and an hour for what was begun in time.
        let end = Sunday.noon + 14 * day + 3_600_000
        #expect(try outcome(3_000, end, by: ledger.book) == .settled)
        #expect(try outcome(3_000, end + 1_000, by: ledger.book) == over)
        let late = Sunday.noon + 15 * day
        #expect(try outcome(1_000, late, by: ledger.book) == .settled)
        #expect(try outcome(3_000, late, by: ledger.book) == over)
        #expect(try outcome(3_000, late, .untrusted, by: ledger.book) == .settled)
        #expect(try outcome(3_001, late, .untrusted, by: ledger.book) == over)
        // Today's settings, before the terminal has them, and a policy that came since.
        var settings = try ledger.book.settings()
        settings.paymentCents = 4_000
        try ledger.book.set(settings)
        #expect(try outcome(4_000, late, by: ledger.book) == .settled)
        try give(ledger, till, 5_000, at: late)
        settings.paymentCents = 100
        try ledger.book.set(settings)
        #expect(try outcome(5_000, late, by: ledger.book) == .settled)
        #expect(try outcome(5_001, late, by: ledger.book) == over)
        #expect(try ledger.book.audit().faults == [])
    }
}

extension TestLedger {
    /// The name of an authorisation; empty, and told, when it is not given.
    func approval(
        _ till: Till, _ card: SoftwareCard, _ cents: Int64, _ id: EntryID, by other: Book? = nil
    ) throws -> [UInt8] {
        let request = AuthorisationRequest(
            entry: id, card: card.number, amount: try #require(Amount(cents: cents)),
            sun: try card.read(digest: [UInt8](repeating: 0, count: 16)))
        let answer = try (other ?? book).authorise(
            request, from: till.kid, authority: authority, now: Sunday.noon)
        guard case .approved(let name, _) = answer else {
            Issue.record("\(answer)")
            return []
        }
        return name
    }
}
