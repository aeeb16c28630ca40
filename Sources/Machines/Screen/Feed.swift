import Terminal
import Threads

/// What the pages of a terminal are drawn from: its last snapshot and the person before it. One
/// thread ("screen") takes each snapshot once, so that what follows from it does not depend on how
/// many pages listen.
final class Feed: Sendable {
    /// One moment.
    struct Moment: Equatable, Sendable {
        /// Rises with each change of the rest.
        var revision: UInt64 = 1
        var snapshot: Snapshot
        var person: Person
    }

    private struct State {
        var moment: Moment
        var isStopping = false
        var lastTurn: ContinuousClock.Instant?
        var thread: NamedThread?
    }

    private static let beat = Duration.milliseconds(500)

    private let control: any CheckoutControl
    private let now: @Sendable () -> UInt64
    private let monitor: Monitor<State>

    init(
        control: any CheckoutControl, language: String, now: @escaping @Sendable () -> UInt64
    ) {
        self.control = control
        self.now = now
        monitor = Monitor(
            State(moment: Moment(snapshot: control.snapshot, person: Person(usual: language))))
    }

    /// Starts the thread.
    func start() {
        let thread = NamedThread.start("screen") { [weak self] in
            while let self, self.turn() {}
        }
        monitor.update { state in
            state.thread = thread
            state.lastTurn = .now
        }
    }

    /// Ends the thread and waits for it. May be called again.
    func stop() {
        let thread = monitor.update { state in
            state.isStopping = true
            return state.thread.take()
        }
        thread?.join()
    }

    /// How long the thread has not come by; zero before `start`.
    var silence: Duration {
        monitor.read { $0.lastTurn.map { $0.duration(to: .now) } ?? .zero }
    }

    private func turn() -> Bool {
        let version = monitor.read { $0.moment.snapshot.version }
        let next = control.snapshot(after: version, atMost: Self.beat)
        take(next)
        monitor.update { $0.lastTurn = .now }
        return monitor.read { !$0.isStopping }
    }

    private func take(_ snapshot: Snapshot?) {
        let now = now()
        monitor.update { state in
            var moment = state.moment
            if let snapshot { moment.snapshot = snapshot }
            moment.person.see(moment.snapshot, at: now)
            // What a page is told of the person; her clock ticks without news.
            let isNews =
                moment.snapshot != state.moment.snapshot
                || moment.person.language != state.moment.person.language
                || moment.person.farewell != state.moment.person.farewell
            if isNews { moment.revision += 1 }
            state.moment = moment
        }
    }

    /// The present moment, with the terminal's newest snapshot.
    var moment: Moment {
        let newest = control.snapshot
        return monitor.read { state in
            var moment = state.moment
            moment.snapshot = newest
            return moment
        }
    }

    /// The first moment that is not `revision`, or nil after `limit`.
    func moment(after revision: UInt64, atMost limit: Duration) -> Moment? {
        monitor.wait(atMost: limit) { $0.moment.revision == revision ? nil : $0.moment }
    }

    /// The person chooses a language; false when it is not offered.
    func choose(_ language: String) -> Bool {
        let (now, offered) = (now(), Person.offered(by: control.snapshot.languages))
        return monitor.update { state in
            guard state.moment.person.choose(language, of: offered, at: now) else { return false }
            state.moment.revision += 1
            return true
        }
    }
}
