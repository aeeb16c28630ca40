// The seam between the book and a database. The book's SQL is what both accept: placeholders
// $1, $2, … first used in rising order (SQLite numbers a "$name" when it first sees it, so both
// count alike); BIGINT sums by CAST; ON CONFLICT; no function that only one has.

/// A value of a row or of a placeholder.
enum Cell: Equatable, Sendable {
    case null
    case integer(Int64)
    case text(String)
    case blob([UInt8])

    /// The value of an `integer`, else nil.
    var integer: Int64? { if case .integer(let value) = self { value } else { nil } }
    /// The value of a `text`, else nil.
    var text: String? { if case .text(let value) = self { value } else { nil } }
    /// The value of a `blob`, else nil.
    var blob: [UInt8]? { if case .blob(let value) = self { value } else { nil } }

    /// A time or number that a database can hold; larger ones are the largest.
    static func clamped(_ value: UInt64) -> Cell { .integer(Int64(clamping: value)) }
    /// 0 or 1.
    static func flag(_ value: Bool) -> Cell { .integer(value ? 1 : 0) }
}

/// A statement and its values.
struct Statement {
    let sql: String
    let values: [Cell]

    init(_ sql: String, _ values: [Cell] = []) {
        self.sql = sql
        self.values = values
    }
}

/// Why a database refuses, in the words of no single one.
public struct StorageError: Error, Equatable, Sendable, CustomStringConvertible {
    /// What can be done about it.
    public enum Kind: Sendable {
        /// Another transaction came between; this one has left nothing and may be tried again.
        case conflict
        /// Somebody holds the database or every connection for longer than the wait.
        case busy
        /// The disk failed or is full, the line broke, or the server is no primary any more: what
        /// was asked may or may not be done, and the store must be opened anew.
        case lost
        /// The row breaks a rule of the schema.
        case constraint
        /// Anything else.
        case other
    }

    /// What can be done about it.
    public let kind: Kind
    /// The database's own words; no value of a row, no secret.
    public let description: String

    /// An error of `kind`.
    public init(_ kind: Kind, _ description: String) {
        self.kind = kind
        self.description = description
    }
}

/// A database that keeps a book. One owner serialises the calls.
protocol LedgerStore: AnyObject {
    /// What ends a SELECT so that its rows are this transaction's until it ends; "" where one
    /// transaction writes at a time anyway. Rows are locked in one order everywhere: a terminal,
    /// then cards by number, then a counter (`Book.next`); so nobody waits in a circle.
    var rowLock: String { get }
    /// Questions of the audit about the database itself; a row is a fault.
    var integrityQuestions: [(sentence: String, sql: String)] { get }
    /// An SQL expression: lower case hexadecimal of a blob.
    func hexadecimal(_ expression: String) -> String

    /// The rows of each statement, in their order; all of them travel together.
    func answers(_ statements: [Statement]) throws(StorageError) -> [[[Cell]]]
    /// The number of rows that a statement changed.
    func changes(_ statement: Statement) throws(StorageError) -> Int
    /// Runs a statement by the end of the transaction at the latest, in the order given; its
    /// refusal may come with a later call. Within a transaction only.
    func later(_ statement: Statement) throws(StorageError)
    /// One write transaction: all of `body` is durable when this returns, none when it throws.
    /// Each statement in it sees what was committed before that statement.
    func transaction<R>(_ body: () throws(BookError) -> R) throws(BookError) -> R
}
