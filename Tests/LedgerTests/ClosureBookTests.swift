import LedgerBook
import LedgerMessages
import Operations
import SQLite
import TestSupport
import Testing

/// Closures that say what the ledger did not see, and what a person makes of them.
@Suite struct ClosureBookTests {
    private func made(_ store: Store) throws -> (TestLedger, SoftwareCard, Till) {
        let ledger = try TestLedger(store)
        return (ledger, try ledger.card(), try ledger.till())
    }

    private func decide(
        _ ledger: TestLedger, _ till: Till, _ sequence: UInt64, release: Bool = true
    ) throws {
        try ledger.book.decide(
            terminal: till.kid, sequence: sequence, release: release, reason: "compared",
            now: Sunday.noon)
    }

    private func payments(_ count: UInt64, _ sum: Int64) -> PeriodTotals {
        var totals = PeriodTotals.none
        totals.payments = KindTotal(count: count, sum: sum)
        return totals
    }

    @Test(arguments: Store.all)
    func `A perpetual total at the end of all numbers ends nothing`(store: Store) throws {
        let (ledger, card, till) = try made(store)
        for cents in [.max, Amount.sumMax + 1, -Amount.sumMax - 1, .min] as [Int64] {
            let other = try ledger.till()
            #expect(throws: BookError.malformed("entry: closure perpetual")) {
                try ledger.send(other, [other.close(1, from: 1, .none, cents, to: 1)])
            }
        }
        // The furthest there is, accepted by a person: sums go on from it.
        _ = try ledger.send(till, [try till.pay(card, 250)])
        #expect(
            try ledger.outcome(till, till.close(1, from: 1, payments(1, 250), Amount.sumMax))
                == .held(code: "closure-perpetual"))
        try decide(ledger, till, 2)
        _ = try ledger.send(till, [try till.pay(card, 100)])
        #expect(
            try ledger.outcome(till, till.close(2, from: 2, payments(1, 100), 350))
                == .held(code: "closure-perpetual"))
        #expect(try ledger.outcome(till, till.event()) == .settled)
        #expect(try ledger.book.audit().faults == [])
    }

    @Test(arguments: Store.all)
    func `What an older program took of a perpetual total is added to without a trap`(
        store: Store
    ) throws {
        let (ledger, card, till) = try made(store)
        let totals = payments(1, 250)
        _ = try ledger.send(till, [try till.pay(card, 250), till.close(1, from: 1, totals, 250)])
        let database = try ledger.sql()
        try database.unguard("closures")
        try database.run("UPDATE closures SET perpetual = $1", [.integer(.max)])
        _ = try ledger.send(till, [try till.pay(card, 250)])
        #expect(
            try ledger.outcome(till, till.close(2, from: 2, totals, 500))
                == .held(code: "closure-perpetual"))
    }

    @Test(arguments: Store.all)
    func `A closure is released in its place alone`(store: Store) throws {
        let (ledger, card, till) = try made(store)
        _ = try ledger.send(till, [try till.pay(card, 250)])
        let wrong: [[UInt8]] = [
            till.close(9, from: 1, payments(1, 250), 250), till.close(1, from: 2, .none, 250),
            till.close(1, from: 1, payments(1, 250), 250, to: 9),
            till.close(1, from: 1, .none, 250),
        ]
        #expect(
            try ledger.send(till, wrong).outcomes
                == [
                    .held(code: "closure-number"), .held(code: "closure-number"),
                    .held(code: "closure-number"), .held(code: "closure-totals"),
                ])
        for sequence in 2...4 as ClosedRange<UInt64> {
            #expect(throws: BookError.notBookable("closure-number")) {
                try decide(ledger, till, sequence)
            }
        }
        try decide(ledger, till, 5)
        #expect(throws: BookError.notHeld) { try decide(ledger, till, 5) }
        #expect(try ledger.outcome(till, till.close(2, from: 5, .none, 250)) == .settled)
        #expect(try ledger.book.held().count == 3)
    }

    @Test(arguments: Store.all)
    func `After a refused closure the next ones go on`(store: Store) throws {
        let (ledger, card, till) = try made(store)
        _ = try ledger.send(till, [try till.pay(card, 250)])
        _ = try ledger.send(till, [till.close(1, from: 1, .none, 250)])
        #expect(
            try ledger.outcome(till, till.close(2, from: 2, .none, 250))
                == .held(code: "closure-number"))
        try decide(ledger, till, 2, release: false)
        try decide(ledger, till, 3)
        #expect(try ledger.outcome(till, till.close(3, from: 3, .none, 250)) == .settled)
        #expect(
            try ledger.outcome(till, till.close(1, from: 1, payments(1, 250), 250, period: .month))
                == .settled)
    }

    @Test(arguments: Store.all)
    func `A closed day takes no reversal, whatever else was closed since`(store: Store) throws {
        let (ledger, card, till) = try made(store)
        let (first, second) = (EntryID(milliseconds: 1), EntryID(milliseconds: 2))
        let totals = payments(1, 250)
        let closed = [
            try till.pay(card, 250, id: first), till.close(1, from: 1, totals, 250),
            till.close(1, from: 1, totals, 250, period: .month),
        ]
        #expect(try ledger.send(till, closed).outcomes == [.settled, .settled, .settled])
        #expect(try ledger.outcome(till, till.reverse(first)) == .declined(code: "day-closed"))
        _ = try ledger.send(till, [try till.pay(card, 100, id: second)])
        #expect(try ledger.outcome(till, till.reverse(second)) == .settled)
    }

    @Test(arguments: Store.all)
    func `What was practised is in no total`(store: Store) throws {
        let (ledger, card, till) = try made(store)
        let id = EntryID(milliseconds: 1)
        let evidence = try card.read(digest: till.digest(id, 900, card.number))
        let practised = till.append(
            .payment(till.payment(card, 900, evidence)), id: id, isTraining: true)
        let batch = [
            practised, try till.pay(card, 250), till.close(1, from: 1, payments(1, 250), 250),
        ]
        #expect(try ledger.send(till, batch).outcomes == [.settled, .settled, .settled])
    }

    /// Its day was open when it came, and is closed when somebody looks at it.
    @Test(arguments: Store.all)
    func `A reversal that waited is released after its day was closed`(store: Store) throws {
        let (ledger, card, till) = try made(store)
        let id = EntryID(milliseconds: Sunday.noon)
        let waiting = [try till.pay(card, 2_001, id: id), till.reverse(id)]
        #expect(
            try ledger.send(till, waiting).outcomes
                == [.held(code: "over-limit"), .held(code: "target-not-settled")])
        try decide(ledger, till, 1)
        #expect(try ledger.balance(card) == 7_999)
        var totals = payments(1, 2_001)
        totals.reversals = KindTotal(count: 1, sum: 2_001)
        #expect(try ledger.outcome(till, till.close(1, from: 1, totals, 0)) == .settled)
        try decide(ledger, till, 2)
        #expect(try ledger.balance(card) == 10_000)
        #expect(try ledger.book.audit().faults == [])
    }

    @Test(arguments: Store.all)
    func `A perpetual total goes on from the newest closure of any period`(store: Store) throws {
        let (ledger, card, till) = try made(store)
        let totals = payments(1, 250)
        let closures = [
            try till.pay(card, 250), till.close(1, from: 1, totals, 250),
            till.close(1, from: 1, totals, 999, period: .month),
        ]
        #expect(
            try ledger.send(till, closures).outcomes
                == [.settled, .settled, .held(code: "closure-perpetual")])
        // Accepted by a person: sums go on from it.
        try decide(ledger, till, 3)
        _ = try ledger.send(till, [try till.pay(card, 100)])
        #expect(
            try ledger.outcome(till, till.close(2, from: 2, payments(1, 100), 1_099)) == .settled)
    }

    @Test(arguments: Store.all)
    func `Closures of one batch see what the batch itself brought`(store: Store) throws {
        let (ledger, card, till) = try made(store)
        let (first, second) = (EntryID(milliseconds: 1), EntryID(milliseconds: 2))
        var both = payments(2, 350)
        both.reversals = KindTotal(count: 1, sum: 100)
        var settled = [try till.pay(card, 250, id: first)]
        settled.append(till.close(1, from: 1, .none, 250))
        settled.append(try till.pay(card, 100, id: second))
        settled.append(till.close(1, from: 1, payments(1, 250), 250))
        settled.append(till.reverse(second))
        settled.append(till.close(1, from: 1, both, 250))
        settled.append(till.close(1, from: 1, both, 250, period: .month))
        settled.append(try till.pay(card, 30))
        settled.append(till.close(2, from: 6, payments(1, 30), 280))
        let held = Outcome.held(code: "closure-totals")
        #expect(
            try ledger.send(till, settled).outcomes == [
                .settled, held, .settled, held, .settled, .settled, .settled, .settled, .settled,
            ])
        #expect(try ledger.book.audit().faults == [])
    }

    /// Each names a stretch of the whole chain, and none is right.
    @Test func `A hundred held closures cost little more than one`() throws {
        let (ledger, _, till) = try made(.sqlite)
        for _ in 0..<3 { _ = try ledger.send(till, (0..<1_000).map { _ in till.event() }) }
        func time(_ count: Int) throws -> Duration {
            let wrong = (0..<count).map { _ in till.close(1, from: 1, payments(1, 1), 1) }
            let batch = try VerifiedBatch(wrong.flatMap { $0 }, key: till.signer.publicKey)
            return try Promised.processorTime {
                let receipt = try ledger.book.book(
                    batch, authority: ledger.authority, now: Sunday.noon)
                let outcomes = try Receipt(receipt, ledger: ledger.signer.publicKey).outcomes
                #expect(outcomes.allSatisfy { $0 == .held(code: "closure-totals") })
            }
        }
        let (one, many) = (try time(1), try time(100))
        #expect(many < one * 10, "\(one) and \(many)")
    }
}
