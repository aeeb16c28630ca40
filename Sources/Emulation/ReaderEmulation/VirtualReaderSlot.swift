public import CardEmulation
import Linux
import Threads

/// One slot of the virtual PC/SC reader: insert a software card, remove it, see what was said.
public final class VirtualReaderSlot: Sendable {
    /// Port of the driver's first slot; the second one has the next number.
    public static let firstPort: UInt16 = 35963
    /// The slot is empty at least this long between two cards: more than pcscd's poll of 400 ms.
    public static let minimumAbsence = Duration.milliseconds(500)
    /// Exchanges kept in the log; older ones are dropped.
    public static let logLimit = 10_000

    private let monitor: Monitor<SlotState>
    private let thread: NamedThread

    /// Starts the slot's thread; it connects when a card is inserted.
    /// - Parameters:
    ///   - pace: answers are delayed as the air would; nil: at once.
    ///   - recordsContent: the log holds commands and answers whole; else only lengths and INS.
    public init(
        host: String = "127.0.0.1", port: UInt16 = VirtualReaderSlot.firstPort,
        pace: AirPace? = nil, recordsContent: Bool = false,
        minimumAbsence: Duration = VirtualReaderSlot.minimumAbsence
    ) {
        let monitor = Monitor(
            SlotState(recordsContent: recordsContent, minimumAbsence: minimumAbsence))
        self.monitor = monitor
        thread = NamedThread.start("vpcd-\(port)") {
            Self.run(monitor, host: host, port: port, pace: pace)
        }
    }

    deinit { stop() }

    /// Puts a card in the slot. False when there is one already.
    @discardableResult
    public func insert(_ card: any SoftwareCard) -> Bool {
        monitor.update { $0.insert(card) }
    }

    /// Takes the card out, or hands back the one that left by itself; nil when there is none.
    /// The reader sees it gone.
    @discardableResult
    public func remove() -> (any SoftwareCard)? {
        monitor.update { $0.remove() }
    }

    /// Looks at the inserted card, or changes it, between two commands; nil without one.
    public func withCard<R>(_ body: (inout any SoftwareCard) -> R) -> R? {
        monitor.read { state in
            guard var card = state.card else { return nil }
            let result = body(&card)
            state.card = card
            return result
        }
    }

    /// What the slot holds and how far the reader has come with it.
    public var presence: SlotPresence { monitor.read { $0.presence } }

    /// Waits until the slot is in one of `states`; false when it was not within `limit`.
    public func wait(for states: SlotPresence..., atMost limit: Duration) -> Bool {
        monitor.wait(atMost: limit) { states.contains($0.presence) ? true : nil } ?? false
    }

    /// Commands and bytes since the start or `clearLog`.
    public var traffic: SlotTraffic { monitor.read { $0.traffic } }

    /// The last exchanges, oldest first.
    public var exchanges: [SlotExchange] { monitor.read { $0.exchanges } }

    /// Empties log and counts.
    public func clearLog() {
        monitor.update { state in
            state.exchanges = []
            state.traffic = SlotTraffic()
        }
    }

    /// Ends the connection and the thread; the card stays where it is, without power.
    public func stop() {
        monitor.update { state in
            state.isStopping = true
            state.disconnect()
        }
        thread.join()
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
