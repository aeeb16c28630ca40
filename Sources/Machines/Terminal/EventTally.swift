/// What has happened since the start, in numbers: how taps ended and how long they took, and how
/// often each event came. No identity is in it.
public struct EventTally: Sendable, Equatable {
    /// Upper bounds of the buckets of a tap's time, seconds.
    public static let bounds: [Double] = [0.05, 0.1, 0.2, 0.5, 1, 2, 5]

    /// Taps by how they ended, e.g. "accepted".
    public private(set) var taps: [String: UInt64] = [:]
    /// Taps at or below each bound, cumulated.
    public private(set) var buckets = [UInt64](repeating: 0, count: bounds.count)
    /// All taps' time, microseconds.
    public private(set) var microseconds: UInt64 = 0
    /// Events by kind.
    public private(set) var events: [LogEvent.Kind: UInt64] = [:]

    /// Nothing yet.
    public init() {}

    /// Taps in all.
    public var tapCount: UInt64 { taps.values.reduce(0, &+) }

    /// Counts one event.
    public mutating func add(_ event: LogEvent) {
        events[event.kind, default: 0] += 1
        guard event.kind == .tap else { return }
        func field(_ name: String) -> String? { event.fields.first { $0.name == name }?.value }
        taps[field("outcome") ?? "unknown", default: 0] += 1
        let spent = field("microseconds").flatMap { UInt64($0) } ?? 0
        microseconds &+= spent
        let seconds = Double(spent) / 1_000_000
        for (index, bound) in Self.bounds.enumerated() where seconds <= bound {
            buckets[index] += 1
        }
    }
}
