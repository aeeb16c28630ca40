import Foundation
import LedgerBook
import PostgreSQL
import SQLite
import TestSupport
import Testing
import Tokens

/// The databases a book may be kept in. The whole suite runs on each.
enum Store: String, CaseIterable, Sendable, CustomTestStringConvertible {
    case sqlite = "SQLite"
    case postgreSQL = "PostgreSQL"

    static let all = Store.allCases
    var testDescription: String { rawValue }
}

/// An empty database of one test, which goes with it.
final class Place {
    let folder: String
    let store: Store
    /// As `--database` takes it.
    let text: String

    convenience init(_ store: Store) throws {
        try self.init(server: store == .sqlite ? nil : Cluster.shared.get().create())
    }

    /// That of a server at `address`; of a file without one.
    init(server address: String?) throws {
        folder = NSTemporaryDirectory() + "/ledger-" + UUID().uuidString
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true)
        store = address == nil ? .sqlite : .postgreSQL
        text = address ?? "sqlite:\(folder)/ledger.sqlite"
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    var address: StoreAddress {
        get throws { try #require(StoreAddress(text)) }
    }

    /// The same database, by another connection that knows nothing of the book.
    func outsider() throws -> Outsider {
        switch store {
        case .sqlite:
            try .file(Database(path: folder + "/ledger.sqlite", access: .readWrite))
        case .postgreSQL: try .server(Session(text))
        }
    }
}

/// Why a database refused an outsider.
struct SQLFailure: Error, Equatable {
    let message: String
    let isUnique: Bool

    init(_ error: SQLiteError) {
        message = error.message
        isUnique = error.isUnique
    }

    init(_ error: PostgreSQLError) {
        message = error.message
        isUnique = error.isUnique
    }
}

/// Plain SQL on either database. Placeholders are $1, $2, …
enum Outsider {
    case file(Database)
    case server(Session)

    @discardableResult
    func rows(_ sql: String, _ values: [SQLValue] = []) throws(SQLFailure) -> [[SQLValue]] {
        switch self {
        case .file(let database):
            do throws(SQLiteError) { return try database.rows(sql, values) } catch {
                throw SQLFailure(error)
            }
        case .server(let session):
            do throws(PostgreSQLError) {
                let command = PostgreSQLCommand(sql, values.map(Self.value))
                return try session.exchange([command])[0].rows.map { $0.map(Self.value) }
            } catch { throw SQLFailure(error) }
        }
    }

    func run(_ sql: String, _ values: [SQLValue] = []) throws(SQLFailure) {
        try rows(sql, values)
    }

    /// Begins a transaction in which nobody else may judge by this card.
    func keep(_ card: SoftwareCard) throws {
        try run("BEGIN")
        try run("SELECT 1 FROM cards WHERE number = $1 FOR UPDATE", [.text(card.number.digits)])
    }

    func columns(of table: String) throws -> [String] {
        let sql =
            switch self {
            case .file: "SELECT name FROM pragma_table_info($1)"
            case .server:
                "SELECT column_name FROM information_schema.columns WHERE table_name = $1"
            }
        return try rows(sql, [.text(table)]).compactMap { $0[0].text }
    }

    /// Takes away what refuses changes of a table.
    func unguard(_ table: String) throws {
        switch self {
        case .file:
            for act in ["update", "delete"] { try run("DROP TRIGGER \(table)_no_\(act)") }
        case .server: try run("DROP TRIGGER \(table)_append_only ON \(table)")
        }
        if table == "postings" {
            switch self {
            case .file: try run("DROP TRIGGER postings_balance")
            case .server: try run("DROP TRIGGER postings_balance ON postings")
            }
        }
    }

    /// Makes a file what it was in version 6: its chains have no rules of their own.
    func takeBackChain() throws {
        for name in ["entries_chain", "entries_booked", "verdicts_booked"] {
            try run("DROP TRIGGER \(name)")
        }
        try run("DROP INDEX transactions_time")
        try run("ALTER TABLE entries DROP COLUMN previous")
    }

    /// Says that a version of the program yet to come wrote the book.
    func setVersion(_ version: Int) throws {
        switch self {
        case .file: try run("PRAGMA user_version=\(version)")
        case .server: try run("INSERT INTO ledger_version VALUES(\(version))")
        }
    }

    private static func value(_ value: SQLValue) -> PostgreSQLValue {
        switch value {
        case .null: .null
        case .integer(let value): .integer(value)
        case .text(let value): .text(value)
        case .blob(let value): .blob(value)
        case .real(let value): .real(value)
        }
    }

    private static func value(_ value: PostgreSQLValue) -> SQLValue {
        switch value {
        case .null: .null
        case .integer(let value): .integer(value)
        case .text(let value): .text(value)
        case .blob(let value): .blob(value)
        case .real(let value): .real(value)
        }
    }
}
