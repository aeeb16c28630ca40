import Cards
import Crypto
import LedgerBook
import LedgerMessages
import Operations
import SQLite
import Testing
import Tokens

/// Cards that were re-keyed, at the ledger: register, evidence, and an older file.
@Suite struct EpochTests {
    private static let both: [UInt8] = [1, 2]
    /// What was made under a key that is not the card's: one block in 256 looks like another
    /// card's when it is read.
    private static let wrongKey = ["evidence-forged", "evidence-uid"].map {
        [Outcome.declined(code: $0)]
    }

    /// A ledger whose keys have both epochs, and a card of epoch 1.
    private func ledger(_ store: Store) throws -> (TestLedger, SoftwareCard, Till) {
        let ledger = try TestLedger(store, keys: try TestKeys(epochs: Self.both))
        return (ledger, try ledger.card(), try ledger.till())
    }

    private func rekey(_ card: SoftwareCard, in ledger: TestLedger) throws {
        try ledger.book.registerCard(
            number: card.number, uid: card.uid, epoch: 2, cardClass: .member, now: Sunday.noon)
    }

    @Test(arguments: Store.all)
    func `a re-keyed card is registered again and pays under its new epoch`(store: Store) throws {
        let (ledger, card, till) = try ledger(store)
        try ledger.send(till, [try till.pay(card, 100)])
        card.epoch = 2
        let early = try ledger.send(till, [try till.pay(card, 200)])
        #expect(Self.wrongKey.contains(early.outcomes), "not yet told")
        try rekey(card, in: ledger)
        try rekey(card, in: ledger)
        let record = try #require(try ledger.book.card(card.number))
        #expect(record.epoch == 2 && record.epochs == [2, 1])
        #expect(try ledger.book.cards().count == 1)
        #expect(try ledger.send(till, [try till.pay(card, 400)]).outcomes == [.settled])
        #expect(try ledger.balance(card) == 9_500)
        #expect(try ledger.book.audit().faults == [])
    }

    @Test(arguments: Store.all)
    func `a payment made before the change settles after it, and its counter only once`(
        store: Store
    )
        throws
    {
        let (ledger, card, shop) = try ledger(store)
        let stall = try ledger.till()
        let waiting = try stall.pay(card, 100, counter: 5)
        card.epoch = 2
        try rekey(card, in: ledger)
        #expect(
            try ledger.send(shop, [try shop.pay(card, 200, counter: 6)]).outcomes == [.settled])
        #expect(try ledger.send(stall, [waiting]).outcomes == [.settled])
        // The same counter once more, under either epoch's keys, books nothing.
        let other = try ledger.till()
        let again = try other.pay(card, 400, counter: 5)
        card.epoch = 1
        let old = try other.pay(card, 800, counter: 6)
        #expect(
            try ledger.send(other, [again, old]).outcomes == [
                .held(code: "counter-repeated"), .held(code: "counter-repeated"),
            ])
        #expect(try ledger.balance(card) == 9_700)
        #expect(try ledger.book.audit().faults == [])
    }

    /// One block in 256 looks so under the wrong key, and may be the card's own.
    @Test(arguments: Store.all)
    func `what looks like another card's waits while an epoch's keys are missing`(
        store: Store
    ) throws {
        let ledger = try TestLedger(store)
        let (card, other, till) = (try ledger.card(), try ledger.card(), try ledger.till())
        try rekey(card, in: ledger)
        let id = EntryID(milliseconds: Sunday.noon)
        let evidence = try other.read(digest: till.digest(id, 100, card.number))
        let entry = till.append(.payment(till.payment(card, 100, evidence)), id: id)
        #expect(try ledger.outcome(till, entry) == .held(code: "epoch-unknown"))
    }

    @Test(arguments: Store.all)
    func `evidence of an epoch the card was never registered with is forged`(store: Store) throws {
        let (ledger, card, till) = try ledger(store)
        card.epoch = 2
        #expect(
            Self.wrongKey.contains(try ledger.send(till, [try till.pay(card, 100)]).outcomes))
        // Nor does one card's second epoch open another's.
        let other = try ledger.card()
        try rekey(other, in: ledger)
        #expect(
            Self.wrongKey.contains(try ledger.send(till, [try till.pay(card, 100)]).outcomes))
    }

    @Test(arguments: Store.all)
    func `while an epoch's keys are not at the ledger, its payments wait for a person`(store: Store)
        throws
    {
        let (ledger, card, till) = try ledger(store)
        let before = try till.pay(card, 100)
        card.epoch = 2
        try rekey(card, in: ledger)
        let after = try till.pay(card, 200)
        ledger.keys = TestKeys(ledger.keys, epochs: [2])
        let receipt = try ledger.send(till, [before, after])
        #expect(receipt.outcomes == [.held(code: "epoch-unknown"), .settled])
    }

    @Test(arguments: Store.all)
    func `another UID or class is no change of epoch`(store: Store) throws {
        let (ledger, card, _) = try ledger(store)
        for (uid, cardClass) in [(randomBytes(7), CardClass.member), (card.uid, .professional)] {
            #expect(throws: BookError.cardKnown) {
                try ledger.book.registerCard(
                    number: card.number, uid: uid, epoch: 2, cardClass: cardClass,
                    now: Sunday.noon)
            }
        }
        #expect(try ledger.book.card(card.number)?.epochs == [1])
    }

    @Test(arguments: Store.all)
    func `the page a phone opens knows a re-keyed card`(store: Store) throws {
        let (ledger, card, _) = try ledger(store)
        card.epoch = 2
        let digest = randomBytes(16)
        let keys = ledger.keys
        let sun = try card.read(digest: digest)
        #expect(try ledger.book.standing(of: sun, keys: keys).standing == .unknown)
        try rekey(card, in: ledger)
        let next = try card.read(digest: digest)
        #expect(try ledger.book.standing(of: next, keys: keys).standing == .valid)
    }

    @Test(arguments: Store.all)
    func `the database keeps epochs as they were registered`(store: Store) throws {
        let (ledger, card, _) = try ledger(store)
        try rekey(card, in: ledger)
        let database = try ledger.sql()
        for statement in [
            "UPDATE card_epochs SET epoch = 3", "DELETE FROM card_epochs",
            "INSERT INTO card_epochs SELECT card, 9, 2, 0 FROM card_epochs WHERE place = 1",
        ] {
            #expect(throws: SQLFailure.self, "\(statement)") { try database.run(statement) }
        }
    }

    @Test func `a book of an older version is brought up to date with every card's epoch`() throws {
        let (ledger, card, till) = try ledger(.sqlite)
        try ledger.send(till, [try till.pay(card, 100)])
        let database = try ledger.sql()
        try database.takeBackChain()
        for sql in [
            "DROP TABLE terminal_status", "DROP TABLE deny_reasons",
            "DROP TABLE setting_versions", "DROP TABLE replacements", "DROP INDEX enrolments_card",
            "DROP TABLE card_epochs", "DROP TABLE balances", "DROP TABLE counters",
            "DROP INDEX deny_changes_card", "DROP INDEX authorisations_card",
            "DROP TRIGGER postings_balance", "PRAGMA user_version=2",
        ] { try database.run(sql) }
        let book = try Book(ledger.address)
        #expect(try book.card(card.number)?.epochs == [1])
        try book.registerCard(
            number: card.number, uid: card.uid, epoch: 2, cardClass: .member, now: Sunday.noon)
        #expect(try Book(ledger.address).card(card.number)?.epochs == [2, 1])
        #expect(try book.audit().faults == [])
    }
}
