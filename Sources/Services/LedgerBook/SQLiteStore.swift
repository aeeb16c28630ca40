import Linux
import SQLite

/// A book in one file. WAL, synchronous=FULL: one fsync a transaction (B1).
final class SQLiteStore: LedgerStore {
    private let database: Database

    init(path: String, create: Bool) throws(BookError) {
        do throws(SQLiteError) {
            database = try Database(path: path, access: create ? .create : .readWrite)
        } catch { throw .storage(StorageError(error)) }
        try SQLiteSchema.prepare(database, mayCreate: create)
    }

    /// Whether the file is there.
    static func isThere(_ path: String) -> Bool { Files.exists(path) }

    let rowLock = ""
    let integrityQuestions: [(sentence: String, sql: String)] = [
        (
            "SQLite finds the file damaged",
            "SELECT integrity_check FROM pragma_integrity_check WHERE integrity_check <> 'ok'"
        ),
        ("a row refers to nothing, table", "SELECT \"table\" FROM pragma_foreign_key_check"),
    ]

    func hexadecimal(_ expression: String) -> String { "lower(hex(\(expression)))" }

    func answers(_ statements: [Statement]) throws(StorageError) -> [[[Cell]]] {
        var answers: [[[Cell]]] = []
        for statement in statements {
            var rows: [[Cell]] = []
            do throws(SQLiteError) {
                try database.each(statement.sql, statement.values.map(\.sqlite)) { row in
                    rows.append(row.map { Cell($0) })
                    return true
                }
            } catch { throw StorageError(error) }
            answers.append(rows)
        }
        return answers
    }

    func changes(_ statement: Statement) throws(StorageError) -> Int {
        try later(statement)
        return database.changes
    }

    func later(_ statement: Statement) throws(StorageError) {
        do throws(SQLiteError) {
            try database.run(statement.sql, statement.values.map(\.sqlite))
        } catch { throw StorageError(error) }
    }

    func transaction<R>(_ body: () throws(BookError) -> R) throws(BookError) -> R {
        try database.transaction(body, mapping: { .storage(StorageError($0)) })
    }
}

extension StorageError {
    init(_ error: SQLiteError) {
        let kind: Kind =
            if error.isIO || error.isFull {
                .lost
            } else if error.isBusy {
                .busy
            } else if error.isConstraint {
                .constraint
            } else {
                .other
            }
        self.init(kind, "\(error)")
    }
}

extension Cell {
    fileprivate var sqlite: SQLValue {
        switch self {
        case .null: .null
        case .integer(let value): .integer(value)
        case .text(let value): .text(value)
        case .blob(let value): .blob(value)
        }
    }

    fileprivate init(_ value: SQLValue) {
        switch value {
        case .integer(let value): self = .integer(value)
        case .text(let value): self = .text(value)
        case .blob(let value): self = .blob(value)
        // No column of a book is REAL.
        case .null, .real: self = .null
        }
    }
}
