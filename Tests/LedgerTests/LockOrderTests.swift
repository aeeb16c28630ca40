import LedgerBook
import LedgerMessages
import Operations
import SQLite
import TestSupport
import Testing
import Threads
import Tokens

/// What a batch, a release and a top-up lock on a server, they lock in one order: nobody waits in a
/// circle (B7).
@Suite struct LockOrderTests {
    /// Two cards; the one with the higher number was lost, and the other has its account.
    private final class Scene {
        let ledger: TestLedger
        let till: Till
        let low: SoftwareCard
        let high: SoftwareCard

        init() throws {
            ledger = try TestLedger(.postgreSQL)
            till = try ledger.till()
            (low, high) = (try ledger.card(), try ledger.card())
            #expect(low.number.digits < high.number.digits)
        }

        func replace() throws {
            try ledger.send(till, [till.enrol(low, replaces: high)])
            try ledger.book.decide(
                terminal: till.kid, sequence: till.sequence, release: true, reason: "seen",
                now: Sunday.noon)
        }

        /// Runs `body` while `holder` has a card; `act` comes when it waits.
        func meanwhile<R>(
            _ held: SoftwareCard, _ body: @escaping @Sendable (Book) throws -> Void,
            act: (_ holder: Outsider, _ other: Outsider) throws -> R
        ) throws -> R {
            let (holder, book) = (try ledger.sql(), try Book(ledger.address))
            try holder.keep(held)
            let failure = Monitor<String?>(nil)
            let thread = NamedThread.start("locks") {
                do { try body(book) } catch { failure.update { $0 = "\(error)" } }
            }
            let waits = """
                SELECT count(*) FROM pg_stat_activity
                WHERE datname = current_database() AND wait_event_type = 'Lock'
                """
            let other = try ledger.sql()
            #expect(Programs.wait { (try? other.rows(waits)) == [[.integer(1)]] })
            let result = Result { try act(holder, other) }
            try holder.run("COMMIT")
            thread.join()
            #expect(failure.read { $0 } == nil)
            return try result.get()
        }

        /// Whether `body`, when it waits for the lower card, has not locked the higher one.
        func isInOrder(_ body: @escaping @Sendable (Book) throws -> Void) throws -> Bool {
            try meanwhile(low, body) { _, other in
                (try? other.run(
                    "SELECT 1 FROM cards WHERE number = $1 FOR UPDATE NOWAIT",
                    [.text(high.number.digits)])) != nil
            }
        }
    }

    @Test func `a payment of a replaced card`() throws {
        let scene = try Scene()
        try scene.replace()
        let batch = try VerifiedBatch(
            scene.till.pay(scene.high, 100), key: scene.till.signer.publicKey)
        let authority = scene.ledger.authority
        #expect(
            try scene.isInOrder {
                _ = try $0.book(batch, authority: authority, now: Sunday.noon)
            })
        #expect(try scene.ledger.book.held().map(\.reason) == ["card-blocked"])
        // And its release.
        let (kid, sequence) = (scene.till.kid, scene.till.sequence)
        #expect(
            try scene.isInOrder {
                try $0.decide(
                    terminal: kid, sequence: sequence, release: true, reason: "seen",
                    now: Sunday.noon)
            })
        #expect(try scene.ledger.balance(scene.low) == 19_900)
        #expect(try scene.ledger.book.audit().faults == [])
    }

    @Test func `a reversal of what a replaced card paid`() throws {
        let scene = try Scene()
        let id = EntryID(milliseconds: Sunday.noon)
        try scene.ledger.send(scene.till, [try scene.till.pay(scene.high, 100, id: id)])
        try scene.replace()
        let batch = try VerifiedBatch(scene.till.reverse(id), key: scene.till.signer.publicKey)
        let authority = scene.ledger.authority
        #expect(
            try scene.isInOrder {
                _ = try $0.book(batch, authority: authority, now: Sunday.noon)
            })
        #expect(try scene.ledger.balance(scene.low) == 20_000)
    }

    @Test func `a top-up of a replaced card`() throws {
        let scene = try Scene()
        try scene.replace()
        let number = scene.high.number
        #expect(
            try scene.isInOrder {
                try $0.topUp(number, Amount(cents: 50) ?? .zero, now: Sunday.noon)
            })
        #expect(try scene.ledger.balance(scene.low) == 20_050)
    }

    @Test func `money for a card that is replaced meanwhile goes where its account went`() throws {
        let scene = try Scene()
        try scene.ledger.send(scene.till, [scene.till.event()])
        let number = scene.high.number
        try scene.meanwhile(scene.high) {
            try $0.topUp(number, Amount(cents: 50) ?? .zero, now: Sunday.noon)
        } act: { holder, _ in
            try holder.run(
                "INSERT INTO replacements(entry, old, new) SELECT id, $1, $2 FROM entries",
                [.text(number.digits), .text(scene.low.number.digits)])
        }
        let balances = try [scene.low, scene.high].map { card in
            try scene.ledger.sql().rows(
                "SELECT cents FROM balances WHERE account = $1",
                [.text("card:" + card.number.digits)])
        }
        #expect(balances == [[[.integer(10_050)]], [[.integer(10_000)]]])
    }
}
