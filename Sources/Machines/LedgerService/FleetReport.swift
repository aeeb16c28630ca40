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
    /// Its unit when it was recorded; nil when no catalogue ever knew it.
    public let unit: ActionUnit?
    /// Its name by language; empty when no catalogue ever knew it.
    public let labels: [String: String]
}

/// The numbers the association looks at. The page, its CSV files and `eco-ledger report` all say
/// these. Nothing in it names a person; cards are counted, or shown by their last four digits.
public struct FleetReport: Sendable {
    /// Held or flagged entries that the page lists at most, each: one that nobody can read to its
    /// end helps nobody.
    public static let listedMax: Int64 = 200

    /// Held or flagged entries in a CSV file at most, each; a line says how many more there are.
    public static let entriesMax: Int64 = 100_000

    /// The stretch asked for: numbers of UTC days.
    public let days: ClosedRange<UInt64>
    /// When it was made, milliseconds.
    public let now: UInt64
    /// By merchant.
    public var terminals: [TerminalStanding] = []
    /// Entries that wait for a person's decision, the oldest first, as many as are listed.
    public var held: [NotedEntry] = []
    /// How many wait in all.
    public var heldCount: Int64 = 0
    /// Entries with a flag, newest first, as many as are listed.
    public var flagged: [NotedEntry] = []
    /// How many flags there are in all.
    public var flaggedCount: Int64 = 0
    /// Days of the stretch with money.
    public var volumes: [DayVolume] = []
    /// What each merchant's terminals booked in the stretch, by name.
    public var merchants: [MerchantVolume] = []
    /// The last 365 days up to now, or 366 over a 29 February, together.
    public var year = DayVolume(day: 0)
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
    /// - Parameter table: `entries` lists those of the stretch alone, up to `entriesMax`; whatever
    ///   else is wanted lists what waits, of any day, up to `listedMax`.
    /// - Throws: `BookError.storage`.
    public init(
        _ book: Book, days: ClosedRange<UInt64>, now: UInt64, table: FleetTable? = nil
    ) throws(BookError) {
        self.init(days: days, now: now)
        let isFile = table == .entries
        let (listed, limit) = (isFile ? days : nil, isFile ? Self.entriesMax : Self.listedMax)
        (held, heldCount) = try book.listed(.held, days: listed, limit: limit)
        (flagged, flaggedCount) = try book.listed(.flagged, days: listed, limit: limit)
        if isFile { return }
        terminals = try book.fleet()
        let today = CalendarDay(number: UTCDay.number(now))
        // The first of the twelve months begins within it.
        let yearDays = today.yearStart.number...today.number
        let yearVolumes = try book.volumes(days: yearDays)
        months = Self.months(yearVolumes, upTo: today)
        year = Self.sum(yearVolumes, yearDays.lowerBound)
        // The book sums a day once, and knows those of the year by now.
        volumes = try book.volumes(days: days)
        merchants = try book.merchants(days: days)
        outstanding = try book.outstanding()
        people = try book.people(days: days)
        let history = try book.catalogueHistory()
        for stretch in history.stretches {
            for volume in try book.actions(days: days, entered: stretch) {
                add(volume, history.unit(of: volume.code, at: stretch.lowerBound), history)
            }
        }
    }

    /// Adds to what was recorded in the same unit.
    private mutating func add(
        _ volume: ActionVolume, _ unit: ActionUnit?, _ history: CatalogueHistory
    ) {
        let place = actions.firstIndex {
            ($0.volume.parcours, $0.volume.code, $0.unit) == (volume.parcours, volume.code, unit)
        }
        guard let place else {
            let figure = ActionFigure(
                volume: volume, unit: unit, labels: history.labels(of: volume.code))
            return actions.append(figure)
        }
        let known = actions[place].volume
        let sum = ActionVolume(
            parcours: known.parcours, code: known.code, count: known.count &+ volume.count,
            thousandths: known.thousandths &+ volume.thousandths)
        actions[place] = ActionFigure(volume: sum, unit: unit, labels: actions[place].labels)
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
