import PostgreSQL
import SQLite

/// Where a book is kept, as `--database` names it.
public enum StoreAddress: Equatable, Sendable {
    /// A file.
    case sqlite(path: String)
    /// A server; a URI as libpq reads it, without a password.
    case postgreSQL(String)

    /// Reads "sqlite:PATH", "postgresql://…" or "postgres://…"; nil for anything else.
    public init?(_ text: String) {
        if text.hasPrefix("sqlite:"), text.utf8.count > "sqlite:".utf8.count {
            self = .sqlite(path: String(text.dropFirst("sqlite:".count)))
        } else if text.hasPrefix("postgresql://") || text.hasPrefix("postgres://"),
            ConnectionText.holdsPassword(text) != nil
        {
            self = .postgreSQL(text)
        } else {
            return nil
        }
    }

    /// True: the address holds a password, which belongs into a file that others cannot read.
    public var holdsPassword: Bool {
        switch self {
        case .sqlite: false
        case .postgreSQL(let text): ConnectionText.holdsPassword(text) ?? true
        }
    }

    /// Connections a service may use at once. SQLite has one writer at a time anyway.
    public var connectionsMax: Int {
        switch self {
        case .sqlite: 1
        case .postgreSQL: 8
        }
    }

    func open(create: Bool, patience: Duration) throws(BookError) -> any LedgerStore {
        switch self {
        case .sqlite(let path): try SQLiteStore(path: path, create: create)
        case .postgreSQL(let text): try PostgreSQLStore(text, create: create, patience: patience)
        }
    }

    /// Whether a book was made there; a server that cannot be asked is an error.
    /// - Throws: `BookError.storage`.
    public func holdsBook() throws(BookError) -> Bool {
        switch self {
        case .sqlite(let path): SQLiteStore.isThere(path)
        case .postgreSQL(let text): try PostgreSQLStore.isThere(text)
        }
    }
}
