import Cards
import Journal
import LedgerClient
import LedgerMessages
import Linux
public import Operations
public import Readers
public import Receipts
import Threads
import Tokens

/// The checkout of one terminal: the machine, its clerk, and the desk cards come to.
public final class Checkout: Sendable {
    private static let clerkTurn = Duration.milliseconds(250)
    let world: LiveWorld
    let monitor: Monitor<Counter>
    let pins: PINBook?
    let printer: ReceiptPrinter?
    /// One reversal at a time.
    let reversals = Monitor(())
    private let verified = VerifiedTokens()
    let log: @Sendable (LogEvent) -> Void

    /// What the lock guards.
    struct Counter {
        var machine = CheckoutMachine()
        var session: RoleSession?
        var shown: Snapshot
        var reader: String?
        var isStopping = false
        var hadLane = false
        var clerk: NamedThread?
        /// The clerk's last turn.
        var lastTurn: ContinuousClock.Instant?
    }

    /// A checkout over a live world. `start` gives it time and news. Without `pins` no role signs
    /// in, without `printer` nothing is printed; whoever gives one starts and stops it.
    public init(
        world: LiveWorld, pins: PINBook? = nil, printer: ReceiptPrinter? = nil,
        log: @escaping @Sendable (LogEvent) -> Void
    ) {
        self.world = world
        self.pins = pins
        self.printer = printer
        self.log = log
        let empty = Snapshot(
            version: 0, stage: .outOfService(.noPolicy), network: .offline(since: nil),
            queue: .init(count: 0, total: .zero, oldest: nil, rejected: 0), reader: .absent,
            clockTrust: .untrusted, merchant: "", offlineLimit: nil)
        monitor = Monitor(Counter(shown: empty))
        refresh { $0.setService(self.service) }
    }

    /// Starts the clerk.
    public func start() {
        monitor.update { $0.lastTurn = .now }
        let clerk = NamedThread.start("clerk") { self.runClerk() }
        monitor.update { $0.clerk = clerk }
    }

    /// Ends the clerk and waits for it.
    public func stop() {
        let clerk = monitor.update { counter in
            counter.isStopping = true
            return counter.clerk.take()
        }
        clerk?.join()
    }

    /// How long the clerk has not come by; zero before `start`.
    public var clerkSilence: Duration {
        monitor.read { $0.lastTurn.map { $0.duration(to: .now) } ?? .zero }
    }

    /// Turns time and news of the link into stages, four times a second.
    private func runClerk() {
        while true {
            let stopping = monitor.wait(atMost: Self.clerkTurn) { $0.isStopping ? true : nil }
            if stopping == true { return }
            let now = Self.now
            let service = service
            monitor.update { counter in
                counter.lastTurn = .now
                if let session = counter.session, session.until <= now, !counter.hadLane {
                    counter.session = nil
                }
            }
            refresh { machine in
                machine.tick(at: now)
                machine.setService(service)
            }
            continueLane(at: now)
        }
    }

    static var now: UInt64 { Clock.monotonicNanoseconds() / 1_000_000 }

    /// Tells why no card can come; nil: one can.
    public func setReader(_ refusal: Refusal?) { refresh { $0.setReader(refusal) } }

    /// Why nothing can be sold; nil when it can.
    private var service: Refusal? {
        switch StorageFault.look(at: world.journal.path) {
        case .full: return .diskFull
        case .readOnly: return .diskReadOnly
        case nil: break
        }
        guard world.journal.isOpen || (try? world.journal.reopen()) != nil else {
            return .journalUnavailable
        }
        switch world.link.standing {
        case .good: break
        case .refused: return .ledgerRefusesTerminal
        case .chainUnknown: return .oldJournal
        case .ledgerForgot: return .ledgerForgot
        }
        guard let policy = world.policy else { return .noPolicy }
        let clock = world.clock
        if policy.isValid(at: clock.latest / 1_000) { return nil }
        // Who vouches for a clock that says the policy has ended?
        return clock.fault == .clockAhead ? .clockUntrusted : .noPolicy
    }

    /// Changes the machine and publishes what follows from it.
    func refresh<R, E: Error>(
        _ change: (inout CheckoutMachine) throws(E) -> R
    ) throws(E) -> R {
        let news = news
        return try monitor.update { (counter) throws(E) in
            defer { Self.publish(&counter, news) }
            return try change(&counter.machine)
        }
    }

    /// While a row of cards is given its role stays signed in; they end together.
    private static func keepSession(_ counter: inout Counter) {
        let hasLane = counter.machine.lane != nil
        if counter.hadLane, !hasLane { counter.session = nil }
        if hasLane, let session = counter.session, session.until < now + RoleSession.length / 2 {
            counter.session?.extend(to: now + RoleSession.length)
        }
        counter.hadLane = hasLane
    }

    private static func publish(_ counter: inout Counter, _ news: Snapshot) {
        keepSession(&counter)
        var next = news
        next.version = counter.shown.version
        next.stage = counter.machine.stage
        next.reader = counter.reader.map { .ready(name: $0) } ?? .absent
        next.isTraining = counter.machine.isTraining
        next.rest = counter.machine.split.rest
        next.session = counter.session
        next.isPresentedAgain = counter.machine.isPresentedAgain
        next.lane = counter.machine.lane
        guard next != counter.shown else { return }
        next.version += 1
        counter.shown = next
    }

    /// Everything a screen shows that does not come from the machine.
    private var news: Snapshot {
        let unsent = world.journal.unsent
        let link = world.link
        let network: Snapshot.Network =
            !link.isReachable
            ? .offline(since: link.lastContact)
            : link.isSending ? .synchronising(count: Int(unsent.count)) : .online
        let rejected = (try? world.journal.rejectedCount(without: link.verdicts.keys)) ?? 0
        let clock = world.clock
        var news = Snapshot(
            version: 0, stage: .amountEntry, network: network,
            queue: .init(
                count: Int(unsent.count), total: unsent.total, oldest: unsent.oldest,
                rejected: rejected),
            reader: .absent, clockTrust: clock.moment.trust,
            merchant: link.policy?.merchant ?? "", offlineLimit: link.policy?.limits.payment,
            policyVersion: link.policy?.version ?? 0, rules: link.policy?.rules ?? .standard,
            languages: link.policy?.languages ?? [],
            printer: printer?.state ?? .none)
        news.clockFault = clock.fault
        return news
    }

    /// What somebody should mend of the clock.
    public var clockFault: ServiceFault? { world.clock.fault }

    private static func receipt(_ entry: Entry) -> TapReceipt? {
        guard let card = entry.body.card else { return nil }
        var isOffline = true
        if case .payment(let payment) = entry.body {
            isOffline = payment.authorisation == nil && !entry.isTraining
        }
        return TapReceipt(
            amount: entry.body.amount ?? .zero, isOffline: isOffline, lastFour: card.lastFour)
    }
}

extension Checkout: CheckoutControl {
    public var snapshot: Snapshot { monitor.read { $0.shown } }

    public func snapshot(after version: UInt64, atMost limit: Duration) -> Snapshot? {
        monitor.wait(atMost: limit) { $0.shown.version != version ? $0.shown : nil }
    }

    public func arm(amount: Amount) -> Result<Armed, ControlRefusal> {
        let id = EntryID(milliseconds: world.clock.moment.milliseconds)
        let now = Self.now
        return refreshing { (machine) throws(ControlRefusal) in
            try machine.arm(id, amount, at: now)
        }
    }

    public func cancel(_ id: EntryID) -> Result<Void, ControlRefusal> {
        refreshing { (machine) throws(ControlRefusal) in try machine.cancel(id) }
    }

    public func extend(_ id: EntryID) -> Result<Armed, ControlRefusal> {
        refreshing { (machine) throws(ControlRefusal) in try machine.extend(id) }
    }

    public func acknowledge() -> Result<Void, ControlRefusal> {
        refreshing { (machine) throws(ControlRefusal) in try machine.acknowledge() }
    }

    public func verify(_ id: EntryID) -> Result<Void, ControlRefusal> {
        guard case .unknownResult(let armed) = snapshot.stage, armed.id == id else {
            return .failure(.noSuchOperation)
        }
        // T4: only the journal, read again, resolves an unknown result.
        guard let found = world.lookUp(id) else { return .success(()) }
        let now = Self.now
        refresh { $0.resolve(found.flatMap(Self.receipt), at: now) }
        return .success(())
    }

    public func sendNow() { world.link.sendNow() }

    public func operations(limit: Int) -> [OperationLine] {
        let lines = (try? world.journal.payments(limit: max(0, min(limit, 500)))) ?? []
        let verdicts = world.link.verdicts
        return lines.map { line in
            let isReleased = verdicts[line.entry.sequence]?.isReleased == true
            let status: OperationLine.Status =
                line.outcome.map {
                    $0.isBooked || isReleased ? .settled : .rejected(code: $0.code)
                } ?? .pending
            return OperationLine(
                sequence: line.entry.sequence, id: line.entry.id, time: line.entry.happened,
                amount: line.payment.amount, lastFour: line.payment.card.lastFour,
                authorised: line.payment.authorisation != nil, status: status)
        }
    }

    private func refreshing<R>(
        _ change: (inout CheckoutMachine) throws(ControlRefusal) -> R
    ) -> Result<R, ControlRefusal> {
        do throws(ControlRefusal) { return .success(try refresh(change)) } catch {
            return .failure(error)
        }
    }
}

extension Checkout: CardDesk {
    public var wantsCard: Bool {
        monitor.read { $0.machine.wantsCard || $0.machine.watchesCard }
    }

    public var leavesCardFree: Bool { monitor.read { $0.machine.hasLooked } }

    public func readerChanged(_ name: String?) {
        log(LogEvent(.readerChanged, ["present": "\(name != nil)"]))
        monitor.update { $0.reader = name }
        refresh { _ in }
    }

    /// The whole conversation, on the reader's thread.
    public func card(_ connection: inout CardConnection) {
        let start = Clock.monotonicNanoseconds()
        guard let operation = refresh({ $0.cardFound() }) else { return look(&connection) }
        let binding = monitor.read { $0.machine.binding }
        let tap = Tap(
            operation: operation, binding: binding, world: world, verified: verified,
            progress: { step in self.refresh { $0.step(step) } },
            bind: { hash in self.refresh { $0.bind(hash) } })
        var card = NTAG424Card(connection)
        let outcome = counted(tap.run(&card), operation)
        connection = card.end()
        let now = Self.now
        refresh { $0.finish(outcome, at: now) }
        suggest(after: outcome, of: operation)
        let spent = (Clock.monotonicNanoseconds() - start) / 1_000
        log(
            LogEvent(
                .tap,
                [
                    "operation": "\(operation.id)", "outcome": Self.word(outcome),
                    "apdus": "\(connection.commands)", "microseconds": "\(spent)",
                ]))
    }

    /// A card after a result: only whether it is the card of that result. Nothing is written.
    private func look(_ connection: inout CardConnection) {
        guard monitor.read({ $0.machine.watchesCard }) else { return }
        var card = NTAG424Card(connection)
        let hash = try? card.identify().token.hash
        connection = card.end()
        let now = Self.now
        refresh { $0.looked(at: hash, now) }
        let isSame = monitor.read { $0.machine.isPresentedAgain }
        log(LogEvent(.cardAfterResult, ["same": "\(isSame)"]))
    }

    public func cardRemoved() { refresh { $0.cardRemoved() } }

    public func severalCards() {
        let now = Self.now
        refresh { $0.severalCards(at: now) }
    }

    private static func word(_ outcome: TapOutcome) -> String {
        switch outcome {
        case .accepted(let receipt): receipt.isOffline ? "accepted-offline" : "accepted"
        case .checked: "checked"
        case .refused(let refusal): "refused-\(refusal.code)"
        case .torn: "torn"
        case .unknown: "unknown"
        }
    }
}
