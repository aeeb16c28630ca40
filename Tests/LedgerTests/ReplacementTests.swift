import LedgerBook
import LedgerMessages
import Operations
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

/// A ledger, a card that was lost, one that may replace it, and a terminal.
private struct Scene {
    let ledger: TestLedger
    let lost: SoftwareCard
    let fresh: SoftwareCard
    let till: Till
    let held = Outcome.held(code: "replacement")

    init(_ store: Store) throws {
        ledger = try TestLedger(store)
        var settings = try ledger.book.settings()
        settings.paymentCents = 20_000
        try ledger.book.set(settings)
        lost = try ledger.card()
        fresh = try ledger.card(0)
        till = try ledger.till()
    }

    func send(_ entry: [UInt8]) throws -> Outcome {
        try #require(try ledger.send(till, [entry]).outcomes.first)
    }

    func release(_ sequence: UInt64? = nil) throws {
        try ledger.book.decide(
            terminal: till.kid, sequence: sequence ?? till.sequence, release: true,
            reason: "seen her membership", now: Sunday.noon)
    }

    /// Money of the ledger is what it was: nothing is made, nothing lost.
    func check(_ balances: (SoftwareCard, Int64)...) throws {
        for (card, cents) in balances { #expect(try ledger.balance(card) == cents) }
        #expect(try ledger.book.audit().faults == [])
    }

    /// The association trusts its volunteers.
    func atOnce() throws {
        let rules = """
            "rules": {"refundOffline": false, "topUpOffline": false, "enrolmentOffline": true,
             "refundThresholdCents": 2000, "topUpThresholdCents": 0, "topUpLimitCents": 10000,
             "replacementAtOnce": true}, "catalogue"
            """
        let json = TestLedger.policy.replacing("\"catalogue\"", with: rules)
        try ledger.book.set(try PolicySettings(json: Array(json.utf8)))
    }
}

/// A card that replaces a lost one: its account moves once, when somebody says so, and whatever
/// comes later finds it.
@Suite struct ReplacementTests {
    @Test(arguments: Store.all)
    func `A claim blocks the lost card and waits; released, the account moves`(store: Store) throws
    {
        let scene = try Scene(store)
        #expect(
            try scene.send(scene.till.enrol(scene.fresh, replaces: scene.lost, sealed: [7]))
                == scene.held)
        #expect(try scene.ledger.book.card(scene.lost.number)?.isBlocked == true)
        let why = try #require(try scene.ledger.book.blockReasons().first)
        #expect(why.card == scene.lost.number && why.reason == "terminal-replaced")
        try scene.check((scene.lost, 10_000), (scene.fresh, 0))
        #expect(try scene.ledger.book.sealedEnrolments().map(\.sealed) == [[7]], "whom to call")
        #expect(try scene.ledger.book.held().map(\.reason) == ["replacement"])
        #expect(
            try scene.ledger.book.claimed(terminal: scene.till.id, sequence: 1) == scene.lost.number
        )
        try scene.release()
        try scene.check((scene.lost, 0), (scene.fresh, 10_000))
        #expect(try scene.ledger.book.replacement(of: scene.lost.number) == scene.fresh.number)
        #expect(
            try scene.ledger.flags().sorted()
                == ["card-blocked-by-terminal", "card-replaced", "released"])
        #expect(throws: BookError.notHeld) { try scene.release() }
        // The new card pays with it.
        #expect(try scene.send(try scene.till.pay(scene.fresh, 2_500)) == .settled)
        try scene.check((scene.lost, 0), (scene.fresh, 7_500))
    }

    @Test(arguments: Store.all)
    func `Refused, the card stays a card, without the account`(store: Store) throws {
        let scene = try Scene(store)
        #expect(try scene.send(scene.till.enrol(scene.fresh, replaces: scene.lost)) == scene.held)
        try scene.ledger.book.decide(
            terminal: scene.till.kid, sequence: scene.till.sequence, release: false,
            reason: "not hers",
            now: Sunday.noon)
        try scene.check((scene.lost, 10_000), (scene.fresh, 0))
        #expect(
            try scene.ledger.book.operations(from: 0, to: .max).map(\.count) == [1], "it was given")
        #expect(try scene.ledger.book.setBlocked(false, card: scene.lost.number, now: Sunday.noon))
        #expect(try scene.send(try scene.till.pay(scene.lost, 100)) == .settled)
    }

    @Test(arguments: Store.all)
    func `Where the policy says so the account moves at once`(store: Store) throws {
        let scene = try Scene(store)
        try scene.atOnce()
        #expect(try scene.send(scene.till.enrol(scene.fresh, replaces: scene.lost)) == .settled)
        try scene.check((scene.lost, 0), (scene.fresh, 10_000))
        #expect(try scene.ledger.book.card(scene.lost.number)?.isBlocked == true)
    }

    @Test(arguments: Store.all)
    func `Sent twice, or told twice, the account moves once`(store: Store) throws {
        let scene = try Scene(store)
        try scene.atOnce()
        let id = EntryID(milliseconds: Sunday.noon)
        let entry = scene.till.enrol(scene.fresh, replaces: scene.lost, id: id)
        let first = try scene.ledger.sendRaw(scene.till, [entry])
        #expect(try scene.ledger.sendRaw(scene.till, [entry]) == first)
        #expect(
            try scene.send(scene.till.enrol(scene.fresh, replaces: scene.lost, id: id))
                == .duplicate)
        // Another operation over the same two cards finds that it was done.
        #expect(
            try scene.send(scene.till.enrol(scene.fresh, replaces: scene.lost))
                == .held(code: "replaced-before"))
        #expect(throws: BookError.notBookable("replaced-before")) {
            try scene.release()
        }
        try scene.check((scene.lost, 0), (scene.fresh, 10_000))
    }

    @Test(arguments: Store.all)
    func `A card is replaced once: of two claims the second is never released`(store: Store) throws
    {
        let scene = try Scene(store)
        let other = try scene.ledger.card(0)
        #expect(try scene.send(scene.till.enrol(scene.fresh, replaces: scene.lost)) == scene.held)
        #expect(try scene.send(scene.till.enrol(other, replaces: scene.lost)) == scene.held)
        try scene.release(2)
        #expect(throws: BookError.notBookable("replaced-before")) {
            try scene.release(1)
        }
        try scene.check((scene.lost, 0), (scene.fresh, 0), (other, 10_000))
    }

    @Test(arguments: Store.all)
    func `What the lost card paid before and what comes late meets the account`(store: Store) throws
    {
        let scene = try Scene(store)
        // Paid at a stall without a network, sent after the account has moved.
        let late = try scene.till.pay(scene.lost, 1_500)
        let stall = try scene.ledger.till()
        let claim = stall.enrol(scene.fresh, replaces: scene.lost)
        #expect(try scene.ledger.send(stall, [claim]).outcomes == [scene.held])
        try scene.ledger.book.decide(
            terminal: stall.kid, sequence: 1, release: true, reason: "ok", now: Sunday.noon)
        try scene.check((scene.lost, 0), (scene.fresh, 10_000))
        #expect(try scene.send(late) == .held(code: "card-blocked"))
        try scene.release()
        try scene.check((scene.lost, 0), (scene.fresh, 8_500))
        // The lost card itself is worth nothing any more, and stays so.
        #expect(try scene.send(try scene.till.pay(scene.lost, 100)) == .held(code: "card-blocked"))
        #expect(throws: BookError.cardReplaced) {
            try scene.ledger.book.setBlocked(false, card: scene.lost.number, now: Sunday.noon)
        }
        try scene.check((scene.lost, 0), (scene.fresh, 8_500))
    }

    @Test(arguments: Store.all)
    func `A payment that is undone afterwards comes back to the new card`(store: Store) throws {
        let scene = try Scene(store)
        let id = EntryID(milliseconds: Sunday.noon)
        #expect(try scene.send(try scene.till.pay(scene.lost, 1_000, id: id)) == .settled)
        #expect(try scene.send(scene.till.enrol(scene.fresh, replaces: scene.lost)) == scene.held)
        try scene.release()
        #expect(try scene.send(scene.till.reverse(id)) == .settled)
        try scene.check((scene.lost, 0), (scene.fresh, 10_000))
    }

    @Test(arguments: Store.all)
    func `A debt goes along, and an empty account moves nothing`(store: Store) throws {
        let scene = try Scene(store)
        #expect(try scene.send(try scene.till.pay(scene.lost, 12_000)) == .settled)
        #expect(try scene.send(scene.till.enrol(scene.fresh, replaces: scene.lost)) == scene.held)
        try scene.release()
        try scene.check((scene.lost, 0), (scene.fresh, -2_000))
        let (empty, next) = (try scene.ledger.card(0), try scene.ledger.card(0))
        #expect(try scene.send(scene.till.enrol(next, replaces: empty)) == scene.held)
        try scene.release()
        try scene.check((empty, 0), (next, 0))
        #expect(try scene.ledger.book.replacement(of: empty.number) == next.number)
    }

    @Test(arguments: Store.all)
    func `What the new card had already stays beside what it gets`(store: Store) throws {
        let scene = try Scene(store)
        let used = try scene.ledger.card(300)
        #expect(try scene.send(scene.till.enrol(used, replaces: scene.lost)) == scene.held)
        try scene.release()
        try scene.check((scene.lost, 0), (used, 10_300))
    }

    @Test(arguments: Store.all)
    func `A chain of replacements leads to the last card, in whatever order`(store: Store) throws {
        let scene = try Scene(store)
        let last = try scene.ledger.card(0)
        #expect(try scene.send(scene.till.enrol(scene.fresh, replaces: scene.lost)) == scene.held)
        #expect(try scene.send(scene.till.enrol(last, replaces: scene.fresh)) == scene.held)
        // The second loss is decided first: the first account goes on to the last card.
        try scene.release(2)
        try scene.check((scene.lost, 10_000), (scene.fresh, 0), (last, 0))
        try scene.release(1)
        try scene.check((scene.lost, 0), (scene.fresh, 0), (last, 10_000))
        #expect(try scene.ledger.book.replacement(of: scene.lost.number) == last.number)
        // The last card is not replaced by one of its own past.
        #expect(
            try scene.send(scene.till.enrol(scene.lost, replaces: last))
                == .held(code: "replaced-itself"))
        #expect(throws: BookError.notBookable("replaced-itself")) {
            try scene.release(3)
        }
        try scene.check((scene.lost, 0), (scene.fresh, 0), (last, 10_000))
    }

    @Test(arguments: Store.all)
    func `Claims that cannot be true are held with their reason`(store: Store) throws {
        let scene = try Scene(store)
        let unknown = try SoftwareCard(serial: 4_711, keys: scene.ledger.keys)
        #expect(
            try scene.send(scene.till.enrol(scene.fresh, replaces: unknown))
                == .held(code: "replaced-unknown"))
        #expect(
            try scene.send(scene.till.enrol(unknown, replaces: scene.lost))
                == .held(code: "card-unknown"))
        #expect(try scene.ledger.book.card(scene.lost.number)?.isBlocked == false)
        #expect(
            try scene.send(scene.till.enrol(scene.lost, replaces: scene.lost))
                == .held(code: "replaced-itself"))
        #expect(
            try scene.ledger.book.card(scene.lost.number)?.isBlocked == false, "it is in her hand")
        _ = try scene.ledger.book.setBlocked(true, card: scene.fresh.number, now: Sunday.noon)
        #expect(
            try scene.send(scene.till.enrol(scene.fresh, replaces: scene.lost))
                == .held(code: "card-blocked"))
        for sequence in UInt64(1)...4 {
            #expect(throws: BookError.self, "\(sequence)") { try scene.release(sequence) }
        }
        try scene.check((scene.lost, 10_000), (scene.fresh, 0))
    }

    @Test(arguments: Store.all)
    func `An account that is no amount, or of a card for practising, stays`(store: Store) throws {
        let scene = try Scene(store)
        let (book, most) = (scene.ledger.book, try #require(Amount(cents: Amount.centsMax)))
        try book.topUp(scene.lost.number, most, now: Sunday.noon)
        let training = try SoftwareCard(serial: 4_711, keys: scene.ledger.keys)
        try book.registerCard(
            number: training.number, uid: training.uid, epoch: 1, cardClass: .training,
            now: Sunday.noon)
        for (card, old, code) in [
            (training, scene.lost, "card-training"), (scene.fresh, training, "card-training"),
            (scene.fresh, scene.lost, "replaced-balance"),
        ] {
            #expect(
                try scene.send(scene.till.enrol(card, replaces: old)) == .held(code: code))
            #expect(throws: BookError.notBookable(code)) { try scene.release() }
        }
        try scene.check((scene.lost, Amount.centsMax + 10_000), (scene.fresh, 0), (training, 0))
    }

    @Test(arguments: Store.all)
    func `A card given twice is flagged, training moves and blocks nothing`(store: Store) throws {
        let scene = try Scene(store)
        #expect(try scene.send(scene.till.enrol(scene.fresh)) == .settled)
        #expect(try scene.send(scene.till.enrol(scene.fresh)) == .settled)
        #expect(try scene.ledger.flags() == ["enrolled-again"])
        #expect(
            try scene.send(scene.till.enrol(scene.fresh, replaces: scene.lost, isTraining: true))
                == .settled)
        #expect(try scene.ledger.book.card(scene.lost.number)?.isBlocked == false)
        try scene.check((scene.lost, 10_000), (scene.fresh, 0))
    }

    @Test(arguments: Store.all)
    func `Nobody changes the past, not even by hand`(store: Store) throws {
        let scene = try Scene(store)
        #expect(try scene.send(scene.till.enrol(scene.fresh, replaces: scene.lost)) == scene.held)
        try scene.release()
        let database = try scene.ledger.sql()
        for statement in [
            "UPDATE replacements SET new = old", "DELETE FROM replacements",
            "INSERT INTO replacements(entry, old, new) SELECT 9, old, new FROM replacements",
        ] {
            #expect(throws: SQLFailure.self, "\(statement)") { try database.run(statement) }
        }
        try database.run("UPDATE cards SET blocked = 0")
        #expect(try scene.ledger.book.audit().faults.count == 1)
    }
}
