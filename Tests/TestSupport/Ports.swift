public import Linux
import Synchronization

/// Ports of loopback for programs that are told theirs and may be started there again.
public enum Ports {
    /// Below those the kernel gives to connections and to whoever asks for any.
    private static let range: Range<UInt16> = 20_000..<32_000
    private static let next = Atomic<UInt64>(.random(in: 0..<UInt64(range.count)))

    /// Opens a port that was closed just now: a program that is being started elsewhere in this
    /// process holds a copy of it until it runs.
    public static func again<R: ~Copyable>(_ open: () throws -> R) throws -> R {
        let end = ContinuousClock.now + .seconds(60)
        while ContinuousClock.now < end {
            do { return try open() } catch { Clock.sleep(.milliseconds(20)) }
        }
        return try open()
    }

    /// One that nobody listens at, and that this process gives out once.
    public static func free() throws(LinuxError) -> UInt16 {
        for _ in range {
            let place = next.wrappingAdd(1, ordering: .relaxed).oldValue
            let port = range.lowerBound + UInt16(place % UInt64(range.count))
            do throws(LinuxError) {
                return try TCPListener(port: port).port
            } catch  where error.code == 98 {
                continue
            }
        }
        throw LinuxError(call: "bind", code: 98)
    }
}
