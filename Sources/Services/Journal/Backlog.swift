import SQLite

/// What a journal holds that no receipt of the ledger covers. Read beside whoever has it open;
/// nothing is verified and no key is needed.
public struct JournalBacklog: Equatable, Sendable {
    /// Payments, refunds, reversals, top-ups, actions, cards given and cards reported.
    public private(set) var operations: UInt64 = 0
    /// Closures of days, months and years.
    public private(set) var closures: UInt64 = 0
    /// What no account depends on: technical events and everything of the training mode.
    public private(set) var notes: UInt64 = 0
    /// The payments among the operations, cents.
    public private(set) var paymentCents: Int64 = 0
    /// Time of the oldest operation or closure, milliseconds since the Unix epoch.
    public private(set) var oldest: UInt64?

    /// True when the ledger knows of everything that an account or a total depends on.
    public var isSettled: Bool { operations == 0 && closures == 0 }

    /// Nothing waits.
    public static let none = JournalBacklog()

    private init() {}

    /// Reads the backlog of the journal at `path`; that of no file at all is empty.
    /// - Throws: `JournalError.unusable`.
    public init(of path: String) throws(JournalError) {
        let files = try JournalFiles.list(path)
        do {
            let databases = try files.map { try Database(path: $0.path, access: .readOnly) }
            // What was purged had its receipts: the oldest file begins behind them.
            var acknowledged = Int64(clamping: (files.first?.first ?? 1) - 1)
            for database in databases {
                let upto = try database.rows("SELECT max(upto) FROM receipts").first?[0].integer
                acknowledged = max(acknowledged, upto ?? 0)
            }
            for database in databases { try add(database, after: acknowledged) }
        } catch let error as SQLiteError {
            throw .unusable("\(error.call): \(error.message)")
        } catch { throw .unusable("\(error)") }
    }

    private mutating func add(_ database: Database, after sequence: Int64) throws(SQLiteError) {
        let rows = try database.rows(
            """
            SELECT kind = 9 OR training = 1, kind = 8, count(*), sum(cents * (kind = 1)), min(time)
            FROM entries WHERE seq > ? GROUP BY 1, 2
            """, [.integer(sequence)])
        for row in rows {
            let count = UInt64(clamping: row[2].integer ?? 0)
            if row[0].integer == 1 {
                notes += count
                continue
            }
            if row[1].integer == 1 { closures += count } else { operations += count }
            let (sum, isOver) = paymentCents.addingReportingOverflow(row[3].integer ?? 0)
            paymentCents = isOver ? .max : sum
            let time = row[4].integer.map { UInt64(clamping: $0) }
            oldest = [oldest, time].compactMap(\.self).min()
        }
    }
}
