import Crypto
import LedgerBook
import LedgerMessages
import Operations
import SQLite
import Testing
import Tokens

/// What a terminal with all its keys, and every cryptogram it ever saw, can try.
@Suite struct EvidenceTests {
    private func outcome(
        _ ledger: TestLedger, _ till: Till, _ card: SoftwareCard, _ cents: Int64,
        id: EntryID = EntryID(milliseconds: Sunday.noon), _ evidence: Evidence
    ) throws -> Outcome {
        let entry = till.append(.payment(till.payment(card, cents, evidence)), id: id)
        return try #require(try ledger.send(till, [entry]).outcomes.first)
    }

    @Test(arguments: Store.all)
    func `forged evidence never settles`(store: Store) throws {
        let ledger = try TestLedger(store)
        let (card, till) = (try ledger.card(), try ledger.till())
        let id = EntryID(milliseconds: Sunday.noon)
        let digest = till.digest(id, 100, card.number)
        let genuine = try card.read(digest: digest)
        guard case .sdm(let piccData, let mac, _) = genuine else { return }
        let stranger = try SoftwareCard(serial: 77, keys: try TestKeys())
        let forgeries: [Evidence] = [
            .sdm(piccData: randomBytes(16), mac: randomBytes(8), digest: digest),
            .sdm(piccData: piccData, mac: randomBytes(8), digest: digest),
            .sdm(piccData: piccData, mac: mac, digest: till.digest(id, 101, card.number)),
            try stranger.read(digest: digest),
        ]
        for forgery in forgeries {
            // One in 256 random blocks looks like another card's.
            let outcome = try outcome(ledger, till, card, 100, forgery)
            #expect(["evidence-forged", "evidence-uid"].contains(outcome.refusal), "\(outcome)")
        }
        #expect(try ledger.balance(card) == 10_000)
        #expect(try ledger.taken() == 0)
    }

    @Test(arguments: Store.all)
    func `evidence of another operation never settles, and does not spoil the true one`(
        store: Store
    )
        throws
    {
        let ledger = try TestLedger(store)
        let (card, till, honest) = (try ledger.card(), try ledger.till(), try ledger.till())
        let id = EntryID(milliseconds: Sunday.noon)
        let evidence = try card.read(digest: honest.digest(id, 100, card.number))
        // Replayed by another terminal, with another amount, under another id.
        for (thief, cents, other) in [
            (till, 100, id), (honest, 900, id), (honest, 100, EntryID(milliseconds: Sunday.noon)),
        ] as [(Till, Int64, EntryID)] {
            #expect(
                try outcome(ledger, thief, card, cents, id: other, evidence)
                    == .declined(code: "evidence-digest"))
        }
        #expect(try outcome(ledger, honest, card, 100, id: id, evidence) == .settled)
        #expect(try ledger.balance(card) == 9_900)
    }

    @Test(arguments: Store.all)
    func `a card cannot sign for another number`(store: Store) throws {
        let ledger = try TestLedger(store)
        let (card, victim, till) = (try ledger.card(), try ledger.card(), try ledger.till())
        let id = EntryID(milliseconds: Sunday.noon)
        let evidence = try card.read(digest: till.digest(id, 100, victim.number))
        #expect(
            try outcome(ledger, till, victim, 100, id: id, evidence)
                == .declined(code: "evidence-uid"))
        #expect(try ledger.balance(victim) == 10_000)
    }

    @Test(arguments: Store.all)
    func `unknown and blocked cards are held`(store: Store) throws {
        let ledger = try TestLedger(store)
        let (card, till) = (try ledger.card(), try ledger.till())
        let unknown = try SoftwareCard(serial: 99, keys: ledger.keys)
        _ = try ledger.book.setBlocked(true, card: card.number, now: Sunday.noon)
        let receipt = try ledger.send(
            till, [try till.pay(unknown, 100), try till.pay(card, 100)])
        #expect(
            receipt.outcomes == [.held(code: "card-unknown"), .held(code: "card-blocked")])
        #expect(try ledger.book.held().map(\.reason) == ["card-unknown", "card-blocked"])
        #expect(try ledger.balance(card) == 10_000)
    }

    @Test(arguments: Store.all)
    func `a repeated counter is held and flagged`(store: Store) throws {
        let ledger = try TestLedger(store)
        let (card, till, other) = (try ledger.card(), try ledger.till(), try ledger.till())
        try ledger.send(till, [try till.pay(card, 100, counter: 5)])
        let receipt = try ledger.send(
            other, [try other.pay(card, 200, counter: 5), try other.pay(card, 300, counter: 6)])
        #expect(
            receipt.outcomes == [.held(code: "counter-repeated"), .held(code: "card-blocked")])
        #expect(try ledger.flags() == ["card-blocked-as-copy", "counter-repeated"])
        #expect(try ledger.balance(card) == 9_900)
        #expect(try ledger.book.audit().faults == [])
    }

    @Test(arguments: Store.all)
    func `the database itself refuses a counter twice`(store: Store) throws {
        let ledger = try TestLedger(store)
        let (card, till) = (try ledger.card(), try ledger.till())
        try ledger.send(till, [try till.pay(card, 100, counter: 5), till.event()])
        let database = try ledger.sql()
        let error = #expect(throws: SQLFailure.self) {
            try database.run(
                "INSERT INTO card_counters(card, counter, entry) VALUES($1, 5, 4294967298)",
                [.text(card.number.digits)])
        }
        #expect(error?.isUnique == true)
        try database.run(
            "INSERT INTO card_counters(card, counter, entry) VALUES($1, 6, 4294967298)",
            [.text(card.number.digits)])
    }

    @Test(arguments: Store.all)
    func `a lower counter from the same terminal is held`(store: Store) throws {
        let ledger = try TestLedger(store)
        let (card, till) = (try ledger.card(), try ledger.till())
        let receipt = try ledger.send(
            till, [try till.pay(card, 100, counter: 9), try till.pay(card, 100, counter: 4)])
        #expect(receipt.outcomes == [.settled, .held(code: "counter-lower")])
        #expect(try ledger.balance(card) == 9_900)
    }

    @Test(arguments: Store.all)
    func `a late arrival from an offline terminal settles and is flagged`(store: Store) throws {
        let ledger = try TestLedger(store)
        let (card, shop, stall) = (try ledger.card(), try ledger.till(), try ledger.till())
        let hour = 60 * Sunday.minute
        try ledger.send(shop, [try shop.pay(card, 100, time: Sunday.noon, counter: 3)])
        let stalled = try stall.pay(card, 200, time: Sunday.noon + hour, counter: 5)
        try ledger.send(shop, [try shop.pay(card, 400, time: Sunday.noon + 2 * hour, counter: 8)])
        #expect(
            try ledger.send(stall, [stalled], now: Sunday.noon + 48 * hour).outcomes
                == [.settled])
        #expect(try ledger.flags() == ["late"])
        #expect(try ledger.balance(card) == 9_300)
    }

    /// Neighbours at noon (counter 3) and two hours later (counter 8); the late one has counter 5.
    @Test(
        arguments: [
            (minutes: 60, trust: ClockTrust.synchronised, held: nil as String?),
            (minutes: -9, trust: .hardwareClock, held: nil),
            (minutes: 129, trust: .monotonicSinceSync, held: nil),
            (minutes: -11, trust: .synchronised, held: "counter-lower"),
            (minutes: 131, trust: .synchronised, held: "counter-lower"),
            (minutes: 60, trust: .untrusted, held: "counter-unclear"),
            (minutes: 131, trust: .untrusted, held: "counter-unclear"),
        ], Store.all)
    func `a lower counter must fit between its neighbours' times`(
        _ place: (minutes: Int, trust: ClockTrust, held: String?), store: Store
    ) throws {
        let (minutes, trust, code) = place
        let ledger = try TestLedger(store)
        let (card, shop, stall) = (try ledger.card(), try ledger.till(), try ledger.till())
        let late = Sunday.noon + 120 * Sunday.minute
        try ledger.send(
            shop,
            [
                try shop.pay(card, 100, time: Sunday.noon, counter: 3),
                try shop.pay(card, 100, time: late, counter: 8),
            ])
        let time = UInt64(Int64(Sunday.noon) + Int64(minutes) * Int64(Sunday.minute))
        let entry = try stall.pay(card, 100, time: time, trust: trust, counter: 5)
        #expect(
            try ledger.send(stall, [entry]).outcomes
                == [code.map { .held(code: $0) } ?? .settled])
        #expect(try ledger.balance(card) == (code == nil ? 9_700 : 9_800))
        // Only what a sure clock speaks against puts the card on the deny-list.
        let isDenied = code == "counter-lower"
        #expect(try ledger.book.denyList(since: 0).added == (isDenied ? [card.number] : []))
    }

    @Test(arguments: Store.all)
    func `what is held is no neighbour`(store: Store) throws {
        let ledger = try TestLedger(store)
        let (card, shop, stall) = (try ledger.card(), try ledger.till(), try ledger.till())
        let late = Sunday.noon + 180 * Sunday.minute
        let outcomes = try ledger.send(
            shop,
            [
                try shop.pay(card, 100, counter: 3),
                try shop.pay(card, 2_001, time: late, counter: 4),
                try shop.pay(card, 2_001, time: late, counter: 6),
                try shop.pay(card, 100, time: late, counter: 8),
            ]
        ).outcomes
        #expect(
            outcomes == [.settled, .held(code: "over-limit"), .held(code: "over-limit"), .settled])
        let time = Sunday.noon + 60 * Sunday.minute
        #expect(
            try ledger.outcome(stall, try stall.pay(card, 100, time: time, counter: 5)) == .settled)
        #expect(try ledger.flags() == ["late"])
    }
}

extension Outcome {
    /// The code of a declined one.
    fileprivate var refusal: String { if case .declined(let code) = self { code } else { "" } }
}
