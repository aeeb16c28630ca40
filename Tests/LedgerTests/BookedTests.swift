import Crypto
import LedgerMessages
import Operations
import SQLite
import TestSupport
import Testing
import Tokens

@testable import LedgerBook

/// Rows that follow from what settled: what the audit asks of each, and what the database refuses
/// whoever writes to it.
@Suite struct BookedTests {
    /// Of one terminal: 1 a payment, 2 a refund of it, 3 a top-up, 4 an action, 5 a payment that 6
    /// reverses, 7 a replacement and 8 a closure, both released by a person.
    private struct Scene {
        let ledger: TestLedger
        let till: Till
        let lost: SoftwareCard
        let database: Outsider

        init(_ store: Store) throws {
            ledger = try TestLedger(store)
            till = try ledger.till()
            lost = try ledger.card(0)
            let (card, fresh) = (try ledger.card(), try ledger.card(0))
            let ids = (0..<2).map { EntryID(milliseconds: Sunday.noon + $0) }
            let outcomes = try ledger.send(
                till,
                [
                    try till.pay(card, 1_000, id: ids[0]), try till.refund(ids[0], card, 400),
                    try till.topUp(card, 500), try till.act(card, 1_000),
                    try till.pay(card, 250, id: ids[1]), till.reverse(ids[1]),
                    till.enrol(fresh, replaces: lost), till.close(1, from: 1, .none, 0),
                ]
            ).outcomes
            #expect(
                outcomes == Array(repeating: .settled, count: 6)
                    + [.held(code: "replacement"), .held(code: "closure-totals")])
            for sequence in [7, 8] as [UInt64] {
                try ledger.book.decide(
                    terminal: till.kid, sequence: sequence, release: true, reason: "seen",
                    now: Sunday.noon)
            }
            database = try ledger.sql()
        }

        /// Whoever can take the guards away can write anything.
        func unguard() throws {
            try database.run(
                ledger.place.store == .sqlite
                    ? "PRAGMA foreign_keys=OFF" : "SET session_replication_role = replica")
            for table in [
                "entries", "postings", "transactions", "links", "actions", "replacements",
                "verdicts",
            ] { try database.unguard(table) }
        }

        /// Makes balances fit postings.
        func balance() throws {
            try database.run("DELETE FROM balances")
            try database.run(
                "INSERT INTO balances SELECT account, CAST(sum(cents) AS BIGINT) FROM postings "
                    + "WHERE account LIKE 'card:%' GROUP BY account")
        }
    }

    /// The codes of the audit's faults after some statements.
    private func codes(_ store: Store, _ statements: (Scene) -> [String]) throws -> Set<String> {
        let scene = try Scene(store)
        #expect(try scene.ledger.book.audit().faults == [])
        try scene.unguard()
        for sql in statements(scene) { try scene.database.run(sql) }
        try scene.balance()
        return Set(try scene.ledger.book.audit().coded.map(\.code))
    }

    @Test(arguments: Store.all)
    func `The audit names money that went elsewhere, or that nobody signed for`(store: Store) throws
    {
        func to(_ account: String, _ cents: Int64) -> String {
            "UPDATE postings SET account = '\(account)' WHERE cents = \(cents)"
        }
        #expect(try codes(store) { _ in [] } == [])
        #expect(
            try codes(store) { _ in ["UPDATE links SET cents = 1001 WHERE kind = 2"] }
                == ["refund-exceeds"])
        for cents in [400, 500] as [Int64] {
            #expect(
                try codes(store) { _ in [to("card:000000000000", cents)] } == ["money-differs"],
                "\(cents)")
        }
        #expect(
            try codes(store) { _ in [to("merchant:0000000000000000", 1_000)] }
                == ["payment-differs"])
        #expect(
            try codes(store) { _ in
                ["UPDATE entries SET counter = NULL WHERE kind = 1 AND cents = 1000"]
            } == ["unsettled-booked"])
        #expect(
            try codes(store) { _ in
                [
                    "UPDATE entries SET counter = (SELECT max(e.counter) FROM entries e) "
                        + "WHERE seq = 1"
                ]
            } == ["settled-twice", "counter-unclaimed"])
        #expect(
            try codes(store) { scene in
                [
                    "INSERT INTO transactions(id, what, time) VALUES(-5, 'gift', 0)",
                    "INSERT INTO postings(txn, account, cents) VALUES(-5, 'issuance', -5), "
                        + "(-5, 'card:\(scene.lost.number.digits)', 5)",
                ]
            } == ["replaced-money"])
        #expect(
            try codes(store) { _ in
                ["INSERT INTO transactions(id, what, time) VALUES(-5, 'gift', 0)"]
            } == ["postings-not-zero", "posting-missing"])
    }

    @Test(arguments: Store.all)
    func `The audit names rows that no entry and no person made`(store: Store) throws {
        #expect(try codes(store) { _ in ["DELETE FROM actions"] } == ["action-uncounted"])
        #expect(
            try codes(store) { _ in
                [
                    "INSERT INTO verdicts(entry, released, reason, time) "
                        + "SELECT id, 0, 'no', 0 FROM entries WHERE seq = 1"
                ]
            } == ["verdict-unheld"])
        #expect(
            try codes(store) { _ in
                [
                    "DELETE FROM verdicts WHERE entry = (SELECT id FROM entries WHERE seq = 7)"
                ]
            } == ["replacement-unsettled"])
        #expect(
            try codes(store) { _ in
                ["UPDATE replacements SET entry = (SELECT id FROM entries WHERE seq = 1)"]
            } == ["replacement-unsettled", "enrolment-differs"])
        #expect(
            try codes(store) { _ in ["UPDATE cards SET blocked = 0"] } == ["replaced-unblocked"])
    }

    @Test(
        arguments: [
            "uuid = hash16", "time = time + 1", "kind = 9", "card = '000000000000'",
        ], Store.all)
    func `The audit names a column that differs from what was signed`(
        change: String, store: Store
    ) throws {
        let blob = store == .sqlite ? "zeroblob(16)" : "decode(repeat('00', 16), 'hex')"
        let change = change.replacing("hash16", with: blob)
        let found = try codes(store) { _ in ["UPDATE entries SET \(change) WHERE seq = 8"] }
        #expect(found.contains("column-differs"))
    }

    @Test(
        arguments: [
            "links", "actions", "enrolments", "closures", "verdicts", "replacements", "sealing",
            "deny_reasons", "setting_versions",
        ], Store.all)
    func `what follows from an entry or a decision stays`(table: String, store: Store) throws {
        let scene = try Scene(store)
        try scene.ledger.book.setSealingCertificate([1], now: Sunday.noon)
        var settings = try scene.ledger.book.settings()
        settings.hours += 1
        #expect(try scene.ledger.book.change(settings, now: Sunday.noon))
        let before = try scene.database.rows("SELECT * FROM \(table)")
        #expect(!before.isEmpty)
        let column = try #require(try scene.database.columns(of: table).first)
        for sql in ["UPDATE \(table) SET \(column) = \(column)", "DELETE FROM \(table)"] {
            let error = #expect(throws: SQLFailure.self) { try scene.database.run(sql) }
            #expect(error?.message == "ledger: \(table) is append-only")
        }
        #expect(try scene.database.rows("SELECT * FROM \(table)") == before)
    }

    @Test(arguments: Store.all)
    func `the database itself refuses a second reversal, replacement and closure`(
        store: Store
    ) throws {
        let scene = try Scene(store)
        // Each in the name of another entry: the first column alone would let it in.
        let other = "(SELECT id FROM entries WHERE seq = 3)"
        for sql in [
            "INSERT INTO links(entry, kind, target, cents) "
                + "SELECT \(other), kind, target, cents FROM links WHERE kind = 3",
            "INSERT INTO replacements(entry, old, new) "
                + "SELECT \(other), old, (SELECT min(number) FROM cards WHERE number <> old) "
                + "FROM replacements",
            "INSERT INTO closures(entry, terminal, period, number, upto, perpetual) "
                + "SELECT \(other), terminal, period, number, upto + 1, 0 FROM closures",
        ] {
            let error = #expect(throws: SQLFailure.self, "\(sql)") { try scene.database.run(sql) }
            #expect(error?.isUnique == true, "\(sql)")
        }
    }

    @Test func `a server that answers before it writes is told to write first`() throws {
        let hasty = try Cluster(options: "-c synchronous_commit=off")
        let address = try #require(StoreAddress(hasty.address("postgres")))
        let book = try Book(address, create: true)
        let found = try book.rows("SELECT current_setting('synchronous_commit')")
        #expect(found == [[.text("on")]])
    }
}
