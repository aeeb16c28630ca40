import LedgerBook
import LedgerMessages
import Operations
import Testing
import Tokens

/// What books nothing although a card signed it, and what the rules must not count.
@Suite struct RefusalBookTests {
    private func made(_ store: Store) throws -> (TestLedger, SoftwareCard, Till) {
        let ledger = try TestLedger(store)
        return (ledger, try ledger.card(), try ledger.till())
    }

    @Test(arguments: Store.all)
    func `a card for practising pays nothing`(store: Store) throws {
        let (ledger, _, till) = try made(store)
        let card = try SoftwareCard(serial: 98, keys: ledger.keys)
        try ledger.book.registerCard(
            number: card.number, uid: card.uid, epoch: 1, cardClass: .training, now: Sunday.noon)
        #expect(try ledger.outcome(till, till.pay(card, 100)) == .held(code: "card-training"))
        #expect(try ledger.outcome(till, till.topUp(card, 100)) == .held(code: "card-training"))
        #expect(try ledger.balance(card) == 0 && ledger.taken() == 0)
    }

    @Test(arguments: Store.all)
    func `what is told of a card that nobody knows waits for a person`(store: Store) throws {
        let (ledger, _, till) = try made(store)
        let stranger = try SoftwareCard(serial: 99, keys: ledger.keys)
        let event = CardEvent(card: stranger.number, what: .lost, reporter: .holder)
        #expect(
            try ledger.outcome(till, till.append(.cardEvent(event)))
                == .held(code: "card-unknown"))
    }

    @Test(arguments: Store.all)
    func `money of a training payment is never given back`(store: Store) throws {
        let (ledger, card, till) = try made(store)
        let id = EntryID(milliseconds: Sunday.noon)
        let evidence = try card.read(digest: till.digest(id, 500, card.number))
        let entry = till.append(
            .payment(till.payment(card, 500, evidence)), id: id, isTraining: true)
        #expect(try ledger.outcome(till, entry) == .settled)
        #expect(
            try ledger.outcome(till, till.refund(id, card, 500)) == .declined(code: "refund-kind"))
        #expect(try ledger.outcome(till, till.reverse(id)) == .declined(code: "reversal-kind"))
        #expect(try ledger.balance(card) == 10_000)
    }

    @Test(arguments: Store.all)
    func `money of a payment that waits for a person is not given back`(store: Store) throws {
        let (ledger, card, till) = try made(store)
        let id = EntryID(milliseconds: Sunday.noon)
        #expect(
            try ledger.outcome(till, till.pay(card, 2_001, id: id)) == .held(code: "over-limit"))
        #expect(
            try ledger.outcome(till, till.refund(id, card, 2_001))
                == .held(code: "payment-not-settled"))
        #expect(try ledger.outcome(till, till.reverse(id)) == .held(code: "target-not-settled"))
        #expect(try ledger.balance(card) == 10_000)
        // Under the same id, the payment that was booked is the one that is meant.
        #expect(try ledger.outcome(till, till.pay(card, 1_000, id: id)) == .settled)
        #expect(
            try ledger.outcome(till, till.refund(id, card, 1_001))
                == .declined(code: "refund-over-remainder"))
        #expect(try ledger.outcome(till, till.refund(id, card, 1_000)) == .settled)
        #expect(try ledger.balance(card) == 10_000)
        #expect(try ledger.book.audit().faults == [])
    }

    @Test(arguments: Store.all)
    func `an action counts for its own code alone`(store: Store) throws {
        let (ledger, card, till) = try made(store)
        var settings = try ledger.book.settings()
        var other = try #require(settings.catalogue?.first)
        other.code = "partage"
        settings.catalogue?.append(other)
        try ledger.book.set(settings)
        #expect(try ledger.outcome(till, till.act(card, 5_000)) == .settled)
        #expect(try ledger.outcome(till, till.act(card, 5_000, code: "partage")) == .settled)
        #expect(
            try ledger.outcome(till, till.act(card, 5_000, code: "partage"))
                == .held(code: "action-over-limit"))
    }

    @Test(arguments: Store.all)
    func `a card that a terminal takes for a copy is blocked, with the reason`(store: Store) throws
    {
        let (ledger, card, till) = try made(store)
        let event = CardEvent(card: card.number, what: .cloneSuspected, reporter: .merchant)
        #expect(try ledger.outcome(till, till.append(.cardEvent(event))) == .settled)
        #expect(try ledger.book.denyList(since: 0).added == [card.number])
        #expect(try ledger.book.blockReasons().map(\.reason) == ["terminal-cloned"])
    }

    @Test(arguments: Store.all)
    func `two periods that meet count an operation once`(store: Store) throws {
        let (ledger, card, till) = try made(store)
        let id = EntryID(milliseconds: Sunday.noon)
        #expect(
            try ledger.send(till, [till.pay(card, 500, id: id), till.refund(id, card, 200)])
                .outcomes == [.settled, .settled])
        let book = ledger.book
        for (from, to, count) in [
            (0, Sunday.noon, 0), (Sunday.noon, Sunday.noon + 1, 1), (Sunday.noon + 1, .max, 0),
        ] as [(UInt64, UInt64, Int64)] {
            #expect(
                try book.operations(from: from, to: to).reduce(0) { $0 + $1.count } == count)
            #expect(try book.report(from: from, to: to).reduce(0) { $0 + $1.count } == count)
        }
    }
}
