import CommandLineTool
import FoundationEssentials

/// Cents as people read them.
enum Money {
    /// "-12,05".
    static func text(_ cents: Int64) -> String {
        let (units, rest) = cents.magnitude.quotientAndRemainder(dividingBy: 100)
        return (cents < 0 ? "-" : "") + "\(units)," + (rest < 10 ? "0" : "") + "\(rest)"
    }
}

/// Days and times, UTC.
enum Day {
    /// Milliseconds of a day.
    static let length: UInt64 = 86_400_000

    /// The first millisecond of "YYYY-MM-DD".
    static func start(_ text: String) throws -> UInt64 {
        let strategy = Date.ISO8601FormatStyle(timeZone: .gmt).year().month().day()
        guard let date = try? strategy.parse(text), date.timeIntervalSince1970 >= 0 else {
            throw Failure("'\(text)' is no day", hint: "write 2025-06-30", code: .usage)
        }
        return UInt64(date.timeIntervalSince1970) * 1_000
    }

    /// "2025-06-30T12:00:00Z".
    static func time(_ milliseconds: UInt64) -> String {
        Date(timeIntervalSince1970: Double(milliseconds / 1_000)).formatted(
            Date.ISO8601FormatStyle(timeZone: .gmt))
    }
}
