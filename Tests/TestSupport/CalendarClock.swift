public import Foundation
import Glibc
import Linux

/// libfaketime (Debian: faketime), preloaded into real programs: their calendar clock alone is
/// false.
public enum CalendarClock {
    /// Where it lies, nil when it is not installed.
    public static var library: String? {
        let folders = ["x86_64-linux-gnu", "aarch64-linux-gnu"]
        return folders.map { "/usr/lib/\($0)/faketime/libfaketimeMT.so.1" }.first {
            Files.exists($0)
        }
    }

    /// What leaves clocks other than the calendar's alone.
    public static let others = [
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        // Without it a wait on a condition by the monotonic clock goes by the false one.
        "FAKETIME_FORCE_MONOTONIC_FIX": "0",
    ]

    /// Words before a program: its own setting up is done in a shell, for in a program of Swift it
    /// hides the arguments.
    public static let shell = ["/bin/sh", "-c", "exec \"$@\"", "sh"]

    /// Seconds that all programs and browsers of a test run are ahead: `ECO_CLOCK_AHEAD`.
    public static let ahead =
        Int64(ProcessInfo.processInfo.environment["ECO_CLOCK_AHEAD"] ?? "") ?? 0

    /// Milliseconds since 1970, as those programs see them.
    public static var now: UInt64 {
        UInt64(Int64(Clock.realtimeMilliseconds()) + ahead * 1_000)
    }

    /// Makes a process that was not run yet live by that clock.
    public static func set(_ process: Process) {
        guard ahead != 0, let library, let program = process.executableURL?.path else { return }
        sweep()
        let clock = others.merging([
            "LD_PRELOAD": library, "FAKETIME": (ahead < 0 ? "" : "+") + "\(ahead)s",
        ]) { $1 }
        let environment = process.environment ?? ProcessInfo.processInfo.environment
        process.environment = environment.merging(clock) { $1 }
        process.executableURL = URL(filePath: shell[0])
        process.arguments = shell.dropFirst() + [program] + (process.arguments ?? [])
    }

    /// Removes what programs left behind that were killed: libfaketime's shared memory, beside
    /// which a later program with the same process number does not start.
    public static func sweep() {
        for name in (try? Files.list("/dev/shm")) ?? [] {
            let isMemory = name.hasPrefix("faketime_shm_") || name.hasPrefix("sem.faketime_sem_")
            guard isMemory, let number = Int32(name.drop { !$0.isNumber }), kill(number, 0) != 0
            else { continue }
            try? Files.remove("/dev/shm/" + name)
        }
    }
}
