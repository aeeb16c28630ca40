import Operations
import Tokens

/// The checkout as a pure state machine: no clock, no I/O. Times are monotonic milliseconds.
///
///                    arm                 cardFound              finish(.accepted)
///     amountEntry ─────────▶ presentCard ─────────▶ reading ──────────────────────▶ accepted
///        ▲   ▲  ▲   cancel │      ▲ ▲ tick(deadline)  │ │ │ finish(.refused)            │
///        │   │  └──────────┘      │ └───────▶ refused ◀─┘ │                             │
///        │   │ acknowledge, tick  │ cardFound    │        │ finish(.torn)               │
///        │   └────────────────────┼──────────────┘        ▼                             │
///        │                        └────────────── removedTooSoon                        │
///        │                                                                              │
///        │  resolve       finish(.unknown)                       acknowledge, tick      │
///        └──────────── unknownResult ◀── reading        amountEntry ◀───────────────────┘
///
/// `setService` and `setReader` move any resting stage to `outOfService` and back. What is no
/// payment ends in `completed` where a payment ends in `accepted`; both behave alike.
/// `SplitPayment` holds the rest of a sum that one card could not pay whole. `Lane` is a row of
/// cards that are given one after another: while it lasts the results lead to the next
/// `presentCard` (`CheckoutLane.swift`).
struct CheckoutMachine {
    /// How long a card may take to come, milliseconds.
    static let armedFor: UInt64 = 60_000
    /// How much longer "+30 s" gives.
    static let extension30: UInt64 = 30_000
    /// How long an accepted result stands.
    static let acceptedFor: UInt64 = 4_000
    /// How long a refusal stands.
    static let refusedFor: UInt64 = 30_000

    private(set) var stage: Stage = .amountEntry
    /// Turned on and off between operations.
    private(set) var isTraining = false
    /// A sum that several cards pay.
    private(set) var split = SplitPayment()
    /// The token hash of the card this operation began with (T5).
    private(set) var binding: [UInt8]?
    /// The card of the result that stands was presented again.
    private(set) var isPresentedAgain = false
    /// Another card came while a result stood: it is looked at once, then it may lie there.
    private(set) var hasLooked = false
    private(set) var service: Refusal?
    /// Why no card can come; what needs no card goes on.
    private(set) var reader: Refusal?
    /// When the stage ends by itself; nil when it does not.
    private(set) var until: UInt64?
    /// The row of cards that is being given.
    var lane: Lane?
    /// The enrolment that was armed last and has no card yet: what was told is sealed in it.
    var waiting: Armed?

    /// True while a card is wanted in the field.
    var wantsCard: Bool {
        switch stage {
        case .presentCard, .removedTooSoon: true
        case .amountEntry, .outOfService, .reading, .accepted, .completed, .refused,
            .unknownResult:
            false
        }
    }

    /// True while a card that comes is only compared with the one of the result that stands.
    var watchesCard: Bool {
        guard binding != nil, !hasLooked, !isPresentedAgain else { return false }
        switch stage {
        case .accepted(_, _, _, _, let isPresent): return !isPresent
        case .completed(let completion): return !completion.isCardPresent
        case .amountEntry, .outOfService, .presentCard, .reading, .removedTooSoon, .refused,
            .unknownResult:
            return false
        }
    }

    /// The operation that is armed, whatever its stage.
    var armed: Armed? {
        switch stage {
        case .presentCard(let armed), .reading(let armed, _), .removedTooSoon(let armed),
            .unknownResult(let armed):
            armed
        case .amountEntry, .outOfService, .accepted, .completed, .refused: nil
        }
    }

    /// Throws unless an operation may begin now.
    func checkIdle() throws(ControlRefusal) {
        switch stage {
        case .amountEntry, .accepted, .completed, .refused: break
        case .outOfService: break
        case .presentCard, .reading, .removedTooSoon, .unknownResult: throw .busy
        }
        if let service { throw .outOfService(service) }
        if lane != nil { throw .busy }
    }

    mutating func arm(
        _ id: EntryID, _ amount: Amount, at now: UInt64,
        purpose: Purpose = .payment(completes: nil), role: Role? = nil
    ) throws(ControlRefusal) -> Armed {
        let armed = try begin(id, amount, at: now, purpose: purpose, role: role)
        split = SplitPayment()
        return armed
    }

    private mutating func begin(
        _ id: EntryID, _ amount: Amount, at now: UInt64, purpose: Purpose, role: Role?
    ) throws(ControlRefusal) -> Armed {
        try checkIdle()
        if let reader { throw .outOfService(reader) }
        guard amount > .zero || !purpose.isMoney else { throw .amountInvalid }
        return present(id, amount, at: now, purpose: purpose, role: role)
    }

    /// A card is wanted for this from here on.
    mutating func present(
        _ id: EntryID, _ amount: Amount, at now: UInt64, purpose: Purpose, role: Role?
    ) -> Armed {
        let armed = Armed(
            id: id, amount: amount, deadline: now + Self.armedFor, purpose: purpose,
            isTraining: isTraining, role: role)
        binding = nil
        waiting = armed.isEnrolment ? armed : nil
        enter(.presentCard(armed), until: armed.deadline)
        return armed
    }

    /// The card that had too little pays what it has.
    mutating func armPart(_ id: EntryID, at now: UInt64, role: Role?) throws(ControlRefusal)
        -> Armed
    {
        guard case .refused(let refused, _, .insufficient(let missing)) = stage,
            let part = split.part(of: refused, missing: missing)
        else { throw .noSuchOperation }
        let armed = try begin(
            id, part, at: now, purpose: .payment(completes: split.rest?.first), role: role)
        split.expect(missing: missing, after: id)
        return armed
    }

    /// Another card pays the rest.
    mutating func armRest(_ id: EntryID, at now: UInt64, role: Role?) throws(ControlRefusal)
        -> Armed
    {
        guard let rest = split.rest else { throw .noSuchOperation }
        let armed = try begin(
            id, rest.missing, at: now, purpose: .payment(completes: rest.first), role: role)
        split.expectNothing(after: id)
        return armed
    }

    /// What was paid stays paid.
    mutating func dropRest() { split = SplitPayment() }

    /// Training is turned on or off at rest only.
    mutating func train(_ isOn: Bool) throws(ControlRefusal) {
        try checkIdle()
        isTraining = isOn
        split = SplitPayment()
        rest()
    }

    mutating func cancel(_ id: EntryID) throws(ControlRefusal) {
        switch stage {
        case .presentCard(let armed) where armed.id == id,
            .removedTooSoon(let armed) where armed.id == id:
            rest()
        case .reading(let armed, _) where armed.id == id: throw .busy
        case .unknownResult(let armed) where armed.id == id: throw .busy
        case .amountEntry, .outOfService, .presentCard, .reading, .removedTooSoon, .accepted,
            .completed, .refused, .unknownResult:
            throw .noSuchOperation
        }
    }

    mutating func extend(_ id: EntryID) throws(ControlRefusal) -> Armed {
        switch stage {
        case .presentCard(var armed) where armed.id == id:
            armed.deadline += Self.extension30
            enter(.presentCard(armed), until: armed.deadline)
            return armed
        case .removedTooSoon(var armed) where armed.id == id:
            armed.deadline += Self.extension30
            enter(.removedTooSoon(armed), until: armed.deadline)
            return armed
        case .amountEntry, .outOfService, .presentCard, .reading, .removedTooSoon, .accepted,
            .completed, .refused, .unknownResult:
            throw .noSuchOperation
        }
    }

    mutating func acknowledge() throws(ControlRefusal) {
        switch stage {
        // In a row the next card is what a result leads to: it comes at once.
        case .completed where lane != nil, .refused where lane != nil: hasten()
        case .accepted, .completed, .refused: rest()
        case .amountEntry, .outOfService: break
        case .presentCard, .reading, .removedTooSoon, .unknownResult: throw .busy
        }
    }

    /// A card is there: the operation it is read for, or nil when none is wanted.
    mutating func cardFound() -> Armed? {
        switch stage {
        case .presentCard(let armed), .removedTooSoon(let armed):
            enter(.reading(armed, step: 0), until: nil)
            return armed
        case .amountEntry, .outOfService, .reading, .accepted, .completed, .refused,
            .unknownResult:
            return nil
        }
    }

    /// The tap has come this far, 0...4.
    mutating func step(_ step: Int) {
        if case .reading(let armed, _) = stage { stage = .reading(armed, step: min(4, step)) }
    }

    /// The card is known: only it may go on from here (T5).
    mutating func bind(_ tokenHash: [UInt8]) { binding = binding ?? tokenHash }

    /// The tap is over.
    mutating func finish(_ outcome: TapOutcome, at now: UInt64) {
        guard case .reading(var armed, _) = stage else { return }
        switch outcome {
        case .accepted(let receipt): succeed(armed, receipt, nil, cardPresent: true, at: now)
        case .checked(let report):
            let receipt = TapReceipt(
                amount: .zero, isOffline: report.balance == nil, lastFour: report.number.lastFour)
            succeed(armed, receipt, report, cardPresent: true, at: now)
        case .refused(.anotherCard):
            // T5: the operation waits on for its own card.
            armed.deadline = returnDeadline(armed, at: now)
            enter(.removedTooSoon(armed), until: armed.deadline)
        case .refused(let refusal):
            if case .payment = armed.purpose { split.note(refused: armed.id, armed.amount) }
            enter(
                .refused(id: armed.id, amount: armed.amount, refusal),
                until: now + timeOfRefusal)
        case .torn:
            armed.deadline = returnDeadline(armed, at: now)
            enter(.removedTooSoon(armed), until: armed.deadline)
        case .unknown:
            enter(.unknownResult(armed), until: nil)
        }
    }

    /// The journal was read again: the operation is in it, or it is not (T4).
    mutating func resolve(_ receipt: TapReceipt?, at now: UInt64) {
        guard case .unknownResult(let armed) = stage else { return }
        if let receipt {
            succeed(armed, receipt, nil, cardPresent: false, at: now)
        } else {
            enter(
                .refused(id: armed.id, amount: armed.amount, .journalUnavailable),
                until: now + timeOfRefusal)
        }
    }

    private mutating func succeed(
        _ armed: Armed, _ receipt: TapReceipt, _ report: CardReport?, cardPresent: Bool,
        at now: UInt64
    ) {
        guard case .payment = armed.purpose else {
            let completion = Completion(
                operation: armed, lastFour: receipt.lastFour, isOffline: receipt.isOffline,
                report: report, isCardPresent: cardPresent, given: receipt.given)
            waiting = nil
            lane?.add(receipt.lastFour, at: now)
            return enter(.completed(completion), until: now + timeOf(completion))
        }
        split.settle(armed.id)
        enter(
            .accepted(
                id: armed.id, amount: receipt.amount, offline: receipt.isOffline,
                lastFour: receipt.lastFour, cardPresent: cardPresent),
            until: now + Self.acceptedFor)
    }

    /// A card came while a result stood. The same one: it is said to be done already, and that
    /// stands as long as a result does. Another one waits for its own operation.
    mutating func looked(at tokenHash: [UInt8]?, _ now: UInt64) {
        guard watchesCard else { return }
        guard let tokenHash, tokenHash == binding else {
            hasLooked = true
            return
        }
        isPresentedAgain = true
        until = max(until ?? 0, now + Self.acceptedFor)
    }

    /// What the person may do next.
    mutating func suggest(_ near: [Opportunity], after id: EntryID) {
        guard case .completed(var completion) = stage, completion.operation.id == id else { return }
        completion.opportunities = near
        stage = .completed(completion)
    }

    mutating func cardRemoved() {
        if case .completed(var completion) = stage {
            completion.isCardPresent = false
            stage = .completed(completion)
        }
        if case .accepted(let id, let amount, let offline, let lastFour, true) = stage {
            stage = .accepted(
                id: id, amount: amount, offline: offline, lastFour: lastFour, cardPresent: false)
        }
    }

    mutating func severalCards(at now: UInt64) {
        switch stage {
        case .presentCard(let armed), .removedTooSoon(let armed):
            enter(
                .refused(id: armed.id, amount: armed.amount, .twoCards),
                until: now + timeOfRefusal)
        case .amountEntry, .outOfService, .reading, .accepted, .completed, .refused,
            .unknownResult:
            break
        }
    }

    /// Time passes.
    mutating func tick(at now: UInt64) {
        guard let end = until, now >= end, !laneTick(at: now) else { return }
        switch stage {
        case .presentCard(let armed), .removedTooSoon(let armed):
            enter(
                .refused(id: armed.id, amount: armed.amount, .timedOut),
                until: now + timeOfRefusal)
        case .accepted, .completed, .refused: rest()
        case .amountEntry, .outOfService, .reading, .unknownResult: break
        }
    }

    /// Whether the terminal may sell at all; nil means it may.
    mutating func setService(_ refusal: Refusal?) {
        service = refusal
        showService()
    }

    /// Whether a card can come; nil means it can.
    mutating func setReader(_ refusal: Refusal?) {
        reader = refusal
        showService()
    }

    private mutating func showService() {
        switch stage {
        case .amountEntry, .outOfService: rest()
        case .presentCard, .reading, .removedTooSoon, .accepted, .completed, .refused,
            .unknownResult:
            break
        }
    }

    mutating func rest() {
        binding = nil
        waiting = nil
        lane = nil
        enter((service ?? reader).map { .outOfService($0) } ?? .amountEntry, until: nil)
    }

    mutating func enter(_ stage: Stage, until: UInt64?) {
        isPresentedAgain = false
        hasLooked = false
        self.stage = stage
        self.until = until
    }
}
