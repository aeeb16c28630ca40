import Journal
import Linux
import Readers
import Systemd
import Terminal

/// The main thread's round: looks at the parts, says what it saw, and only then gives the sign of
/// life that the service manager waits for.
struct Watch {
    private let reader: CardReader
    private let checkout: Checkout
    private let journal: Journal
    private let log: ServiceLog
    private var health: ReaderHealth
    private var wedged: [HealthCheck.Part] = []
    private var status = ""
    private var lastReadable = ContinuousClock.now

    init(reader: CardReader, checkout: Checkout, journal: Journal, log: ServiceLog) {
        self.reader = reader
        self.checkout = checkout
        self.journal = journal
        self.log = log
        health = reader.health
    }

    /// Between two rounds: what the manager grants, thrice over.
    static let pause = min(.seconds(2), (ServiceManager.patience ?? .seconds(6)) / 3)

    /// One round. A part that hangs keeps the sign of life back, or this very thread.
    mutating func round() {
        for event in news(of: reader.health) { log.write(event) }
        let found = HealthCheck.wedged(signs())
        for part in found where !wedged.contains(part) {
            log.write(LogEvent(.wedged, ["part": part.rawValue]))
        }
        wedged = found
        var news: [ServiceNews] = found.isEmpty && ServiceManager.patience != nil ? [.alive] : []
        let sentence =
            found.isEmpty
            ? serviceSentence(checkout.snapshot)
            : "Ne répond plus : " + found.map(\.rawValue).joined(separator: ", ")
        if sentence != status { news.append(.status(sentence)) }
        status = sentence
        if !news.isEmpty { ServiceManager.tell(news) }
    }

    private mutating func signs() -> HealthCheck.Signs {
        if isReadable { lastReadable = .now }
        return HealthCheck.Signs(
            readerSilence: reader.silence, clerkSilence: checkout.clerkSilence,
            journalUnreadable: lastReadable.duration(to: .now))
    }

    /// The end of the chain is read from the file.
    private var isReadable: Bool {
        let end = journal.position.sequence
        guard let hash = try? journal.hash(of: end) else { return end == 0 && journal.isOpen }
        return !hash.isEmpty
    }

    /// What a log should hold of a chip that fails; nothing while it behaves.
    private mutating func news(of now: ReaderHealth) -> [LogEvent] {
        defer { health = now }
        var events: [LogEvent] = []
        if now.reopenings != health.reopenings {
            events.append(
                LogEvent(
                    .readerReopened, ["times": "\(now.reopenings)", "late": "\(now.overruns)"]))
        }
        if now.isStalled != health.isStalled {
            events.append(LogEvent(now.isStalled ? .readerStalled : .readerAnswers))
        }
        return events
    }
}
