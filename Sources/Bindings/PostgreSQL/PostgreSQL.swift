// PostgreSQL: one session with a server, over libpq.
//
// Purpose: prepared statements with binary values, sent together in pipeline mode; errors with
// their SQLSTATE; a limit on every wait. It knows no table.
//
// Promises:
//   G1  The commands of one `exchange` travel together: one round trip however many they are. The
//       first that fails stops those after it, and its error is thrown. Without a BEGIN among
//       them, all are committed or none.
//   G2  A value never becomes part of the SQL text. Each SQL text is prepared once a session.
//   G3  No wait is longer than the limit given: after it, or when the line breaks, the session is
//       lost for good. What the server did with the last exchange is then unknown.
//   G4  An error holds the server's primary message and the names of a table and a constraint:
//       never a value of a row, never a password.
//
// Does not promise: locking between threads; reconnecting; COPY, notifications, large objects.
// Integers are sent as 8 bytes: columns are BIGINT. Placeholders are $1, $2, …
// Threads: a session belongs to one owner who serialises the calls; only `canceller` may be used
// from elsewhere. Secrets: passwords come by libpq's own ways (PGPASSFILE, a service file,
// PGPASSWORD, certificates), see `ConnectionText`.

/// A refused PostgreSQL call.
public struct PostgreSQLError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The C call, e.g. "PQsendQueryPrepared".
    public let call: String
    /// SQLSTATE, five characters; "08006" too when the line broke or the limit passed.
    public let state: String
    /// The primary message.
    public let message: String
    /// The constraint that refuses; "" when none is named.
    public let constraint: String

    /// An error of `call` with SQLSTATE `state`.
    public init(call: String, state: String, message: String, constraint: String = "") {
        self.call = call
        self.state = state
        self.message = message
        self.constraint = constraint
    }

    private func isOf(_ group: String) -> Bool { state.hasPrefix(group) }

    /// 40001: another transaction came between; the whole transaction may be tried again.
    public var isSerialization: Bool { state == "40001" }
    /// 40P01: this transaction was chosen to end a dead-lock; it may be tried again.
    public var isDeadlock: Bool { state == "40P01" }
    /// 23505: the row is there already.
    public var isUnique: Bool { state == "23505" }
    /// Class 23: the row breaks a rule of the schema.
    public var isConstraint: Bool { isOf("23") }
    /// 25006: the server is a standby, or was made one.
    public var isReadOnly: Bool { state == "25006" }
    /// 57014 or 55P03: cancelled, by a time limit of the server or by a `Canceller`.
    public var isCancelled: Bool { state == "57014" || state == "55P03" }
    /// Class 53: the disk is full, no memory, no connection left.
    public var isExhausted: Bool { isOf("53") }
    /// Classes 08 and 57P: there is no session (any more).
    public var isConnectionLost: Bool { isOf("08") || isOf("57P") }

    /// "PQgetResult: 23505 duplicate key value violates unique constraint "once"".
    public var description: String { "\(call): \(state) \(message)" }
}

/// A value of a row or of a placeholder.
public enum PostgreSQLValue: Equatable, Sendable {
    /// NULL.
    case null
    /// BIGINT; a smaller integer, a BOOLEAN (0 or 1) or a whole NUMERIC of a row is read as one.
    case integer(Int64)
    /// TEXT.
    case text(String)
    /// BYTEA.
    case blob([UInt8])
    /// DOUBLE PRECISION; money never is one.
    case real(Double)
}

/// One statement and its values.
public struct PostgreSQLCommand: Sendable {
    /// The SQL, with placeholders $1, $2, …
    public let text: String
    /// A value for each placeholder.
    public let values: [PostgreSQLValue]

    /// A command.
    public init(_ text: String, _ values: [PostgreSQLValue] = []) {
        self.text = text
        self.values = values
    }
}

/// What one command gave.
public struct PostgreSQLAnswer: Sendable, Equatable {
    /// Its rows.
    public var rows: [[PostgreSQLValue]] = []
    /// Rows inserted, updated, deleted or selected.
    public var changes = 0
}
