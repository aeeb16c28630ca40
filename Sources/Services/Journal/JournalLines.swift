import COSE
import Operations
import SQLite
import Tokens

/// The table that lists and totals read (J8): one row an entry, in the entry's own transaction.
///
/// `value`: cents, or thousandths of an action; of a reversal, those of what it cancels. `target`:
/// of a reversal, the kind it cancels; of a closure, its period. `code`: of an action, or of the
/// action a reversal cancels. `ref`: the entry it speaks of.
enum JournalLines {
    static let schema = """
        CREATE TABLE lines(
            seq INTEGER PRIMARY KEY REFERENCES entries(seq), kind INTEGER NOT NULL,
            day INTEGER NOT NULL, training INTEGER NOT NULL, target INTEGER NOT NULL,
            value INTEGER NOT NULL, code TEXT NOT NULL, card TEXT, ref BLOB) STRICT;
        CREATE INDEX lines_totals ON lines(day, training, kind, target, code, value);
        CREATE INDEX lines_actions ON lines(card, day) WHERE kind = 5;
        CREATE INDEX lines_last ON lines(substr(card, 9), seq) WHERE card IS NOT NULL;
        CREATE INDEX lines_ref ON lines(ref, kind, value) WHERE ref IS NOT NULL;
        CREATE INDEX lines_closures ON lines(target, seq) WHERE kind = 8;
        """

    /// Added by version 3: lists of one kind, however rare it is.
    static let kindIndex = "CREATE INDEX lines_kind ON lines(kind)"

    /// What a reversal cancels.
    private struct Cancelled {
        var kind: Int64 = 0
        var value: Int64 = 0
        var code = ""
    }

    private static func cancelled(
        by reversal: Reversal, in database: Database
    ) throws(SQLiteError) -> Cancelled {
        let row = try database.rows(
            """
            SELECT l.kind, l.value, l.code FROM lines l JOIN entries e ON e.seq = l.seq
            WHERE e.id = ?
            """, [.blob(reversal.entry.bytes)]
        ).first
        guard let row, let kind = row[0].integer, let value = row[1].integer else {
            return Cancelled()
        }
        return Cancelled(kind: kind, value: value, code: row[2].text ?? "")
    }

    /// The row that follows from an entry and those before it.
    static func row(of entry: Entry, in database: Database) throws(SQLiteError) -> [SQLValue] {
        var told = Cancelled()
        switch entry.body {
        case .payment, .refund, .topUp: told.value = entry.body.amount?.cents ?? 0
        case .action(let action): (told.value, told.code) = (action.quantity, action.code)
        case .reversal(let reversal): told = try cancelled(by: reversal, in: database)
        case .closure(let closure):
            told.kind = Int64(closure.period.rawValue)
            told.value = Int64(clamping: closure.number)
        case .enrolment, .cardEvent, .technicalEvent: break
        }
        return [
            .integer(Int64(entry.sequence)), .integer(Int64(entry.body.kind.rawValue)),
            .integer(Int64(UTCDay.number(entry.time))), .integer(entry.isTraining ? 1 : 0),
            .integer(told.kind), .integer(told.value), .text(told.code),
            entry.body.card.map { .text($0.digits) } ?? .null,
            entry.body.reference.map { .blob($0.bytes) } ?? .null,
        ]
    }

    static let columns = "seq, kind, day, training, target, value, code, card, ref"

    static func insert(_ entry: Entry, into database: Database) throws(SQLiteError) {
        try database.run(
            "INSERT INTO lines(\(columns)) VALUES(?,?,?,?,?,?,?,?,?)",
            try row(of: entry, in: database))
    }

    /// Derives rows that are missing: entries that something else wrote.
    static func catchUp(_ database: Database) throws(SQLiteError) {
        let missing = try database.rows(
            """
            SELECT 1 WHERE (SELECT coalesce(max(seq), 0) FROM entries)
                > (SELECT coalesce(max(seq), 0) FROM lines)
            """)
        guard !missing.isEmpty else { return }
        try database.transaction(
            { () throws(SQLiteError) in try fill(database) }, mapping: { $0 })
    }

    /// Derives the rows of entries that have none: after a migration. Within a transaction.
    static func fill(_ database: Database) throws(SQLiteError) {
        var last = try database.rows("SELECT coalesce(max(seq), 0) FROM lines").first?[0].integer
        while let after = last {
            last = nil
            let rows = try database.rows(
                "SELECT seq, cose FROM entries WHERE seq > ? ORDER BY seq LIMIT 1000",
                [.integer(after)])
            for row in rows {
                guard let sequence = row[0].integer else { continue }
                last = sequence
                if let entry = row[1].blob.flatMap({ JournalStore.read($0) }) {
                    try insert(entry, into: database)
                }
            }
        }
    }

    // MARK: totals

    /// Which rows are summed, and by what they are found: SQLite, left to choose, reads them all.
    enum Stretch {
        /// From an entry to another, inclusive.
        case entries(UInt64, UInt64)
        case days(ClosedRange<UInt64>)

        var source: String {
            switch self {
            case .entries: "lines NOT INDEXED WHERE seq BETWEEN ? AND ?"
            case .days: "lines INDEXED BY lines_totals WHERE day BETWEEN ? AND ?"
            }
        }

        var values: [SQLValue] {
            let ends =
                switch self {
                case .entries(let from, let to): [from, to]
                case .days(let days): [days.lowerBound, days.upperBound]
                }
            return ends.map { .integer(Int64(clamping: $0)) }
        }
    }

    /// Totals of a stretch of one file.
    static func totals(
        of stretch: Stretch, in database: Database
    ) throws(SQLiteError) -> PeriodTotals {
        let rows = try database.rows(
            """
            SELECT kind, target, code, count(*), sum(value) FROM \(stretch.source)
                AND training = 0 GROUP BY kind, target, code
            """, stretch.values)
        var totals = PeriodTotals.none
        for row in rows {
            let total = KindTotal(
                count: UInt64(clamping: row[3].integer ?? 0), sum: row[4].integer ?? 0)
            let code = row[2].text ?? ""
            switch (kind(row[0]), kind(row[1])) {
            case (.payment, _): totals.payments = total
            case (.refund, _): totals.refunds = total
            case (.topUp, _): totals.topUps = total
            case (.enrolment, _): totals.enrolments = total.count
            case (.action, _):
                totals.actions[code, default: KindTotal()].count += total.count
                totals.actions[code, default: KindTotal()].sum += total.sum
            case (.reversal, .payment): totals.reversals = total
            case (.reversal, .topUp): totals.topUpReversals = total
            case (.reversal, .action):
                totals.actions[code, default: KindTotal()].sum -= total.sum
            default: break
            }
        }
        return totals
    }

    private static func kind(_ value: SQLValue) -> EntryKind? {
        value.integer.flatMap { EntryKind(rawValue: UInt64(clamping: $0)) }
    }
}
