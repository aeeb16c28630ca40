import Linux
import SQLite
import Testing

@Suite struct SQLiteTests {
    private func fresh(_ path: String) throws -> Database {
        let database = try Database(path: path, access: .create)
        try database.run("PRAGMA journal_mode = WAL")
        try database.script(
            """
            CREATE TABLE parent (id INTEGER PRIMARY KEY, name TEXT UNIQUE) STRICT;
            CREATE TABLE child (parent INTEGER REFERENCES parent, data ANY) STRICT;
            """)
        return database
    }

    @Test func `values come back as they went in, empty and odd ones too`() throws {
        let folder = try TemporaryFolder()
        let database = try fresh(folder("a.sqlite"))
        let values: [SQLValue] = [
            .null, .integer(.min), .integer(.max), .text(""), .text("é\u{0}€"), .blob([]),
            .blob([0, 255]), .real(-0.5),
        ]
        for value in values {
            try database.run("INSERT INTO child VALUES (NULL, ?)", [value])
        }
        #expect(database.lastInsertRow == Int64(values.count))
        let rows = try database.rows("SELECT data FROM child ORDER BY rowid")
        #expect(rows == values.map { [$0] })
        #expect(try database.rows("SELECT data FROM child", atMost: 2).count == 2)
        #expect(try database.rows("SELECT data FROM child", atMost: 0).isEmpty)
        try database.run("DELETE FROM child WHERE rowid <= ?", [.integer(3)])
        #expect(database.changes == 3)
        #expect(rows[1][0].integer == .min && rows[3][0].text == "" && rows[5][0].blob == [])
    }

    @Test func `each error tells its kind`() throws {
        let folder = try TemporaryFolder()
        let database = try fresh(folder("a.sqlite"))
        try database.run("INSERT INTO parent VALUES (1, 'a')")
        func failure(_ sql: String, _ values: [SQLValue] = []) -> SQLiteError? {
            do throws(SQLiteError) {
                try database.run(sql, values)
                return nil
            } catch {
                return error
            }
        }
        let unique = failure("INSERT INTO parent VALUES (2, 'a')")
        #expect(unique?.isUnique == true && unique?.isConstraint == true)
        #expect(unique?.description.contains("UNIQUE constraint failed: parent.name") == true)
        let foreign = failure("INSERT INTO child VALUES (9, NULL)")
        #expect(foreign?.isConstraint == true && foreign?.isUnique == false)
        #expect(failure("SELECT ?, ?", [.null])?.code == 25)
        #expect(failure("SELECT 1; SELECT 2")?.code == 21)
        #expect(failure("SELECT 1; -- the end")?.code == nil)
        #expect(failure("")?.code == 21)
        #expect(failure("SELECT \"no column\"")?.code == 1)
        database.close()
        #expect(failure("SELECT 1")?.message == "closed")
        #expect(throws: SQLiteError.self) {
            try Database(path: folder("absent.sqlite"), access: .readWrite)
        }
        #expect(!Files.exists(folder("absent.sqlite")))
    }

    @Test func `a reader cannot write and a full database says so`() throws {
        let folder = try TemporaryFolder()
        let database = try fresh(folder("a.sqlite"))
        let reader = try Database(path: folder("a.sqlite"), access: .readOnly)
        #expect(throws: SQLiteError.self) { try reader.run("DELETE FROM parent") }
        #expect(try reader.rows("SELECT count(*) FROM parent") == [[.integer(0)]])
        try database.run("PRAGMA max_page_count = 8")
        let error = #expect(throws: SQLiteError.self) {
            try database.run("INSERT INTO child VALUES (NULL, zeroblob(1000000))")
        }
        #expect(error?.isFull == true)
    }

    private enum Failure: Error, Equatable {
        case refused
        case database(Bool)
    }

    @Test func `a transaction is all or nothing and does not nest`() throws {
        let folder = try TemporaryFolder()
        let database = try fresh(folder("a.sqlite"))
        func insert(_ id: Int64, then failure: Failure?) throws(Failure) -> Int64 {
            try database.transaction { () throws(Failure) in
                try? database.run("INSERT INTO parent VALUES (?, NULL)", [.integer(id)])
                if let failure { throw failure }
                return database.lastInsertRow
            } mapping: {
                .database($0.isBusy)
            }
        }
        #expect(try insert(1, then: nil) == 1)
        #expect(throws: Failure.refused) { try insert(2, then: .refused) }
        #expect(throws: Failure.database(false)) {
            try database.transaction { () throws(Failure) in
                _ = try insert(3, then: nil)
            } mapping: {
                .database($0.isBusy)
            }
        }
        #expect(try database.rows("SELECT id FROM parent") == [[.integer(1)]])
    }

    @Test func `another writer is busy, and sees what was committed`() throws {
        let folder = try TemporaryFolder()
        let database = try fresh(folder("a.sqlite"))
        let other = try Database(path: folder("a.sqlite"), access: .readWrite)
        try other.run("PRAGMA busy_timeout = 10")
        try database.transaction { () throws(SQLiteError) in
            try database.run("INSERT INTO parent VALUES (1, NULL)")
            let error = #expect(throws: SQLiteError.self) { try other.run("BEGIN IMMEDIATE") }
            #expect(error?.isBusy == true)
        } mapping: {
            $0
        }
        #expect(try other.rows("SELECT id FROM parent") == [[.integer(1)]])
    }

    @Test func `the same statement may run inside itself, and many statements fit`() throws {
        let folder = try TemporaryFolder()
        let database = try fresh(folder("a.sqlite"))
        for id in 1...3 {
            try database.run("INSERT INTO parent VALUES (?, NULL)", [.integer(Int64(id))])
        }
        var pairs = 0
        try database.each("SELECT id FROM parent", []) { _ in
            pairs += (try? database.rows("SELECT id FROM parent").count) ?? 0
            return true
        }
        #expect(pairs == 9)
        for number in 0..<200 {
            #expect(try database.rows("SELECT \(number)") == [[.integer(Int64(number))]])
        }
    }
}
