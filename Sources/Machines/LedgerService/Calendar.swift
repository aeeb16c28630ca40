import Operations

/// A day of the Gregorian calendar, UTC; pure arithmetic, no time zone but this one.
public struct CalendarDay: Equatable, Sendable {
    /// Year, month 1…12, day of the month 1…31.
    public let year: Int
    public let month: Int
    public let day: Int

    /// The last day this calendar is asked for: 9999-12-31.
    public static let numberMax: UInt64 = 2_932_896

    /// The day of a number since 1970-01-01 (civil from days, by eras of 400 years).
    public init(number: UInt64) {
        let shifted = Int(min(number, Self.numberMax)) + 719_468
        let era = shifted / 146_097
        let ofEra = shifted % 146_097
        let yearOfEra = (ofEra - ofEra / 1_460 + ofEra / 36_524 - ofEra / 146_096) / 365
        let ofYear = ofEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * ofYear + 2) / 153
        day = ofYear - (153 * shiftedMonth + 2) / 5 + 1
        month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    }

    /// Reads "2026-11-27"; nil for a day that does not exist.
    public init?(_ text: String) {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0].count == 4, parts[1].count == 2, parts[2].count == 2,
            let year = Int(parts[0]), let month = Int(parts[1]), let day = Int(parts[2]),
            year >= 1970, (1...12).contains(month), (1...31).contains(day)
        else { return nil }
        let made = CalendarDay(number: Self.number(year, month, day))
        guard (made.year, made.month, made.day) == (year, month, day), made.text == text else {
            return nil
        }
        self = made
    }

    private static func number(_ year: Int, _ month: Int, _ day: Int) -> UInt64 {
        let shifted = month <= 2 ? year - 1 : year
        let (era, yearOfEra) = (shifted / 400, shifted % 400)
        let ofYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let ofEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + ofYear
        return UInt64(max(0, era * 146_097 + ofEra - 719_468))
    }

    /// Days since 1970-01-01.
    public var number: UInt64 { Self.number(year, month, day) }

    /// "2026-11-27".
    public var text: String { "\(month2.0)-\(month2.1)-\(Self.two(day))" }

    private var month2: (String, String) { (String(year), Self.two(month)) }

    /// The first day of the month so many months before this one's.
    public func monthStart(before months: Int) -> CalendarDay {
        let index = max(1970 * 12, year * 12 + month - 1 - months)
        return CalendarDay(number: Self.number(index / 12, index % 12 + 1, 1))
    }

    /// The day after this one's a year before: from there to here it is 365 days, or 366 when a
    /// 29 February lies between.
    public var yearStart: CalendarDay {
        // No other year has a 29 February where this one does.
        let last = month == 2 ? min(day, 28) : day
        return CalendarDay(number: Self.number(year - 1, month, last) + 1)
    }

    static func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
}
