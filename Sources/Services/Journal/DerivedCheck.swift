import Operations
import SQLite

/// Proves what a journal derives from its entries: the rows that lists read (J8), and that each
/// closure begins after the one before, is numbered next, and says what the entries come to (J7).
struct DerivedCheck {
    private var hasLines = false
    private var closures: [ClosurePeriod: Closure] = [:]
    private var perpetual: Int64 = 0
    /// Totals since the last closure of each period.
    private var open: [ClosurePeriod: PeriodTotals] = [:]

    /// A chain whose first years are archived goes on from what is known of them.
    init(after origin: Origin) {
        closures = origin.closures.mapValues(\.closure)
        perpetual = origin.perpetual
    }

    /// The next file. One of the first version has no lines.
    mutating func enter(_ database: Database) throws(SQLiteError) {
        hasLines = try !database.rows(
            "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'lines'"
        ).isEmpty
    }

    /// True when the closures are the last ones before a file.
    func agrees(with origin: Origin) -> Bool {
        closures == origin.closures.mapValues(\.closure)
    }

    /// What is wrong with the entry's consequences; nil when nothing is. Entries come in order.
    mutating func fault(
        of entry: Entry, in database: Database
    ) -> JournalVerification.Fault.Code? {
        if case .closure(let closure) = entry.body, !follows(closure, at: entry.sequence) {
            return .closureDiffers
        }
        if !entry.isTraining { count(entry, in: database) }
        guard hasLines else { return nil }
        let stored = try? database.rows(
            "SELECT \(JournalLines.columns) FROM lines WHERE seq = ?",
            [.integer(Int64(clamping: entry.sequence))]
        ).first
        guard let stored, let derived = try? JournalLines.row(of: entry, in: database),
            stored == derived
        else { return .lineDiffers }
        return nil
    }

    private mutating func count(_ entry: Entry, in database: Database) {
        var target: EntryBody?
        if case .reversal(let reversal) = entry.body {
            target = (try? JournalStore.entry(reversal.entry, in: database))??.body
        }
        var single = PeriodTotals.none
        single.add(entry.body, reversing: target)
        perpetual &+= single.takings
        for period in ClosurePeriod.allCases {
            open[period, default: .none].add(entry.body, reversing: target)
        }
    }

    private mutating func follows(_ closure: Closure, at sequence: UInt64) -> Bool {
        let last = closures[closure.period]
        let totals = open[closure.period] ?? .none
        closures[closure.period] = closure
        open[closure.period] = PeriodTotals.none
        return closure.number == (last?.number ?? 0) + 1 && closure.from == (last?.to ?? 0) + 1
            && closure.to + 1 == sequence && closure.perpetual == perpetual
            && closure.totals == totals
    }

    /// True when a row stands there that belongs to no entry of `range`.
    func hasSurplus(
        in database: Database, _ range: ClosedRange<UInt64>
    ) throws(SQLiteError) -> Bool {
        guard hasLines else { return false }
        return try !database.rows(
            "SELECT 1 FROM lines WHERE seq > ? OR seq < ? LIMIT 1",
            [
                .integer(Int64(clamping: range.upperBound)),
                .integer(Int64(clamping: range.lowerBound)),
            ]
        ).isEmpty
    }
}
