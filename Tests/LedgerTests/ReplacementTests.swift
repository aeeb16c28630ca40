import LedgerBook
import LedgerMessages
import Operations
import SQLite
import Testing
import Tokens

extension Till {
    func enrol(
        _ card: SoftwareCard, replaces old: SoftwareCard? = nil, id: EntryID? = nil,
        sealed: [UInt8]? = nil, isTraining: Bool = false
    ) -> [UInt8] {
        append(
            .enrolment(
                Enrolment(
                    card: card.number, tokenHash: [UInt8](repeating: 1, count: 32),
                    consents: [Consent(textVersion: "carte-2026-1", time: Sunday.noon)],
                    sealed: sealed, replaces: old?.number)),
            id: id, isTraining: isTraining)
    }
}

/// A card that replaces a lost one: its account moves once, when somebody says so, and whatever
/// comes later finds it.
@Suite struct ReplacementTests {
    let ledger: TestLedger
    let lost: SoftwareCard
    let fresh: SoftwareCard
    let till: Till
    let held = Outcome.held(code: "replacement")

    init() throws {
        ledger = try TestLedger()
        lost = try ledger.card()
        fresh = try ledger.card(0)
        till = try ledger.till()
    }

    private func send(_ entry: [UInt8]) throws -> Outcome {
        try #require(try ledger.send(till, [entry]).outcomes.first)
    }

    private func release(_ sequence: UInt64? = nil) throws {
        try ledger.book.decide(
            terminal: till.kid, sequence: sequence ?? till.sequence, release: true,
            reason: "seen her membership", now: Sunday.noon)
    }

    /// Money of the ledger is what it was: nothing is made, nothing lost.
    private func check(_ balances: (SoftwareCard, Int64)...) throws {
        for (card, cents) in balances { #expect(try ledger.balance(card) == cents) }
        #expect(try ledger.book.audit().faults == [])
    }

    /// The association trusts its volunteers.
    private func atOnce() throws {
        let rules = """
            "rules": {"refundOffline": false, "topUpOffline": false, "enrolmentOffline": true,
             "refundThresholdCents": 2000, "topUpThresholdCents": 0, "topUpLimitCents": 10000,
             "replacementAtOnce": true}, "catalogue"
            """
        let json = TestLedger.policy.replacing("\"catalogue\"", with: rules)
        try ledger.book.set(try PolicySettings(json: Array(json.utf8)))
    }

    @Test func `A claim blocks the lost card and waits; released, the account moves`() throws {
        #expect(try send(till.enrol(fresh, replaces: lost, sealed: [7])) == held)
        #expect(try ledger.book.card(lost.number)?.isBlocked == true)
        try check((lost, 10_000), (fresh, 0))
        #expect(try ledger.book.sealedEnrolments().map(\.sealed) == [[7]], "whom to call")
        #expect(try ledger.book.held().map(\.reason) == ["replacement"])
        #expect(try ledger.book.claimed(terminal: till.id, sequence: 1) == lost.number)
        try release()
        try check((lost, 0), (fresh, 10_000))
        #expect(try ledger.book.replacement(of: lost.number) == fresh.number)
        #expect(
            try ledger.flags().sorted()
                == ["card-blocked-by-terminal", "card-replaced", "released"])
        #expect(throws: BookError.notHeld) { try release() }
        // The new card pays with it.
        #expect(try send(try till.pay(fresh, 2_500)) == .settled)
        try check((lost, 0), (fresh, 7_500))
    }

    @Test func `Refused, the card stays a card, without the account`() throws {
        #expect(try send(till.enrol(fresh, replaces: lost)) == held)
        try ledger.book.decide(
            terminal: till.kid, sequence: till.sequence, release: false, reason: "not hers",
            now: Sunday.noon)
        try check((lost, 10_000), (fresh, 0))
        #expect(try ledger.book.operations(from: 0, to: .max).map(\.count) == [1], "it was given")
        #expect(try ledger.book.setBlocked(false, card: lost.number, now: Sunday.noon))
        #expect(try send(try till.pay(lost, 100)) == .settled)
    }

    @Test func `Where the policy says so the account moves at once`() throws {
        try atOnce()
        #expect(try send(till.enrol(fresh, replaces: lost)) == .settled)
        try check((lost, 0), (fresh, 10_000))
        #expect(try ledger.book.card(lost.number)?.isBlocked == true)
    }

    @Test func `Sent twice, or told twice, the account moves once`() throws {
        try atOnce()
        let id = EntryID(milliseconds: Sunday.noon)
        let entry = till.enrol(fresh, replaces: lost, id: id)
        let first = try ledger.sendRaw(till, [entry])
        #expect(try ledger.sendRaw(till, [entry]) == first)
        #expect(try send(till.enrol(fresh, replaces: lost, id: id)) == .duplicate)
        // Another operation over the same two cards finds that it was done.
        #expect(try send(till.enrol(fresh, replaces: lost)) == .held(code: "replaced-before"))
        #expect(throws: BookError.malformed("it cannot be booked: replaced-before")) {
            try release()
        }
        try check((lost, 0), (fresh, 10_000))
    }

    @Test func `A card is replaced once: of two claims the second is never released`() throws {
        let other = try ledger.card(0)
        #expect(try send(till.enrol(fresh, replaces: lost)) == held)
        #expect(try send(till.enrol(other, replaces: lost)) == held)
        try release(2)
        #expect(throws: BookError.malformed("it cannot be booked: replaced-before")) {
            try release(1)
        }
        try check((lost, 0), (fresh, 0), (other, 10_000))
    }

    @Test func `What the lost card paid before and what comes late meets the account`() throws {
        // Paid at a stall without a network, sent after the account has moved.
        let late = try till.pay(lost, 1_500)
        let stall = try ledger.till()
        let claim = stall.enrol(fresh, replaces: lost)
        #expect(try ledger.send(stall, [claim]).outcomes == [held])
        try ledger.book.decide(
            terminal: stall.kid, sequence: 1, release: true, reason: "ok", now: Sunday.noon)
        try check((lost, 0), (fresh, 10_000))
        #expect(try send(late) == .held(code: "card-blocked"))
        try release()
        try check((lost, 0), (fresh, 8_500))
        // The lost card itself is worth nothing any more, and stays so.
        #expect(try send(try till.pay(lost, 100)) == .held(code: "card-blocked"))
        #expect(throws: BookError.cardReplaced) {
            try ledger.book.setBlocked(false, card: lost.number, now: Sunday.noon)
        }
        try check((lost, 0), (fresh, 8_500))
    }

    @Test func `A payment that is undone afterwards comes back to the new card`() throws {
        let id = EntryID(milliseconds: Sunday.noon)
        #expect(try send(try till.pay(lost, 1_000, id: id)) == .settled)
        #expect(try send(till.enrol(fresh, replaces: lost)) == held)
        try release()
        #expect(try send(till.reverse(id)) == .settled)
        try check((lost, 0), (fresh, 10_000))
    }

    @Test func `A debt goes along, and an empty account moves nothing`() throws {
        #expect(try send(try till.pay(lost, 12_000)) == .settled)
        #expect(try send(till.enrol(fresh, replaces: lost)) == held)
        try release()
        try check((lost, 0), (fresh, -2_000))
        let (empty, next) = (try ledger.card(0), try ledger.card(0))
        #expect(try send(till.enrol(next, replaces: empty)) == held)
        try release()
        try check((empty, 0), (next, 0))
        #expect(try ledger.book.replacement(of: empty.number) == next.number)
    }

    @Test func `What the new card had already stays beside what it gets`() throws {
        let used = try ledger.card(300)
        #expect(try send(till.enrol(used, replaces: lost)) == held)
        try release()
        try check((lost, 0), (used, 10_300))
    }

    @Test func `A chain of replacements leads to the last card, in whatever order`() throws {
        let last = try ledger.card(0)
        #expect(try send(till.enrol(fresh, replaces: lost)) == held)
        #expect(try send(till.enrol(last, replaces: fresh)) == held)
        // The second loss is decided first: the first account goes on to the last card.
        try release(2)
        try check((lost, 10_000), (fresh, 0), (last, 0))
        try release(1)
        try check((lost, 0), (fresh, 0), (last, 10_000))
        #expect(try ledger.book.replacement(of: lost.number) == last.number)
        // The last card is not replaced by one of its own past.
        #expect(try send(till.enrol(lost, replaces: last)) == .held(code: "replaced-itself"))
        #expect(throws: BookError.malformed("it cannot be booked: replaced-itself")) {
            try release(3)
        }
        try check((lost, 0), (fresh, 0), (last, 10_000))
    }

    @Test func `Claims that cannot be true are held with their reason`() throws {
        let unknown = try SoftwareCard(serial: 4_711, keys: ledger.keys)
        #expect(try send(till.enrol(fresh, replaces: unknown)) == .held(code: "replaced-unknown"))
        #expect(try send(till.enrol(unknown, replaces: lost)) == .held(code: "card-unknown"))
        #expect(try ledger.book.card(lost.number)?.isBlocked == false)
        #expect(try send(till.enrol(lost, replaces: lost)) == .held(code: "replaced-itself"))
        #expect(try ledger.book.card(lost.number)?.isBlocked == false, "it is in her hand")
        _ = try ledger.book.setBlocked(true, card: fresh.number, now: Sunday.noon)
        #expect(try send(till.enrol(fresh, replaces: lost)) == .held(code: "card-blocked"))
        for sequence in UInt64(1)...4 {
            #expect(throws: BookError.self, "\(sequence)") { try release(sequence) }
        }
        try check((lost, 10_000), (fresh, 0))
    }

    @Test func `A card given twice is flagged, training moves and blocks nothing`() throws {
        #expect(try send(till.enrol(fresh)) == .settled)
        #expect(try send(till.enrol(fresh)) == .settled)
        #expect(try ledger.flags() == ["enrolled-again"])
        #expect(try send(till.enrol(fresh, replaces: lost, isTraining: true)) == .settled)
        #expect(try ledger.book.card(lost.number)?.isBlocked == false)
        try check((lost, 10_000), (fresh, 0))
    }

    @Test func `Nobody changes the past, not even by hand`() throws {
        #expect(try send(till.enrol(fresh, replaces: lost)) == held)
        try release()
        let database = try ledger.sql()
        for statement in [
            "UPDATE replacements SET new = old", "DELETE FROM replacements",
            "INSERT INTO replacements(entry, old, new) SELECT 9, old, new FROM replacements",
        ] {
            #expect(throws: SQLiteError.self, "\(statement)") { try database.run(statement) }
        }
        try database.run("UPDATE cards SET blocked = 0")
        #expect(try ledger.book.audit().faults.count == 1)
    }
}
