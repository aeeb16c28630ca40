public import LedgerBook
public import Operations

/// Money of one month, or of any stretch of days.
public struct PeriodVolume: Equatable, Sendable {
    /// "2026-11".
    public let month: String
    /// What its days come to; `day` is its first one.
    public let volume: DayVolume
}

/// One action of the catalogue in the report.
public struct ActionFigure: Equatable, Sendable {
    /// What was recorded.
    public let volume: ActionVolume
    /// Its unit; nil when the catalogue does not know it any more.
    public let unit: ActionUnit?
    /// Its name by language; empty when the catalogue does not know it any more.
    public let labels: [String: String]
}

/// The numbers the association looks at. The page, its CSV files and `eco-ledger report` all say
/// these. Nothing in it names a person; cards are counted, or shown by their last four digits.
public struct FleetReport: Sendable {
    /// Flagged entries listed at most.
    public static let flaggedMax: Int64 = 200

    /// Held entries read at most; `eco-ledger held list` shows all.
    public static let heldMax: Int64 = 10_000

    /// The stretch asked for: numbers of UTC days.
    public let days: ClosedRange<UInt64>
    /// When it was made, milliseconds.
    public let now: UInt64
    /// By merchant.
    public var terminals: [TerminalStanding] = []
    /// Entries that wait for a person's decision, the oldest first, at most `heldMax`.
    public var held: [NotedEntry] = []
    /// How many wait in all.
    public var heldCount: Int64 = 0
    /// Entries with a flag, newest first.
    public var flagged: [NotedEntry] = []
    /// Days of the stretch with money.
    public var volumes: [DayVolume] = []
    /// Twelve months up to now, oldest first, none left out.
    public var months: [PeriodVolume] = []
    /// What stands on accounts.
    public var outstanding = Outstanding()
    /// Actions of the stretch.
    public var actions: [ActionFigure] = []
    /// Cards that took part, by journey.
    public var people: [ParcoursPeople] = []

    /// An empty report.
    public init(days: ClosedRange<UInt64>, now: UInt64) {
        self.days = days
        self.now = now
    }

    /// Reads the book.
    /// - Throws: `BookError.storage`.
    public init(
        _ book: Book, days: ClosedRange<UInt64>, now: UInt64
    ) throws(BookError) {
        self.init(days: days, now: now)
        terminals = try book.fleet()
        (held, heldCount) = (try book.held(limit: Self.heldMax), try book.heldCount())
        flagged = try book.flagged(limit: Self.flaggedMax)
        let today = CalendarDay(number: UTCDay.number(now))
        let year = min(today.monthStart(before: 11).number, today.number)...today.number
        let yearVolumes = try book.volumes(days: year)
        months = Self.months(yearVolumes, upTo: today)
        // What is most asked for lies within the year: it is read once.
        let isInYear = year.contains(days.lowerBound) && year.contains(days.upperBound)
        volumes =
            try isInYear
            ? yearVolumes.filter { days.contains($0.day) } : book.volumes(days: days)
        outstanding = try book.outstanding()
        people = try book.people(days: days)
        let settings = try book.settings()
        let known = Dictionary(
            (settings.catalogue ?? []).map { ($0.code, $0) }, uniquingKeysWith: { $1 })
        actions = try book.actions(days: days).map { volume in
            let action = known[volume.code]
            return ActionFigure(
                volume: volume,
                unit: action.map { $0.unit == "kilogram" ? .kilogram : .piece },
                labels: action?.labels ?? [:])
        }
    }

    /// Twelve months that end with `today`'s, from their days.
    static func months(_ days: [DayVolume], upTo today: CalendarDay) -> [PeriodVolume] {
        (0..<12).reversed().map { back in
            let first = today.monthStart(before: back)
            var sum = DayVolume(day: first.number)
            for day in days {
                let other = CalendarDay(number: day.day)
                if (other.year, other.month) == (first.year, first.month) { sum.add(day) }
            }
            return PeriodVolume(
                month: "\(first.year)-\(CalendarDay.two(first.month))", volume: sum)
        }
    }

    /// The stretch together.
    public var total: DayVolume { Self.sum(volumes, days.lowerBound) }

    /// The twelve months together.
    public var year: DayVolume { Self.sum(months.map(\.volume), months.first?.volume.day ?? 0) }

    private static func sum(_ days: [DayVolume], _ first: UInt64) -> DayVolume {
        var sum = DayVolume(day: first)
        for day in days { sum.add(day) }
        return sum
    }

    /// Thousandths recorded in a journey in one unit.
    public func quantity(_ parcours: Parcours, _ unit: ActionUnit) -> Int64 {
        actions.filter { $0.volume.parcours == parcours && $0.unit == unit }
            .reduce(0) { $0 &+ $1.volume.thousandths }
    }

    /// Different cards that took part in a journey.
    public func cards(_ parcours: Parcours) -> Int64 {
        people.first { $0.parcours == parcours }?.cards ?? 0
    }

    /// "…1234": what is shown of a card.
    static func masked(_ card: String?) -> String { card.map { "…\($0.suffix(4))" } ?? "" }
}

extension DayVolume {
    fileprivate mutating func add(_ other: DayVolume) {
        payments &+= other.payments
        paymentCents &+= other.paymentCents
        returnedCents &+= other.returnedCents
        toppedUpCents &+= other.toppedUpCents
    }
}
