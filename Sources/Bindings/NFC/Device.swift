import CNFC
import Glibc

/// A PN53x chip as a reader. Belongs to one thread. Dropping it switches the field off, puts the
/// chip to sleep and closes the line: within half a second, also when the chip is gone.
public struct Device: ~Copyable {
    /// Bytes of the longest command to a card: a PN532 takes 262 at once.
    public static let commandMax = 261
    /// Bytes of the longest answer of the chip, status included.
    public static let answerMax = 264
    /// Bytes of a connection string, with the zero at its end.
    public static let connstringMax = 1_024
    /// Drivers of libnfc whose chip is of the PN53x family.
    public static let drivers = ["pn532_uart", "pn532_spi", "pn532_i2c", "pn53x_usb", "arygon"]

    private static let listLimit: Int32 = 500
    private static let presenceLimit: Int32 = 300

    private let raw: OpaquePointer
    /// Closed after the device.
    private let line: SerialLine?

    /// Opens the chip and makes it a reader that looks once when asked.
    /// - Parameter connstring: libnfc's, as `pn532_uart:/dev/ttyAMA0`.
    /// - Throws: `notSupported` for another driver, `noSuchDevice` when no chip answers there,
    ///   `busy` when another program of ours has the line.
    /// Calls `nfc_open`, `nfc_initiator_init` and `nfc_device_set_property_bool`.
    public init(_ connstring: String) throws(NFCError) {
        let driver = String(connstring.prefix { $0 != ":" })
        guard Self.drivers.contains(driver), connstring.utf8.count < Self.connstringMax,
            !connstring.utf8.contains(0)
        else { throw NFCError(call: "nfc_open", code: NFCError.notSupported) }
        guard let context = Library.shared.context else {
            throw NFCError(call: "nfc_init", code: NFCError.library)
        }
        // Claimed before the device is opened, let go after it is closed.
        let line = try SerialLine.claim(connstring)
        let raw = try Self.open(context, connstring)
        self.line = line
        self.raw = raw
    }

    private static func open(
        _ context: OpaquePointer, _ connstring: String
    ) throws(NFCError) -> OpaquePointer {
        guard let raw = nfc_open(context, connstring) else {
            throw NFCError(call: "nfc_open", code: NFCError.noSuchDevice)
        }
        do throws(NFCError) {
            _ = try check("nfc_initiator_init", nfc_initiator_init(raw))
            _ = try check(
                "NP_INFINITE_SELECT", nfc_device_set_property_bool(raw, NP_INFINITE_SELECT, false))
        } catch {
            nfc_close(raw)
            throw error
        }
        return raw
    }

    deinit { nfc_close(raw) }

    /// Closes now rather than at the end of the scope. Calls `nfc_close`.
    public consuming func close() {}

    /// libnfc's name of the device.
    public var name: String { String(cString: nfc_device_get_name(raw)) }

    /// Switches the field. Without it every card forgets. Calls `nfc_device_set_property_bool`.
    public func setField(_ isOn: Bool) throws(NFCError) {
        _ = try check(
            "NP_ACTIVATE_FIELD", nfc_device_set_property_bool(raw, NP_ACTIVATE_FIELD, isOn))
    }

    /// Asks the chip for its firmware's version, to see whether it still answers.
    /// Sends GetFirmwareVersion.
    public func ask() throws(NFCError) {
        let call = "GetFirmwareVersion"
        let answer = try command([0x02], Self.presenceLimit, call)
        guard answer.count == 4 else { throw NFCError(call: call, code: NFCError.chip) }
    }

    /// Looks once and activates what is new in the field, two cards at most; the first one is the
    /// one that `transceive` reaches. A card that was found before and not let go is not found
    /// again: switch the field first. Sends InListPassiveTarget (106 kbit/s type A).
    public func list() throws(NFCError) -> [Target] {
        let answer: [UInt8]
        do { answer = try command([0x4A, 2, 0], Self.listLimit, "InListPassiveTarget") } catch {
            // A card that left in the middle of its activation is not there.
            if error.code == NFCError.transmission { return [] }
            throw error
        }
        guard let targets = Target.list(answer) else {
            throw NFCError(call: "InListPassiveTarget", code: NFCError.chip)
        }
        return targets
    }

    /// One exchange with the card found first: 1...261 bytes, and the answer without the chip's
    /// status. The chip chains by itself. - Parameter milliseconds: how long the chip may be
    /// silent, 1...60000; the card's own time is the chip's business.
    /// - Throws: `transmission` or `released` when the card did not answer, `timedOut` when the
    ///   chip did not. Calls `nfc_initiator_transceive_bytes`.
    public func transceive(_ bytes: [UInt8], milliseconds: Int32) throws(NFCError) -> [UInt8] {
        let call = "nfc_initiator_transceive_bytes"
        guard (1...Self.commandMax).contains(bytes.count), (1...60_000).contains(milliseconds)
        else { throw NFCError(call: call, code: NFCError.invalidArgument) }
        var answer = [UInt8](repeating: 0, count: Self.answerMax)
        let count = try check(
            call,
            nfc_initiator_transceive_bytes(
                raw, bytes, bytes.count, &answer, answer.count, milliseconds))
        return Array(answer.prefix(count))
    }

    /// Whether the card found first still answers: an R(NAK) block, which asks for nothing
    /// (ISO/IEC 14443-4 rule 12), and once more when it does not. Sends InCommunicateThru.
    public func isPresent() throws(NFCError) -> Bool {
        for _ in 0..<2 {
            do {
                let answer = try command([0x42, 0xB2], Self.presenceLimit, "InCommunicateThru")
                return answer.count > 1
            } catch {
                guard error.code == NFCError.transmission || error.code == NFCError.released
                else { throw error }
            }
        }
        return false
    }

    /// Lets every card go; it stays silent until the field is switched.
    /// Calls `nfc_initiator_deselect_target`.
    public func deselect() throws(NFCError) {
        _ = try check("nfc_initiator_deselect_target", nfc_initiator_deselect_target(raw))
    }

    /// Calls `pn53x_transceive`.
    private func command(
        _ bytes: [UInt8], _ milliseconds: Int32, _ call: String
    ) throws(NFCError) -> [UInt8] {
        var answer = [UInt8](repeating: 0, count: Self.answerMax)
        let count = try check(
            call, pn53x_transceive(raw, bytes, bytes.count, &answer, answer.count, milliseconds))
        return Array(answer.prefix(count))
    }
}

/// The serial line a connection string names, held against other processes of ours (N4).
struct SerialLine: ~Copyable {
    private let file: Int32

    private init(file: Int32) { self.file = file }

    // Closing alone is not enough: a program that is being started elsewhere in this process has a
    // copy of the descriptor until it runs.
    deinit {
        flock(file, LOCK_UN)
        Glibc.close(file)
    }

    /// Nil when the string names no serial line. Calls `open` and `flock`.
    static func claim(_ connstring: String) throws(NFCError) -> SerialLine? {
        let parts = connstring.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count >= 2, parts[0] == "pn532_uart" || parts[0] == "arygon" else { return nil }
        let file = open(String(parts[1]), O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC)
        guard file >= 0 else { throw NFCError(call: "open", code: NFCError.noSuchDevice) }
        let line = SerialLine(file: file)
        guard flock(file, LOCK_EX | LOCK_NB) == 0 else {
            throw NFCError(call: "flock", code: NFCError.busy)
        }
        return line
    }
}
