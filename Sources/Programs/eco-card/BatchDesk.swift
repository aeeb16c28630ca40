import Batches
import CommandLineTool
import Crypto
import Linux
import Provisioning
import Readers
import Threads

/// What lies between the reader and the runner: one card after another, each told about.
final class BatchDesk: CardDesk {
    private struct State {
        var counts: BatchCounts
        /// Cards that ended badly in this run.
        var failures = 0
        /// Cards finished in this run, and the time from the first card on.
        var finished = 0
        var started: ContinuousClock.Instant?
        var lastCard = ContinuousClock.now
        var fault: BatchError?
        var isOver: Bool
    }

    private let runner: BatchRunner
    private let store: BatchStore
    private let talk: BatchTalk
    private let state: Monitor<State>

    init(_ runner: BatchRunner, _ store: BatchStore, _ talk: BatchTalk, _ counts: BatchCounts) {
        self.runner = runner
        self.store = store
        self.talk = talk
        state = Monitor(State(counts: counts, isOver: counts.isComplete))
        talk.begin(counts)
    }

    /// Since the last card was handed over.
    var idle: Duration { state.read { ContinuousClock.now - $0.lastCard } }

    /// Nothing is left to prepare, or the state file failed.
    var isOver: Bool { state.read { $0.isOver } }

    var wantsCard: Bool { !isOver }

    func readerChanged(_ name: String?) { talk.reader(name) }

    func severalCards() { talk.several() }

    func cardRemoved() {
        if !isOver { talk.next() }
    }

    func card(_ connection: inout CardConnection) {
        let start = ContinuousClock.now
        state.update { if $0.started == nil { $0.started = start } }
        let outcome = runner.card(&connection)
        let (commands, time) = (connection.commands, ContinuousClock.now - start)
        let counts = try? store.counts()
        let pace = state.update { state in
            state.lastCard = ContinuousClock.now
            if let counts { state.counts = counts }
            switch outcome {
            case .finished: state.finished += 1
            case .already: break
            case .refused, .spoiled, .full, .failed: state.failures += 1
            case .broken(let error): state.fault = error
            }
            state.isOver = state.fault != nil || state.counts.isComplete
            return BatchPace(
                counts: state.counts, failures: state.failures, finished: state.finished,
                elapsed: state.started.map { ContinuousClock.now - $0 } ?? .zero)
        }
        talk.card(outcome, pace, time: time, commands: commands)
    }

    /// The end of the box, or of today: the summary, and the exit code as a failure.
    func close(isStopped: Bool) throws {
        let (fault, pace) = state.read { state in
            (
                state.fault,
                BatchPace(
                    counts: state.counts, failures: state.failures, finished: state.finished,
                    elapsed: state.started.map { ContinuousClock.now - $0 } ?? .zero)
            )
        }
        if let fault { throw Failure(fault) }
        let cards: [BatchCard]
        do throws(BatchError) { cards = try store.cards() } catch { throw Failure(error) }
        let open = cards.filter { $0.state.isHalfDone }.map(\.sequence)
        talk.end(pace, open: open)
        if isStopped {
            throw Failure(
                "stopped: \(pace.counts.planned) rows to do, \(open.count) half done",
                hint: "eco-card batch resume goes on", code: .interrupted)
        }
        if open.isEmpty, !pace.counts.isComplete {
            throw Failure(
                "no card came in time: \(pace.counts.planned) rows to do",
                hint: "eco-card batch resume goes on", code: .noCard)
        }
        guard open.isEmpty else {
            throw Failure(
                "\(open.count) cards are half done", hint: "eco-card batch resume finishes them",
                code: .partial)
        }
    }
}

/// How a run goes.
struct BatchPace {
    let counts: BatchCounts
    let failures: Int
    let finished: Int
    let elapsed: Duration

    private var seconds: Double {
        Double(elapsed.components.seconds) + Double(elapsed.components.attoseconds) / 1e18
    }

    /// Cards a minute in this run; nil before the first.
    var perMinute: Double? {
        finished > 0 && seconds > 0 ? Double(finished) * 60 / seconds : nil
    }

    /// Minutes the rest will take, rounded up.
    var minutesLeft: Int? {
        let rest = counts.planned + counts.halfDone
        return perMinute.map { Int((Double(rest) / $0).rounded(.up)) }
    }
}
