import Journal
import Linux
import Readers
import Screen
import Systemd
import Terminal
import Threads

/// The main thread's round: looks at the parts, says what it saw, and only then gives the sign of
/// life that the service manager waits for.
struct Watch {
    private let reader: CardReader
    private let checkout: Checkout
    private let journal: Journal
    private let screen: Screen
    private let log: ServiceLog
    private var page: PageQuestion
    private var health: ReaderHealth
    /// The last round, for those who ask on other threads.
    let pulse = Monitor(Pulse())
    private var wedged: [HealthCheck.Part] = []
    private var faults: [ServiceFault] = []
    private var readerTrouble: ContinuousClock.Instant?
    private var status = ""
    private var lastReadable = ContinuousClock.now
    private var rest = CodeRest()

    init(
        reader: CardReader, checkout: Checkout, journal: Journal, screen: Screen, log: ServiceLog
    ) {
        self.reader = reader
        self.checkout = checkout
        self.journal = journal
        self.screen = screen
        self.log = log
        page = PageQuestion(port: screen.port)
        health = reader.health
    }

    /// What the last round found, and when.
    struct Pulse {
        var wedged: [HealthCheck.Part] = []
        var time = ContinuousClock.now

        /// The parts that do not move now; a main thread that missed three rounds is one.
        var stuck: [String] {
            let isMainLate = time.duration(to: .now) > Watch.pause * 3
            return wedged.map(\.rawValue) + (isMainLate ? ["main"] : [])
        }
    }

    /// Between two rounds: what the manager grants, thrice over.
    static let pause = min(.seconds(2), (ServiceManager.patience ?? .seconds(6)) / 3)

    /// A reader that is plugged in again within this time is no fault.
    private static let readerGrace = Duration.seconds(3)

    /// One round. A part that hangs keeps the sign of life back, or this very thread.
    mutating func round() {
        for event in news(of: reader.health) { log.write(event) }
        lookForFaults()
        let found = HealthCheck.wedged(signs())
        for part in found where !wedged.contains(part) {
            log.write(LogEvent(.wedged, ["part": part.rawValue]))
        }
        wedged = found
        pulse.update { $0 = Pulse(wedged: found) }
        var news: [ServiceNews] = found.isEmpty && ServiceManager.patience != nil ? [.alive] : []
        let sentence =
            if !found.isEmpty {
                "Ne répond plus : " + found.map(\.rawValue).joined(separator: ", ")
            } else if let fault = faults.first {
                fault.sentence
            } else {
                serviceSentence(checkout.snapshot)
            }
        if sentence != status { news.append(.status(sentence)) }
        status = sentence
        if !news.isEmpty { ServiceManager.tell(news) }
        let isIdle =
            switch checkout.snapshot.stage {
            case .amountEntry, .outOfService: true
            default: false
            }
        if rest.isDue(isIdle: isIdle) { Processes.restCode() }
    }

    /// What is missing now: told when it begins and when it ends, and the page shows it.
    private mutating func lookForFaults() {
        var found: [ServiceFault] = []
        if let fault = StorageFault.look(at: journal.path)?.fault { found.append(fault) }
        let trouble = reader.trouble
        readerTrouble = trouble == nil ? nil : readerTrouble ?? .now
        if let since = readerTrouble, since.duration(to: .now) >= Self.readerGrace {
            found.append(
                trouble == .noService
                    ? .readerServiceMissing : reader.isChip ? .readerSilent : .readerAbsent)
        }
        if let fault = checkout.clockFault { found.append(fault) }
        for fault in found where !faults.contains(fault) {
            log.write(LogEvent(.fault, ["code": fault.rawValue], sentence: fault.sentence))
        }
        for fault in faults where !found.contains(fault) {
            log.write(LogEvent(.mended, ["code": fault.rawValue]))
        }
        if found != faults { checkout.setReader(found.compactMap(\.readerRefusal).first) }
        faults = found
    }

    private mutating func signs() -> HealthCheck.Signs {
        if isReadable { lastReadable = .now }
        return HealthCheck.Signs(
            readerSilence: reader.silence, clerkSilence: checkout.clerkSilence,
            journalUnreadable: lastReadable.duration(to: .now), screenSilence: screen.silence,
            pageSilence: page.silence(patience: Self.pause))
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
