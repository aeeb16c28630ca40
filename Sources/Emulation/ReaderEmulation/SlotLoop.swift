import CardEmulation
import Linux
import Threads

/// One TCP connection, shared by the slot's thread (reads, writes) and whoever removes the card
/// (shuts down).
final class DriverLink: SlotLink {
    let connection: TCPConnection

    init(_ connection: consuming TCPConnection) { self.connection = connection }

    func abort() { connection.abort() }
}

/// The slot's thread: wait for a card, connect, serve until the connection ends; again.
extension VirtualReaderSlot {
    private static let retry = Duration.milliseconds(100)
    private static let connectLimit = Duration.seconds(1)

    static func run(_ monitor: Monitor<SlotState>, host: String, port: UInt16, pace: AirPace?) {
        func connect() -> DriverLink? {
            guard
                let connection = try? TCPConnection.connect(
                    host: host, port: port, timeout: connectLimit)
            else { return nil }
            return DriverLink(connection)
        }
        while awaitCard(monitor) {
            guard var link = connect() else {
                // pcscd is not there, or is busy with an earlier connection.
                pause(monitor)
                continue
            }
            while take(link, monitor), serve(link, monitor, pace) == .mute,
                let next = connect()
            {
                drop(link, monitor)
                link = next
            }
            drop(link, monitor)
        }
    }

    /// False when there is no card to offer any more.
    private static func take(_ link: DriverLink, _ monitor: Monitor<SlotState>) -> Bool {
        monitor.update { state in
            guard !state.isStopping, state.isOffering else { return false }
            state.link = link
            return true
        }
    }

    private static func drop(_ link: DriverLink, _ monitor: Monitor<SlotState>) {
        link.abort()
        monitor.update { state in
            if state.link === link { state.disconnect() }
        }
    }

    /// True once there is a card to offer; false when the slot is to stop.
    private static func awaitCard(_ monitor: Monitor<SlotState>) -> Bool {
        while true {
            // Woken by each change; the limit only serves the end of `emptyUntil`.
            let found: Bool? = monitor.wait(atMost: retry) { state in
                if state.isStopping { return false }
                return state.isOffering ? true : nil
            }
            if let found { return found }
        }
    }

    private static func pause(_ monitor: Monitor<SlotState>) {
        _ = monitor.wait(atMost: retry) { $0.isStopping ? true : nil }
    }

    /// Answers until either side is to end the connection; the caller drops it.
    private static func serve(
        _ link: DriverLink, _ monitor: Monitor<SlotState>, _ pace: AirPace?
    ) -> Reply {
        while let message = receive(link) {
            let reply = handle(message, link, monitor, pace)
            if reply != .given { return reply }
        }
        return .ended
    }

    /// What became of a message.
    private enum Reply {
        case given
        /// The card is there and did not answer: the connection breaks once the next one stands.
        case mute
        /// The connection ends.
        case ended
    }

    /// The next message of the driver; nil when the connection has ended.
    private static func receive(_ link: DriverLink) -> [UInt8]? {
        // The driver may send length and content apart: without this the kernel holds back the
        // acknowledgement of the first, and Nagle's rule the second, for 40 ms.
        link.connection.rearmQuickAcknowledge()
        guard let length = try? link.connection.read(exactly: 2, timeout: nil) else { return nil }
        link.connection.rearmQuickAcknowledge()
        let count = Int(length[0]) << 8 | Int(length[1])
        return try? link.connection.read(exactly: count, timeout: partLimit)
    }

    private static let partLimit = Duration.seconds(5)

    private static func handle(
        _ message: [UInt8], _ link: DriverLink, _ monitor: Monitor<SlotState>, _ pace: AirPace?
    ) -> Reply {
        if message.count == 1 {
            return control(message[0], link, monitor, pace) ? .given : .ended
        }
        if message.isEmpty { return .given }
        let start = ContinuousClock.now
        let outcome = monitor.update { $0.exchange(message, over: link) }
        if let pace, !outcome.answer.isEmpty {
            let cost = pace.exchange(command: message.count, answer: outcome.answer.count)
            sleep(until: start + cost.total + outcome.workingTime)
        }
        let isSent = outcome.answer.isEmpty ? announce(link) : send(outcome.answer, link)
        if outcome.hasLeft {
            monitor.update { state in
                if state.link === link { state.depart() }
            }
            return .ended
        }
        if outcome.answer.isEmpty { return .mute }
        return isSent ? .given : .ended
    }

    /// The length of an answer that never comes. The driver takes a connection that ends before
    /// the length for an empty answer; one that breaks after it is the error a real reader would
    /// report.
    private static func announce(_ link: DriverLink) -> Bool {
        (try? link.connection.write([0x00, 0x02])) != nil
    }

    /// False when the connection must end.
    private static func control(
        _ code: UInt8, _ link: DriverLink, _ monitor: Monitor<SlotState>, _ pace: AirPace?
    ) -> Bool {
        let atr: [UInt8]? = monitor.update { state in
            guard state.link === link, state.card != nil else { return nil }
            switch code {
            case 0x00:
                state.isPowered = false
                state.card?.powerOff()
            case 0x01, 0x02:
                state.powerUp()
            case 0x04:
                return state.card?.atr
            default:
                break  // a control this version of the link does not know
            }
            return []
        }
        guard let atr else { return false }
        if code == 0x01 || code == 0x02, let pace { Clock.sleep(pace.activation) }
        return atr.isEmpty || send(atr, link)
    }

    private static func send(_ bytes: [UInt8], _ link: DriverLink) -> Bool {
        let message = [UInt8(bytes.count >> 8), UInt8(bytes.count & 0xFF)] + bytes
        do throws(LinuxError) {
            try link.connection.write(message)
            return true
        } catch {
            return false
        }
    }

    private static func sleep(until instant: ContinuousClock.Instant) {
        let rest = ContinuousClock.now.duration(to: instant)
        if rest > .zero { Clock.sleep(rest) }
    }
}
