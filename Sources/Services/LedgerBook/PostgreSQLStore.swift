import PostgreSQL

/// A book on a PostgreSQL server, or on one that speaks its protocol.
///
/// Transactions are READ COMMITTED: a statement sees what was committed before it. What a
/// transaction judges by (the terminal's chain, the cards it names) it has locked first, in the
/// order of `LedgerStore.rowLock`. A server that only offers SERIALIZABLE is as good: what it
/// refuses with 40001 is tried again.
///
/// There is no time limit of the server on a COMMIT, on purpose: a server that waits for its
/// standby and is told to stop waiting says "committed". The session's own limit gives up the
/// connection instead, and the terminal sends the batch again.
final class PostgreSQLStore: LedgerStore {
    private let session: Session
    /// Statements that nobody has asked about yet.
    private var waiting: [PostgreSQLCommand] = []

    init(_ text: String, create: Bool, patience: Duration) throws(BookError) {
        do throws(PostgreSQLError) {
            session = try Self.session(text, patience)
        } catch { throw .storage(StorageError(error)) }
        try PostgreSQLSchema.prepare(session, mayCreate: create)
    }

    private static func session(
        _ text: String, _ patience: Duration
    ) throws(PostgreSQLError) -> Session {
        let session = try Session(
            text,
            settings: [
                ("application_name", "eco-ledger"), ("connect_timeout", "10"),
                ("tcp_user_timeout", "15000"), ("keepalives_idle", "10"),
            ], limit: patience)
        try session.script(
            """
            SET lock_timeout = '10s'; SET idle_in_transaction_session_timeout = '60s';
            SET default_transaction_isolation = 'read committed'
            """)
        return session
    }

    /// Whether a book was made there.
    static func isThere(_ text: String) throws(BookError) -> Bool {
        do throws(PostgreSQLError) {
            return try PostgreSQLSchema.isThere(try session(text, Book.patience))
        } catch { throw .storage(StorageError(error)) }
    }

    /// Lets rows that refer to the locked one be inserted by others.
    let rowLock = " FOR NO KEY UPDATE"
    /// The server keeps its references and its pages' sums itself.
    let integrityQuestions: [(sentence: String, sql: String)] = []

    func hexadecimal(_ expression: String) -> String { "encode(\(expression), 'hex')" }

    func answers(_ statements: [Statement]) throws(StorageError) -> [[[Cell]]] {
        try exchange(statements.map(PostgreSQLCommand.init)).map { answer in
            answer.rows.map { row in row.map { Cell($0) } }
        }
    }

    func changes(_ statement: Statement) throws(StorageError) -> Int {
        try exchange([PostgreSQLCommand(statement)]).last?.changes ?? 0
    }

    func later(_ statement: Statement) throws(StorageError) {
        waiting.append(PostgreSQLCommand(statement))
    }

    func transaction<R>(_ body: () throws(BookError) -> R) throws(BookError) -> R {
        waiting = [PostgreSQLCommand("BEGIN")]
        do throws(BookError) {
            let result = try body()
            do throws(StorageError) {
                _ = try exchange([PostgreSQLCommand("COMMIT")])
            } catch { throw .storage(error) }
            return result
        } catch {
            waiting = []
            if session.isInTransaction {
                _ = try? session.exchange([PostgreSQLCommand("ROLLBACK")])
            }
            throw error
        }
    }

    /// Sends what waits and `commands`; the answers of `commands` alone.
    private func exchange(
        _ commands: [PostgreSQLCommand]
    ) throws(StorageError) -> ArraySlice<PostgreSQLAnswer> {
        let sent = waiting
        waiting = []
        do throws(PostgreSQLError) {
            return try session.exchange(sent + commands).dropFirst(sent.count)
        } catch { throw StorageError(error) }
    }
}

extension PostgreSQLCommand {
    fileprivate init(_ statement: Statement) {
        self.init(
            statement.sql,
            statement.values.map { cell in
                switch cell {
                case .null: .null
                case .integer(let value): .integer(value)
                case .text(let value): .text(value)
                case .blob(let value): .blob(value)
                }
            })
    }
}

extension StorageError {
    init(_ error: PostgreSQLError) {
        let kind: Kind =
            if error.isSerialization || error.isDeadlock {
                .conflict
            } else if error.isConnectionLost || error.isReadOnly || error.isExhausted {
                .lost
            } else if error.isCancelled {
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
    fileprivate init(_ value: PostgreSQLValue) {
        switch value {
        case .integer(let value): self = .integer(value)
        case .text(let value): self = .text(value)
        case .blob(let value): self = .blob(value)
        // No column of a book is a fraction.
        case .null, .real: self = .null
        }
    }
}
