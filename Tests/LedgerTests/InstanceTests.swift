import Crypto
import LedgerBook
import LedgerMessages
import Operations
import PostgreSQL
import TestSupport
import Testing
import Threads
import Tokens

/// Several ledgers on one database at once (B7).
@Suite struct InstanceTests {
    /// Runs `body` on `count` threads, each with a book of its own, and gives what they gave.
    func together<R: Sendable>(
        _ ledger: TestLedger, _ count: Int, _ body: @escaping @Sendable (Int, Book) throws -> R
    ) throws -> [R] {
        let books = try (0..<count).map { _ in try Book(ledger.address) }
        let results = Monitor<[Int: Result<R, any Error>]>([:])
        let (waiting, all) = (Monitor(0), count)
        let threads = books.enumerated().map { index, book in
            NamedThread.start("instance") {
                // All at once: nobody is done before the last has come.
                waiting.update { $0 += 1 }
                _ = waiting.wait(atMost: .seconds(60)) { $0 == all ? true : nil }
                let result = Result { try body(index, book) }
                results.update { $0[index] = result }
            }
        }
        threads.forEach { $0.join() }
        return try (0..<count).map { index in
            try #require(results.read { $0[index] }).get()
        }
    }

    /// A book waits five seconds for the others; on a busy machine they may be longer.
    private static func patiently<R>(_ call: () throws -> R) throws -> R {
        let end = ContinuousClock.now + .seconds(60)
        while true {
            do { return try call() } catch let error as BookError
                where error.isBusy && ContinuousClock.now < end
            {}
        }
    }

    @Test(arguments: Store.all)
    func `one batch at eight instances is booked once and answered alike`(store: Store) throws {
        let ledger = try TestLedger(store)
        let (card, till) = (try ledger.card(), try ledger.till())
        let batch = try VerifiedBatch(
            try (1...20).flatMap { _ in try till.pay(card, 10) }, key: till.signer.publicKey)
        let authority = ledger.authority
        let receipts = try together(ledger, 8) { _, book in
            try Self.patiently { try book.book(batch, authority: authority, now: Sunday.noon) }
        }
        #expect(Set(receipts).count == 1)
        #expect(
            try Receipt(receipts[0], ledger: ledger.signer.publicKey).outcomes
                == [Outcome](repeating: .settled, count: 20))
        #expect(try ledger.balance(card) == 9_800)
        #expect(try ledger.book.audit().entries == 20)
        #expect(try ledger.book.audit().faults == [])
    }

    /// Eight terminals, four cards, every batch names every card, in another order each time.
    @Test(arguments: Store.all)
    func `eight instances that book into the same accounts lose nothing`(store: Store) throws {
        let ledger = try TestLedger(store)
        let cards = try (0..<4).map { _ in try ledger.card(100_000) }
        let authority = ledger.authority
        var dice = Seed.dice()
        let batches = try (0..<8).map { _ in
            let till = try ledger.till()
            return try (0..<6).map { _ in
                try VerifiedBatch(
                    cards.shuffled(using: &dice).flatMap { try till.pay($0, 25) },
                    key: till.signer.publicKey)
            }
        }
        let receipts = try together(ledger, 8) { index, book in
            try batches[index].map { batch in
                try Self.patiently { try book.book(batch, authority: authority, now: Sunday.noon) }
            }
        }
        let outcomes = try receipts.joined().flatMap {
            try Receipt($0, ledger: ledger.signer.publicKey).outcomes
        }
        // The cards counted before: what comes late to the ledger is settled, or held for a person.
        let settled = outcomes.filter { $0 == .settled }.count
        #expect(outcomes.count == 192)
        #expect(try ledger.taken() == Int64(settled) * 25)
        #expect(try cards.reduce(0) { $0 + (try ledger.balance($1)) } == 400_000 - settled * 25)
        #expect(try ledger.book.audit().faults == [])
    }

    @Test(arguments: Store.all)
    func `a counter shown at eight instances settles at one`(store: Store) throws {
        let ledger = try TestLedger(store)
        let card = try ledger.card()
        let authority = ledger.authority
        let batches = try (0..<8).map { _ in
            let till = try ledger.till()
            return try VerifiedBatch(
                try till.pay(card, 100, counter: 7), key: till.signer.publicKey)
        }
        let receipts = try together(ledger, 8) { index, book in
            try Self.patiently {
                try book.book(batches[index], authority: authority, now: Sunday.noon)
            }
        }
        let outcomes = try receipts.flatMap {
            try Receipt($0, ledger: ledger.signer.publicKey).outcomes
        }
        #expect(outcomes.filter { $0 == .settled }.count == 1)
        #expect(outcomes.filter { $0 == .held(code: "counter-repeated") }.count == 7)
        #expect(try ledger.balance(card) == 9_900)
    }

    @Test(arguments: Store.all)
    func `money for one payment is reserved once, whoever is asked`(store: Store) throws {
        let ledger = try TestLedger(store)
        let card = try ledger.card(1_000)
        let authority = ledger.authority
        let kids = try (0..<8).map { _ in try ledger.till().kid }
        for round in 1...5 {
            let requests = try kids.map { _ in
                AuthorisationRequest(
                    entry: EntryID(milliseconds: Sunday.noon), card: card.number,
                    amount: Amount(cents: 900) ?? .zero,
                    sun: try card.read(digest: [UInt8](repeating: 0, count: 16)))
            }
            // Later ones have higher counters; a lower one that comes after them is refused too.
            let now = Sunday.noon + UInt64(round) * Book.reservationTime
            let answers = try together(ledger, 8) { index, book in
                try Self.patiently {
                    try book.authorise(
                        requests[index], from: kids[index], authority: authority, now: now)
                }
            }
            let approved = answers.filter { if case .approved = $0 { true } else { false } }
            #expect(approved.count == 1)
            #expect(try ledger.book.balance(of: card.number, now: now).available == 100)
        }
    }

    @Test(arguments: Store.all)
    func `registers stay gapless: terminals, deny-list, policies`(store: Store) throws {
        let ledger = try TestLedger(store)
        let cards = try (0..<8).map { _ in try ledger.card(0).number }
        let code = try ledger.book.pairingCode(merchant: "Café des Halles", now: Sunday.noon)
        let terminal = try #require(try ledger.book.terminal(kid: try ledger.till().kid))
        let authority = ledger.authority
        let paired = try together(ledger, 8) { index, book in
            let till = TestSigner()
            let own = try Self.patiently {
                try book.pairingCode(merchant: "Café des Halles", now: Sunday.noon)
            }
            _ = try Self.patiently {
                try book.pair(code: own, key: till.publicKey, now: Sunday.noon)
            }
            _ = try Self.patiently {
                try book.setBlocked(true, card: cards[index], now: Sunday.noon)
            }
            let policy = try Self.patiently {
                try book.policy(of: terminal, authority: authority, now: Sunday.noon)
            }
            // One code, eight keys: one of them is paired.
            let other = TestSigner().publicKey
            let isPaired =
                (try? Self.patiently { try book.pair(code: code, key: other, now: Sunday.noon) })
                != nil
            return (isPaired, policy)
        }
        #expect(paired.filter(\.0).count == 1)
        #expect(Set(paired.map(\.1)).count == 1)
        #expect(try ledger.book.terminals().count == 10)
        let list = try ledger.book.denyList(since: 0)
        #expect(list.epoch == 8 && Set(list.added) == Set(cards))
        #expect(try ledger.book.denyList(since: 5).added.count == 3)
    }

    @Test(arguments: Store.all)
    func `changes of the policy made at once all stand, and one ledger is begun once`(
        store: Store
    ) throws {
        let ledger = try TestLedger(store)
        let seeds = try ledger.book.settings()
        try ledger.sql().run("DELETE FROM settings")
        let begun = try together(ledger, 8) { index, book in
            var own = seeds
            own.paymentCents = Int64(index)
            return (own, try book.begin(own, now: Sunday.noon))
        }
        #expect(begun.filter(\.1).map(\.0) == [try ledger.book.settings()])
        #expect(try ledger.book.settingVersions().count == 1)
        _ = try together(ledger, 8) { index, book in
            for _ in 1...10 {
                _ = try book.change(now: Sunday.noon) { (settings) throws(BookError) in
                    settings.hours += 1
                }
            }
            _ = try book.add(
                merchant: "Place \(index)",
                place: PlaceSeed(name: "Place \(index)", parcours: [1], actions: []),
                now: Sunday.noon)
        }
        #expect(try ledger.book.settings().hours == seeds.hours + 80)
        #expect(try ledger.book.settings().places?.count == 8)
        #expect(try ledger.book.settingVersions().map(\.version) == Array(1...89))
    }

    @Test(arguments: Store.all)
    func `one reference at eight instances is booked once, whichever card it names`(
        store: Store
    ) throws {
        let ledger = try TestLedger(store)
        let cards = try (0..<8).map { _ in try ledger.card(0).number }
        func outcomes(_ text: String, _ card: @escaping @Sendable (Int) -> CardNumber) throws
            -> [String]
        {
            let reference = try #require(TopUpReference(text))
            return try together(ledger, 8) { index, book in
                do {
                    return try book.topUp(
                        card(index), Amount(cents: 100) ?? .zero, reference: reference,
                        now: Sunday.noon) == .booked ? "booked" : "before"
                } catch BookError.topUp(.reference(_, cents: 100)) { return "refused" }
            }.sorted()
        }
        let others = Array(repeating: "before", count: 7)
        #expect(try outcomes("one", { _ in cards[0] }) == (others + ["booked"]).sorted())
        let refused = Array(repeating: "refused", count: 7)
        #expect(try outcomes("two", { cards[$0] }) == (["booked"] + refused).sorted())
        #expect(try ledger.book.issued() == 200)
        #expect(try ledger.book.audit().faults == [])
    }

    @Test func `a batch that was chosen to end a dead-lock is booked all the same`() throws {
        let ledger = try TestLedger(.postgreSQL)
        let cards = try (0..<2).map { _ in try ledger.card() }
        let till = try ledger.till()
        let batch = try VerifiedBatch(
            cards.flatMap { try till.pay($0, 100) }, key: till.signer.publicKey)
        let authority = ledger.authority
        let other = try Session(ledger.place.text)
        func lock(_ card: SoftwareCard) throws {
            _ = try other.exchange([
                PostgreSQLCommand(
                    "SELECT 1 FROM cards WHERE number = $1 FOR UPDATE",
                    [.text(card.number.digits)])
            ])
        }
        // The other one waits for ever, so that the book is the one to be stopped. It looks once, a
        // while after it began to wait: by then the other one must wait too.
        try other.script(
            """
            DO $$ BEGIN EXECUTE format(
                'ALTER DATABASE %I SET deadlock_timeout = %L', current_database(), '5s');
            END $$;
            SET deadlock_timeout = '1h';
            BEGIN
            """)
        try lock(cards[1])
        let outcome = Monitor<Result<[UInt8], any Error>?>(nil)
        let book = try Book(ledger.address)
        let thread = NamedThread.start("book") {
            let result = Result { try book.book(batch, authority: authority, now: Sunday.noon) }
            outcome.update { $0 = result }
        }
        let watcher = try Session(ledger.place.text)
        let deadline = ContinuousClock.now + .seconds(60)
        func isWaiting() throws -> Bool {
            let sql = """
                SELECT count(*) FROM pg_stat_activity
                WHERE wait_event_type = 'Lock' AND datname = current_database()
                """
            return try watcher.exchange([PostgreSQLCommand(sql)])[0].rows == [[.integer(1)]]
        }
        while try !isWaiting() { try #require(ContinuousClock.now < deadline) }
        try lock(cards[0])
        try other.script("COMMIT")
        thread.join()
        _ = try #require(outcome.read { $0 }).get()
        #expect(try ledger.taken() == 200)
        #expect(try ledger.book.audit().faults == [])
    }
}
