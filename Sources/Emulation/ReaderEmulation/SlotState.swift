import CardEmulation
import Linux

/// One TCP connection, shared by the slot's thread (reads, writes) and whoever removes the card
/// (shuts down).
final class SlotLink: Sendable {
    let connection: TCPConnection

    init(_ connection: consuming TCPConnection) { self.connection = connection }
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
    var link: SlotLink?
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
        link?.connection.abort()
        link = nil
        isPowered = false
        card?.powerOff()
    }

    mutating func record(_ command: [UInt8], _ answer: [UInt8]) {
        traffic.commands += 1
        traffic.commandBytes += command.count
        traffic.answerBytes += answer.count
        if exchanges.count == VirtualReaderSlot.logLimit { exchanges.removeFirst() }
        exchanges.append(
            SlotExchange(
                instruction: command.count > 1 ? command[1] : 0, commandLength: command.count,
                answerLength: answer.count, command: recordsContent ? command : nil,
                answer: recordsContent ? answer : nil))
    }
}
