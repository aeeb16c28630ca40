import Synchronization
import Terminal

/// The server-sent events of one page: the snapshot at once, each change whole, and a beat about
/// every second so that the page knows the terminal is alive.
final class EventStream: Sendable {
    private static let beat = Array("event: beat\ndata: {}\n\n".utf8)

    private let feed: Feed
    private let monotonicMilliseconds: @Sendable () -> UInt64
    private let memory: OrderMemory
    private let place: StreamCount.Place
    private let shown = Mutex<UInt64>(0)

    init(
        feed: Feed, monotonicMilliseconds: @escaping @Sendable () -> UInt64,
        memory: OrderMemory, place: StreamCount.Place
    ) {
        self.memory = memory
        self.feed = feed
        self.monotonicMilliseconds = monotonicMilliseconds
        self.place = place
    }

    /// The next event; waits at most a second. Called by one thread at a time.
    func next() -> [UInt8] {
        // Revision 0 is never published: the first moment comes at once.
        let last = shown.withLock { $0 }
        guard let moment = feed.moment(after: last, atMost: .seconds(1)) else { return Self.beat }
        shown.withLock { $0 = moment.revision }
        let view = SnapshotView(moment, now: monotonicMilliseconds(), memory: memory)
        return Array("event: snapshot\ndata: ".utf8) + json(view) + Array("\n\n".utf8)
    }
}

/// How many pages listen: each holds a thread.
final class StreamCount: Sendable {
    private let count = Mutex(0)

    /// One page's place, given back when its stream is dropped.
    final class Place: Sendable {
        private let streams: StreamCount

        /// Nil when `limit` places are taken.
        init?(_ streams: StreamCount, limit: Int) {
            let isFree = streams.count.withLock { count in
                guard count < limit else { return false }
                count += 1
                return true
            }
            guard isFree else { return nil }
            self.streams = streams
        }

        deinit { streams.count.withLock { $0 -= 1 } }
    }
}
