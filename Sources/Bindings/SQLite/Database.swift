import CSQLite

/// A connection to a database file.
public final class Database: @unchecked Sendable {  // because the owner serialises the calls
    /// How the file is opened.
    public enum Access: Sendable {
        /// Reading and writing; the file is made when missing.
        case create
        /// Reading and writing; a missing file is an error.
        case readWrite
        /// Reading only.
        case readOnly
    }

    private static let statementsLimit = 256
    private var raw: OpaquePointer?
    private var statements: [String: Statement] = [:]

    /// Steps of SQLite's machine in `run`, `rows` and `each`: a measure of work without noise.
    /// Calls `sqlite3_stmt_status` with `SQLITE_STMTSTATUS_VM_STEP`.
    public private(set) var steps: UInt64 = 0

    /// Opens `path` (":memory:" is a database of its own). Busy time-out 5 s, foreign keys on.
    /// Calls `sqlite3_open_v2`, `sqlite3_db_config` and `sqlite3_busy_timeout`.
    public init(path: String, access: Access) throws(SQLiteError) {
        let mode =
            switch access {
            case .create: SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
            case .readWrite: SQLITE_OPEN_READWRITE
            case .readOnly: SQLITE_OPEN_READONLY
            }
        let flags = mode | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE
        var opened: OpaquePointer?
        let code = sqlite3_open_v2(path, &opened, flags, nil)
        guard code == SQLITE_OK, let opened else {
            let failure = SQLiteError(
                call: "sqlite3_open_v2", code: code,
                message: sqlite3_errmsg(opened).map { String(cString: $0) } ?? "")
            sqlite3_close_v2(opened)
            throw failure
        }
        raw = opened
        sqlite3_busy_timeout(opened, 5000)
        let settings = [
            (SQLITE_DBCONFIG_ENABLE_FKEY, 1), (SQLITE_DBCONFIG_DEFENSIVE, 1),
            (SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0), (SQLITE_DBCONFIG_DQS_DML, 0),
            (SQLITE_DBCONFIG_DQS_DDL, 0),
        ]
        for (setting, value) in settings {
            if csqlite_db_config(opened, Int32(setting), Int32(value)) != SQLITE_OK {
                throw error("sqlite3_db_config", opened)
            }
        }
    }

    deinit { close() }

    /// Runs one statement to its end; rows it gives are dropped.
    /// Calls `sqlite3_step`.
    public func run(_ sql: String, _ values: [SQLValue] = []) throws(SQLiteError) {
        try each(sql, values) { _ in true }
    }

    /// Runs several statements without values, e.g. a schema. Calls `sqlite3_exec`.
    public func script(_ sql: String) throws(SQLiteError) {
        let raw = try opened()
        if sqlite3_exec(raw, sql, nil, nil, nil) != SQLITE_OK { throw error("sqlite3_exec", raw) }
    }

    /// The rows of one statement, at most `atMost`: the statement stops there.
    /// Calls `sqlite3_step`.
    public func rows(
        _ sql: String, _ values: [SQLValue] = [], atMost: Int = .max
    ) throws(SQLiteError) -> [[SQLValue]] {
        var rows: [[SQLValue]] = []
        if atMost <= 0 { return rows }
        try each(sql, values) { row in
            rows.append(row)
            return rows.count < atMost
        }
        return rows
    }

    /// Gives the rows of one statement to `body`, one by one; false from it stops the statement.
    /// `body` may use the database, also with the same SQL. Calls `sqlite3_step`.
    public func each(
        _ sql: String, _ values: [SQLValue], _ body: ([SQLValue]) -> Bool
    ) throws(SQLiteError) {
        let raw = try opened()
        // Out of the cache while it runs, so that `body` gets another one for the same SQL.
        let cached = statements.removeValue(forKey: sql)
        let statement = if let cached { cached } else { try Statement(sql, raw) }
        defer {
            steps += statement.steps()
            statement.reset()
            keep(statement)
        }
        try statement.bind(values)
        while try statement.step() {
            if !body(statement.row()) { return }
        }
    }

    /// The row number of the last INSERT. Calls `sqlite3_last_insert_rowid`.
    public var lastInsertRow: Int64 { raw.map { sqlite3_last_insert_rowid($0) } ?? 0 }

    /// The rows changed by the last INSERT, UPDATE or DELETE. Calls `sqlite3_changes64`.
    public var changes: Int { raw.map { Int(sqlite3_changes64($0)) } ?? 0 }

    /// Runs `body` in a write transaction: all of it is committed when it returns, none when it
    /// or the commit throws. Transactions do not nest: the inner one throws.
    /// Calls `sqlite3_step` with BEGIN IMMEDIATE, COMMIT and ROLLBACK.
    public func transaction<R, E: Error>(
        _ body: () throws(E) -> R, mapping: (SQLiteError) -> E
    ) throws(E) -> R {
        try statement("BEGIN IMMEDIATE", mapping)
        let result: R
        do throws(E) {
            result = try body()
            try statement("COMMIT", mapping)
        } catch {
            // Some failures have rolled back already.
            if let raw, sqlite3_get_autocommit(raw) == 0 { try? run("ROLLBACK") }
            throw error
        }
        return result
    }

    /// Closes the file; a later call throws `SQLITE_MISUSE`. Calls `sqlite3_close_v2`.
    public func close() {
        statements = [:]
        sqlite3_close_v2(raw)
        raw = nil
    }

    private func statement<E: Error>(
        _ sql: String, _ mapping: (SQLiteError) -> E
    ) throws(E) {
        do throws(SQLiteError) {
            try run(sql)
        } catch {
            throw mapping(error)
        }
    }

    private func opened() throws(SQLiteError) -> OpaquePointer {
        if let raw { return raw }
        throw SQLiteError(call: "sqlite3", code: SQLITE_MISUSE, message: "closed")
    }

    private func keep(_ statement: Statement) {
        if raw == nil { return }
        if statements.count >= Self.statementsLimit { statements = [:] }
        statements[statement.sql] = statement
    }
}
