import Crypto
import LedgerBook
import LedgerMessages
import Operations
import SQLite
import TestSupport
import Testing

/// What the database itself refuses of a chain, whoever asks it.
@Suite struct ChainGuardTests {
    private static let refusal = "ledger: an entry does not follow the one before"

    /// A row after the newest of terminal 1, as an outsider may write it: `seq` more than that, and
    /// naming `previous`, an expression about the newest row.
    private func insert(
        _ database: Outsider, after seq: Int64, terminal: String = "terminal",
        naming previous: String
    ) throws(SQLFailure) {
        try database.run(
            """
            INSERT INTO entries(id, terminal, seq, uuid, hash, cose, kind, time, trust, received,
                outcome, code, previous)
            SELECT \(terminal) * 4294967296 + seq + $1, \(terminal), seq + $1, $2, $3, cose, kind,
                time, trust, received, outcome, code, \(previous)
            FROM entries WHERE seq = (SELECT max(seq) FROM entries)
            """, [.integer(seq), .blob(randomBytes(16)), .blob(randomBytes(32))])
    }

    @Test(arguments: Store.all)
    func `the database refuses a gap, a fork and an entry that names nothing`(store: Store) throws {
        let ledger = try TestLedger(store)
        let (till, other) = (try ledger.till(), try ledger.otherTill())
        try ledger.send(till, [till.event("a"), till.event("b")])
        let database = try ledger.sql()
        let before = try database.rows("SELECT id, previous FROM entries ORDER BY id")
        #expect(before.count == 2 && before[0][1] == .blob([UInt8](repeating: 0, count: 32)))
        let wrong: [(seq: Int64, terminal: String, previous: String)] = [
            (2, "terminal", "hash"), (1, "terminal", "previous"), (1, "terminal", "NULL"),
            (1, "terminal", "$3"), (0, "2", "previous"), (-1, "2", "previous"), (-1, "2", "NULL"),
            (-1, "2", "hash"), (0, "2", "hash"),
        ]
        for row in wrong {
            let error = #expect(throws: SQLFailure.self, "\(row)") {
                try insert(database, after: row.seq, terminal: row.terminal, naming: row.previous)
            }
            #expect(
                error?.message.hasSuffix(Self.refusal) == true,
                "\(row) \(String(describing: error))")
        }
        #expect(try database.rows("SELECT id, previous FROM entries ORDER BY id") == before)
        // What follows is taken, of either terminal.
        try insert(database, after: 1, naming: "hash")
        try ledger.send(other, [other.event("a"), other.event("b")])
    }

    @Test(arguments: Store.all)
    func `rows of one statement follow one another, or none is taken`(store: Store) throws {
        let ledger = try TestLedger(store)
        let till = try ledger.till()
        try ledger.send(till, [till.event()])
        let database = try ledger.sql()
        func insert(_ second: String) throws {
            let row = "id + $1, terminal, seq + $1, $2, $3, cose, kind, time, trust, received,"
            try database.run(
                """
                INSERT INTO entries(id, terminal, seq, uuid, hash, cose, kind, time, trust,
                    received, outcome, code, previous)
                SELECT \(row) outcome, code, hash FROM entries
                UNION ALL SELECT id + 2, terminal, seq + 2, $4, $5, cose, kind, time, trust,
                    received, outcome, code, \(second) FROM entries ORDER BY 1
                """,
                [
                    .integer(1), .blob(randomBytes(16)), .blob([UInt8](repeating: 7, count: 32)),
                    .blob(randomBytes(16)), .blob(randomBytes(32)),
                ])
        }
        let error = #expect(throws: SQLFailure.self) { try insert("hash") }
        #expect(error?.message.hasSuffix(Self.refusal) == true)
        #expect(try database.rows("SELECT count(*) FROM entries") == [[.integer(1)]])
        try insert("$3")
        #expect(try database.rows("SELECT count(*) FROM entries") == [[.integer(3)]])
    }

    /// Two outsiders that do not know of each other, each with an entry after the same one.
    @Test func `of two that fork a chain at once on a server, one is refused`() throws {
        let ledger = try TestLedger(.postgreSQL)
        let till = try ledger.till()
        try ledger.send(till, [till.event()])
        let (one, two) = (try ledger.sql(), try ledger.sql())
        try one.run("BEGIN")
        try insert(one, after: 1, naming: "hash")
        // It waits for neither: what it follows is not there yet.
        #expect(throws: SQLFailure.self) { try insert(two, after: 2, naming: "$3") }
        try one.run("COMMIT")
        let error = #expect(throws: SQLFailure.self) {
            try two.run(
                """
                INSERT INTO entries SELECT id + 1, terminal, seq + 1, $1, $2, cose, kind, time,
                    trust, card, cents, counter, received, outcome, code, hash
                FROM entries WHERE seq = 1
                """, [.blob(randomBytes(16)), .blob(randomBytes(32))])
        }
        #expect(error?.isUnique == true)
    }

    /// Opened by this version: the next entry is taken, and one out of its place is not.
    private func expectChain(
        _ ledger: TestLedger, _ database: Outsider, goesOn entry: [UInt8], of till: Till
    ) throws -> Book {
        let book = try Book(ledger.address)
        #expect(
            try Receipt(
                ledger.sendRaw(till, [entry], by: book), ledger: ledger.signer.publicKey
            ).outcomes == [.settled])
        let error = #expect(throws: SQLFailure.self) {
            try insert(database, after: 2, naming: "hash")
        }
        #expect(error?.message.hasSuffix(Self.refusal) == true)
        return book
    }

    @Test func `a file without the chain's rules gets them, and its chains go on`() throws {
        let ledger = try TestLedger(.sqlite)
        let (card, till) = (try ledger.card(), try ledger.till())
        try ledger.send(till, [try till.pay(card, 100), till.event()])
        let database = try ledger.sql()
        try database.takeBackChain()
        try database.run("PRAGMA user_version=6")
        let book = try expectChain(ledger, database, goesOn: try till.pay(card, 200), of: till)
        #expect(
            try database.rows("SELECT seq FROM entries WHERE previous IS NULL ORDER BY seq")
                == [[.integer(1)], [.integer(2)]])
        #expect(try book.audit().faults == [])
    }

    @Test func `a server's book without the chain's rules gets them, and its chains go on`() throws
    {
        let ledger = try TestLedger(.postgreSQL)
        let (card, till) = (try ledger.card(), try ledger.till())
        try ledger.send(till, [try till.pay(card, 100), till.event()])
        let database = try ledger.sql()
        for sql in [
            "DROP TRIGGER entries_chain ON entries", "DROP TRIGGER verdicts_booked ON verdicts",
            "DROP FUNCTION ledger_chain", "DROP FUNCTION ledger_booked",
            "DROP INDEX transactions_time", "ALTER TABLE entries DROP COLUMN previous",
            "DELETE FROM ledger_version WHERE version > 2",
        ] { try database.run(sql) }
        let book = try expectChain(ledger, database, goesOn: try till.pay(card, 200), of: till)
        #expect(try book.audit().faults == [])
    }

    @Test func `a server's book with the chain's first rule gets the newer one`() throws {
        let ledger = try TestLedger(.postgreSQL)
        let till = try ledger.till()
        try ledger.send(till, [till.event(), till.event()])
        let database = try ledger.sql()
        let rule = "SELECT prosrc FROM pg_proc WHERE proname = 'ledger_chain'"
        let newest = try database.rows(rule)
        try database.run(
            """
            CREATE OR REPLACE FUNCTION ledger_chain() RETURNS trigger LANGUAGE plpgsql
            AS 'BEGIN RETURN NULL; END'
            """)
        try database.run("DELETE FROM ledger_version WHERE version > 3")
        #expect(try database.rows(rule) != newest)
        _ = try expectChain(ledger, database, goesOn: till.event(), of: till)
        #expect(try database.rows(rule) == newest)
    }
}
