import Operations

/// Cards given to people: one more for the same person after a refusal, and the row of cards of a
/// stand that gives many.
///
///                card given                card left, 1 s passed
///     presentCard ────────▶ completed ─────────────────────────────▶ presentCard, a new id
///         │  ▲   refused                     4 s passed
///         │  └─────────── refused, removedTooSoon (time over) ─────▶ presentCard, a new id
///         │ endLane, cancel, ten minutes without a card
///         ▼
///     amountEntry
extension CheckoutMachine {
    /// How long a card given in a row is shown at least, milliseconds.
    static let laneGivenFor: UInt64 = 1_000
    /// How long a refusal stands in a row.
    static let laneRefusedFor: UInt64 = 4_000
    /// How long a row waits for a card that was removed too soon.
    static let laneReturnFor: UInt64 = 10_000
    /// How long a row waits for a card: whoever walked away is signed out.
    static let laneIdleFor: UInt64 = 600_000
    /// How long a card given to one person is shown: a telephone reads its QR symbol.
    static let givenFor: UInt64 = 60_000

    /// The first card of a row.
    mutating func armLane(
        _ id: EntryID, at now: UInt64, purpose: Purpose, role: Role?
    ) throws(ControlRefusal) -> Armed {
        let armed = try arm(id, .zero, at: now, purpose: purpose, role: role)
        lane = Lane(purpose: purpose, role: role, since: now)
        return armed
    }

    /// Another card for the person whose card was refused.
    mutating func armAgain(
        _ id: EntryID, at now: UInt64, role: Role?
    ) throws(ControlRefusal) -> Armed {
        guard let before = waiting, case .refused(before.id, _, _) = stage else {
            throw .noSuchOperation
        }
        return try arm(id, .zero, at: now, purpose: before.purpose, role: role)
    }

    /// True when the row wants its next card now.
    func wantsNext(at now: UInt64) -> Bool {
        guard lane != nil, let until, now >= until else { return false }
        switch stage {
        case .completed(let done): return !done.isCardPresent
        case .refused, .removedTooSoon: return true
        case .presentCard(let armed): return !isIdle(at: now) && now >= armed.deadline
        case .amountEntry, .outOfService, .reading, .accepted, .unknownResult: return false
        }
    }

    private func isIdle(at now: UInt64) -> Bool {
        guard let lane else { return false }
        return now >= lane.since && now - lane.since >= Self.laneIdleFor
    }

    /// The next card of the row, under an id of its own. Ends the row when nothing may be sold
    /// or no card can come.
    mutating func armNext(_ id: EntryID, at now: UInt64) {
        guard let row = lane, wantsNext(at: now) else { return }
        guard service == nil, reader == nil else { return rest() }
        _ = present(id, .zero, at: now, purpose: row.purpose, role: row.role)
    }

    /// Ends the row; a card that is being read ends first.
    mutating func endLane() throws(ControlRefusal) {
        guard lane != nil else { return }
        switch stage {
        case .reading, .unknownResult: throw .busy
        case .presentCard, .removedTooSoon, .completed, .refused, .amountEntry, .outOfService,
            .accepted:
            rest()
        }
    }

    /// What time does to a row whose stage has ended: true when the stage stays until `armNext`.
    mutating func laneTick(at now: UInt64) -> Bool {
        guard lane != nil else { return false }
        if case .presentCard = stage, isIdle(at: now) { rest() }
        return true
    }

    /// A result of a row makes room at the next tick.
    mutating func hasten() { enter(stage, until: 0) }

    /// How long a completion stands.
    func timeOf(_ completion: Completion) -> UInt64 {
        if lane != nil { return Self.laneGivenFor }
        if completion.operation.isEnrolment { return Self.givenFor }
        // What a card check says is read, not glanced at.
        return completion.report == nil ? Self.acceptedFor : Self.refusedFor
    }

    /// How long a refusal stands. Another card for the same person has to be fetched.
    var timeOfRefusal: UInt64 {
        if lane != nil { return Self.laneRefusedFor }
        return waiting == nil ? Self.refusedFor : Self.givenFor * 2
    }

    /// Until when a card that was removed too soon may come back.
    func returnDeadline(_ armed: Armed, at now: UInt64) -> UInt64 {
        lane == nil ? max(armed.deadline, now + Self.extension30) : now + Self.laneReturnFor
    }
}

extension Lane {
    mutating func add(_ lastFour: String, at now: UInt64) {
        count += 1
        self.lastFour = lastFour
        since = now
    }
}

extension Armed {
    /// True when it gives a card to a person.
    var isEnrolment: Bool { if case .enrolment = purpose { true } else { false } }
}
