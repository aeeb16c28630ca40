public import Operations

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
}

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
}

/// Who took part in a journey.
public struct ParcoursPeople: Equatable, Sendable {
    /// The journey.
    public let parcours: Parcours
    /// Different cards.
    public let cards: Int64
}

/// What stands on accounts, cents; the four sum to zero.
public struct Outstanding: Equatable, Sendable {
    /// On cards.
    public var cards: Int64 = 0
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
    /// Money by UTC day of the operations, oldest first; days without any are left out. `days` are
    /// numbers since 1970-01-01.
    /// - Throws: `BookError.storage`.
    public func volumes(days: ClosedRange<UInt64>) throws(BookError) -> [DayVolume] {
        // The side that gains says what it was: a merchant a payment, a card a top-up.
        let rows = try rows(
            """
            SELECT t.time / 86400000 AS day, t.what,
                CASE WHEN p.account LIKE 'merchant:%' THEN 1
                    WHEN p.account LIKE 'means:%' THEN 2 ELSE 3 END AS gainer,
                count(*), CAST(sum(p.cents) AS BIGINT)
            FROM transactions t JOIN postings p ON p.txn = t.id AND p.cents > 0
            WHERE t.time >= $1 AND t.time < $2 GROUP BY 1, 2, 3 ORDER BY 1
            """,
            [
                .clamped(days.lowerBound.multipliedSaturating(86_400_000)),
                .clamped((min(days.upperBound, 1 << 40) + 1).multipliedSaturating(86_400_000)),
            ])
        var found: [DayVolume] = []
        for row in rows {
            guard let day = row[0].integer, let count = row[3].integer, let sum = row[4].integer
            else { continue }
            if found.last?.day != UInt64(clamping: day) {
                found.append(DayVolume(day: UInt64(clamping: day)))
            }
            found[found.count - 1].add(what: row[1].text ?? "", gainer: row[2].integer, count, sum)
        }
        return found
    }

    /// Actions recorded by UTC day, the whole stretch together.
    /// - Throws: `BookError.storage`.
    public func actions(days: ClosedRange<UInt64>) throws(BookError) -> [ActionVolume] {
        try rows(
            """
            SELECT a.parcours, a.code, count(*), CAST(sum(a.thousandths) AS BIGINT) FROM actions a
            WHERE a.day >= $1 AND a.day <= $2 AND \(Self.stands)
            GROUP BY a.parcours, a.code ORDER BY a.parcours, a.code
            """, [.clamped(days.lowerBound), .clamped(days.upperBound)]
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

    /// Entries with a flag, newest first, at most `limit`.
    /// - Throws: `BookError.storage`.
    public func flagged(limit: Int64) throws(BookError) -> [NotedEntry] {
        try noted(
            "f.flag", "flags f JOIN entries e ON e.id = f.entry",
            "ORDER BY e.received DESC, e.id DESC, f.flag LIMIT \(max(0, limit))")
    }

    /// What stands on accounts.
    /// - Throws: `BookError.storage`.
    public func outstanding() throws(BookError) -> Outstanding {
        var found = Outstanding()
        let rows = try rows(
            """
            SELECT CASE WHEN account LIKE 'card:%' THEN 1 WHEN account LIKE 'merchant:%' THEN 2
                WHEN account LIKE 'means:%' THEN 3 ELSE 4 END, CAST(sum(cents) AS BIGINT)
            FROM postings GROUP BY 1
            """)
        for row in rows {
            let sum = row[1].integer ?? 0
            switch row[0].integer {
            case 1: found.cards = sum
            case 2: found.merchants = sum
            case 3: found.means = sum
            default: found.issuance = sum
            }
        }
        return found
    }
}

extension DayVolume {
    fileprivate mutating func add(what: String, gainer: Int64?, _ count: Int64, _ sum: Int64) {
        switch (what, gainer) {
        case ("payment", _):
            payments += count
            paymentCents += sum
        // At a terminal, or at the ledger with its reference.
        case _ where what == Book.topUpWord || what.hasPrefix(Book.topUpWord + " "):
            toppedUpCents += sum
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
