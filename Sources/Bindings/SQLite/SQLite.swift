// SQLite: one connection to one database file.
//
// Purpose: prepared and cached statements, values, transactions, errors with their extended code.
// It knows no table; the journal mode, `synchronous` and the schema are the caller's statements.
//
// Promises: each SQL text is prepared once and kept (at most 256); foreign keys are enforced; a
// quoted name that is no column is an error, not a string; the file's own schema is not trusted;
// a busy database is waited for 5 s; a failed transaction is rolled back; a value never becomes
// part of the SQL text.
//
// Does not promise: locking between threads. Threads: the connection belongs to one owner who
// serialises the calls. Two processes, or two connections, may share the file.

import CSQLite

/// A refused SQLite call. The message is SQLite's own: it may name tables and columns, never a
/// value.
public struct SQLiteError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The C call, e.g. "sqlite3_step".
    public let call: String
    /// The extended result code, e.g. 2067 for `SQLITE_CONSTRAINT_UNIQUE`.
    public let code: Int32
    /// `sqlite3_errmsg` at that time.
    public let message: String

    /// An error of `call` with the extended result `code`.
    public init(call: String, code: Int32, message: String) {
        self.call = call
        self.code = code
        self.message = message
    }

    private var primary: Int32 { code & 0xFF }

    /// `SQLITE_CONSTRAINT` of any kind: the row breaks a rule of the schema.
    public var isConstraint: Bool { primary == SQLITE_CONSTRAINT }
    /// `SQLITE_CONSTRAINT_UNIQUE`, `_PRIMARYKEY` or `_ROWID`: the row is there already.
    public var isUnique: Bool { [2067, 1555, 2579].contains(code) }
    /// `SQLITE_FULL`: the disk is full.
    public var isFull: Bool { primary == SQLITE_FULL }
    /// `SQLITE_BUSY` or `SQLITE_LOCKED`: somebody else holds the database; try again.
    public var isBusy: Bool { primary == SQLITE_BUSY || primary == SQLITE_LOCKED }
    /// `SQLITE_IOERR`: the disk failed.
    public var isIO: Bool { primary == SQLITE_IOERR }

    /// "sqlite3_step: 2067 UNIQUE constraint failed: t.a".
    public var description: String { "\(call): \(code) \(message)" }
}

/// A value of a row or of a placeholder.
public enum SQLValue: Equatable, Sendable {
    /// NULL.
    case null
    /// INTEGER, 64 bits.
    case integer(Int64)
    /// TEXT, UTF-8.
    case text(String)
    /// BLOB.
    case blob([UInt8])
    /// REAL; money never is one.
    case real(Double)

    /// The value of an `integer`, else nil.
    public var integer: Int64? { if case .integer(let value) = self { value } else { nil } }
    /// The value of a `text`, else nil.
    public var text: String? { if case .text(let value) = self { value } else { nil } }
    /// The value of a `blob`, else nil.
    public var blob: [UInt8]? { if case .blob(let value) = self { value } else { nil } }
}
