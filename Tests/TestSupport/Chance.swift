import Foundation
import Linux

/// What a test of chance draws from.
public enum Seed {
    /// `ECO_SEED`, or one of this run; said on standard error, to be given again.
    public static func number(_ test: String = #function) -> UInt64 {
        let given = ProcessInfo.processInfo.environment["ECO_SEED"].flatMap { UInt64($0) }
        let seed = given ?? .random(in: 1...UInt64(Int64.max))
        Console.error("ECO_SEED=\(seed) \(test)")
        return seed
    }

    /// The numbers of that seed.
    public static func dice(_ test: String = #function) -> SplitMix64 {
        SplitMix64(number(test))
    }
}

/// Times that are promised, on a machine that does other things too: load only adds, so the best
/// of a few tries counts.
public enum Promised {
    /// The shortest time that `attempt` gave, of `count` tries; one within `limit` ends them.
    public static func best(
        of count: Int = 3, within limit: Duration, _ attempt: () throws -> Duration
    ) rethrows -> Duration {
        var best = Duration.seconds(Int64(Int32.max))
        for _ in 0..<count where best >= limit { best = try min(best, attempt()) }
        return best
    }

    /// How long some work takes.
    public static func time(_ work: () throws -> Void) rethrows -> Duration {
        let start = ContinuousClock.now
        try work()
        return ContinuousClock.now - start
    }

    /// The same as processor time of this thread, which no other load adds to.
    public static func processorTime(_ work: () throws -> Void) rethrows -> Duration {
        func now() -> Duration {
            var time = timespec()
            clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
            return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
        }
        let start = now()
        try work()
        return now() - start
    }
}

/// The change of the day, for tests whose expectations lie within one: the day the rules go by,
/// which is that of UTC, and the one a page calls today, which is that of the machine's zone.
public enum Midnight {
    private static let day: UInt64 = 86_400_000

    /// Waits until midnight has passed when one is nearer than `time`.
    public static func stayClear(of time: Duration = .seconds(30)) {
        while left() <= time { Clock.sleep(.milliseconds(200)) }
    }

    /// Time until the next midnight of either.
    private static func left() -> Duration {
        let now = CalendarClock.now
        let ahead = Int64(LocalTime(milliseconds: now).offsetMinutes) * 60_000
        let local = UInt64(Int64(now) + ahead)
        return .milliseconds(min(day - now % day, day - local % day))
    }

    /// The day of the rules, counted from 1970.
    public static var today: UInt64 { CalendarClock.now / day }
}
