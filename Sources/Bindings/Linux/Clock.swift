import CLinux
import Glibc

/// The kernel's clocks.
public enum Clock {
    /// Nanoseconds since some instant before this process; stops in suspend, never steps back.
    /// Calls `clock_gettime` with `CLOCK_MONOTONIC`.
    public static func monotonicNanoseconds() -> UInt64 { nanoseconds(CLOCK_MONOTONIC) }

    /// Nanoseconds since boot, suspend included. Comparable until the next boot.
    /// Calls `clock_gettime` with `CLOCK_BOOTTIME`.
    public static func bootNanoseconds() -> UInt64 { nanoseconds(CLOCK_BOOTTIME) }

    /// Milliseconds since 1970-01-01 00:00 UTC. May step either way.
    /// Calls `clock_gettime` with `CLOCK_REALTIME`.
    public static func realtimeMilliseconds() -> UInt64 { nanoseconds(CLOCK_REALTIME) / 1_000_000 }

    /// Microseconds of processor that all threads of this process have used.
    /// Calls `clock_gettime` with `CLOCK_PROCESS_CPUTIME_ID`.
    public static func processMicroseconds() -> UInt64 {
        nanoseconds(CLOCK_PROCESS_CPUTIME_ID) / 1_000
    }

    /// systemd-timesyncd touches it at each word of its server, at least every 2,048 s.
    private static let mark = "/run/systemd/timesync/synchronized"
    private static let markAge: UInt64 = 4_096_000

    /// Whether something (NTP) keeps the kernel's clock true. A service under ProtectClock=yes may
    /// not even ask the kernel; then what systemd-timesyncd leaves says it. Calls `adjtimex`,
    /// `stat`.
    public static func synchronised() -> Bool {
        let kernel = linux_clock_synchronised()
        return kernel < 0 ? isFresh(mark, at: realtimeMilliseconds()) : kernel == 1
    }

    /// Whether a file was touched within the last 4,096 s.
    static func isFresh(_ path: String, at now: UInt64) -> Bool {
        var found = stat()
        guard stat(path, &found) == 0 else { return false }
        let touched = UInt64(max(found.st_mtim.tv_sec, 0)) * 1_000
        return touched <= now && now - touched < markAge
    }

    /// Sleeps at least `duration`, at most a year, also when signals come.
    /// Calls `clock_nanosleep`.
    public static func sleep(_ duration: Duration) {
        var remaining = duration.timeSpecification
        var rest = timespec()
        while clock_nanosleep(CLOCK_MONOTONIC, 0, &remaining, &rest) == EINTR { remaining = rest }
    }

    private static func nanoseconds(_ clock: clockid_t) -> UInt64 {
        var now = timespec()
        clock_gettime(clock, &now)
        let seconds = UInt64(max(now.tv_sec, 0))
        return seconds &* 1_000_000_000 &+ UInt64(max(now.tv_nsec, 0))
    }
}
