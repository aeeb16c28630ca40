import Operations
import Terminal

/// A snapshot as the page reads it. Times that run are sent as what remains, milliseconds.
struct SnapshotView: Encodable {
    let version: UInt64
    let stage: StageView
    let network: NetworkView
    let queue: QueueView
    let reader: String
    let clock: String
    let merchant: String
    let offlineLimitCents: Int64?

    init(_ snapshot: Snapshot, now: UInt64) {
        version = snapshot.version
        stage = StageView(snapshot.stage, now: now)
        network = NetworkView(snapshot.network)
        queue = QueueView(snapshot.queue)
        reader =
            switch snapshot.reader {
            case .ready: "ready"
            case .absent: "absent"
            }
        clock =
            switch snapshot.clockTrust {
            case .untrusted: "untrusted"
            case .monotonicSinceSync, .hardwareClock, .synchronised: "trusted"
            }
        merchant = snapshot.merchant
        offlineLimitCents = snapshot.offlineLimit?.cents
    }
}

/// One stage; only the fields of its name are there.
struct StageView: Encodable {
    let name: String
    var armed: ArmedView?
    var step: Int?
    var accepted: AcceptedView?
    var refusal: RefusalView?

    init(_ stage: Stage, now: UInt64) {
        switch stage {
        case .amountEntry: name = "amountEntry"
        case .outOfService(let reason):
            name = "outOfService"
            refusal = RefusalView(reason, amount: nil)
        case .presentCard(let operation):
            name = "presentCard"
            armed = ArmedView(operation, now: now)
        case .reading(let operation, let reached):
            name = "reading"
            armed = ArmedView(operation, now: now)
            step = reached
        case .removedTooSoon(let operation):
            name = "removedTooSoon"
            armed = ArmedView(operation, now: now)
        case .accepted(_, let amount, let offline, let lastFour, let cardPresent):
            name = "accepted"
            accepted = AcceptedView(
                amountCents: amount.cents, offline: offline, lastFour: lastFour,
                cardPresent: cardPresent)
        case .completed(let completion):
            name = "completed"
            armed = ArmedView(completion.operation, now: now)
        case .refused(_, let amount, let reason):
            name = "refused"
            refusal = RefusalView(reason, amount: amount)
        case .unknownResult(let operation):
            name = "unknownResult"
            armed = ArmedView(operation, now: now)
        }
    }
}

/// An armed operation.
struct ArmedView: Encodable {
    let id: String
    let amountCents: Int64
    let remainingMilliseconds: UInt64

    init(_ armed: Armed, now: UInt64) {
        id = armed.id.description
        amountCents = armed.amount.cents
        remainingMilliseconds = armed.deadline > now ? armed.deadline - now : 0
    }
}

/// M3.
struct AcceptedView: Encodable {
    let amountCents: Int64
    let offline: Bool
    let lastFour: String
    let cardPresent: Bool
}

/// M4, or why the terminal is out of service.
struct RefusalView: Encodable {
    let message: RefusalMessage
    let code: String
    /// The amount that was asked for.
    let amountCents: Int64?
    /// The amount of the sentence.
    let sentenceCents: Int64?
    /// What could be charged instead.
    let lesserCents: Int64?
    let actions: [RefusalAction]

    init(_ refusal: Refusal, amount: Amount?) {
        message = RefusalMessage(refusal)
        code = refusal.code
        amountCents = amount?.cents
        sentenceCents = refusal.sentenceAmount?.cents
        lesserCents = refusal.lesserAmount(than: amount)?.cents
        actions = refusal.actions(amount: amount)
    }
}

/// The three words of UX.md §1.3.
struct NetworkView: Encodable {
    let state: String
    var since: UInt64?
    var count: Int?

    init(_ network: Snapshot.Network) {
        switch network {
        case .online: state = "online"
        case .offline(let moment):
            state = "offline"
            since = moment
        case .synchronising(let waiting):
            state = "synchronising"
            count = waiting
        }
    }
}

/// What is not sent yet.
struct QueueView: Encodable {
    let count: Int
    let totalCents: Int64
    let oldest: UInt64?
    let rejected: Int

    init(_ queue: Snapshot.Queue) {
        count = queue.count
        totalCents = queue.total.cents
        oldest = queue.oldest
        rejected = queue.rejected
    }
}

/// The answer of /api/operations.
struct OperationsView: Encodable {
    struct Line: Encodable {
        let sequence: UInt64
        let id: String
        let time: UInt64
        let amountCents: Int64
        let lastFour: String
        let authorised: Bool
        let status: String
        var code: String?
    }

    let operations: [Line]

    init(_ lines: [OperationLine]) {
        operations = lines.map { line in
            var code: String?
            let status: String
            switch line.status {
            case .pending: status = "pending"
            case .settled: status = "settled"
            case .rejected(let reason):
                status = "rejected"
                code = reason
            }
            return Line(
                sequence: line.sequence, id: line.id.description, time: line.time,
                amountCents: line.amount.cents, lastFour: line.lastFour,
                authorised: line.authorised, status: status, code: code)
        }
    }
}
