import Synchronization

/// The server-sent events of one page: the present at once, each change whole, and a beat about
/// every second so that the page knows the terminal is alive.
final class EventStream: Sendable {
    private static let beat = Array("event: beat\ndata: {}\n\n".utf8)

    private let feed: Feed
    private let place: StreamCount.Place
    private let view: @Sendable (Feed.Moment) -> [UInt8]
    private let shown = Mutex<UInt64>(0)

    /// `view`: what this page may know of a moment, as JSON.
    init(
        feed: Feed, place: StreamCount.Place, view: @escaping @Sendable (Feed.Moment) -> [UInt8]
    ) {
        self.feed = feed
        self.place = place
        self.view = view
    }

    /// The next event; waits at most a second. Called by one thread at a time.
    func next() -> [UInt8] {
        // Revision 0 is never published: the first moment comes at once.
        let last = shown.withLock { $0 }
        guard let moment = feed.moment(after: last, atMost: .seconds(1)) else { return Self.beat }
        shown.withLock { $0 = moment.revision }
        return Array("event: snapshot\ndata: ".utf8) + view(moment) + Array("\n\n".utf8)
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
