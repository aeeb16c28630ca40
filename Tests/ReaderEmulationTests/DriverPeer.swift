import CardEmulation
import Linux
import ReaderEmulation
import Testing

/// The vpcd driver's end of the link, played by the test over real TCP.
final class DriverPeer {
    static let limit = Duration.seconds(60)
    private let connection: TCPConnection

    /// Waits for the slot to connect, or takes what waits there already.
    init(_ listener: borrowing TCPListener, atMost limit: Duration = DriverPeer.limit) throws {
        guard let connection = try listener.accept(timeout: limit) else {
            throw LinuxError(call: "accept", code: 110)
        }
        self.connection = connection
    }

    func send(_ message: [UInt8]) throws {
        try connection.write(
            [UInt8(message.count >> 8), UInt8(message.count & 0xFF)] + message)
    }

    func sendRaw(_ bytes: [UInt8]) throws { try connection.write(bytes) }

    /// The next message of the slot; nil when it has broken the connection off, as it does after
    /// the length of an answer that does not come. An orderly end is an error here: the driver
    /// would take it for an empty answer.
    func receive() throws -> [UInt8]? {
        do {
            guard let length = try connection.read(exactly: 2, timeout: Self.limit) else {
                throw LinuxError(call: "receive", code: 0)
            }
            return try connection.read(
                exactly: Int(length[0]) << 8 | Int(length[1]), timeout: Self.limit)
        } catch let error as LinuxError where error.code == 104 || error.code == 32 {
            return nil
        }
    }

    func exchange(_ message: [UInt8]) throws -> [UInt8]? {
        try send(message)
        return try receive()
    }

    /// True when nothing comes for a while (for what must not be answered).
    func isSilent() -> Bool {
        do throws(LinuxError) {
            _ = try connection.read(exactly: 1, timeout: .milliseconds(30))
            return false
        } catch {
            return true
        }
    }

    /// Powers the card on, as pcscd does.
    func powerOn() throws { try send([0x01]) }
}

let selectApplication: [UInt8] = [
    0x00, 0xA4, 0x04, 0x0C, 0x07, 0xD2, 0x76, 0x00, 0x00, 0x85, 0x01, 0x01, 0x00,
]
let getKeyVersion: [UInt8] = [0x90, 0x64, 0x00, 0x00, 0x01, 0x00, 0x00]

func factoryCard() throws -> SoftwareNTAG424 {
    SoftwareNTAG424(try CardMemory.factory(uid: [0x04, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66]))
}
