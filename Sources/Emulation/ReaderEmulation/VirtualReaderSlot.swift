public import CardEmulation
import Linux
import Threads

/// One slot of the virtual PC/SC reader: insert a software card, remove it, see what was said.
public final class VirtualReaderSlot: VirtualReader {
    /// Port of the driver's first slot; the second one has the next number.
    public static let firstPort: UInt16 = 35963
    /// The slot is empty at least this long between two cards: more than pcscd's poll of 400 ms.
    public static let minimumAbsence = Duration.milliseconds(500)

    /// Where the card lies.
    public let place: CardPlace
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
        place = CardPlace(recordsContent: recordsContent, minimumAbsence: minimumAbsence)
        let monitor = place.monitor
        thread = NamedThread.start("vpcd-\(port)") {
            Self.run(monitor, host: host, port: port, pace: pace)
        }
    }

    deinit { stop() }

    /// Ends the connection and the thread; the card stays where it is, without power.
    public func stop() {
        place.stop()
        thread.join()
    }
}
