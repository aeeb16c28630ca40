import Foundation
import Journal
import Linux
import Operations
import Terminal
import Threads

/// A checkout in memory: orders move it as the terminal's do, and a test plays the cards.
final class ScriptedCheckout: OperationsControl {
    struct State {
        var snapshot = Snapshot(
            version: 1, stage: .amountEntry, network: .online,
            queue: Snapshot.Queue(count: 0, total: .zero, oldest: nil, rejected: 0),
            reader: .ready(name: "ACS ACR122U"), clockTrust: .synchronised,
            merchant: "Épicerie du Canal", offlineLimit: Amount(cents: 2000))
        var operations: [OperationLine] = []
        var catalogue = Samples.catalogue
        var others: [JournalLine] = []
        var orders: [Terminal.Order] = []
        /// What every order is refused for.
        var refusal: ControlRefusal?
        /// The role every order needs.
        var neededRole: Role?
        var wrongPINs = 0
        /// Enrolments that were ordered, with what people told.
        var enrolments: [(order: EnrolmentOrder, told: [UInt8])] = []
        /// Where the application is.
        var link: String? = "https://app.carte-eco.example"
        var sendCount = 0
        var verified: [EntryID] = []
        /// What was printed, in order.
        var printed: [EntryID] = []
        /// Closures that were made, newest first.
        var closures: [JournalLine] = []
        /// Why no period can be closed now.
        var forbidden: RuleRefusal?
    }

    let monitor = Monitor(State())

    static func now() -> UInt64 { Clock.monotonicNanoseconds() / 1_000_000 }

    var state: State { monitor.read { $0 } }

    /// Changes anything and publishes it as one new version.
    func change(_ body: (inout State) -> Void) {
        monitor.update { state in
            body(&state)
            state.snapshot.version += 1
        }
    }

    /// Puts the checkout into a stage.
    func show(_ stage: Stage) { change { $0.snapshot.stage = stage } }

    /// Waits until an order has brought the checkout where `body` says.
    func wait<R>(_ body: (State) -> R?) -> R? {
        monitor.wait(atMost: .seconds(60)) { body($0) }
    }

    var snapshot: Snapshot { state.snapshot }

    func snapshot(after version: UInt64, atMost limit: Duration) -> Snapshot? {
        monitor.wait(atMost: limit) { $0.snapshot.version == version ? nil : $0.snapshot }
    }

    func arm(amount: Amount) -> Result<Armed, ControlRefusal> {
        order { snapshot in
            guard amount > .zero else { return .failure(.amountInvalid) }
            switch snapshot.stage {
            case .amountEntry, .accepted, .completed, .refused: break
            case .outOfService(let refusal): return .failure(.outOfService(refusal))
            default: return .failure(.busy)
            }
            let armed = Armed(
                id: EntryID(milliseconds: 1_764_000_000_000), amount: amount,
                deadline: Self.now() + 60_000)
            snapshot.stage = .presentCard(armed)
            return .success(armed)
        }
    }

    func cancel(_ id: EntryID) -> Result<Void, ControlRefusal> {
        order { snapshot in
            guard let armed = Self.waiting(snapshot.stage), armed.id == id else {
                return .failure(Self.isReading(snapshot.stage) ? .busy : .noSuchOperation)
            }
            snapshot.stage = .amountEntry
            return .success(())
        }
    }

    func extend(_ id: EntryID) -> Result<Armed, ControlRefusal> {
        order { snapshot in
            guard var armed = Self.waiting(snapshot.stage), armed.id == id else {
                return .failure(.noSuchOperation)
            }
            armed.deadline += 30_000
            snapshot.stage = .presentCard(armed)
            return .success(armed)
        }
    }

    func acknowledge() -> Result<Void, ControlRefusal> {
        order { snapshot in
            switch snapshot.stage {
            case .accepted, .completed, .refused: snapshot.stage = .amountEntry
            case .amountEntry, .outOfService: break
            default: return .failure(.busy)
            }
            return .success(())
        }
    }

    func verify(_ id: EntryID) -> Result<Void, ControlRefusal> {
        monitor.update { state in
            guard case .unknownResult(let armed) = state.snapshot.stage, armed.id == id else {
                return .failure(.noSuchOperation)
            }
            state.verified.append(id)
            return .success(())
        }
    }

    func sendNow() { monitor.update { $0.sendCount += 1 } }

    func operations(limit: Int) -> [OperationLine] {
        monitor.read { Array($0.operations.prefix(limit)) }
    }

    private func order<R>(
        _ body: (inout Snapshot) -> Result<R, ControlRefusal>
    ) -> Result<R, ControlRefusal> {
        monitor.update { state in
            let result = body(&state.snapshot)
            if case .success = result { state.snapshot.version += 1 }
            return result
        }
    }

    private static func waiting(_ stage: Stage) -> Armed? {
        switch stage {
        case .presentCard(let armed), .removedTooSoon(let armed): armed
        default: nil
        }
    }

    private static func isReading(_ stage: Stage) -> Bool {
        if case .reading = stage { true } else { false }
    }
}
