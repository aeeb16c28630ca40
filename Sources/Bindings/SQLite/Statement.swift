import CSQLite

/// One prepared statement.
final class Statement {
    let sql: String
    private let raw: OpaquePointer
    private let database: OpaquePointer

    /// Calls `sqlite3_prepare_v3`. Text after the first statement, other than comments and
    /// blanks, is refused, and so is text without a statement.
    init(_ sql: String, _ database: OpaquePointer) throws(SQLiteError) {
        var raw: OpaquePointer?
        let (code, rest) = Self.prepare(sql, database, &raw)
        if code != SQLITE_OK { throw error("sqlite3_prepare_v3", database) }
        guard let raw else {
            throw SQLiteError(call: "sqlite3_prepare_v3", code: SQLITE_MISUSE, message: "no SQL")
        }
        var second: OpaquePointer?
        let (code2, _) = Self.prepare(rest, database, &second)
        if code2 != SQLITE_OK || second != nil {
            sqlite3_finalize(second)
            sqlite3_finalize(raw)
            throw SQLiteError(
                call: "sqlite3_prepare_v3", code: SQLITE_MISUSE,
                message: "more than one statement: use script")
        }
        self.sql = sql
        self.raw = raw
        self.database = database
    }

    deinit { sqlite3_finalize(raw) }

    private static func prepare(
        _ sql: String, _ database: OpaquePointer, _ raw: inout OpaquePointer?
    ) -> (Int32, String) {
        sql.withCString { text in
            var tail: UnsafePointer<CChar>?
            let code = sqlite3_prepare_v3(
                database, text, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &raw, &tail)
            return (code, code == SQLITE_OK ? tail.map { String(cString: $0) } ?? "" : "")
        }
    }

    /// Calls `sqlite3_bind_…`; text and blobs are copied.
    func bind(_ values: [SQLValue]) throws(SQLiteError) {
        guard values.count == Int(sqlite3_bind_parameter_count(raw)) else {
            throw SQLiteError(
                call: "sqlite3_bind", code: SQLITE_RANGE,
                message: "\(values.count) values for other placeholders")
        }
        for (index, value) in values.enumerated() {
            let code = bind(Int32(index + 1), value)
            if code != SQLITE_OK { throw error("sqlite3_bind", database) }
        }
    }

    private func bind(_ index: Int32, _ value: SQLValue) -> Int32 {
        // SQLITE_TRANSIENT: SQLite copies before it returns.
        let transient = unsafeBitCast(-1, to: sqlite3_destructor_type.self)
        switch value {
        case .null: return sqlite3_bind_null(raw, index)
        case .integer(let integer): return sqlite3_bind_int64(raw, index, integer)
        case .real(let real): return sqlite3_bind_double(raw, index, real)
        case .text(var text):
            return text.withUTF8 { bytes in
                bytes.withMemoryRebound(to: CChar.self) { characters in
                    guard let start = characters.baseAddress else {
                        return sqlite3_bind_text(raw, index, "", 0, transient)
                    }
                    return sqlite3_bind_text64(
                        raw, index, start, UInt64(bytes.count), transient, UInt8(SQLITE_UTF8))
                }
            }
        case .blob(let bytes):
            if bytes.isEmpty { return sqlite3_bind_zeroblob(raw, index, 0) }
            return sqlite3_bind_blob64(raw, index, bytes, UInt64(bytes.count), transient)
        }
    }

    /// True: there is a row. Calls `sqlite3_step`.
    func step() throws(SQLiteError) -> Bool {
        switch sqlite3_step(raw) {
        case SQLITE_ROW: return true
        case SQLITE_DONE: return false
        default: throw error("sqlite3_step", database)
        }
    }

    /// The current row. Calls `sqlite3_column_…`.
    func row() -> [SQLValue] {
        (0..<sqlite3_column_count(raw)).map { column in
            switch sqlite3_column_type(raw, column) {
            case SQLITE_INTEGER: return .integer(sqlite3_column_int64(raw, column))
            case SQLITE_FLOAT: return .real(sqlite3_column_double(raw, column))
            case SQLITE_TEXT:
                return .text(
                    String(decoding: bytes(sqlite3_column_text(raw, column), column), as: UTF8.self)
                )
            case SQLITE_BLOB: return .blob(Array(bytes(sqlite3_column_blob(raw, column), column)))
            default: return .null
            }
        }
    }

    private func bytes(_ start: UnsafeRawPointer?, _ column: Int32) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: start, count: Int(sqlite3_column_bytes(raw, column)))
    }

    /// Steps since this was last asked. Calls `sqlite3_stmt_status`.
    func steps() -> UInt64 {
        UInt64(sqlite3_stmt_status(raw, SQLITE_STMTSTATUS_VM_STEP, 1).magnitude)
    }

    /// Calls `sqlite3_reset` and `sqlite3_clear_bindings`.
    func reset() {
        sqlite3_reset(raw)
        sqlite3_clear_bindings(raw)
    }
}

/// The last error of a connection. Calls `sqlite3_extended_errcode` and `sqlite3_errmsg`.
func error(_ call: String, _ database: OpaquePointer?) -> SQLiteError {
    SQLiteError(
        call: call, code: sqlite3_extended_errcode(database),
        message: sqlite3_errmsg(database).map { String(cString: $0) } ?? "")
}
