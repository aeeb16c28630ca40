import CardEmulation

/// What joins a card to its reader, until one of them ends it.
protocol SlotLink: AnyObject, Sendable {
    /// The card is gone: whoever reads or writes here is to see it.
    func abort()
}

/// What a slot's monitor guards.
///
///     empty ─insert→ offered ─connect→ connected ─01→ powered ─00→ connected
///     any of them ─remove→ empty; powered ─the card leaves→ left ─remove→ empty
struct SlotState: Sendable {
    let recordsContent: Bool
    let minimumAbsence: Duration
    var card: (any SoftwareCard)?
    var departed: (any SoftwareCard)?
    var link: (any SlotLink)?
    /// Cards inserted so far: tells a card from the one before it.
    var insertions: UInt64 = 0
    var isPowered = false
    var isStopping = false
    /// No connection before this instant, so that the reader sees the slot empty.
    var emptyUntil = ContinuousClock.now
    var traffic = SlotTraffic()
    var exchanges: [SlotExchange] = []

    init(recordsContent: Bool, minimumAbsence: Duration) {
        self.recordsContent = recordsContent
        self.minimumAbsence = minimumAbsence
    }

    var presence: SlotPresence {
        if card == nil { return departed == nil ? .empty : .left }
        if link == nil { return .offered }
        return isPowered ? .powered : .connected
    }

    mutating func insert(_ card: any SoftwareCard) -> Bool {
        guard self.card == nil else { return false }
        departed = nil
        insertions += 1
        self.card = card
        return true
    }

    mutating func remove() -> (any SoftwareCard)? {
        if card != nil { depart() }
        defer { departed = nil }
        return departed
    }

    /// The card leaves the slot, and the reader is to see it.
    mutating func depart() {
        disconnect()
        departed = card
        card = nil
        emptyUntil = ContinuousClock.now + minimumAbsence
    }

    /// The connection breaks, and with it the power: a command sent from now on is an error for
    /// the driver, where after an orderly end it would report an empty answer.
    mutating func disconnect() {
        link?.abort()
        link = nil
        isPowered = false
        card?.powerOff()
    }

    /// True when a reader may find a card here now.
    var isOffering: Bool { card != nil && emptyUntil <= ContinuousClock.now }

    /// Volatile state starts anew, as after a reset.
    mutating func powerUp() {
        card?.powerOff()
        card?.powerOn()
        isPowered = true
    }

    /// One command over `link`; nothing answers over another one.
    mutating func exchange(_ command: [UInt8], over link: any SlotLink) -> SlotOutcome {
        guard self.link === link, let answer = card?.respond(to: command) else {
            return SlotOutcome(hasLeft: true)
        }
        record(command, answer)
        return SlotOutcome(
            answer: answer, workingTime: card?.workingTime ?? .zero,
            hasLeft: card?.hasLeft ?? true)
    }

    private mutating func record(_ command: [UInt8], _ answer: [UInt8]) {
        traffic.commands += 1
        traffic.commandBytes += command.count
        traffic.answerBytes += answer.count
        if exchanges.count == CardPlace.logLimit { exchanges.removeFirst() }
        exchanges.append(
            SlotExchange(
                instruction: command.count > 1 ? command[1] : 0, commandLength: command.count,
                answerLength: answer.count, command: recordsContent ? command : nil,
                answer: recordsContent ? answer : nil))
    }
}

/// What a card made of a command.
struct SlotOutcome {
    /// Empty: the card is mute, or gone.
    var answer: [UInt8] = []
    var workingTime = Duration.zero
    var hasLeft = false
}
