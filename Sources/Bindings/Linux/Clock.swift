import CLinux
import Glibc

/// The kernel's clocks.
public enum Clock {
    /// Nanoseconds since some instant before this process; stops in suspend, never steps back.
    /// Calls `clock_gettime` with `CLOCK_MONOTONIC`.
    public static func monotonicNanoseconds() -> UInt64 { nanoseconds(CLOCK_MONOTONIC) }

    /// Nanoseconds since boot, suspend included. Comparable while `bootIdentifier()` is the same.
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

    /// Whether something (NTP) keeps the kernel's clock true. Calls `adjtimex`.
    public static func synchronised() -> Bool { linux_clock_synchronised() == 1 }

    /// A UUID, new at each boot, 36 characters; empty when /proc is not there. Calls `read`.
    public static func bootIdentifier() -> String {
        let bytes = try? Files.read("/proc/sys/kernel/random/boot_id", atMost: 64)
        return String(decoding: (bytes ?? []).prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
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
