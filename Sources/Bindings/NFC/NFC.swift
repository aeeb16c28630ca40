// NFC: one PN53x chip on a serial line or USB, through libnfc.
//
// Purpose: open a chip by its connection string, find ISO 14443-A cards, exchange ISO-DEP bytes
// with one, ask whether it is still there.
// Promises:
//   N1  No call waits for ever: each has a bound in milliseconds, for the chip's whole silence.
//       (libnfc's own abort call leaks a descriptor each time and races the reader: never used.)
//   N2  What a card says of itself is checked here before a length of it is believed.
//   N3  libnfc is silent and its files do not matter: its log is off before it starts, nothing is
//       searched for, a device is what its connection string says.
//   N4  A serial line belongs to one process of ours at a time (`flock`, which the kernel lets go
//       when a process is killed). libnfc's own mark for this, bit 31 of the line's input flags,
//       is dropped by glibc and keeps nobody out.
// Does not promise: a bound for a chip that trickles (libnfc starts its clock anew at each byte:
// 300 ms times the bytes of a frame); to survive a chip that lies on purpose (libnfc ends the
// process when the chip's status has bit 7 set); chips of other families.
// Threads: a device belongs to one thread. The library starts once a process, at the first device
// or at `NFCLibrary.start`, and then writes one environment variable: start it before there are
// other threads.
// Units: milliseconds, bytes.

import CNFC
import Glibc

/// A refusal of libnfc: the C call and its (negative) code.
public struct NFCError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The C call, or the chip's command.
    public let call: String
    /// NFC_E… code, or `busy`.
    public let code: Int32

    /// An error, for tests and mappings.
    public init(call: String, code: Int32) {
        self.call = call
        self.code = code
    }

    /// NFC_EIO: the line broke, or the chip speaks no sense.
    public static let inputOutput: Int32 = -1
    /// NFC_EINVARG: the chip or libnfc does not take this now.
    public static let invalidArgument: Int32 = -2
    /// NFC_EDEVNOTSUPP: no device this binding drives.
    public static let notSupported: Int32 = -3
    /// NFC_ENOTSUCHDEV: nothing answers there.
    public static let noSuchDevice: Int32 = -4
    /// NFC_ETIMEOUT: the chip did not answer in time.
    public static let timedOut: Int32 = -6
    /// NFC_ETGRELEASED: the card has been let go.
    public static let released: Int32 = -10
    /// NFC_ERFTRANS: the card did not answer, or not in one piece.
    public static let transmission: Int32 = -20
    /// NFC_ESOFT: the library failed.
    public static let library: Int32 = -80
    /// NFC_ECHIP: the chip failed.
    public static let chip: Int32 = -90

    /// Another process of ours has the line; not a code of libnfc.
    public static let busy: Int32 = -100

    private static let names: [Int32: String] = [
        -1: "NFC_EIO line broken", -2: "NFC_EINVARG not accepted",
        -3: "NFC_EDEVNOTSUPP no driver of this name", -4: "NFC_ENOTSUCHDEV no such device",
        -5: "NFC_EOVFLOW too long", -6: "NFC_ETIMEOUT no answer", -7: "NFC_EOPABORTED aborted",
        -8: "NFC_ENOTIMPL not known", -10: "NFC_ETGRELEASED card released",
        -20: "NFC_ERFTRANS transmission error", -30: "NFC_EMFCAUTHFAIL refused",
        -80: "NFC_ESOFT library error", -90: "NFC_ECHIP chip error",
        -100: "another program has the line",
    ]

    /// "nfc_open: -4 NFC_ENOTSUCHDEV no such device".
    public var description: String {
        "\(call): \(code)" + (Self.names[code].map { " " + $0 } ?? "")
    }
}

/// The library as a whole.
public enum NFCLibrary {
    /// Starts libnfc, once a process; a later call does nothing. Calls `setenv` and `nfc_init`.
    public static func start() { _ = Library.shared }
}

/// libnfc's context; never freed, since that would take the driver list from every device.
final class Library: @unchecked Sendable {  // because libnfc only reads the context after nfc_init
    static let shared = Library()
    let context: OpaquePointer?

    private init() {
        // The environment decides over libnfc's configuration file, also while that is read.
        setenv("LIBNFC_LOG_LEVEL", "0", 1)
        var context: OpaquePointer?
        nfc_init(&context)
        self.context = context
    }
}

/// The answer's count, or the code as an error.
func check(_ call: String, _ code: Int32) throws(NFCError) -> Int {
    if code < 0 { throw NFCError(call: call, code: code) }
    return Int(code)
}

/// A card in the field, as anticollision and activation found it (ISO/IEC 14443-3 and -4).
public struct Target: Equatable, Sendable {
    /// ATQA, two bytes, as sent highest first.
    public let atqa: [UInt8]
    /// SAK.
    public let sak: UInt8
    /// UID, 4, 7 or 10 bytes.
    public let uid: [UInt8]
    /// ATS without its length, 0...253 bytes; empty when the card gave none.
    public let ats: [UInt8]

    /// Whether the card takes APDUs.
    public var isISODEP: Bool { sak & 0x20 != 0 }

    /// Reads the answer to InListPassiveTarget at 106 kbit/s (UM0701-02 §7.3.5): a count, and for
    /// each card Tg, SENS_RES (2), SEL_RES, length and UID, then length and ATS when the card has
    /// one. Nil: not of this shape. An ATS whose length is wrong counts as none.
    public static func list(_ answer: [UInt8]) -> [Target]? {
        guard let count = answer.first, count <= 2 else { return nil }
        var rest = answer.dropFirst()
        var targets: [Target] = []
        for _ in 0..<count {
            guard rest.count >= 5 else { return nil }
            let head = Array(rest.prefix(5))
            rest = rest.dropFirst(5)
            let size = Int(head[4])
            guard [4, 7, 10].contains(size), rest.count >= size else { return nil }
            let uid = Array(rest.prefix(size))
            rest = rest.dropFirst(size)
            var ats: [UInt8] = []
            if head[3] & 0x20 != 0, let length = rest.first {
                if length >= 1, rest.count >= Int(length) {
                    ats = Array(rest.prefix(Int(length)).dropFirst())
                    rest = rest.dropFirst(Int(length))
                } else {
                    rest = []
                }
            }
            targets.append(Target(atqa: Array(head[1...2]), sak: head[3], uid: uid, ats: ats))
        }
        return targets
    }
}
