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
        while awaitCard(monitor) {
            let link: DriverLink
            do throws(LinuxError) {
                link = DriverLink(
                    try TCPConnection.connect(host: host, port: port, timeout: connectLimit))
            } catch {
                // pcscd is not there, or is busy with an earlier connection.
                pause(monitor)
                continue
            }
            let isWanted = monitor.update { state in
                guard !state.isStopping, state.isOffering else { return false }
                state.link = link
                return true
            }
            if isWanted { serve(link, monitor, pace) } else { link.abort() }
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

    /// Answers until either side ends the connection.
    private static func serve(
        _ link: DriverLink, _ monitor: Monitor<SlotState>, _ pace: AirPace?
    ) {
        var isOpen = true
        while isOpen, let message = receive(link) {
            isOpen = handle(message, link, monitor, pace)
        }
        monitor.update { state in
            if state.link === link { state.disconnect() }
        }
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

    /// False when the connection must end.
    private static func handle(
        _ message: [UInt8], _ link: DriverLink, _ monitor: Monitor<SlotState>, _ pace: AirPace?
    ) -> Bool {
        if message.count == 1 { return control(message[0], link, monitor, pace) }
        if message.isEmpty { return true }
        let start = ContinuousClock.now
        let outcome = monitor.update { $0.exchange(message, over: link) }
        if let pace, !outcome.answer.isEmpty {
            let cost = pace.exchange(command: message.count, answer: outcome.answer.count)
            sleep(until: start + cost.total + outcome.workingTime)
        }
        if outcome.answer.isEmpty { leaveUnanswered(link) }
        let isSent = !outcome.answer.isEmpty && send(outcome.answer, link)
        if outcome.hasLeft {
            monitor.update { state in
                if state.link === link { state.depart() }
            }
        }
        return isSent && !outcome.hasLeft
    }

    /// The driver takes a connection that ends before the length of an answer for an empty answer;
    /// one that breaks after it is the error a real reader would report.
    private static func leaveUnanswered(_ link: DriverLink) {
        try? link.connection.write([0x00, 0x02])
        link.abort()
    }

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
