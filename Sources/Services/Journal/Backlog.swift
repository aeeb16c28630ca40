import Linux
public import Operations
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
    /// What was set aside with an older journal and entered nowhere: operations, and the cents of
    /// the payments among them.
    public private(set) var setAside = KindTotal()
    /// Time of the oldest operation or closure, milliseconds since the Unix epoch.
    public private(set) var oldest: UInt64?

    /// True when the ledger knows of everything that an account or a total depends on.
    public var isSettled: Bool { operations == 0 && closures == 0 && setAside.count == 0 }

    /// Nothing waits.
    public static let none = JournalBacklog()

    private init() {}

    /// Reads the backlog of the journal at `path`, that of no file at all is empty, and of the
    /// archives that were set aside.
    /// - Throws: `JournalError.unusable` also when nobody can tell whether an archive was entered.
    public init(of path: String, setAside archives: [String] = []) throws(JournalError) {
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
            for archive in archives { try add(archive, beside: databases) }
        } catch let error as SQLiteError {
            throw .unusable("\(error.call): \(error.message)")
        } catch let error as JournalError { throw error } catch { throw .unusable("\(error)") }
    }

    private mutating func add(_ archive: String, beside files: [Database]) throws {
        var unclaimed: UnclaimedOperations
        do {
            let bytes = try Files.read(archive, atMost: JournalArchive.sizeMax)
            unclaimed = try UnclaimedOperations(archive: bytes, terminal: nil)
        } catch { throw JournalError.unusable("\(archive): \(error)") }
        for file in files { try unclaimed.see(file) }
        var archived: JournalVerification.Archived?
        if let first = files.first {
            guard let origin = try Origin(of: first) else {
                throw JournalError.unusable("the oldest file does not say what it follows")
            }
            if origin.sequence > 0 { archived = .init(through: origin.sequence, head: origin.hash) }
        }
        guard let total = unclaimed.total(after: archived) else {
            throw JournalError.unusable("\(archive): years that were archived since may hold it")
        }
        setAside.count += total.count
        let (sum, isOver) = setAside.sum.addingReportingOverflow(total.sum)
        setAside.sum = isOver ? .max : sum
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
