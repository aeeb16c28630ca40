import COSE
import Crypto
import LedgerBook
import LedgerMessages
import Operations
import SQLite
import Testing
import Tokens

extension Till {
    /// What a card signs for an operation of this terminal.
    func proof(
        _ kind: EntryKind, _ quantity: Int64, _ id: EntryID, _ card: SoftwareCard
    ) throws -> CardProof {
        let digest = transactionDigest(
            terminal: kid, entry: id, kind: kind, quantity: quantity, card: card.number)
        return CardProof(
            card: card.number, tokenHash: [UInt8](repeating: 1, count: 32),
            evidence: try card.read(digest: digest))
    }

    func refund(_ payment: EntryID, _ card: SoftwareCard, _ cents: Int64) throws -> [UInt8] {
        let id = EntryID(milliseconds: Sunday.noon)
        return append(
            .refund(
                Refund(
                    amount: Amount(cents: cents)!, proof: try proof(.refund, cents, id, card),
                    payment: payment)), id: id)
    }

    func topUp(_ card: SoftwareCard, _ cents: Int64, id: EntryID? = nil) throws -> [UInt8] {
        let id = id ?? EntryID(milliseconds: Sunday.noon)
        return append(
            .topUp(
                TopUp(
                    amount: Amount(cents: cents)!, proof: try proof(.topUp, cents, id, card),
                    means: .cash)), id: id)
    }

    func act(
        _ card: SoftwareCard, _ quantity: Int64, code: String = "repas", id: EntryID? = nil
    ) throws -> [UInt8] {
        let id = id ?? EntryID(milliseconds: Sunday.noon)
        return append(
            .action(
                EcoAction(
                    code: code, quantity: quantity, proof: try proof(.action, quantity, id, card),
                    parcours: .cuisinesContributives)), id: id)
    }

    func close(
        _ number: UInt64, from: UInt64, _ totals: PeriodTotals, _ perpetual: Int64,
        to: UInt64? = nil, period: ClosurePeriod = .day
    ) -> [UInt8] {
        append(
            .closure(
                Closure(
                    period: period, number: number, from: from, to: to ?? sequence,
                    totals: totals, perpetual: perpetual, unsent: 0)))
    }

    func reverse(_ id: EntryID, time: UInt64 = Sunday.noon) -> [UInt8] {
        append(.reversal(Reversal(entry: id, reason: .wrongEntry)), time: time)
    }
}

/// What is no payment, seen from the ledger.
@Suite struct OperationBookTests {
    private func made(_ store: Store) throws -> (TestLedger, SoftwareCard, Till) {
        let ledger = try TestLedger(store)
        return (ledger, try ledger.card(), try ledger.till())
    }

    private func declined(_ code: String) -> Outcome { .declined(code: code) }

    @Test(arguments: Store.all)
    func `Refunds give back the payment to the cent, to its card, and no cent more`(store: Store)
        throws
    {
        let (ledger, card, till) = try made(store)
        let id = EntryID(milliseconds: Sunday.noon)
        #expect(try ledger.outcome(till, try till.pay(card, 1_000, id: id)) == .settled)
        let other = try ledger.card()
        #expect(
            try ledger.outcome(till, try till.refund(id, other, 100))
                == declined("refund-other-card"))
        #expect(
            try ledger.outcome(till, try till.refund(id, card, 1_001))
                == declined("refund-over-remainder"))
        #expect(try ledger.outcome(till, try till.refund(id, card, 400)) == .settled)
        #expect(
            try ledger.outcome(till, try till.refund(id, card, 601))
                == declined("refund-over-remainder"))
        #expect(try ledger.outcome(till, try till.refund(id, card, 600)) == .settled)
        #expect(
            try ledger.outcome(till, try till.refund(id, card, 1))
                == declined("refund-over-remainder"))
        #expect(try ledger.outcome(till, till.reverse(id)) == declined("already-refunded"))
        #expect(
            try ledger.outcome(till, try till.refund(EntryID(milliseconds: 1), card, 1))
                == .held(code: "payment-unknown"))
        #expect(try ledger.balance(card) == 10_000)
        let totals = try ledger.book.operations(from: 0, to: .max)
        #expect(totals.map(\.kind) == [.refund] && totals.map(\.sum) == [1_000])
        #expect(try ledger.book.audit().faults == [])
    }

    @Test(arguments: Store.all)
    func `A reversal cancels once, on its day, before the day is closed`(store: Store) throws {
        let (ledger, card, till) = try made(store)
        let (first, second) = (EntryID(milliseconds: 1), EntryID(milliseconds: 2))
        let third = EntryID(milliseconds: 3)
        _ = try ledger.send(till, [try till.pay(card, 300, id: first)])
        #expect(try ledger.outcome(till, till.reverse(first)) == .settled)
        #expect(try ledger.outcome(till, till.reverse(first)) == declined("already-reversed"))
        #expect(
            try ledger.outcome(till, try till.refund(first, card, 1))
                == declined("payment-reversed"))
        #expect(try ledger.balance(card) == 10_000)
        _ = try ledger.send(till, [try till.act(card, 2_000, id: second)])
        #expect(try ledger.outcome(till, till.reverse(second)) == .settled)
        #expect(try ledger.book.operations(from: 0, to: .max).allSatisfy { $0.kind != .action })
        _ = try ledger.send(till, [try till.pay(card, 300, id: third)])
        let midnight = UTCDay.length * (UTCDay.number(Sunday.noon) + 1)
        #expect(
            try ledger.outcome(till, till.reverse(third, time: midnight)) == declined("day-closed"))
        #expect(try ledger.book.audit().faults == [])
    }

    @Test(arguments: Store.all)
    func `A top-up issues money against the terminal's means, within the policy`(store: Store)
        throws
    {
        let (ledger, card, till) = try made(store)
        let issued = try ledger.book.issued()
        #expect(try ledger.outcome(till, try till.topUp(card, 10_000)) == .settled)
        #expect(
            try ledger.outcome(till, try till.topUp(card, 10_001))
                == .held(code: "top-up-over-limit"))
        #expect(try ledger.balance(card) == 20_000)
        #expect(try ledger.book.issued() == issued + 10_000)
        #expect(try ledger.book.audit().faults == [])
    }

    @Test(arguments: Store.all)
    func `Actions are counted in units up to the day's limit, never as money`(store: Store) throws {
        let (ledger, card, till) = try made(store)
        #expect(try ledger.outcome(till, try till.act(card, 5_000)) == .settled)
        #expect(
            try ledger.outcome(till, try till.act(card, 2_000)) == .held(code: "action-over-limit"))
        #expect(try ledger.outcome(till, try till.act(card, 1_000)) == .settled)
        #expect(
            try ledger.outcome(till, try till.act(card, 1_000, code: "autre"))
                == .held(code: "action-unknown"))
        let other = try ledger.card()
        #expect(
            try ledger.outcome(till, try till.act(other, 1_500)) == .held(code: "action-over-limit")
        )
        let totals = try ledger.book.operations(from: 0, to: .max)
        #expect(totals.map(\.code) == ["repas"] && totals.map(\.sum) == [6_000])
        #expect(try ledger.balance(card) == 10_000)
        #expect(try ledger.book.audit().faults == [])
    }

    @Test(arguments: Store.all)
    func `A cryptogram of one kind, amount, card or id never settles another`(store: Store) throws {
        let (ledger, card, till) = try made(store)
        let id = EntryID(milliseconds: Sunday.noon)
        let true1 = try till.proof(.topUp, 500, id, card)
        func topUp(_ cents: Int64, _ proof: CardProof, _ id: EntryID) -> [UInt8] {
            till.append(
                .topUp(TopUp(amount: Amount(cents: cents)!, proof: proof, means: .cash)), id: id)
        }
        let action = EcoAction(
            code: "repas", quantity: 1_000, proof: try till.proof(.topUp, 1_000, id, card),
            parcours: .cuisinesContributives)
        let lies = [
            topUp(501, true1, id), topUp(500, true1, EntryID(milliseconds: 7)),
            till.append(.action(action), id: id),
            till.append(
                .refund(Refund(amount: Amount(cents: 500)!, proof: true1, payment: id)), id: id),
        ]
        #expect(
            try ledger.send(till, lies).outcomes
                == [Outcome](repeating: declined("evidence-digest"), count: 4))
        guard case .sdm(let piccData, var mac, let digest) = true1.evidence else { return }
        mac[0] ^= 1
        let forged = CardProof(
            card: card.number, tokenHash: true1.tokenHash,
            evidence: .sdm(piccData: piccData, mac: mac, digest: digest))
        #expect(try ledger.outcome(till, topUp(500, forged, id)) == declined("evidence-forged"))
        #expect(try ledger.outcome(till, topUp(500, true1, id)) == .settled)
        #expect(try ledger.outcome(till, topUp(500, true1, id)) == .duplicate)
        #expect(try ledger.balance(card) == 10_500)
    }

    @Test(arguments: Store.all)
    func `A lost card stands on the deny-list from the entry on`(store: Store) throws {
        let (ledger, card, till) = try made(store)
        let event = CardEvent(card: card.number, what: .lost, reporter: .holder)
        #expect(try ledger.outcome(till, till.append(.cardEvent(event))) == .settled)
        #expect(try ledger.book.denyList(since: 0).added == [card.number])
        #expect(try ledger.outcome(till, try till.topUp(card, 100)) == .held(code: "card-blocked"))
        #expect(try ledger.flags() == ["card-blocked-by-terminal"])
        let found = CardEvent(card: card.number, what: .found, reporter: .merchant)
        #expect(try ledger.outcome(till, till.append(.cardEvent(found))) == .settled)
        #expect(try ledger.book.denyList(since: 0).added == [card.number])
    }

    @Test(arguments: Store.all)
    func `A closure settles only when the ledger saw the same`(store: Store) throws {
        let (ledger, card, till) = try made(store)
        var totals = PeriodTotals.none
        totals.payments = KindTotal(count: 1, sum: 250)
        func close(_ number: UInt64, from: UInt64, _ totals: PeriodTotals, _ perpetual: Int64)
            -> [UInt8]
        { till.close(number, from: from, totals, perpetual) }
        _ = try ledger.outcome(till, try till.pay(card, 250))
        #expect(
            try ledger.outcome(till, close(2, from: 1, totals, 250))
                == .held(code: "closure-number"))
        #expect(
            try ledger.outcome(till, close(1, from: 1, .none, 250)) == .held(code: "closure-totals")
        )
        #expect(
            try ledger.outcome(till, close(1, from: 1, totals, 251))
                == .held(code: "closure-perpetual"))
        #expect(try ledger.outcome(till, close(1, from: 1, totals, 250)) == .settled)
        #expect(
            try ledger.outcome(till, close(2, from: 1, .none, 250)) == .held(code: "closure-number")
        )
        #expect(
            try ledger.outcome(till, till.reverse(EntryID(milliseconds: 9)))
                == .held(code: "entry-unknown"))
    }

    @Test(arguments: Store.all)
    func `A person releases or refuses a held entry once, with a reason`(store: Store) throws {
        let (ledger, card, till) = try made(store)
        #expect(
            try ledger.outcome(till, try till.topUp(card, 20_000))
                == .held(code: "top-up-over-limit"))
        #expect(
            try ledger.outcome(till, try till.topUp(card, 30_000))
                == .held(code: "top-up-over-limit"))
        let book = ledger.book
        func decide(_ sequence: UInt64, _ release: Bool, _ reason: String) throws {
            try book.decide(
                terminal: till.kid, sequence: sequence, release: release, reason: reason,
                now: Sunday.noon)
        }
        #expect(throws: BookError.malformed("reason")) { try decide(1, true, "") }
        try decide(1, true, "seen the slip")
        #expect(throws: BookError.notHeld) { try decide(1, true, "again") }
        try decide(2, false, "nobody paid")
        #expect(throws: BookError.notHeld) { try decide(2, true, "after all") }
        #expect(throws: BookError.notHeld) { try decide(3, true, "what") }
        #expect(try ledger.balance(card) == 30_000)
        #expect(try book.held().isEmpty)
        #expect(try ledger.flags() == ["released"])
        #expect(try book.audit().faults == [])
    }

    @Test(arguments: Store.all)
    func `Releasing asks for money and limits again`(store: Store) throws {
        let (ledger, card, till) = try made(store)
        let id = EntryID(milliseconds: 5)
        #expect(try ledger.outcome(till, try till.topUp(card, 500, id: id)) == .settled)
        #expect(try ledger.outcome(till, till.reverse(id)) == .held(code: "reversal-top-up"))
        #expect(try ledger.outcome(till, till.reverse(id)) == .held(code: "reversal-top-up"))
        let orphan = try till.refund(EntryID(milliseconds: 6), card, 100)
        #expect(try ledger.outcome(till, orphan) == .held(code: "payment-unknown"))
        func release(_ sequence: UInt64) throws {
            try ledger.book.decide(
                terminal: till.kid, sequence: sequence, release: true, reason: "slip",
                now: Sunday.noon)
        }
        try release(2)
        #expect(try ledger.balance(card) == 10_000)
        #expect(throws: BookError.notBookable("already-reversed")) {
            try release(3)
        }
        #expect(throws: BookError.notBookable("payment-unknown")) {
            try release(4)
        }
        #expect(try ledger.book.held().count == 2, "what was not booked still waits")
        #expect(try ledger.balance(card) == 10_000)
        #expect(try ledger.book.audit().faults == [])
    }

    @Test(arguments: Store.all)
    func `Training of every kind moves nothing`(store: Store) throws {
        let (ledger, card, till) = try made(store)
        let id = EntryID(milliseconds: Sunday.noon)
        let body = EntryBody.topUp(
            TopUp(
                amount: Amount(cents: 500)!, proof: try till.proof(.topUp, 500, id, card),
                means: .cash))
        #expect(try ledger.outcome(till, till.append(body, id: id, isTraining: true)) == .settled)
        #expect(try ledger.balance(card) == 10_000)
        #expect(try ledger.book.operations(from: 0, to: .max).isEmpty)
    }

    /// Before entries had rows of their terminal, both tables counted from 1 on their own.
    @Test func `A held entry of an older book is released`() throws {
        let (ledger, card, till) = try made(.sqlite)
        #expect(
            try ledger.outcome(till, try till.topUp(card, 20_000))
                == .held(code: "top-up-over-limit"))
        let database = try ledger.sql()
        for table in ["entries", "card_counters", "transactions", "postings"] {
            try database.unguard(table)
        }
        try database.run("PRAGMA defer_foreign_keys=1")
        try database.run("DELETE FROM card_counters")
        try database.run("UPDATE entries SET id = 1")
        try database.run("INSERT INTO transactions(id, what, time) VALUES(1, 'top-up', 0)")
        try database.run(
            "INSERT INTO postings VALUES(1, 'issuance', -5), (1, 'merchant:0', 5)")
        try ledger.book.decide(
            terminal: till.kid, sequence: 1, release: true, reason: "slip", keys: ledger.keys,
            now: Sunday.noon)
        #expect(try ledger.balance(card) == 30_000)
    }

    @Test func `A book of the first version is brought up with its money`() throws {
        let (ledger, card, till) = try made(.sqlite)
        _ = try ledger.send(till, [try till.pay(card, 250)])
        let database = try ledger.sql()
        try database.takeBackChain()
        let later = ["links", "actions", "enrolments", "closures", "verdicts", "sealing"]
        for table in later + ["terminal_status", "deny_reasons", "setting_versions"]
            + ["card_epochs", "replacements", "balances", "counters"]
        {
            try database.run("DROP TABLE \(table)")
        }
        for name in ["deny_changes_card", "authorisations_card"] {
            try database.run("DROP INDEX \(name)")
        }
        try database.run("DROP TRIGGER postings_balance")
        try database.run("PRAGMA user_version=1")
        let book = try Book(ledger.address)
        #expect(try book.balance(of: card.number, now: Sunday.noon).cents == 9_750)
        #expect(try book.audit().faults == [])
        #expect(throws: SQLFailure.self) { try database.run("DELETE FROM postings") }
    }
}
