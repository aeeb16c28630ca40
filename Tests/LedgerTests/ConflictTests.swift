import LedgerMessages
import Operations
import SQLite
import Testing

@testable import LedgerBook

/// What a server calls a conflict is tried again from the start, and nothing else is (B1).
@Suite struct ConflictTests {
    /// When a server says it.
    enum Moment: CaseIterable { case statement, commit }

    private struct Scene {
        let ledger: TestLedger
        let database: Outsider

        /// The server refuses the first `count` transactions that book with this SQLSTATE.
        init(refusing count: Int, _ state: String) throws {
            ledger = try TestLedger(.postgreSQL)
            database = try ledger.sql()
            // A sequence counts what is rolled back too.
            try database.run("CREATE SEQUENCE attempts")
            try database.run(
                """
                CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                IF nextval('attempts') <= \(count) THEN
                RAISE EXCEPTION 'another came between' USING ERRCODE = '\(state)';
                END IF; RETURN NULL; END $$
                """)
        }

        /// From here on.
        func begin(_ moment: Moment) throws {
            try database.run(
                moment == .statement
                    ? "CREATE TRIGGER refuse AFTER INSERT ON entries EXECUTE FUNCTION refuse()"
                    : "CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON entries "
                        + "DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse()")
        }

        var attempts: Int64? {
            get throws { try database.rows("SELECT last_value FROM attempts")[0][0].integer }
        }
    }

    @Test(arguments: ["40001", "40P01"], Moment.allCases)
    func `a conflict is tried again, and what came of it is booked once`(
        state: String, moment: Moment
    ) throws {
        let scene = try Scene(refusing: 3, state)
        let ledger = scene.ledger
        let (card, till) = (try ledger.card(1_000), try ledger.till())
        try scene.begin(moment)
        #expect(try ledger.outcome(till, try till.pay(card, 300)) == .settled)
        #expect(try scene.attempts == 4)
        #expect(try ledger.balance(card) == 700)
        #expect(try ledger.outcome(till, try till.pay(card, 200)) == .settled)
        #expect(try scene.attempts == 5 && ledger.balance(card) == 500)
        #expect(try ledger.book.audit().faults == [])
    }

    @Test(arguments: Moment.allCases)
    func `a conflict without an end is told as one, and nothing is booked`(moment: Moment) throws {
        let scene = try Scene(refusing: 1_000, "40001")
        let ledger = scene.ledger
        let (card, till) = (try ledger.card(1_000), try ledger.till())
        let entry = try till.pay(card, 300)
        try scene.begin(moment)
        let error = #expect(throws: BookError.self) { try ledger.sendRaw(till, [entry]) }
        #expect(
            error?.isBusy == true && error?.isStoreLost == false, "\(String(describing: error))")
        #expect(try scene.attempts == Int64(Book.attemptsMax))
        #expect(try ledger.balance(card) == 1_000)
        #expect(try scene.database.rows("SELECT count(*) FROM entries") == [[.integer(0)]])
        // The same book and the same batch, once the others are gone.
        try scene.database.run("DROP TRIGGER refuse ON entries")
        #expect(try ledger.outcome(till, entry) == .settled)
        #expect(try ledger.balance(card) == 700 && ledger.book.audit().faults == [])
    }

    /// What the book makes of it: a store that is lost is opened anew, a busy one asked again.
    @Test(arguments: [
        ("23514", ""), ("22003", ""), ("25006", "lost"), ("53100", "lost"), ("53300", "lost"),
        ("57P01", "lost"), ("57014", "busy"), ("55P03", "busy"),
    ])
    func `what is no conflict is not tried again, and told for what it is`(
        state: String, kind: String
    ) throws {
        let scene = try Scene(refusing: 1_000, state)
        let (card, till) = (try scene.ledger.card(1_000), try scene.ledger.till())
        let entry = try till.pay(card, 300)
        try scene.begin(.statement)
        let error = #expect(throws: BookError.self) { try scene.ledger.sendRaw(till, [entry]) }
        #expect(error?.isBusy == (kind == "busy"), "\(String(describing: error))")
        #expect(error?.isStoreLost == (kind == "lost"), "\(String(describing: error))")
        #expect(try scene.attempts == 1)
        #expect(try scene.database.rows("SELECT count(*) FROM entries") == [[.integer(0)]])
    }

    @Test func `a row that somebody keeps is waited for, then told as busy on the same connection`()
        throws
    {
        let ledger = try TestLedger(.postgreSQL)
        let (card, till) = (try ledger.card(1_000), try ledger.till())
        let entry = try till.pay(card, 300)
        let holder = try ledger.sql()
        try holder.keep(card)
        let error = #expect(throws: BookError.self) { try ledger.sendRaw(till, [entry]) }
        #expect(
            error?.isBusy == true && error?.isStoreLost == false, "\(String(describing: error))")
        try holder.run("ROLLBACK")
        #expect(try ledger.outcome(till, entry) == .settled && ledger.balance(card) == 700)
    }
}
