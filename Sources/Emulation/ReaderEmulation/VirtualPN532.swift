public import CardEmulation
public import Linux
import Threads

/// A PN532 on a serial line without a wire: libnfc opens `connstring`, and finds the cards that
/// are laid on it.
public final class VirtualPN532: VirtualReader {
    /// Where the first card lies.
    public let place: CardPlace
    /// Where a second card may lie, which is one too many for a payment.
    public let second: CardPlace
    /// What a libnfc program opens, as `pn532_uart:/run/carte-eco/pn532`.
    public let connstring: String
    private let link: String?
    private let line: Monitor<PN532Line>
    private let thread: NamedThread

    /// Opens the line, publishes it and starts the chip's thread.
    /// - Parameters:
    ///   - link: a symbolic link to the line, made here and removed by `stop`; nil: only its own
    ///     name, which is another one each time.
    ///   - baud: bits per second the line takes, ten for a byte; nil: at once. The chip begins
    ///     with 115200 whatever the host asked before.
    ///   - rate: answers are delayed as the air would (the chip takes frames of 64 bytes); nil:
    ///     at once.
    ///   - recordsContent: the log holds commands and answers whole; else only lengths and INS.
    /// - Throws: `LinuxError`, `EEXIST` when something that is no link stands at `link`.
    public init(
        link: String? = nil, baud: Int? = nil, rate: AirPace.Rate? = nil,
        recordsContent: Bool = false
    ) throws(LinuxError) {
        let wire = try PN532Wire()
        let path = wire.terminal.path
        if let link { try Files.link(path, at: link) }
        self.link = link
        connstring = "pn532_uart:" + (link ?? path)
        place = CardPlace(recordsContent: recordsContent, minimumAbsence: .zero)
        second = CardPlace(recordsContent: recordsContent, minimumAbsence: .zero)
        let line = Monitor(PN532Line())
        self.line = line
        let pace = rate.map { AirPace($0, readerFrame: 64) }
        let chip = PN532Chip([place, second], pace: pace)
        // Only the thread keeps the wire: it is hung up when the thread has ended.
        thread = NamedThread.start("pn532") {
            var loop = PN532Loop(wire: wire, chip: chip, line: line, baud: baud)
            loop.run()
        }
    }

    deinit { stop() }

    /// Hangs the line up, as a plug that is pulled; the cards stay where they are.
    public func stop() {
        let isFirst = line.update { line in
            defer { line.isStopping = true }
            return !line.isStopping
        }
        thread.join()
        place.stop()
        second.stop()
        // The next chip may stand there already.
        if isFirst, let link { try? Files.remove(link) }
    }

    /// The chip's supply goes and comes: it forgets everything and answers to nothing until the
    /// host wakes it, which a host that is not told so never does.
    public func brownOut() { line.update { $0.isToReset = true } }

    /// From now on a bit changes in every frame to the host, as on a bad cable, or no longer.
    public func disturb(_ isBad: Bool) { line.update { $0.isDisturbed = isBad } }

    /// What went over the line since the start.
    public var lineTraffic: LineTraffic { line.read { $0.traffic } }
}

/// Bytes on the serial line, and what they were.
public struct LineTraffic: Equatable, Sendable {
    /// Bytes from the host.
    public var fromHost = 0
    /// Bytes to the host.
    public var toHost = 0
    /// Commands of the host.
    public var commands = 0
    /// Answers sent again because the host asked.
    public var repeats = 0
    /// Answers the host did not wait for.
    public var aborted = 0

    /// Both ways together.
    public var bytes: Int { fromHost + toHost }
}

/// The serial line, hung up when nobody holds it any more.
final class PN532Wire: Sendable {
    let terminal: PseudoTerminal

    init() throws(LinuxError) { terminal = try PseudoTerminal() }
}

/// What the chip's thread shares.
struct PN532Line: Sendable {
    var isStopping = false
    var isToReset = false
    var isDisturbed = false
    var traffic = LineTraffic()
}
