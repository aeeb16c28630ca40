/// How long exchanges take on the air: ISO/IEC 14443 type A frames at one of four bit rates.
///
/// A byte is nine elementary time units (eight bits, parity), a block carries three bytes of its
/// own, and both ends wait a frame delay before they answer. 0.95 ms per exchange is the card's
/// own time, as fitted to NXP's published table of a 1 kB read at the four rates.
public struct AirPace: Equatable, Sendable {
    /// Bit rates, both directions alike.
    public enum Rate: Int, Sendable, CaseIterable {
        case kilobits106 = 106
        case kilobits212 = 212
        case kilobits424 = 424
        case kilobits848 = 848

        /// Carrier periods in an elementary time unit.
        fileprivate var periods: Int {
            switch self {
            case .kilobits106: 128
            case .kilobits212: 64
            case .kilobits424: 32
            case .kilobits848: 16
            }
        }
    }

    /// Largest frame the card takes (FSC), with its own three bytes.
    public static let cardFrame = 128
    /// Largest frame the reader takes (FSD).
    public static let readerFrame = 256
    /// Bytes a block adds: one of protocol, two of CRC.
    public static let frameOverhead = 3
    /// The card's own time for an exchange.
    public static let cardTime = Duration.microseconds(950)
    private static let carrier = 13_560_000.0
    private static let frameDelay = 1172.0 / carrier
    private static let startUpGuard = 0.000604

    /// The bit rate after activation.
    public let rate: Rate

    /// Largest frame this reader takes.
    private let answerFrame: Int

    /// A pace at `rate`. - Parameter readerFrame: FSD, 16...256; a PN532 asks for 64.
    public init(_ rate: Rate, readerFrame: Int = AirPace.readerFrame) {
        self.rate = rate
        answerFrame = max(16, min(readerFrame, 256))
    }

    /// What exchanges cost.
    public struct Cost: Equatable, Sendable {
        /// Time on the air, frame delays included.
        public var air = Duration.zero
        /// Frames exchanged in pairs.
        public var exchanges = 0
        /// Bytes in frames, their own three included.
        public var bytes = 0

        /// Air, and `cardTime` for each exchange.
        public var total: Duration { air + AirPace.cardTime * exchanges }
    }

    /// A command of `command` bytes and its answer of `answer` bytes, status included.
    public func exchange(command: Int, answer: Int) -> Cost {
        var seconds = 0.0
        var cost = Cost()
        let commands = Self.blocks(max(0, command), Self.cardFrame)
        let answers = Self.blocks(max(0, answer), answerFrame)
        for (index, block) in commands.enumerated() {
            seconds += readerFrame(block) + Self.frameDelay
            cost.bytes += block
            cost.exchanges += 1
            if index < commands.count - 1 {
                seconds += cardFrame(Self.frameOverhead) + Self.frameDelay
                cost.bytes += Self.frameOverhead
            }
        }
        for (index, block) in answers.enumerated() {
            seconds += cardFrame(block) + Self.frameDelay
            cost.bytes += block
            if index < answers.count - 1 {
                seconds += readerFrame(Self.frameOverhead) + Self.frameDelay
                cost.bytes += Self.frameOverhead
                cost.exchanges += 1
            }
        }
        cost.air = Self.duration(seconds)
        return cost
    }

    /// Finding a card and starting ISO 14443-4 with it: request, two anticollision levels (7-byte
    /// UID), RATS, start-up guard, and the change of rate if there is one.
    public var activation: Duration {
        let slow = AirPace(.kilobits106)
        func pair(_ command: Int, _ answer: Int) -> Double {
            slow.readerFrame(command) + slow.cardFrame(answer) + 2 * Self.frameDelay
        }
        let request = 9 * slow.unit + slow.cardFrame(2) + 2 * Self.frameDelay
        let selection = 2 * (pair(2, 5) + pair(9, 3))
        let start = pair(4, 8) + Self.startUpGuard
        return Self.duration(
            request + selection + start + (rate == .kilobits106 ? 0 : pair(5, 3)))
    }

    private var unit: Double { Double(rate.periods) / Self.carrier }

    /// Seconds for a frame of the reader.
    private func readerFrame(_ bytes: Int) -> Double { Double(9 * bytes + 2) * unit }

    /// Seconds for a frame of the card: above 106 kbit/s it starts with 32 subcarrier cycles.
    private func cardFrame(_ bytes: Int) -> Double {
        if rate == .kilobits106 { return (Double(9 * bytes) + 1.5) * unit }
        return Double(9 * bytes + 1) * unit + 32 * 16 / Self.carrier
    }

    /// Sizes of the frames that carry `bytes`, their own three included.
    private static func blocks(_ bytes: Int, _ frame: Int) -> [Int] {
        let room = frame - frameOverhead
        let count = max(1, (bytes + room - 1) / room)
        return (0..<count).map { min(room, bytes - $0 * room) + frameOverhead }
    }

    private static func duration(_ seconds: Double) -> Duration {
        .nanoseconds(Int64((seconds * 1_000_000_000).rounded()))
    }
}

/// The time and traffic of exchanges on the air at `rate`, without activation.
///
/// - Parameter exchanges: lengths of command and answer APDU, status bytes included.
public func modelledAirTime(
    exchanges: [(command: Int, answer: Int)], rate: AirPace.Rate
) -> AirPace.Cost {
    let pace = AirPace(rate)
    return exchanges.reduce(into: AirPace.Cost()) { sum, exchange in
        let cost = pace.exchange(command: exchange.command, answer: exchange.answer)
        sum.air += cost.air
        sum.exchanges += cost.exchanges
        sum.bytes += cost.bytes
    }
}
