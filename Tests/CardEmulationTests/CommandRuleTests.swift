import Crypto
import Testing

@testable import CardEmulation

/// The rules around the commands: selection, framing, chains, configuration, hostile bytes.
@Suite struct CommandRuleTests {
    private func fresh() throws -> SoftwareNTAG424 {
        var card = SoftwareNTAG424(try CardMemory.factory(uid: bytes("04112233445566")))
        card.powerOn()
        return card
    }

    @Test func `At the master file only GetVersion and Read_Sig work`() throws {
        for (command, expected) in [
            ("90640000010000", "919d"), ("90F50000010200", "919d"), ("90F60000010200", "919d"),
            ("9071000002000000", "919d"), ("90770000010000", "919d"), ("9051000000", "91ae"),
            ("90AD0000070200000001000000", "919d"), ("908D0000080200000001000000 00", "919d"),
            ("905F000004 02000000 00", "919d"), ("00B0000000", "6985"), ("00B0840000", "6a82"),
            ("00D600000100", "6985"), ("00A4020002E10400", "6a82"), ("00A4000002E10400", "6a82"),
            ("00A4030000", "6a82"),
        ] {
            var card = try fresh()
            expectRefusal(&card, bytes(command), expected)
        }
        var card = try fresh()
        #expect(status(card.respond(to: bytes("903C0000010000"))) == "9190")
        #expect(status(card.respond(to: bytes("9060000000"))) == "91af")
    }

    @Test(arguments: [
        ("00A4000000", "9000"), ("00A40000023F00", "9000"), ("00A4000C023F0000", "9000"),
        ("00A4000002E110", "9000"), ("00A4010002E110", "6a82"), ("00A4020002E103", "9000"),
        ("00A4020002E110", "6a82"), ("00A4030000", "9000"), ("00A403000100", "6a87"),
        ("00A4040007D2760000850100", "9000"), ("00A4040006D27600008501", "6a82"),
        ("00A4040011D276000085010100000000000000000000", "6a87"), ("00A4040000", "6a87"),
        ("00A4050002E104", "6a86"), ("00A4000102E104", "6a86"), ("00A4000402E104", "6a86"),
        ("00A40000 03 E10400 00", "6a87"), ("00A4000001E1", "6a87"), ("00A40000 05 E104", "6700"),
        ("00A40000 02 E104 0000", "6700"), ("00A40000 00 E104", "6700"),
    ])
    func `SELECT in the application`(_ command: String, _ expected: String) throws {
        var card = try factoryCard()
        #expect(card.respond(to: bytes(command)) == bytes(expected))
    }

    @Test func `MF and DF end the session, an elementary file keeps it, an error ends it`() throws {
        for (command, survives) in [
            ("00A4000002E104", true), ("00A4020C02E10500", true), ("00A40000023F00", false),
            ("00A4000002E110", false), ("00A4040C07D276000085010100", false),
            ("00A4000002E107", false), ("00A4000102E104", false), ("00B0000000", false),
            ("00D600000100", false), ("0084000008", false), ("80CA000000", false),
            ("90990000 00", false), ("90AF000000", false), ("90", false),
            ("9064010001 00 00", false),
            ("90640000010000", false), ("90F50000010200", false), ("9060000000", false),
        ] {
            var card = try factoryCard()
            var terminal = try #require(try TestTerminal.authenticate(&card, key: 0))
            _ = card.respond(to: bytes(command))
            #expect((card.session != nil) == survives, "\(command)")
            if survives {
                let answer = card.respond(to: try terminal.command(0x51, .mac))
                #expect(try terminal.open(answer, .full) == bytes("04112233445566"))
            }
        }
    }

    @Test(arguments: [
        ("", "6700"), ("90", "6700"), ("906000", "6700"), ("90600000", "917e"),
        ("9060000001", "917e"), ("906000000000", "917e"), ("90640000 01 00", "917e"),
        ("90640000 02 00 00", "917e"), ("90640000 01 00 01", "917e"),
        ("90640000 01 0000 00", "917e"), ("90640000 00 0001 00 00", "917e"),
        ("90640100 01 00 00", "6a86"), ("90640001 01 00 00", "6a86"), ("9000000000", "911c"),
        ("905A000003 000000 00", "911c"), ("90BD0000070200000001000000", "911c"),
        ("90AA00000100 00", "911c"), ("90AF000000", "911c"), ("0020000000", "6d00"),
        ("8060000000", "6e00"), ("FFCA000000", "6e00"), ("91600000 00", "6e00"),
        ("90640000 01 05 00", "9140"), ("90F50000 01 00 00", "91f0"),
        ("90F50000 01 04 00", "91f0"), ("903C0000 01 01 00", "919e"), ("903C000000", "917e"),
        ("9051000000", "91ae"), ("905C00000100 00", "91ae"), ("905C000000", "917e"),
        ("00B0850000", "6982"), ("00B0840000 00", "6700"), ("00B084 00", "6700"),
        ("00B09F0000", "6a86"), ("00B0860000", "6a82"), ("00B0810000", "6a82"),
        ("00B0A40000", "6a86"), ("00B0800000", "6985"), ("00B0832000", "6a86"),
        ("00D68400", "6700"), ("00D6840000", "6700"), ("00D6840002 01", "6700"),
        ("00D684 00 01 01 01", "6700"), ("00D6830001 00", "6982"), ("00D684FF02 0102", "6985"),
        ("90AD000007 02 000100 000000 00", "91be"), ("90AD000007 02 000000 010100 00", "91be"),
        ("90AD000007 02 FF0000 020000 00", "91be"), ("90AD000007 02 FFFFFF FFFFFF 00", "91be"),
        ("90AD000006 02 000000 0100 00", "917e"),
        ("90AD00000F 02 000000 000000 0000000000000000 00", "917e"),
        ("90AD000007 00 000000 000000 00", "91f0"), ("90AD000007 03 000000 000000 00", "91ae"),
        ("908D000008 02 000100 010000 01 00", "91be"),
        ("908D000009 02 FF0000 020000 0102 00", "91be"),
        ("908D000008 02 000000 020000 01 00", "917e"), ("908D000007 02 000000 000000 00", "917e"),
        ("908D000008 02 000000 000000 01 00", "917e"),
        ("908D000008 04 000000 010000 01 00", "91f0"),
        ("908D000008 01 000000 010000 01 00", "91ae"),
    ])
    func `A command outside a session is refused`(_ command: String, _ expected: String) throws {
        var card = try factoryCard()
        expectRefusal(&card, bytes(command), expected)
    }

    @Test func `An open GetVersion refuses everything but its continuation`() throws {
        for (command, expected) in [
            ("90640000010000", "91ca"), ("9060000000", "91ca"), ("9071000002000000", "91ca"),
            ("00A4040007D2760000850101", "6985"), ("00B0840000", "6985"), ("8000000000", "6985"),
            ("90AF00000100 00", "917e"), ("9099000000", "91ca"),
        ] {
            for parts in 1...2 {
                var card = try factoryCard()
                _ = card.respond(to: bytes("9060000000"))
                if parts == 2 { _ = card.respond(to: bytes("90AF000000")) }
                expectRefusal(&card, bytes(command), expected)
                #expect(card.chain == nil)
                #expect(card.respond(to: bytes("90640000010000")) == bytes("00 9100"))
            }
        }
    }

    @Test(arguments: [
        ("00", "02", "9100"), ("00", "00", "9100"), ("00", "01", "919e"), ("00", "0200", "917e"),
        ("04", "0400", "9100"), ("04", "0000", "9100"), ("04", "0401", "919e"),
        ("04", "04", "917e"),
        ("05", "00000000000000000000", "9100"), ("05", "00000000010000000000", "919e"),
        ("05", "00000000020000000000", "919d"), ("05", "01000000000000000000", "919e"),
        ("05", "000000000000000000", "917e"), ("0A", "01E8030A00", "9100"),
        ("0A", "0100000A00", "919e"),
        ("0A", "02E8030A00", "919e"), ("0A", "01E8030A", "917e"), ("0B", "01", "9100"),
        ("0B", "02", "919e"), ("0B", "", "917e"), ("01", "00", "919e"), ("09", "00", "919e"),
        ("0C", "0000", "919e"),
    ])
    func `SetConfiguration`(_ option: String, _ value: String, _ expected: String) throws {
        var card = try factoryCard()
        var terminal = try #require(try TestTerminal.authenticate(&card, key: 0))
        let command = try terminal.command(
            0x5C, header: bytes(option), data: bytes(value), .full)
        if expected == "9100" {
            #expect(try terminal.open(card.respond(to: command), .mac) == [])
        } else {
            expectRefusal(&card, command, expected)
        }
        card = try factoryCard()
        terminal = try #require(try TestTerminal.authenticate(&card, key: 1))
        expectRefusal(
            &card,
            try terminal.command(0x5C, header: bytes(option), data: bytes(value), .full), "91ae")
    }

    @Test func `The random identifier hides the UID from the next power-on`() throws {
        var card = try factoryCard(uid: "04518DFAA96180")
        var terminal = try #require(try TestTerminal.authenticate(&card, key: 0))
        let answer = card.respond(
            to: try terminal.command(0x5C, header: [0], data: [2], .full))
        #expect(try terminal.open(answer, .mac) == [])
        _ = card.respond(to: TestTerminal.selectApplication)
        #expect(status(card.respond(to: bytes("903C0000010000"))) == "9190")
        card.powerOff()
        card.powerOn()
        expectRefusal(&card, bytes("903C0000010000"), "91ae")
        _ = card.respond(to: bytes("9060000000"))
        _ = card.respond(to: bytes("90AF000000"))
        #expect(card.respond(to: bytes("90AF000000"))[..<7] == [0, 0, 0, 0, 0, 0, 0])
        terminal = try #require(try TestTerminal.authenticate(&card, key: 2))
        let uid = card.respond(to: try terminal.command(0x51, .mac))
        #expect(try terminal.open(uid, .full) == bytes("04518DFAA96180"))
        let signature = card.respond(to: try terminal.command(0x3C, header: [0], .mac))
        #expect(try terminal.open(signature, .full, success: 0x90)?.count == 56)
    }

    @Test func `Answers and commands up to the frame limits`() throws {
        var card = try factoryCard(arrange: { memory in
            try memory.setSettings(bytes("03 0000"), file: 2)
            try memory.setSettings(bytes("01 0000"), file: 3)
        })
        var terminal = try #require(try TestTerminal.authenticate(&card, key: 0))
        let data = [UInt8](repeating: 0x5A, count: 239)
        let written = card.respond(
            to: try terminal.command(0x8D, header: [2, 0, 0, 0] + little(239), data: data, .full))
        #expect(try terminal.open(written, .mac) == [])
        let read = card.respond(
            to: try terminal.command(0xAD, header: [2, 0, 0, 0] + little(239), .mac))
        #expect(read.count == 250)
        #expect(try terminal.open(read, .full) == data)
        expectRefusal(
            &card, try terminal.command(0xAD, header: [2, 0, 0, 0] + little(240), .mac), "917e")
    }

    @Test func `WriteData beyond one frame is refused when chaining is forbidden`() throws {
        var card = try factoryCard(arrange: { $0.configuration.forbidsChainedWriting = true })
        var terminal = try #require(try TestTerminal.authenticate(&card, key: 3))
        let short = [UInt8](repeating: 1, count: 95)
        let answer = card.respond(
            to: try terminal.command(0x8D, header: [3, 0, 0, 0] + little(95), data: short, .full))
        #expect(try terminal.open(answer, .mac) == [])
        let long = [UInt8](repeating: 1, count: 112)
        expectRefusal(
            &card,
            try terminal.command(0x8D, header: [3, 0, 0, 0] + little(112), data: long, .full),
            "917e")
    }

    @Test func `An unpowered card is mute`() throws {
        var card = SoftwareNTAG424(try CardMemory.factory(uid: bytes("04112233445566")))
        #expect(card.respond(to: bytes("9060000000")) == [])
        card.powerOn()
        #expect(!card.respond(to: bytes("9060000000")).isEmpty)
        card.powerOff()
        #expect(card.respond(to: bytes("9060000000")) == [])
    }

    @Test func `A million hostile bytes trap nothing and open nothing`() throws {
        var random = ScriptedRandomness([], seed: 0xEC0)
        var card = try factoryCard()
        let known: [UInt8] = [
            0x3C, 0x51, 0x5C, 0x5F, 0x60, 0x64, 0x71, 0x77, 0x8D, 0xAD, 0xAF, 0xC4, 0xF5, 0xF6,
        ]
        for round in 0..<60_000 {
            let length = Int(random.bytes(1)[0]) % 48
            var command = random.bytes(max(1, length))
            switch round % 4 {
            case 0: command = TestTerminal.native(known[round / 4 % known.count], command)
            case 1:
                command =
                    [
                        0, [0xA4, 0xB0, 0xD6][round / 4 % 3], command[0] & 0x87, 0,
                        UInt8(command.count),
                    ] + command
            case 2: command[0] = command.count > 1 && command[1] & 1 == 0 ? 0x90 : 0x00
            default: break
            }
            let answer = card.respond(to: command)
            #expect(answer.count >= 2 && answer.count <= 258)
            #expect(card.session == nil)
            if round % 500 == 499 { _ = card.respond(to: TestTerminal.selectApplication) }
        }
        #expect(card.memory.keys.allSatisfy { $0.isFactory })
        #expect(try CardMemory(image: card.memory.image) == card.memory)
    }
}
