/// A frame between host and PN532 (UM0701-02 §6.2.1).
public enum PN532Frame: Equatable, Sendable {
    /// `00 00 FF 00 FF 00`: taken. From the host it also ends the command that runs.
    case acknowledge
    /// `00 00 FF FF 00 00`: the host asks for the last answer again.
    case refuse
    /// TFI (D4 from the host, D5 to it) and data, 1...265 bytes together.
    case information([UInt8])

    /// Bytes of TFI and data a frame may have: 264 and the TFI.
    public static let contentMax = 265
    /// Bytes from which the length needs two bytes.
    private static let extendedFrom = 256
    /// The answer to what the firmware cannot make sense of (§6.2.1.5).
    public static let syntaxError = PN532Frame.information([0x7F])

    /// The frame as it goes over the line, preamble and postamble included.
    public var bytes: [UInt8] {
        switch self {
        case .acknowledge: return [0x00, 0x00, 0xFF, 0x00, 0xFF, 0x00]
        case .refuse: return [0x00, 0x00, 0xFF, 0xFF, 0x00, 0x00]
        case .information(let content):
            let count = content.count
            let low = UInt8(truncatingIfNeeded: count)
            let high = UInt8(truncatingIfNeeded: count >> 8)
            let length: [UInt8] =
                count < Self.extendedFrom
                ? [low, 0 &- low] : [0xFF, 0xFF, high, low, 0 &- (high &+ low)]
            let checksum = 0 &- content.reduce(0, &+)
            return [0x00, 0x00, 0xFF] + length + content + [checksum, 0x00]
        }
    }
}

/// Finds frames in whatever bytes come: what is none is passed over, as the chip does. A frame
/// with a wrong checksum or length is passed over too: the host gets no ACK and sends it again.
struct PN532Scanner {
    private enum State {
        /// Before a start code: the last byte was 00 or not.
        case idle(afterZero: Bool)
        case length
        case lengthChecksum(UInt8)
        /// `FF FF` and so far this many bytes of an extended length.
        case extended([UInt8])
        case content(left: Int)
        case contentChecksum
    }

    private var state = State.idle(afterZero: false)
    private var content: [UInt8] = []
    /// Frames passed over because of a wrong length or checksum.
    private(set) var damaged = 0

    /// True between frames: a byte that comes now may be a wake-up.
    var isIdle: Bool {
        if case .idle = state { true } else { false }
    }

    /// The frame that ends with this byte; the postamble is not waited for.
    mutating func take(_ byte: UInt8) -> PN532Frame? {
        switch state {
        case .idle(let afterZero):
            state = afterZero && byte == 0xFF ? .length : .idle(afterZero: byte == 0x00)
        case .length: state = .lengthChecksum(byte)
        case .lengthChecksum(let length): return takeChecksum(byte, length)
        case .extended(let bytes): takeExtended(bytes + [byte])
        case .content(let left):
            content.append(byte)
            state = left > 1 ? .content(left: left - 1) : .contentChecksum
        case .contentChecksum:
            state = .idle(afterZero: false)
            if content.reduce(byte, &+) == 0 { return .information(content) }
            damaged += 1
        }
        return nil
    }

    private mutating func takeChecksum(_ byte: UInt8, _ length: UInt8) -> PN532Frame? {
        state = .idle(afterZero: byte == 0x00)
        switch (length, byte) {
        case (0x00, 0xFF): return .acknowledge
        case (0xFF, 0x00): return .refuse
        case (0xFF, 0xFF): state = .extended([])
        case (1..., _) where length &+ byte == 0: begin(Int(length))
        default: damaged += 1
        }
        return nil
    }

    private mutating func takeExtended(_ bytes: [UInt8]) {
        guard bytes.count == 3 else {
            state = .extended(bytes)
            return
        }
        let length = Int(bytes[0]) << 8 | Int(bytes[1])
        let isValid = bytes.reduce(0, &+) == 0 && (1...PN532Frame.contentMax).contains(length)
        state = .idle(afterZero: bytes[2] == 0x00)
        if isValid { begin(length) } else { damaged += 1 }
    }

    private mutating func begin(_ length: Int) {
        content = []
        state = .content(left: length)
    }
}
