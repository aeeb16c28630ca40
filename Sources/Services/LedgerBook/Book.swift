import Crypto
import SQLite

/// The open book. One owner serialises the calls.
public final class Book {
    private let database: Database

    /// Opens the file at `path`; makes it when `create` says so.
    /// - Throws: `BookError.storage`, `.unusable`.
    public init(path: String, create: Bool = false) throws(BookError) {
        do throws(SQLiteError) {
            database = try Database(path: path, access: create ? .create : .readWrite)
        } catch { throw .storage(error) }
        try Schema.prepare(database, mayCreate: create)
    }

    /// True when the file answers.
    public var isReadable: Bool {
        (try? database.rows("SELECT count(*) FROM settings")) != nil
    }

    // MARK: statements

    func run(_ sql: String, _ values: [SQLValue] = []) throws(BookError) {
        do throws(SQLiteError) { try database.run(sql, values) } catch { throw .storage(error) }
    }

    func rows(
        _ sql: String, _ values: [SQLValue] = [], atMost: Int = .max
    ) throws(BookError) -> [[SQLValue]] {
        do throws(SQLiteError) {
            return try database.rows(sql, values, atMost: atMost)
        } catch { throw .storage(error) }
    }

    func each(
        _ sql: String, _ values: [SQLValue] = [], _ body: ([SQLValue]) -> Bool
    ) throws(BookError) {
        do throws(SQLiteError) {
            try database.each(sql, values, body)
        } catch { throw .storage(error) }
    }

    /// The first column of the first row.
    func number(_ sql: String, _ values: [SQLValue] = []) throws(BookError) -> Int64? {
        try rows(sql, values, atMost: 1).first?.first?.integer
    }

    /// Inserts a row that a UNIQUE constraint may refuse: false then. Any other refusal throws.
    func insertUnlessThere(_ sql: String, _ values: [SQLValue]) throws(BookError) -> Bool {
        do throws(SQLiteError) {
            try database.run(sql, values)
            return true
        } catch {
            if error.isUnique { return false }
            throw .storage(error)
        }
    }

    var lastInsertRow: Int64 { database.lastInsertRow }
    var changes: Int { database.changes }

    /// One write transaction (B1).
    func transaction<R>(_ body: () throws(BookError) -> R) throws(BookError) -> R {
        try database.transaction(body, mapping: { .storage($0) })
    }
}

extension SQLValue {
    /// A time or number that SQLite can hold; larger ones are the largest.
    static func clamped(_ value: UInt64) -> SQLValue { .integer(Int64(clamping: value)) }
}
