import Crypto
import Testing

@testable import CardEmulation

/// One protected command as a terminal sends it in a session with key 0.
struct ProtectedCommand: Sendable, CustomTestStringConvertible {
    let name: String
    let code: UInt8
    var header: [UInt8] = []
    var data: [UInt8] = []
    var mode = TestTerminal.Mode.mac
    /// File 3 is set to this mode, and to key 0 in every right.
    var file3Mode: UInt8 = 3

    var testDescription: String { name }

    static let place = bytes("03 000000 100000")
    static let newKey = [UInt8](repeating: 0x42, count: 16)
    static let settings = bytes("40 00E0 C1 F121 200000 430000 430000")
    static let all = [
        ProtectedCommand(
            name: "WriteData Full", code: 0x8D, header: place, data: Array(1...16), mode: .full),
        ProtectedCommand(
            name: "WriteData MAC", code: 0x8D, header: place, data: Array(1...16), file3Mode: 1),
        ProtectedCommand(name: "ReadData Full", code: 0xAD, header: place),
        ProtectedCommand(name: "ReadData MAC", code: 0xAD, header: place, file3Mode: 1),
        ProtectedCommand(
            name: "ChangeKey other", code: 0xC4, header: [2], data: newKey + [1] + crc(newKey),
            mode: .full),
        ProtectedCommand(
            name: "ChangeKey own", code: 0xC4, header: [0], data: newKey + [1], mode: .full),
        ProtectedCommand(
            name: "ChangeFileSettings", code: 0x5F, header: [2], data: settings, mode: .full),
        ProtectedCommand(
            name: "SetConfiguration", code: 0x5C, header: [0x0A], data: bytes("0110000100"),
            mode: .full),
        ProtectedCommand(name: "GetCardUID", code: 0x51),
        ProtectedCommand(name: "GetKeyVersion", code: 0x64, header: [1]),
        ProtectedCommand(name: "GetFileSettings", code: 0xF5, header: [2]),
        ProtectedCommand(name: "Read_Sig", code: 0x3C, header: [0]),
        ProtectedCommand(name: "GetVersion", code: 0x60),
    ]

    /// CRC-32 without final inversion, bit by bit: the old key is zero, so new XOR old is new.
    static func crc(_ bytes: [UInt8]) -> [UInt8] {
        var register: UInt32 = 0xFFFF_FFFF
        for byte in bytes {
            for position in 0..<8 {
                let differs = (register ^ UInt32(byte >> UInt8(position))) & 1 != 0
                register = register >> 1 ^ (differs ? 0xEDB8_8320 : 0)
            }
        }
        return [0, 8, 16, 24].map { UInt8(truncatingIfNeeded: register >> $0) }
    }

    /// A card in a session with key 0, and the terminal's end of it.
    func session() throws -> (card: SoftwareNTAG424, terminal: TestTerminal) {
        var card = try factoryCard(
            arrange: { try $0.setSettings([file3Mode] + bytes("0000"), file: 3) })
        let terminal = try #require(try TestTerminal.authenticate(&card, key: 0))
        return (card, terminal)
    }

    /// The bytes of the command at the terminal's counter.
    func command(_ terminal: TestTerminal) throws -> [UInt8] {
        try terminal.command(code, header: header, data: data, mode)
    }
}

/// Expects `status`, the end of the session, and nothing written.
func expectRefusal(
    _ card: inout SoftwareNTAG424, _ command: [UInt8], _ expected: String,
    sourceLocation: SourceLocation = #_sourceLocation
) {
    let before = (card.memory, card.writes)
    let answer = card.respond(to: command)
    #expect(
        Hexadecimal.text(answer) == expected, "to \(Hexadecimal.text(command))",
        sourceLocation: sourceLocation)
    #expect(card.session == nil, sourceLocation: sourceLocation)
    #expect(card.memory == before.0 && card.writes == before.1, sourceLocation: sourceLocation)
}
