import Crypto
import LedgerBook
import LedgerMessages
import Operations
import SQLite
import TestSupport
import Testing
import Tokens

/// What a person releases is proven then, and booked no second time.
@Suite struct ReleaseTests {
    /// A ledger that held payments of a card it does not know yet.
    private final class Scene {
        let ledger: TestLedger
        let till: Till
        let card: SoftwareCard

        init(_ store: Store) throws {
            ledger = try TestLedger(store)
            till = try ledger.till()
            card = try SoftwareCard(serial: 77, keys: ledger.keys)
        }

        func register() throws {
            try ledger.book.registerCard(
                number: card.number, uid: card.uid, epoch: 1, cardClass: .member, now: Sunday.noon)
        }

        func release(
            _ sequence: UInt64, by keys: TestKeys?, allowUnproven: Bool = false
        ) throws {
            try ledger.book.decide(
                terminal: till.kid, sequence: sequence, release: true, reason: "seen",
                keys: keys, allowUnproven: allowUnproven, now: Sunday.noon)
        }

        func claims() throws -> Int64? {
            try ledger.sql().rows("SELECT count(*) FROM card_counters")[0][0].integer
        }
    }

    @Test(arguments: Store.all)
    func `what was released is booked once, whatever is sent again`(store: Store) throws {
        let scene = try Scene(store)
        let (ledger, till, card) = (scene.ledger, scene.till, scene.card)
        let id = EntryID(milliseconds: Sunday.noon)
        let evidence = try card.read(digest: till.digest(id, 500, card.number))
        func entry() -> [UInt8] {
            till.append(.payment(till.payment(card, 500, evidence)), id: id)
        }
        let first = entry()
        #expect(try ledger.outcome(till, first) == .held(code: "card-unknown"))
        #expect(throws: BookError.notBookable("card-unknown")) {
            try scene.release(1, by: ledger.keys)
        }
        try scene.register()
        #expect(throws: BookError.notBookable("keys-missing")) { try scene.release(1, by: nil) }
        #expect(throws: BookError.notBookable("epoch-unknown")) {
            try scene.release(1, by: TestKeys(ledger.keys, epochs: [2]))
        }
        #expect(try ledger.balance(card) == 0 && ledger.book.held().count == 1)
        try scene.release(1, by: ledger.keys)
        #expect(try scene.claims() == 1 && ledger.balance(card) == -500)
        // The same id and cryptogram, under a later number, by itself and as a batch of two.
        #expect(try ledger.outcome(till, entry()) == .duplicate)
        #expect(try ledger.send(till, [entry(), entry()]).outcomes == [.duplicate, .duplicate])
        // The same cryptogram under another id proves nothing; its counter is taken for good.
        let other = till.append(.payment(till.payment(card, 500, evidence)))
        #expect(try ledger.outcome(till, other) == .declined(code: "evidence-digest"))
        #expect(
            try ledger.outcome(till, till.pay(card, 100, counter: card.counter))
                == .held(code: "counter-repeated"))
        #expect(try ledger.balance(card) == -500 && ledger.taken() == 500)
        #expect(try ledger.book.audit().faults == [])
    }

    @Test(arguments: Store.all)
    func `a repeated counter is never released, nor what is booked under another number`(
        store: Store
    ) throws {
        let scene = try Scene(store)
        let (ledger, till, card) = (scene.ledger, scene.till, scene.card)
        let id = EntryID(milliseconds: Sunday.noon)
        let evidence = try card.read(digest: till.digest(id, 500, card.number))
        let twice = (0..<2).map { _ in
            till.append(.payment(till.payment(card, 500, evidence)), id: id)
        }
        _ = try ledger.send(till, twice + [try till.pay(card, 200, counter: 9)])
        try scene.register()
        try scene.release(2, by: ledger.keys)
        #expect(throws: BookError.notBookable("booked-before")) {
            try scene.release(1, by: ledger.keys)
        }
        #expect(
            try ledger.outcome(till, try till.pay(card, 300, counter: 9)) == .settled)
        // Its counter has been used since.
        for allowUnproven in [false, true] {
            #expect(throws: BookError.notBookable("counter-repeated")) {
                try scene.release(3, by: ledger.keys, allowUnproven: allowUnproven)
            }
        }
        #expect(
            try ledger.outcome(till, try till.pay(card, 400, counter: 9))
                == .held(code: "counter-repeated"))
        for allowUnproven in [false, true] {
            #expect(throws: BookError.notBookable("counter-repeated")) {
                try scene.release(5, by: ledger.keys, allowUnproven: allowUnproven)
            }
        }
        #expect(throws: BookError.notBookable("counter-repeated"), "nor where nothing is proven") {
            try scene.release(5, by: nil, allowUnproven: true)
        }
        #expect(try ledger.balance(card) == -800)
        #expect(try ledger.book.audit().faults == [])
    }

    @Test(arguments: Store.all)
    func `what the card did not sign is released by who answers for it alone`(store: Store) throws {
        let scene = try Scene(store)
        let (ledger, till, card) = (scene.ledger, scene.till, scene.card)
        let evidence = try card.read(digest: randomBytes(16))
        guard case .sdm(let piccData, var mac, let digest) = try card.read(digest: randomBytes(16))
        else { return }
        mac[0] ^= 1
        let forged = Evidence.sdm(piccData: piccData, mac: mac, digest: digest)
        _ = try ledger.send(
            till, [evidence, forged].map { till.append(.payment(till.payment(card, 500, $0))) })
        try scene.register()
        for (sequence, code) in [(1, "evidence-digest"), (2, "evidence-forged")]
            as [(UInt64, String)]
        {
            #expect(throws: BookError.notBookable(code)) {
                try scene.release(sequence, by: ledger.keys)
            }
            try scene.release(sequence, by: ledger.keys, allowUnproven: true)
        }
        #expect(try scene.claims() == 0 && ledger.balance(card) == -1_000)
        #expect(try ledger.flags().filter { $0 == "released-unproven" }.count == 2)
        #expect(try ledger.book.audit().faults == [])
    }

    @Test(arguments: Store.all)
    func `the database itself refuses a second booking of what was released`(store: Store) throws {
        let scene = try Scene(store)
        let (ledger, till, card) = (scene.ledger, scene.till, scene.card)
        let id = EntryID(milliseconds: Sunday.noon)
        let evidence = try card.read(digest: till.digest(id, 500, card.number))
        _ = try ledger.send(
            till,
            (0..<2).map { _ in till.append(.payment(till.payment(card, 500, evidence)), id: id) })
        try scene.register()
        try scene.release(1, by: ledger.keys)
        let database = try ledger.sql()
        func verdict(_ released: Int64) throws {
            try database.run(
                "INSERT INTO verdicts SELECT id, $1, 'x', 0 FROM entries WHERE seq = 2",
                [.integer(released)])
        }
        let entry = #expect(throws: SQLFailure.self) {
            try database.run(
                """
                INSERT INTO entries SELECT id + 1, terminal, seq + 1, uuid, $1, cose, kind, time,
                    trust, card, cents, counter, received, 'settled', '', hash
                FROM entries WHERE seq = 2
                """, [.blob(randomBytes(32))])
        }
        let second = #expect(throws: SQLFailure.self) { try verdict(1) }
        for message in [entry?.message, second?.message] {
            #expect(
                message?.hasSuffix("ledger: an operation is booked once") == true,
                "\(message ?? "")")
        }
        try verdict(0)
        #expect(try ledger.balance(card) == -500)
    }

    /// Ledgers that know nothing of each other, on one server: one settles what one releases.
    @Test func `of a release and a resend at once, one books`() throws {
        for _ in 0..<10 {
            let scene = try Scene(.postgreSQL)
            let (ledger, till, card) = (scene.ledger, scene.till, scene.card)
            let id = EntryID(milliseconds: Sunday.noon)
            let evidence = try card.read(digest: till.digest(id, 500, card.number))
            let twice = (0..<2).map { _ in
                till.append(.payment(till.payment(card, 500, evidence)), id: id)
            }
            _ = try ledger.send(till, [twice[0]])
            try scene.register()
            let again = try VerifiedBatch(twice[1], key: till.signer.publicKey)
            let (authority, keys, kid) = (ledger.authority, ledger.authority.keys, till.kid)
            _ = try InstanceTests().together(ledger, 2) { index, book in
                guard index == 0 else {
                    _ = try book.book(again, authority: authority, now: Sunday.noon)
                    return
                }
                do throws(BookError) {
                    try book.decide(
                        terminal: kid, sequence: 1, release: true, reason: "seen", keys: keys,
                        now: Sunday.noon)
                } catch { #expect(error == .notBookable("booked-before")) }
            }
            #expect(try ledger.balance(card) == -500)
            #expect(try ledger.book.audit().faults == [])
        }
    }
}
