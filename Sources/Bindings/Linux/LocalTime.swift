import Glibc

/// A time as clocks on the wall of this machine show it.
public struct LocalTime: Equatable, Sendable {
    /// The year, as 2026.
    public let year: Int
    /// 1...12.
    public let month: Int
    /// 1...31.
    public let day: Int
    /// 0...23.
    public let hour: Int
    /// 0...59.
    public let minute: Int
    /// Minutes that this place is ahead of UTC.
    public let offsetMinutes: Int

    /// A time.
    public init(year: Int, month: Int, day: Int, hour: Int, minute: Int, offsetMinutes: Int) {
        self.year = year
        self.month = month
        self.day = day
        self.hour = hour
        self.minute = minute
        self.offsetMinutes = offsetMinutes
    }

    /// Of milliseconds since the Unix epoch, in the zone of TZ or /etc/localtime.
    /// Calls `localtime_r`.
    public init(milliseconds: UInt64) {
        var seconds = time_t(clamping: milliseconds / 1_000)
        var parts = tm()
        if localtime_r(&seconds, &parts) == nil { parts = tm() }
        self.init(
            year: Int(parts.tm_year) + 1_900, month: Int(parts.tm_mon) + 1,
            day: Int(parts.tm_mday), hour: Int(parts.tm_hour), minute: Int(parts.tm_min),
            offsetMinutes: Int(parts.tm_gmtoff) / 60)
    }
}
