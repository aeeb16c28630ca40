import COSE
public import LedgerMessages
public import Operations
import SQLite
public import Tokens

/// Which entries of a list are wanted, newest first.
public struct JournalQuery: Equatable, Sendable {
    /// Lines of one answer at most.
    public static let limitMax = 500

    /// Where an entry stands with the ledger.
    public enum Status: Equatable, Sendable {
        case pending, settled, rejected
    }

    /// Last four digits of the card; nil: any.
    public var lastFour: String?
    /// Nil: any.
    public var status: Status?
    /// Number of a UTC day; nil: any.
    public var day: UInt64?
    /// Kinds; empty: everything but closures and technical events.
    public var kinds: Set<EntryKind>
    /// Only entries below this sequence number: the cursor of the answer before.
    public var before: UInt64?
    /// 1...`limitMax`.
    public var limit: Int

    /// A query.
    public init(
        lastFour: String? = nil, status: Status? = nil, day: UInt64? = nil,
        kinds: Set<EntryKind> = [], before: UInt64? = nil, limit: Int = 100
    ) {
        self.lastFour = lastFour
        self.status = status
        self.day = day
        self.kinds = kinds
        self.before = before
        self.limit = limit
    }
}

/// One entry of a list.
public struct JournalLine: Equatable, Sendable {
    /// The entry.
    public let entry: Entry
    /// Nil while the ledger has not answered.
    public let outcome: StoredOutcome?
    /// What refunds of it gave back, and whether it was reversed or its day closed.
    public let standing: EntryStanding
    /// What the association decided of it, if it was held and somebody has told this terminal.
    public var verdict: Verdict?

    /// Whether it is booked: settled, or released since. Nil while nobody has said.
    public var isBooked: Bool? { verdict?.isReleased ?? outcome?.isBooked }

    /// A line.
    public init(entry: Entry, outcome: StoredOutcome?, standing: EntryStanding) {
        self.entry = entry
        self.outcome = outcome
        self.standing = standing
    }
}

/// An answer to a query.
public struct JournalPage: Equatable, Sendable {
    /// Newest first.
    public let lines: [JournalLine]
    /// What to ask `before` for the next page; nil at the end.
    public let next: UInt64?

    /// The same, with what was decided of its entries, by their numbers.
    public func told(_ verdicts: [UInt64: Verdict]) -> JournalPage {
        JournalPage(
            lines: lines.map { line in
                var line = line
                line.verdict = verdicts[line.entry.sequence]
                return line
            }, next: next)
    }

    /// A page.
    public init(lines: [JournalLine], next: UInt64?) {
        self.lines = lines
        self.next = next
    }
}

extension Journal {
    /// Entries, newest first, a page at a time. - Throws: `.suspended`.
    public func find(_ query: JournalQuery) throws(JournalError) -> JournalPage {
        let limit = max(1, min(query.limit, JournalQuery.limitMax))
        let acknowledged = position.acknowledged
        return try reading { (years) throws(SQLiteError) in
            let (filter, values) = Self.filter(query, acknowledged: acknowledged)
            let closed = try Self.lastClosure(.day, years.live)?.to ?? 0
            var lines: [JournalLine] = []
            var age = 0
            // One more than is wanted tells whether there is a next page.
            while lines.count <= limit, let file = try years.file(age) {
                let rows = try file.database.rows(
                    """
                    SELECT e.cose, o.booked, o.code FROM lines l JOIN entries e ON e.seq = l.seq
                    LEFT JOIN outcomes o ON o.seq = l.seq
                    WHERE \(filter) ORDER BY l.seq DESC LIMIT ?
                    """, values + [.integer(Int64(limit + 1 - lines.count))])
                for row in rows {
                    let entry = row[0].blob.flatMap { JournalStore.read($0) }
                    guard let entry else { continue }
                    let outcome = row[1].integer.map {
                        StoredOutcome(isBooked: $0 == 1, code: row[2].text ?? "")
                    }
                    lines.append(
                        JournalLine(
                            entry: entry, outcome: outcome,
                            standing: try Self.standing(
                                of: entry, closed: closed, age: age, years)))
                }
                if Self.ends(query, at: file.origin, acknowledged) { break }
                age += 1
            }
            let more = lines.count > limit
            lines = Array(lines.prefix(limit))
            return JournalPage(lines: lines, next: more ? lines.last?.entry.sequence : nil)
        }
    }

    /// True when no older file holds what is asked for.
    private static func ends(
        _ query: JournalQuery, at origin: Origin, _ acknowledged: UInt64
    ) -> Bool {
        if let day = query.day, origin.day < day { return true }
        return query.status == .pending && origin.sequence <= acknowledged
    }

    /// Every condition is a fixed text; what was asked is bound.
    private static func filter(
        _ query: JournalQuery, acknowledged: UInt64
    ) -> (String, [SQLValue]) {
        let kinds =
            query.kinds.isEmpty
            ? Set(EntryKind.allCases).subtracting([.closure, .technicalEvent]) : query.kinds
        let list = kinds.map { "\($0.rawValue)" }.joined(separator: ",")
        // One kind has an index; many would have to be sorted, and a card or a day says more.
        let isLead = kinds.count == 1 && query.lastFour == nil && query.day == nil
        var parts = [isLead ? "l.kind = \(list)" : "+l.kind IN (\(list))"]
        var values: [SQLValue] = []
        if let lastFour = query.lastFour {
            parts.append("l.card IS NOT NULL AND substr(l.card, 9) = ?")
            values.append(.text(lastFour))
        }
        if let day = query.day {
            parts.append("l.day = ?")
            values.append(.integer(Int64(clamping: day)))
        }
        if let before = query.before {
            parts.append("l.seq < ?")
            values.append(.integer(Int64(clamping: before)))
        }
        switch query.status {
        case nil: break
        case .pending:
            parts.append("l.seq > ?")
            values.append(.integer(Int64(clamping: acknowledged)))
        case .settled: parts.append("o.booked = 1")
        case .rejected: parts.append("l.seq IN (SELECT seq FROM outcomes WHERE booked = 0)")
        }
        return (parts.joined(separator: " AND "), values)
    }

    /// What corrects an entry stands after it: in its own file, `age` years back, or a later one.
    private static func standing(
        of entry: Entry, closed: UInt64, age: Int, _ years: Years
    ) throws(SQLiteError) -> EntryStanding {
        var (refunded, isReversed) = (Int64(0), false)
        for age in 0...age {
            let row = try years.file(age)?.database.rows(
                """
                SELECT coalesce(sum(value) FILTER (WHERE kind = 2), 0),
                    count(*) FILTER (WHERE kind = 3) FROM lines
                WHERE ref IS NOT NULL AND ref = ?
                """, [.blob(entry.id.bytes)]
            ).first
            refunded += row?[0].integer ?? 0
            isReversed = isReversed || row?[1].integer ?? 0 > 0
        }
        return EntryStanding(
            entry: entry,
            refunded: Amount(cents: refunded) ?? Amount(cents: Amount.centsMax) ?? .zero,
            isReversed: isReversed, isClosed: entry.sequence <= closed)
    }

    /// What is known of an entry that another one would correct; nil when it is not here, also
    /// when its year was purged.
    /// - Throws: `.suspended`.
    public func standing(_ id: EntryID) throws(JournalError) -> EntryStanding? {
        try reading { (years) throws(SQLiteError) in
            guard let (entry, age) = try years.entry(id) else { return nil }
            return try Self.standing(
                of: entry, closed: try Self.lastClosure(.day, years.live)?.to ?? 0, age: age,
                years)
        }
    }

    /// What a card has done of an action on a UTC day, in training or for true; what was reversed
    /// does not count. - Throws: `.suspended`.
    public func actions(
        _ code: String, of card: CardNumber, day: UInt64, isTraining: Bool
    ) throws(JournalError) -> ActionDay {
        try reading { (years) throws(SQLiteError) in
            var (quantity, count) = (Int64(0), Int64(0))
            var age = 0
            while let file = try years.file(age) {
                let row = try file.database.rows(
                    """
                    SELECT count(*), coalesce(sum(l.value), 0)
                    FROM lines l INDEXED BY lines_actions
                    WHERE l.card = ? AND l.kind = 5 AND l.day = ?
                    AND l.code = ? AND l.training = ? AND NOT EXISTS (
                        SELECT 1 FROM entries e JOIN lines r ON r.ref = e.id
                        WHERE e.seq = l.seq AND r.ref IS NOT NULL AND r.kind = 3)
                    """,
                    [
                        .text(card.digits), .integer(Int64(clamping: day)), .text(code),
                        .integer(isTraining ? 1 : 0),
                    ]
                ).first
                count += row?[0].integer ?? 0
                quantity += row?[1].integer ?? 0
                if file.origin.day < day { break }
                age += 1
            }
            return ActionDay(quantity: quantity, count: UInt32(clamping: count))
        }
    }

    /// Totals of UTC days, both inclusive. - Throws: `.suspended`.
    public func totals(days: ClosedRange<UInt64>) throws(JournalError) -> PeriodTotals {
        try reading { (years) throws(SQLiteError) in
            var totals = PeriodTotals.none
            var age = 0
            while let file = try years.file(age) {
                totals.add(
                    try JournalLines.totals(of: .days(days), in: file.database))
                if file.origin.day < days.lowerBound { break }
                age += 1
            }
            return totals
        }
    }

    /// Totals since the last closure of a period: what closing it now would say.
    /// - Throws: `.suspended`.
    public func openTotals(_ period: ClosurePeriod) throws(JournalError) -> PeriodTotals {
        try reading { (years) throws(SQLiteError) in
            try Self.openTotals(period, years.live)
        }
    }

    /// Takings since the first entry, cents (J7). - Throws: `.suspended`.
    public func perpetualTotal() throws(JournalError) -> Int64 {
        let last = position.sequence
        return try reading { (years) throws(SQLiteError) in
            try Self.perpetual(upTo: last, years.live)
        }
    }
}
