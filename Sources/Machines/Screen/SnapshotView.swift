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
    let policyVersion: UInt64
    let topUpLimitCents: Int64
    let training: Bool
    let session: RoleView?
    /// What is missing of a sum that was split.
    let restCents: Int64?
    let lane: LaneView?
    /// True: a lost card's account moves at once, not when the association has released it.
    let replacementAtOnce: Bool
    let person: PersonView
    /// The card of the result that stands was presented again.
    let presentedAgain: Bool
    /// "none", "idle", "printing", or why nothing came out.
    let printer: String

    init(_ moment: Feed.Moment, now: UInt64, memory: OrderMemory) {
        let snapshot = moment.snapshot
        person = PersonView(moment)
        presentedAgain = snapshot.isPresentedAgain
        version = snapshot.version
        stage = StageView(snapshot.stage, now: now, memory: memory)
        network = NetworkView(snapshot.network)
        queue = QueueView(snapshot.queue)
        reader =
            switch snapshot.reader {
            case .ready: "ready"
            case .absent: "absent"
            }
        clock =
            switch snapshot.clockTrust {
            case _ where snapshot.clockFault != nil: "wrong"
            case .untrusted: "untrusted"
            case .monotonicSinceSync, .hardwareClock, .synchronised: "trusted"
            }
        merchant = snapshot.merchant
        offlineLimitCents = snapshot.offlineLimit?.cents
        policyVersion = snapshot.policyVersion
        topUpLimitCents = snapshot.rules.topUpLimit.cents
        training = snapshot.isTraining
        session = snapshot.session.map { RoleView($0, now: now) }
        restCents = snapshot.rest?.missing.cents
        printer = PrinterView.name(snapshot.printer)
        lane = snapshot.lane.map { LaneView($0) }
        replacementAtOnce = snapshot.rules.replacementAtOnce
    }
}

/// The person before the terminal: her language, and those she may choose, in their order.
struct PersonView: Encodable {
    let language: String
    let languages: [String]

    init(_ moment: Feed.Moment) {
        language = moment.person.language
        languages = Person.offered(by: moment.snapshot.languages)
    }
}

/// One stage; only the fields of its name are there.
struct StageView: Encodable {
    let name: String
    var armed: ArmedView?
    var step: Int?
    var accepted: AcceptedView?
    var completed: CompletedView?
    var refusal: RefusalView?

    init(_ stage: Stage, now: UInt64, memory: OrderMemory) {
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
        case .accepted(let id, let amount, let offline, let lastFour, let cardPresent):
            name = "accepted"
            accepted = AcceptedView(
                id: id.description, amountCents: amount.cents, offline: offline, lastFour: lastFour,
                cardPresent: cardPresent)
        case .completed(let completion):
            name = "completed"
            armed = ArmedView(completion.operation, now: now)
            completed = CompletedView(completion)
        case .refused(let id, let amount, let reason):
            name = "refused"
            refusal = RefusalView(reason, amount: amount, kept: memory.order(of: id))
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
    let purpose: PurposeView
    let training: Bool

    init(_ armed: Armed, now: UInt64) {
        purpose = PurposeView(armed.purpose)
        training = armed.isTraining
        id = armed.id.description
        amountCents = armed.amount.cents
        remainingMilliseconds = armed.deadline > now ? armed.deadline - now : 0
    }
}

/// M3.
struct AcceptedView: Encodable {
    let id: String
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
    /// Thousandths of an action's unit, when the sentence names a quantity.
    let leftQuantity: Int64?
    /// True when `/api/again` gives the same order once more.
    let repeats: Bool
    let actions: [RefusalAction]

    init(_ refusal: Refusal, amount: Amount?, kept: OrderMemory.Kept? = nil) {
        let isPayment = kept?.isPayment ?? true
        let isEnrolment = kept == .enrolment
        message = RefusalMessage(refusal)
        code = refusal.code
        amountCents = amount?.cents
        let namesQuantity = message == .actionLimitLeft
        sentenceCents = namesQuantity ? nil : refusal.left
        leftQuantity = namesQuantity ? refusal.left : nil
        repeats = kept != nil && !isEnrolment
        lesserCents = refusal.lesserAmount(than: amount)?.cents
        actions =
            isEnrolment
            ? refusal.standActions : refusal.actions(amount: amount, isPayment: isPayment)
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
