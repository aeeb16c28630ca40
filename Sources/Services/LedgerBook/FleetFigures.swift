public import Operations

/// Actions of one kind in a stretch of days; reversed ones are left out.
public struct ActionVolume: Equatable, Sendable {
    /// The journey, as the terminals named it.
    public let parcours: Parcours
    /// The catalogue's code.
    public let code: String
    /// Times it was recorded.
    public let count: Int64
    /// Thousandths of its unit.
    public let thousandths: Int64

    /// A volume.
    public init(parcours: Parcours, code: String, count: Int64, thousandths: Int64) {
        self.parcours = parcours
        self.code = code
        self.count = count
        self.thousandths = thousandths
    }
}

/// Who took part in a journey.
public struct ParcoursPeople: Equatable, Sendable {
    /// The journey.
    public let parcours: Parcours
    /// Different cards.
    public let cards: Int64
}

/// What one merchant's terminals booked in a stretch of days.
public struct MerchantVolume: Equatable, Sendable {
    /// The merchant.
    public let merchant: String
    /// What it comes to; `day` is the stretch's first one.
    public var volume: DayVolume

    /// A merchant's volume.
    public init(merchant: String, volume: DayVolume) {
        self.merchant = merchant
        self.volume = volume
    }
}

/// What is listed for a person to look at.
public enum ListedEntries: Sendable {
    /// Entries that are held and wait for a decision, the oldest first.
    case held
    /// Entries with a flag, the newest first.
    case flagged
}

/// What stands on accounts, cents; the five sum to zero.
public struct Outstanding: Equatable, Sendable {
    /// On cards that have something.
    public var cards: Int64 = 0
    /// On cards that paid offline beyond what they had: below zero by that.
    public var overdrawn: Int64 = 0
    /// Owed to merchants.
    public var merchants: Int64 = 0
    /// Taken in by terminals for top-ups: below zero by what they owe the association.
    public var means: Int64 = 0
    /// Issued by the association: below zero by what it issued.
    public var issuance: Int64 = 0

    /// Nothing on any.
    public init() {}
}

extension Book {
    /// What each merchant's terminals booked, by the days of the operations; in order of name,
    /// those without any are left out.
    /// - Throws: `BookError.storage`.
    public func merchants(days: ClosedRange<UInt64>) throws(BookError) -> [MerchantVolume] {
        let rows = try rows(
            """
            SELECT m.merchant, t.what, \(Self.gainer), count(*), CAST(sum(p.cents) AS BIGINT)
            FROM transactions t JOIN postings p ON p.txn = t.id AND p.cents > 0
            JOIN entries e ON e.id = t.entry JOIN terminals m ON m.id = e.terminal
            WHERE t.time >= $1 AND t.time < $2 GROUP BY 1, 2, 3 ORDER BY 1
            """, Self.times(of: days))
        var found: [MerchantVolume] = []
        for row in rows {
            guard let name = row[0].text, let count = row[3].integer, let sum = row[4].integer
            else { continue }
            if found.last?.merchant != name {
                let none = DayVolume(day: days.lowerBound)
                found.append(MerchantVolume(merchant: name, volume: none))
            }
            found[found.count - 1].volume.add(
                what: row[1].text ?? "", gainer: row[2].integer, count, sum)
        }
        return found
    }

    /// Actions recorded on UTC days, by entries of a stretch of time (milliseconds), together.
    /// - Throws: `BookError.storage`.
    public func actions(
        days: ClosedRange<UInt64>, entered: Range<UInt64> = 0..<UInt64.max
    ) throws(BookError) -> [ActionVolume] {
        let isAll = entered == 0..<UInt64.max
        let time = "AND e.time >= $3 AND e.time < $4"
        return try rows(
            """
            SELECT a.parcours, a.code, count(*), CAST(sum(a.thousandths) AS BIGINT)
            FROM actions a \(isAll ? "" : "JOIN entries e ON e.id = a.entry")
            WHERE a.day >= $1 AND a.day <= $2 AND \(Self.stands) \(isAll ? "" : time)
            GROUP BY a.parcours, a.code ORDER BY a.parcours, a.code
            """,
            [.clamped(days.lowerBound), .clamped(days.upperBound)]
                + (isAll ? [] : [.clamped(entered.lowerBound), .clamped(entered.upperBound)])
        ).compactMap { row in
            row[0].integer.flatMap { Parcours(rawValue: UInt64(clamping: $0)) }.map {
                ActionVolume(
                    parcours: $0, code: row[1].text ?? "", count: row[2].integer ?? 0,
                    thousandths: row[3].integer ?? 0)
            }
        }
    }

    /// How many different cards took part in each journey.
    /// - Throws: `BookError.storage`.
    public func people(days: ClosedRange<UInt64>) throws(BookError) -> [ParcoursPeople] {
        try rows(
            """
            SELECT a.parcours, count(DISTINCT a.card) FROM actions a
            WHERE a.day >= $1 AND a.day <= $2 AND \(Self.stands)
            GROUP BY a.parcours ORDER BY a.parcours
            """, [.clamped(days.lowerBound), .clamped(days.upperBound)]
        ).compactMap { row in
            row[0].integer.flatMap { Parcours(rawValue: UInt64(clamping: $0)) }.map {
                ParcoursPeople(parcours: $0, cards: row[1].integer ?? 0)
            }
        }
    }

    /// An action that was not reversed.
    private static let stands =
        "NOT EXISTS (SELECT 1 FROM links l WHERE l.target = a.entry AND l.kind = 3)"

    /// Entries a person should look at, at most `limit`, and how many there are; those of
    /// operations on `days`, or all of them.
    /// - Throws: `BookError.storage`.
    public func listed(
        _ which: ListedEntries, days: ClosedRange<UInt64>? = nil, limit: Int64
    ) throws(BookError) -> (entries: [NotedEntry], count: Int64) {
        let of = days.map { Self.times(of: $0).compactMap(\.integer) }
        let time = of.map { "e.time >= \($0[0]) AND e.time < \($0[1])" } ?? "1 = 1"
        let (reason, source, condition, order) =
            switch which {
            case .held: ("e.code", "entries e", "\(Self.waits) AND \(time)", "e.received, e.id")
            case .flagged:
                (
                    "f.flag", "flags f JOIN entries e ON e.id = f.entry", time,
                    "e.received DESC, e.id DESC, f.flag"
                )
            }
        let count = try number("SELECT count(*) FROM \(source) WHERE \(condition)") ?? 0
        let entries = try noted(
            reason, source, "WHERE \(condition) ORDER BY \(order) LIMIT \(max(0, limit))")
        return (entries, count)
    }

    /// What stands on accounts.
    /// - Throws: `BookError.storage`.
    public func outstanding() throws(BookError) -> Outstanding {
        var found = Outstanding()
        // What one card owes is not what another one has.
        let cards = try rows(
            """
            SELECT CAST(coalesce(sum(CASE WHEN cents > 0 THEN cents ELSE 0 END), 0) AS BIGINT),
                CAST(coalesce(sum(CASE WHEN cents < 0 THEN cents ELSE 0 END), 0) AS BIGINT)
            FROM balances WHERE account LIKE 'card:%'
            """
        ).first
        (found.cards, found.overdrawn) = (cards?[0].integer ?? 0, cards?[1].integer ?? 0)
        let rows = try rows(
            """
            SELECT CASE WHEN account LIKE 'merchant:%' THEN 2
                WHEN account LIKE 'means:%' THEN 3 ELSE 4 END, CAST(sum(cents) AS BIGINT)
            FROM postings WHERE account NOT LIKE 'card:%' GROUP BY 1
            """)
        for row in rows {
            let sum = row[1].integer ?? 0
            switch row[0].integer {
            case 2: found.merchants = sum
            case 3: found.means = sum
            default: found.issuance = sum
            }
        }
        return found
    }
}
