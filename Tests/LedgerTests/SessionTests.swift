import PostgreSQL
import TestSupport
import Testing
import Threads

/// The binding, against a real server.
@Suite struct SessionTests {
    private func database() throws -> String { try Cluster.shared.get().create() }

    private func failure(
        _ body: () throws(PostgreSQLError) -> Void
    ) -> PostgreSQLError? {
        do throws(PostgreSQLError) {
            try body()
            return nil
        } catch { return error }
    }

    private func run(
        _ session: Session, _ sql: String, _ values: [PostgreSQLValue] = []
    ) throws(PostgreSQLError) -> [[PostgreSQLValue]] {
        try session.exchange([PostgreSQLCommand(sql, values)]).first?.rows ?? []
    }

    @Test func `values come back as they went in, empty and odd ones too`() throws {
        let session = try Session(try database())
        try session.script(
            "CREATE TABLE t(n BIGINT, s TEXT, b BYTEA, r DOUBLE PRECISION, i INTEGER)")
        let rows: [[PostgreSQLValue]] = [
            [.integer(.min), .text(""), .blob([]), .real(-0.5), .integer(-7)],
            [.integer(.max), .text("é€"), .blob([0, 255]), .real(0), .integer(7)],
            [.null, .null, .null, .null, .null],
        ]
        let insert = "INSERT INTO t VALUES($1, $2, $3, $4, $5)"
        let answers = try session.exchange(rows.map { PostgreSQLCommand(insert, $0) })
        #expect(answers.map(\.changes) == [1, 1, 1])
        #expect(try run(session, "SELECT * FROM t ORDER BY n") == rows)
        let whole: [(String, PostgreSQLValue)] = [
            ("sum(n) FROM t", .integer(-1)), ("count(*) FROM t", .integer(3)),
            ("sum(n) FROM t WHERE n < 0", .integer(.min)),
            ("CAST(12340000 AS NUMERIC)", .integer(12_340_000)),
            ("CAST(0 AS NUMERIC)", .integer(0)), ("1 = 1", .integer(1)),
        ]
        for (expression, value) in whole {
            #expect(try run(session, "SELECT \(expression)") == [[value]], "\(expression)")
        }
        for fraction in ["0.5", "9223372036854775808", "'NaN'"] {
            let other = try Session(try database())
            let sql = "SELECT CAST(\(fraction) AS NUMERIC)"
            #expect(failure { () throws(PostgreSQLError) in _ = try run(other, sql) } != nil)
        }
    }

    @Test func `commands that travel together are done together or not at all`() throws {
        let session = try Session(try database())
        try session.script("CREATE TABLE t(n BIGINT PRIMARY KEY)")
        func insert(_ value: Int64) -> PostgreSQLCommand {
            PostgreSQLCommand("INSERT INTO t VALUES($1)", [.integer(value)])
        }
        let error = failure { () throws(PostgreSQLError) in
            _ = try session.exchange([insert(1), insert(2), insert(1), insert(3)])
        }
        #expect(error?.isUnique == true && error?.constraint == "t_pkey")
        #expect(error?.description.contains("(1)") == false, "no value of a row")
        #expect(try run(session, "SELECT count(*) FROM t") == [[.integer(0)]])
        #expect(!session.isInTransaction)
        _ = try session.exchange([PostgreSQLCommand("BEGIN"), insert(1)])
        #expect(session.isInTransaction)
        _ = failure { () throws(PostgreSQLError) in _ = try session.exchange([insert(1)]) }
        #expect(session.isInTransaction)
        _ = try session.exchange([PostgreSQLCommand("ROLLBACK")])
        #expect(!session.isInTransaction)
        // More on the way in both directions than sockets hold.
        let big = PostgreSQLCommand(
            "SELECT $1", [.blob([UInt8](repeating: 7, count: 20_000))])
        #expect(try session.exchange(Array(repeating: big, count: 2_000)).count == 2_000)
    }

    @Test func `each error tells its kind`() throws {
        let text = try database()
        let (one, two) = (try Session(text), try Session(text))
        try one.script("CREATE TABLE t(n BIGINT PRIMARY KEY, v BIGINT); INSERT INTO t VALUES(1, 0)")
        for session in [one, two] {
            try session.script("BEGIN ISOLATION LEVEL SERIALIZABLE")
            _ = try run(session, "SELECT sum(v) FROM t")
        }
        _ = try run(one, "UPDATE t SET v = v + 1")
        try one.script("COMMIT")
        let late = failure { () throws(PostgreSQLError) in _ = try run(two, "UPDATE t SET v = 9") }
        #expect(late?.isSerialization == true)
        try two.script("ROLLBACK; SET default_transaction_read_only = on")
        let standby = failure { () throws(PostgreSQLError) in _ = try run(two, "DELETE FROM t") }
        #expect(standby?.isReadOnly == true)
        let syntax = failure { () throws(PostgreSQLError) in _ = try run(two, "SELEKT") }
        #expect(syntax?.state == "42601" && two.isOpen)
        let nowhere = failure { () throws(PostgreSQLError) in
            _ = try Session("postgresql://x@/y?host=/nowhere")
        }
        #expect(nowhere?.isConnectionLost == true)
        for odd in ["postgresql://a:se%zzcret@b/c", "postgresql://a:secret@[b/c"] {
            let refused = failure { () throws(PostgreSQLError) in _ = try Session(odd) }
            #expect(refused != nil && !"\(String(describing: refused))".contains("secret"))
        }
        let stranger = try Cluster.shared.get().address("postgres", user: "nobody:secret")
        let wrong = failure { () throws(PostgreSQLError) in
            _ = try Session(stranger)
        }
        #expect(wrong != nil && !"\(String(describing: wrong))".contains("secret"))
    }

    @Test func `a session that was ended or is too slow is lost for good`() throws {
        let text = try database()
        let (victim, killer) = (try Session(text), try Session(text))
        let pid = try run(victim, "SELECT CAST(pg_backend_pid() AS BIGINT)")[0][0]
        _ = try run(killer, "SELECT pg_terminate_backend(CAST($1 AS INTEGER))", [pid])
        let ended = failure { () throws(PostgreSQLError) in _ = try run(victim, "SELECT 1") }
        #expect(ended?.isConnectionLost == true && !victim.isOpen)
        let after = failure { () throws(PostgreSQLError) in _ = try run(victim, "SELECT 1") }
        #expect(after?.state == "08003")
        let hasty = try Session(text, limit: .milliseconds(200))
        let late = failure { () throws(PostgreSQLError) in
            _ = try run(hasty, "SELECT pg_sleep(60)")
        }
        #expect(late?.isConnectionLost == true && !hasty.isOpen)
    }

    @Test func `another thread stops a command, and the session goes on`() throws {
        let text = try database()
        let (session, watcher) = (try Session(text), try Session(text))
        let canceller = try #require(session.canceller)
        let pid = try run(session, "SELECT CAST(pg_backend_pid() AS BIGINT)")[0][0]
        let thread = NamedThread.start("canceller") {
            let sql = """
                SELECT count(*) FROM pg_stat_activity
                WHERE pid = CAST($1 AS BIGINT) AND wait_event = 'PgSleep'
                """
            let deadline = ContinuousClock.now + .seconds(60)
            while ContinuousClock.now < deadline,
                (try? watcher.exchange([PostgreSQLCommand(sql, [pid])])[0].rows)
                    == [[.integer(0)]]
            {}
            canceller.cancel()
        }
        let stopped = failure { () throws(PostgreSQLError) in
            _ = try run(session, "SELECT pg_sleep(60)")
        }
        thread.join()
        #expect(stopped?.isCancelled == true)
        #expect(try run(session, "SELECT 1 + 1") == [[.integer(2)]])
    }

    @Test(arguments: [
        ("postgresql://eco@host/ledger", false), ("postgresql://eco:x@host/ledger", true),
        ("postgresql:///ledger?password=x", true), ("host=a dbname=b", false),
        ("host=a password=x", true), ("postgresql:///ledger?sslpassword=x", true),
    ])
    func `a password in a connection text is seen`(text: String, holds: Bool) {
        #expect(ConnectionText.holdsPassword(text) == holds)
    }
}
