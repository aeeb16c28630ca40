import Crypto
import Testing

@testable import CardEmulation

/// Secure dynamic messaging: runs, limits, and who sees mirrors.
@Suite struct MirrorTests {
    /// UID and counter encrypted at 32, MAC over 16..<100 at 100; read free, the rest key 0.
    private static let settings = bytes("40 00E0 C1 FF12 200000 100000 640000")

    private func card(_ block: [UInt8] = settings, counter: UInt32 = 0) throws -> SoftwareNTAG424 {
        try factoryCard(arrange: { memory in
            try memory.setKey(1, [UInt8](repeating: 0x11, count: 16))
            try memory.setKey(2, [UInt8](repeating: 0x22, count: 16))
            memory.setContent([UInt8](repeating: 0x2E, count: 256), file: 2)
            try memory.setSettings(block, file: 2)
            memory.setReadCounter(counter)
        })
    }

    /// `00 B0`, short file 4.
    private func readBinary(_ offset: Int, _ length: Int) -> [UInt8] {
        [0x00, 0xB0, 0x84, UInt8(offset), UInt8(length & 0xFF)]
    }

    private func readData(_ offset: Int, _ length: Int) -> [UInt8] {
        TestTerminal.native(0xAD, [2] + little(offset) + little(length))
    }

    @Test func `Reads in pieces show one image and take one counter value`() throws {
        var whole = try card()
        let image = Array(whole.respond(to: readBinary(0, 256)).dropLast(2))
        #expect(image.count == 256)
        for isNative in [false, true] {
            var card = try card()
            var pieces: [UInt8] = []
            for offset in stride(from: 0, to: 256, by: 40) {
                let length = min(40, 256 - offset)
                let command = isNative ? readData(offset, length) : readBinary(offset, length)
                pieces += card.respond(to: command).dropLast(2)
            }
            #expect(pieces == image)
            #expect(card.memory.readCounter == 1)
            #expect(card.writes == 1)
        }
        #expect(image[40] != 0x2E)
    }

    @Test(arguments: [
        "9060000000", "90F50000010200", "90640000010000", "00A4000C02E10400",
        "00A4040C07D276000085010100", "00B0830001", "9099000000", "00B0850001", "FFCA000000",
        "9071000002000000", "90AD0000070100000001000000",
    ])
    func `Any other command in between starts a new run`(_ other: String) throws {
        var card = try card()
        let first = card.respond(to: readBinary(0, 256))
        if other == "9060000000" {
            _ = card.respond(to: bytes(other))
            _ = card.respond(to: bytes("90AF000000"))
            _ = card.respond(to: bytes("90AF000000"))
        } else {
            _ = card.respond(to: bytes(other))
        }
        let second = card.respond(to: readBinary(0, 256))
        #expect(first.count == second.count)
        #expect(first != second)
        #expect(card.memory.readCounter == 2)
    }

    @Test func `Switching between the two read commands starts a new run`() throws {
        var card = try card()
        for count: UInt32 in 1...4 {
            _ = card.respond(to: count % 2 == 0 ? readBinary(0, 9) : readData(0, 9))
            #expect(card.memory.readCounter == count)
        }
    }

    @Test func `A read in a session is neither mirrored nor counted`() throws {
        var card = try card()
        var terminal = try #require(try TestTerminal.authenticate(&card, key: 3))
        let answer = card.respond(to: readData(0, 200))
        #expect(try terminal.open(answer, .plain) == [UInt8](repeating: 0x2E, count: 200))
        #expect(card.memory.readCounter == 0)
        expectRefusal(&card, readBinary(0, 9), "6982")
    }

    @Test(arguments: [(UInt32(4), 5), (0xFF_FFFD, 0xFF_FFFF), (0xFF_FFFE, 0xFF_FFFF)])
    func `At its limit the counter stops and the file is closed`(
        _ start: UInt32, _ limit: Int
    ) throws {
        let block = bytes("40 00E0 E1 FF12 200000 100000 640000") + little(limit)
        for (command, refusal) in [(readBinary(0, 9), "6982"), (readData(0, 9), "919d")] {
            var card = try card(block, counter: start)
            for _ in start..<UInt32(limit) {
                let status = status(card.respond(to: command))
                #expect(status == "9000" || status == "9100")
                _ = card.respond(to: bytes("90640000010000"))
            }
            expectRefusal(&card, command, refusal)
            #expect(card.memory.readCounter == UInt32(limit))
        }
    }

    @Test func `Without a limit the counter ends at FFFFFF`() throws {
        var card = try card(counter: 0xFF_FFFE)
        #expect(status(card.respond(to: readBinary(0, 9))) == "9000")
        _ = card.respond(to: bytes("90640000010000"))
        expectRefusal(&card, readBinary(0, 9), "6982")
    }

    @Test func `A file closed to reading opens through its mirrors only`() throws {
        var card = try card(bytes("40 0000 C1 FF12 200000 100000 640000"))
        #expect(status(card.respond(to: readBinary(0, 9))) == "9000")
        #expect(status(card.respond(to: readData(0, 9))) == "9100")
        var closed = try self.card(bytes("40 0000 C1 FF1F 200000"))
        expectRefusal(&closed, readBinary(0, 9), "6982")
        expectRefusal(&closed, readData(0, 9), "91ae")
    }

    @Test func `Switching on starts the counter at 0, changing keeps it`() throws {
        var card = try factoryCard(arrange: { $0.setReadCounter(77) })
        var terminal = try #require(try TestTerminal.authenticate(&card, key: 0))
        func set(_ block: [UInt8]) throws -> [UInt8] {
            card.respond(to: try terminal.command(0x5F, header: [2], data: block, .full))
        }
        #expect(try terminal.open(set(Self.settings), .mac) == [])
        #expect(card.memory.readCounter == 0)
        _ = card.respond(to: TestTerminal.selectApplication)
        #expect(status(card.respond(to: readBinary(0, 9))) == "9000")
        terminal = try #require(try TestTerminal.authenticate(&card, key: 0))
        #expect(try terminal.open(set(Self.settings), .mac) == [])
        #expect(card.memory.readCounter == 1)
        let before = card.memory
        #expect(
            try status(set(bytes("40 00E0 E1 FF12 200000 100000 640000 010000"))) == "919e")
        #expect(card.memory == before)
    }

    /// Wrong in one way each; see the rule beside it.
    static let refused: [(String, String, String)] = [
        ("key 5 may read", "00 00 5E", "919e"),
        ("key D may change", "00 ED EE", "919e"),
        ("a reserved bit of FileOption", "04 00 E0", "919e"),
        ("too short", "00 00", "917e"), ("too long", "00 00 E0 00", "917e"),
        ("an offset is missing", "40 00E0 C1 FF12 200000 100000", "917e"),
        ("meta read without UID or counter", "40 00E0 01 FF1F 200000", "919e"),
        ("UID mirrored for nobody", "40 00E0 C1 FFFF", "919e"),
        ("meta read key 7", "40 00E0 C1 FF7F", "919e"),
        ("counter told but not kept", "40 00E0 81 F01F 200000", "919e"),
        ("counter told to key 6", "40 00E0 C1 F61F 200000", "919e"),
        ("file read free", "40 00E0 C1 FF1E 200000 400000 400000", "919e"),
        ("encryption without file read", "40 00E0 D1 FF1F 200000", "919e"),
        (
            "encryption without counter", "40 00E0 91 FF12 200000 400000 400000 200000 600000",
            "919e"
        ),
        ("limit without counter", "40 00E0 A1 FF1F 200000 050000", "919e"),
        ("limit not above the counter", "40 00E0 E1 FF1F 200000 000000", "919e"),
        ("binary mirrors", "40 00E0 C0 FF1F 200000", "919e"),
        ("a reserved bit of SDMOptions", "40 00E0 C3 FF1F 200000", "919e"),
        ("a reserved right", "40 00E0 C1 EF1F 200000", "919e"),
        ("PICC data past the end", "40 00E0 C1 FF1F E10000", "919e"),
        ("UID past the end", "40 00E0 81 FFEF F30000", "919e"),
        ("counter past the end", "40 00E0 41 FFEF FB0000", "919e"),
        ("MAC past the end", "40 00E0 C1 FF12 200000 400000 F10000", "919e"),
        ("MAC before its input", "40 00E0 C1 FF12 200000 650000 640000", "919e"),
        ("UID over counter", "40 00E0 C1 FFEF 200000 2D0000", "919e"),
        ("PICC data over MAC", "40 00E0 C1 FF12 200000 200000 3F0000", "919e"),
        ("encryption of 16", "40 00E0 D1 FF12 200000 400000 400000 100000 600000", "919e"),
        ("encryption of 0", "40 00E0 D1 FF12 200000 400000 400000 000000 600000", "919e"),
        (
            "encryption before the input", "40 00E0 D1 FF12 000000 410000 400000 200000 700000",
            "919e"
        ),
        ("encryption into the MAC", "40 00E0 D1 FF12 000000 400000 500000 200000 6F0000", "919e"),
        ("encryption over PICC data", "40 00E0 D1 FF12 200000 200000 3F0000 200000 600000", "919e"),
    ]

    @Test(arguments: refused)
    func `Settings that contradict themselves are refused`(
        _ rule: String, _ block: String, _ expected: String
    ) throws {
        var card = try factoryCard()
        let terminal = try #require(try TestTerminal.authenticate(&card, key: 0))
        expectRefusal(
            &card, try terminal.command(0x5F, header: [2], data: bytes(block), .full), expected)
    }

    @Test func `Mirrors belong to file 2 alone`() throws {
        for file: UInt8 in [1, 3] {
            var card = try factoryCard()
            let terminal = try #require(try TestTerminal.authenticate(&card, key: 0))
            let block = bytes("40 00E0 41 FFFF")
            expectRefusal(
                &card, try terminal.command(0x5F, header: [file], data: block, .full), "919d")
        }
    }

    @Test func `A counter that is kept but not mirrored leaves the file as written`() throws {
        var card = try card(bytes("40 00E0 41 FFEF FFFFFF"))
        let image = card.respond(to: readBinary(0, 256))
        #expect(image == [UInt8](repeating: 0x2E, count: 256) + bytes("9000"))
        #expect(card.memory.readCounter == 1)
    }
}
