import Crypto

/// A status word, SW1 SW2.
public struct StatusWord: Equatable, Hashable, Sendable, CustomStringConvertible {
    /// The two bytes, most significant first.
    public let raw: UInt16
    /// A status word.
    public init(_ raw: UInt16) { self.raw = raw }

    /// ISO success.
    public static let success = StatusWord(0x9000)
    /// Native success.
    public static let nativeSuccess = StatusWord(0x9100)
    /// Read_Sig's success.
    public static let signatureSuccess = StatusWord(0x9190)
    /// Additional frame.
    public static let more = StatusWord(0x91AF)
    /// Authentication error: wrong key, or right refused.
    public static let authenticationError = StatusWord(0x91AE)
    /// Authentication delay: ask again.
    public static let authenticationDelay = StatusWord(0x91AD)
    /// No such key.
    public static let noSuchKey = StatusWord(0x9140)
    /// ISO: file or application not found.
    public static let notFound = StatusWord(0x6A82)

    /// SW2, the native return code.
    public var code: UInt8 { UInt8(truncatingIfNeeded: raw) }
    /// "SW=911E (INTEGRITY_ERROR)".
    public var description: String {
        let hex = Hexadecimal.text([UInt8(raw >> 8), code]).uppercased()
        return Self.names[raw].map { "SW=\(hex) (\($0))" } ?? "SW=\(hex)"
    }

    /// CARD-COMMANDS §6.4.
    private static let names: [UInt16: String] = [
        0x9000: "OK", 0x9100: "OK", 0x9190: "OK", 0x91AF: "ADDITIONAL_FRAME",
        0x911C: "ILLEGAL_COMMAND_CODE", 0x911E: "INTEGRITY_ERROR", 0x9140: "NO_SUCH_KEY",
        0x917E: "LENGTH_ERROR", 0x919D: "PERMISSION_DENIED", 0x919E: "PARAMETER_ERROR",
        0x91AD: "AUTHENTICATION_DELAY", 0x91AE: "AUTHENTICATION_ERROR",
        0x91BE: "BOUNDARY_ERROR", 0x91CA: "COMMAND_ABORTED", 0x91EE: "MEMORY_ERROR",
        0x91F0: "FILE_NOT_FOUND", 0x6700: "WRONG_LENGTH", 0x6982: "SECURITY_STATUS",
        0x6985: "CONDITIONS_OF_USE", 0x6A80: "WRONG_DATA", 0x6A82: "FILE_NOT_FOUND",
        0x6A86: "WRONG_P1P2", 0x6A87: "WRONG_LC", 0x6D00: "UNKNOWN_INS", 0x6E00: "UNKNOWN_CLA",
    ]
}

/// A card's answer: data (0...256 bytes) and status word.
public struct CardAnswer: Equatable, Sendable {
    /// Without the status word.
    public let data: [UInt8]
    /// The status word.
    public let status: StatusWord

    /// Splits the bytes; nil under 2 or over 258 bytes.
    public init?(_ bytes: [UInt8]) {
        guard (2...258).contains(bytes.count) else { return nil }
        data = Array(bytes.dropLast(2))
        status = StatusWord(
            UInt16(bytes[bytes.count - 2]) << 8 | UInt16(bytes[bytes.count - 1]))
    }
}

/// Command APDUs (CARD-COMMANDS §1.1).
public enum APDU {
    /// A wrapped native command: `90 INS 00 00 [Lc data] 00`. `data` at most 255 bytes.
    public static func native(_ ins: UInt8, _ data: [UInt8] = []) -> [UInt8] {
        precondition(data.count <= 255, "Cards: a short APDU carries at most 255 bytes")
        let body = data.isEmpty ? [] : [UInt8(data.count)] + data
        return [0x90, ins, 0, 0] + body + [0]
    }

    /// An ISO command: `CLA INS P1 P2 [Lc data] [Le]`.
    public static func iso(
        cla: UInt8 = 0, ins: UInt8, p1: UInt8, p2: UInt8, data: [UInt8] = [], le: UInt8? = nil
    ) -> [UInt8] {
        precondition(data.count <= 255, "Cards: a short APDU carries at most 255 bytes")
        let body = data.isEmpty ? [] : [UInt8(data.count)] + data
        return [cla, ins, p1, p2] + body + (le.map { [$0] } ?? [])
    }
}

/// Three bytes, least significant first: offsets and lengths of native commands.
func littleEndian3(_ value: Int) -> [UInt8] {
    precondition((0..<1 << 24).contains(value), "Cards: a native length has 24 bits")
    return [
        UInt8(value & 0xff), UInt8(value >> 8 & 0xff), UInt8(value >> 16 & 0xff),
    ]
}
