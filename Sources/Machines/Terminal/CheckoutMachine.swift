import Operations

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
/// `setService` moves any resting stage to `outOfService` and back.
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
    /// The token hash of the card this operation began with (T5).
    private(set) var binding: [UInt8]?
    private var service: Refusal?
    /// When the stage ends by itself; nil when it does not.
    private(set) var until: UInt64?

    /// True while a card is wanted in the field.
    var wantsCard: Bool {
        switch stage {
        case .presentCard, .removedTooSoon: true
        case .amountEntry, .outOfService, .reading, .accepted, .refused, .unknownResult: false
        }
    }

    /// The operation that is armed, whatever its stage.
    var armed: Armed? {
        switch stage {
        case .presentCard(let armed), .reading(let armed, _), .removedTooSoon(let armed),
            .unknownResult(let armed):
            armed
        case .amountEntry, .outOfService, .accepted, .refused: nil
        }
    }

    mutating func arm(_ id: EntryID, _ amount: Amount, at now: UInt64) throws(ControlRefusal)
        -> Armed
    {
        switch stage {
        case .amountEntry, .accepted, .refused: break
        case .outOfService(let refusal): throw .outOfService(refusal)
        case .presentCard, .reading, .removedTooSoon, .unknownResult: throw .busy
        }
        if let service { throw .outOfService(service) }
        guard amount > .zero else { throw .amountInvalid }
        let armed = Armed(id: id, amount: amount, deadline: now + Self.armedFor)
        binding = nil
        enter(.presentCard(armed), until: armed.deadline)
        return armed
    }

    mutating func cancel(_ id: EntryID) throws(ControlRefusal) {
        switch stage {
        case .presentCard(let armed) where armed.id == id,
            .removedTooSoon(let armed) where armed.id == id:
            rest()
        case .reading(let armed, _) where armed.id == id: throw .busy
        case .unknownResult(let armed) where armed.id == id: throw .busy
        case .amountEntry, .outOfService, .presentCard, .reading, .removedTooSoon, .accepted,
            .refused, .unknownResult:
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
            .refused, .unknownResult:
            throw .noSuchOperation
        }
    }

    mutating func acknowledge() throws(ControlRefusal) {
        switch stage {
        case .accepted, .refused: rest()
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
        case .amountEntry, .outOfService, .reading, .accepted, .refused, .unknownResult:
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
        case .accepted(let receipt):
            enter(
                .accepted(
                    id: armed.id, amount: receipt.amount, offline: receipt.isOffline,
                    lastFour: receipt.lastFour, cardPresent: true),
                until: now + Self.acceptedFor)
        case .refused(.anotherCard):
            // T5: the operation waits on for its own card.
            armed.deadline = max(armed.deadline, now + Self.extension30)
            enter(.removedTooSoon(armed), until: armed.deadline)
        case .refused(let refusal):
            enter(
                .refused(id: armed.id, amount: armed.amount, refusal),
                until: now + Self.refusedFor)
        case .torn:
            armed.deadline = max(armed.deadline, now + Self.extension30)
            enter(.removedTooSoon(armed), until: armed.deadline)
        case .unknown:
            enter(.unknownResult(armed), until: nil)
        }
    }

    /// The journal was read again: the operation is in it, or it is not (T4).
    mutating func resolve(_ receipt: TapReceipt?, at now: UInt64) {
        guard case .unknownResult(let armed) = stage else { return }
        if let receipt {
            enter(
                .accepted(
                    id: armed.id, amount: receipt.amount, offline: receipt.isOffline,
                    lastFour: receipt.lastFour, cardPresent: false),
                until: now + Self.acceptedFor)
        } else {
            enter(
                .refused(id: armed.id, amount: armed.amount, .journalUnavailable),
                until: now + Self.refusedFor)
        }
    }

    mutating func cardRemoved() {
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
                until: now + Self.refusedFor)
        case .amountEntry, .outOfService, .reading, .accepted, .refused, .unknownResult: break
        }
    }

    /// Time passes.
    mutating func tick(at now: UInt64) {
        guard let end = until, now >= end else { return }
        switch stage {
        case .presentCard(let armed), .removedTooSoon(let armed):
            enter(
                .refused(id: armed.id, amount: armed.amount, .timedOut),
                until: now + Self.refusedFor)
        case .accepted, .refused: rest()
        case .amountEntry, .outOfService, .reading, .unknownResult: break
        }
    }

    /// Whether the terminal may sell at all; nil means it may.
    mutating func setService(_ refusal: Refusal?) {
        service = refusal
        switch stage {
        case .amountEntry, .outOfService: rest()
        case .presentCard, .reading, .removedTooSoon, .accepted, .refused, .unknownResult: break
        }
    }

    private mutating func rest() {
        binding = nil
        enter(service.map { .outOfService($0) } ?? .amountEntry, until: nil)
    }

    private mutating func enter(_ stage: Stage, until: UInt64?) {
        self.stage = stage
        self.until = until
    }
}
