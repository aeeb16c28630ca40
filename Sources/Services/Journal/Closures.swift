import COSE
public import Operations
import SQLite
import Threads

extension Journal {
    /// Closes a period: from the entry after the last closure of this kind to the end of the chain
    /// (J7). Works without the ledger: the entry says how many entries have no receipt yet.
    /// - Throws: `RuleRefusal` as `.rule`, `JournalError` as `.journal`.
    public func close(
        _ period: ClosurePeriod, id: EntryID, at moment: Moment, operatorCode: [UInt8]? = nil
    ) throws(ClosingError) -> Entry {
        try monitor.update { (contents) throws(ClosingError) in
            guard let file = contents.years?.live else { throw .journal(.suspended("reopen")) }
            let closure: Closure
            do throws(SQLiteError) {
                closure = try Self.next(period, contents.head, file)
            } catch { throw .journal(.suspended("\(error.call): \(error.message)")) }
            let rule = try Self.reading { () throws(SQLiteError) in
                try Self.rule(against: closure, file)
            }
            if let rule { throw .rule(rule) }
            do throws(JournalError) {
                return try append(
                    to: &contents, .closure(closure), id: id, at: moment,
                    operatorCode: operatorCode, isTraining: false)
            } catch { throw .journal(error) }
        }
    }

    /// The rule that forbids a closure: nothing to close, or a shorter period first.
    static func rule(
        against closure: Closure, _ file: YearFile
    ) throws(SQLiteError) -> RuleRefusal? {
        guard try hasWork(after: closure.from - 1, file) else { return .nothingToClose }
        guard let shorter = closure.period.shorter else { return nil }
        let closed = try lastClosure(shorter, file)?.to ?? 0
        return try hasWork(after: closed, file) ? .shorterPeriodOpen : nil
    }

    private static func reading<R>(
        _ body: () throws(SQLiteError) -> R
    ) throws(ClosingError) -> R {
        do throws(SQLiteError) { return try body() } catch {
            throw .journal(.suspended("\(error.call): \(error.message)"))
        }
    }

    /// What a closure of `period` would say now.
    static func next(
        _ period: ClosurePeriod, _ head: Head, _ file: YearFile
    ) throws(SQLiteError) -> Closure {
        let last = try lastClosure(period, file)
        let from = (last?.to ?? 0) + 1
        let totals = try openTotals(period, file)
        return Closure(
            period: period, number: (last?.number ?? 0) + 1, from: from,
            to: max(head.sequence, from), totals: totals,
            perpetual: try perpetual(upTo: head.sequence, file),
            unsent: head.sequence - min(head.sequence, max(head.acknowledged, from - 1)))
    }

    /// What came since the last closure of a period: what the shorter closures since then say, and
    /// what came after them. A period is closed when nothing of a shorter one is open, so these
    /// stretches have the same entries in them; `verify` sums the entries themselves.
    static func openTotals(
        _ period: ClosurePeriod, _ file: YearFile
    ) throws(SQLiteError) -> PeriodTotals {
        let last = try lastClosure(period, file)?.to
        guard let shorter = period.shorter else {
            return try JournalLines.totals(
                of: .entries((last ?? 0) + 1, .max), in: file.database)
        }
        var totals = try openTotals(shorter, file)
        let rows = try file.database.rows(
            """
            SELECT e.cose FROM lines l INDEXED BY lines_closures JOIN entries e ON e.seq = l.seq
            WHERE l.kind = 8 AND l.target = ? AND l.seq > ?
            """,
            [
                .integer(Int64(shorter.rawValue)),
                .integer(Int64(clamping: last.map { $0 + 1 } ?? 0)),
            ])
        for row in rows {
            guard case .closure(let closure) = row[0].blob.flatMap({ JournalStore.read($0) })?.body
            else { continue }
            totals.add(closure.totals)
        }
        return totals
    }

    /// Takings since the first entry: those of the newest closure and of what came after it.
    static func perpetual(upTo: UInt64, _ file: YearFile) throws(SQLiteError) -> Int64 {
        let newest = try closure(
            "SELECT cose FROM entries WHERE kind = 8 AND seq = (SELECT max(seq) FROM lines "
                + "WHERE kind = 8)", [], file.database)
        let since = try JournalLines.totals(
            of: .entries((newest?.to ?? 0) + 1, upTo), in: file.database)
        return (newest?.perpetual ?? file.origin.perpetual) + since.takings
    }

    /// In the newest file, or what that one says of those before.
    static func lastClosure(
        _ period: ClosurePeriod, _ file: YearFile
    ) throws(SQLiteError) -> Closure? {
        try closure(
            JournalStore.newestClosure, [.integer(Int64(period.rawValue))], file.database)
            ?? file.origin.closures[period]?.closure
    }

    private static func closure(
        _ sql: String, _ values: [SQLValue], _ database: Database
    ) throws(SQLiteError) -> Closure? {
        let entry = try database.rows(sql, values).first?[0].blob.flatMap { JournalStore.read($0) }
        guard case .closure(let closure) = entry?.body else { return nil }
        return closure
    }

    /// True when anything but closures and technical events stands above `sequence`. What stands
    /// in older files is closed.
    private static func hasWork(
        after sequence: UInt64, _ file: YearFile
    ) throws(SQLiteError) -> Bool {
        try !file.database.rows(
            "SELECT 1 FROM lines WHERE seq > ? AND kind NOT IN (8, 9) LIMIT 1",
            [.integer(Int64(clamping: sequence))]
        ).isEmpty
    }

    /// The newest closure of a period, or nil. - Throws: `.suspended`.
    public func lastClosure(_ period: ClosurePeriod) throws(JournalError) -> Closure? {
        try reading { (years) throws(SQLiteError) in
            try Self.lastClosure(period, years.live)
        }
    }
}

/// Why a period is not closed.
public enum ClosingError: Error, Equatable, Sendable {
    /// A rule forbids it.
    case rule(RuleRefusal)
    /// The journal does not take it.
    case journal(JournalError)
}

extension ClosurePeriod {
    /// What has to be closed first.
    var shorter: ClosurePeriod? {
        switch self {
        case .day: nil
        case .month: .day
        case .year: .month
        }
    }
}
