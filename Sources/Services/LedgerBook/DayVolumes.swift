import Operations

// Money by day. A book keeps what it summed of each day: it is append-only, and so a day that has
// as many transactions as when it was summed has the same sums still. A year of a million entries
// is then a walk along one index, where summing it anew is a look at every posting.

/// Money of one UTC day.
public struct DayVolume: Equatable, Sendable {
    /// Days since 1970-01-01.
    public let day: UInt64
    /// Payments booked, and their sum, cents.
    public var payments: Int64 = 0
    public var paymentCents: Int64 = 0
    /// Refunds and reversals of payments booked, cents.
    public var returnedCents: Int64 = 0
    /// Top-ups booked less those reversed, cents.
    public var toppedUpCents: Int64 = 0

    /// A day without any.
    public init(day: UInt64) { self.day = day }

    /// Paid less what was given back, cents.
    public var netCents: Int64 { paymentCents &- returnedCents }
}

/// Days that were summed before, by their number: how many transactions each had then.
struct SummedDays {
    /// Ten years; more are forgotten all together.
    static let daysMax = 3_660

    private var days: [UInt64: (count: Int64, volume: DayVolume?)] = [:]

    /// True when `day` was summed with `count` transactions.
    func has(_ day: UInt64, _ count: Int64) -> Bool { days[day]?.count == count }

    /// Nil: it has no money, or was not summed.
    subscript(day: UInt64) -> DayVolume? { days[day]?.volume }

    mutating func keep(_ day: UInt64, _ count: Int64, _ volume: DayVolume?) {
        days[day] = (count, volume)
    }

    mutating func makeRoom() {
        if days.count > Self.daysMax { days = [:] }
    }
}

extension Book {
    /// Money by UTC day of the operations, oldest first; days without any are left out. `days` are
    /// numbers since 1970-01-01.
    /// - Throws: `BookError.storage`.
    public func volumes(days: ClosedRange<UInt64>) throws(BookError) -> [DayVolume] {
        // Counted before they are summed: what is booked in between is in a day's sums and not in
        // its count, so that they are made again; never the other way round.
        let counted = try counts(days: days)
        summed.makeRoom()
        // Days that follow each other are summed together.
        for stretch in counted.split(whereSeparator: { summed.has($0.day, $0.count) }) {
            guard let first = stretch.first, let last = stretch.last else { continue }
            let made = Dictionary(
                try sums(days: first.day...last.day).map { ($0.day, $0) }, uniquingKeysWith: { $1 })
            for (day, count) in stretch { summed.keep(day, count, made[day]) }
        }
        return counted.compactMap { summed[$0.day] }
    }

    /// How many transactions each day has, oldest first; days without any are left out.
    private func counts(
        days: ClosedRange<UInt64>
    ) throws(BookError) -> [(day: UInt64, count: Int64)] {
        try rows(
            """
            SELECT time - time % 86400000 AS start, count(*) FROM transactions
            WHERE time >= $1 AND time < $2 GROUP BY 1 ORDER BY 1
            """, Self.times(of: days)
        ).compactMap { row in
            guard let start = row[0].integer, let count = row[1].integer else { return nil }
            return (UTCDay.number(UInt64(clamping: start)), count)
        }
    }

    private func sums(days: ClosedRange<UInt64>) throws(BookError) -> [DayVolume] {
        // A whole number whichever way a database divides.
        let rows = try rows(
            """
            SELECT t.time - t.time % 86400000 AS start, t.what, \(Self.gainer), count(*),
                CAST(sum(p.cents) AS BIGINT)
            FROM transactions t JOIN postings p ON p.txn = t.id AND p.cents > 0
            WHERE t.time >= $1 AND t.time < $2 GROUP BY 1, 2, 3 ORDER BY 1
            """, Self.times(of: days))
        var found: [DayVolume] = []
        for row in rows {
            guard let start = row[0].integer, let count = row[3].integer, let sum = row[4].integer
            else { continue }
            let day = UTCDay.number(UInt64(clamping: start))
            if found.last?.day != day { found.append(DayVolume(day: day)) }
            found[found.count - 1].add(what: row[1].text ?? "", gainer: row[2].integer, count, sum)
        }
        return found
    }

    /// The side that gains says what it was: a merchant a payment, a card a top-up.
    static let gainer = """
        CASE WHEN p.account LIKE 'merchant:%' THEN 1
            WHEN p.account LIKE 'means:%' THEN 2 ELSE 3 END
        """

    /// From the first day's start to the end of the last, milliseconds.
    static func times(of days: ClosedRange<UInt64>) -> [Cell] {
        [
            .clamped(days.lowerBound.multipliedSaturating(UTCDay.length)),
            .clamped((min(days.upperBound, 1 << 40) + 1).multipliedSaturating(UTCDay.length)),
        ]
    }
}

extension DayVolume {
    mutating func add(what: String, gainer: Int64?, _ count: Int64, _ sum: Int64) {
        switch (what, gainer) {
        case ("payment", _):
            payments += count
            paymentCents += sum
        // At a terminal, or at the ledger with its reference.
        case _ where what == Book.topUpWord || what.hasPrefix(Book.topUpWord + " "):
            toppedUpCents += sum
        // An account went from a lost card to another: nothing was given back.
        case ("replacement", _): break
        // A reversed top-up goes back to the means; all else goes back to a card.
        case (_, 2): toppedUpCents -= sum
        default: returnedCents += sum
        }
    }
}

extension UInt64 {
    fileprivate func multipliedSaturating(_ other: UInt64) -> UInt64 {
        let (product, isOver) = multipliedReportingOverflow(by: other)
        return isOver ? .max : product
    }
}
