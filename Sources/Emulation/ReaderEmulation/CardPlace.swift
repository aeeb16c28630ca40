public import CardEmulation
import Threads

/// Where a software card can be laid: a place of its own, or the first of a reader.
public protocol VirtualSlot: Sendable {
    /// What lies there.
    var place: CardPlace { get }
}

/// A reader in software, with a thread behind it.
public protocol VirtualReader: VirtualSlot {
    /// Ends the thread; the card stays where it is, without power.
    func stop()
}

/// One place for one card.
public final class CardPlace: VirtualSlot {
    /// Exchanges kept in the log; older ones are dropped.
    public static let logLimit = 10_000

    let monitor: Monitor<SlotState>

    init(recordsContent: Bool, minimumAbsence: Duration) {
        monitor = Monitor(
            SlotState(recordsContent: recordsContent, minimumAbsence: minimumAbsence))
    }

    /// Itself.
    public var place: CardPlace { self }

    /// Tells the thread behind it to end, and takes the power from the card.
    func stop() {
        monitor.update { state in
            state.isStopping = true
            state.disconnect()
        }
    }
}

extension VirtualSlot {
    /// Puts a card in the slot. False when there is one already.
    @discardableResult
    public func insert(_ card: any SoftwareCard) -> Bool {
        place.monitor.update { $0.insert(card) }
    }

    /// Takes the card out, or hands back the one that left by itself; nil when there is none.
    /// The reader sees it gone.
    @discardableResult
    public func remove() -> (any SoftwareCard)? {
        place.monitor.update { $0.remove() }
    }

    /// Looks at the inserted card, or changes it, between two commands; nil without one.
    public func withCard<R>(_ body: (inout any SoftwareCard) -> R) -> R? {
        place.monitor.read { state in
            guard var card = state.card else { return nil }
            let result = body(&card)
            state.card = card
            return result
        }
    }

    /// What the slot holds and how far the reader has come with it.
    public var presence: SlotPresence { place.monitor.read { $0.presence } }

    /// Waits until the slot is in one of `states`; false when it was not within `limit`.
    public func wait(for states: SlotPresence..., atMost limit: Duration) -> Bool {
        place.monitor.wait(atMost: limit) { states.contains($0.presence) ? true : nil } ?? false
    }

    /// Commands and bytes since the start or `clearLog`.
    public var traffic: SlotTraffic { place.monitor.read { $0.traffic } }

    /// The last exchanges, oldest first.
    public var exchanges: [SlotExchange] { place.monitor.read { $0.exchanges } }

    /// Empties log and counts.
    public func clearLog() {
        place.monitor.update { state in
            state.exchanges = []
            state.traffic = SlotTraffic()
        }
    }
}

/// How far a card in a slot has come.
public enum SlotPresence: Equatable, Sendable {
    /// No card.
    case empty
    /// A card that no reader has taken up yet.
    case offered
    /// Connected, without power.
    case connected
    /// The reader has powered the card.
    case powered
    /// The card left by itself; `remove` hands it back.
    case left
}

/// What went through a slot: APDUs only, not the link's own bytes.
public struct SlotTraffic: Equatable, Sendable {
    /// Command APDUs.
    public var commands = 0
    /// Bytes of commands.
    public var commandBytes = 0
    /// Bytes of answers, status included.
    public var answerBytes = 0
}

/// One command and its answer.
public struct SlotExchange: Equatable, Sendable {
    /// The second byte of the command.
    public let instruction: UInt8
    /// Bytes of the command.
    public let commandLength: Int
    /// Bytes of the answer, status included; 0: none came.
    public let answerLength: Int
    /// The command, when the slot records content.
    public let command: [UInt8]?
    /// The answer, when the slot records content.
    public let answer: [UInt8]?
}
