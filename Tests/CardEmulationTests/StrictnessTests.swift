import Crypto
import Testing

@testable import CardEmulation

/// What is not authentic is refused, ends the session and writes nothing.
@Suite struct StrictnessTests {
    @Test(arguments: ProtectedCommand.all)
    func `The command itself is accepted`(_ command: ProtectedCommand) throws {
        var (card, terminal) = try command.session()
        let answer = card.respond(to: try command.command(terminal))
        #expect(["9100", "9190", "91af"].contains(status(answer)))
        if command.name == "ChangeKey own" || command.name == "GetVersion" { return }
        let mode: TestTerminal.Mode =
            ["ReadData Full", "GetCardUID", "Read_Sig"].contains(command.name) ? .full : .mac
        #expect(
            try terminal.open(answer, mode, success: command.code == 0x3C ? 0x90 : 0) != nil)
        #expect(card.session?.counter == 1)
    }

    @Test(arguments: ProtectedCommand.all)
    func `Each flipped bit of cryptogram or MAC is an integrity error`(
        _ command: ProtectedCommand
    ) throws {
        let (card, terminal) = try command.session()
        let good = try command.command(terminal)
        let field = (5 + command.header.count)..<(good.count - 1)
        for index in field {
            for bit in 0..<8 {
                var bad = good
                bad[index] ^= 1 << UInt8(bit)
                var copy = card
                expectRefusal(&copy, bad, "911e")
                #expect(status(copy.respond(to: bytes("9051000000"))) == "91ae")
            }
        }
    }

    @Test(arguments: ProtectedCommand.all)
    func `Each flipped bit of code or header is refused`(_ command: ProtectedCommand) throws {
        let (card, terminal) = try command.session()
        let good = try command.command(terminal)
        for index in [1] + Array(5..<5 + command.header.count) {
            for bit in 0..<8 {
                var bad = good
                bad[index] ^= 1 << UInt8(bit)
                var copy = card
                let answer = copy.respond(to: bad)
                // A flip may make it an authentication's first part: a new session, not this one.
                if [0x71, 0x77].contains(bad[1]), status(answer) == "91af" { continue }
                #expect(!["9000", "9100", "9190", "91af"].contains(status(answer)))
                #expect(answer.count == 2)
                #expect(copy.session == nil)
                #expect(copy.memory == card.memory)
            }
        }
    }

    @Test(arguments: ProtectedCommand.all)
    func `Each shorter or longer field is refused`(_ command: ProtectedCommand) throws {
        let (card, terminal) = try command.session()
        let good = try command.command(terminal)
        let field = Array(good[5..<good.count - 1])
        var fields = (0..<field.count).map { Array(field[..<$0]) }
        fields += (1...16).map { field + [UInt8](repeating: 0, count: $0) }
        for changed in fields {
            var copy = card
            let answer = copy.respond(to: TestTerminal.native(command.code, changed))
            #expect(answer.count == 2)
            #expect(
                ["917e", "911e"].contains(status(answer)),
                "\(changed.count) of \(field.count) bytes")
            #expect(copy.session == nil)
            #expect(copy.memory == card.memory)
        }
    }

    @Test(
        arguments: ProtectedCommand.all.filter {
            !["ChangeKey own", "GetVersion"].contains($0.name)
        })
    func `A replayed command is refused`(_ command: ProtectedCommand) throws {
        var (card, terminal) = try command.session()
        let bytes = try command.command(terminal)
        _ = card.respond(to: bytes)
        #expect(card.session?.counter == 1)
        expectRefusal(&card, bytes, "911e")
        terminal.counter = 1
        expectRefusal(&card, try command.command(terminal), command.withoutSession)
    }

    @Test(arguments: ProtectedCommand.all)
    func `A command sent before its turn is refused`(_ command: ProtectedCommand) throws {
        var (card, terminal) = try command.session()
        terminal.counter = 1
        expectRefusal(&card, try command.command(terminal), "911e")
    }

    @Test(arguments: ProtectedCommand.all)
    func `A plain command in between makes the next one stale`(
        _ command: ProtectedCommand
    ) throws {
        var (card, terminal) = try command.session()
        let plainRead = bytes("90AD00000702000000010000 00")
        #expect(card.respond(to: plainRead) == bytes("00 9100"))
        expectRefusal(&card, try command.command(terminal), "911e")

        (card, terminal) = try command.session()
        _ = card.respond(to: plainRead)
        terminal.counter = 1
        let answer = card.respond(to: try command.command(terminal))
        #expect(["9100", "9190", "91af"].contains(status(answer)))
    }

    @Test(arguments: ProtectedCommand.all.filter { $0.name != "GetVersion" })
    func `A command of another session is refused`(_ command: ProtectedCommand) throws {
        let (_, stranger) = try command.session()
        var (card, _) = try command.session()
        expectRefusal(&card, try command.command(stranger), "911e")
    }

    @Test func `The counter's last value ends the session`() throws {
        let command = try #require(ProtectedCommand.all.first)
        var (card, terminal) = try command.session()
        card.session?.counter = 0xFFFE
        terminal.counter = 0xFFFE
        let answer = card.respond(to: try command.command(terminal))
        #expect(try terminal.open(answer, .mac) == [])
        #expect(terminal.counter == 0xFFFF)
        expectRefusal(&card, try command.command(terminal), "911e")

        (card, _) = try command.session()
        card.session?.counter = 0xFFFF
        expectRefusal(&card, bytes("90AD0000070200000001000000"), "911e")
    }

    @Test func `ChangeKey with a wrong old key or CRC is an integrity error`() throws {
        for data in [
            ProtectedCommand.newKey + [1] + bytes("00000000"),
            Array(ProtectedCommand.newKey[1...]) + [0, 1]
                + ProtectedCommand.crc(ProtectedCommand.newKey),
            ProtectedCommand.newKey + [1],
        ] {
            let command = ProtectedCommand(
                name: "", code: 0xC4, header: [2], data: data, mode: .full)
            var (card, terminal) = try command.session()
            expectRefusal(&card, try command.command(terminal), "911e")
        }
        let long = ProtectedCommand(
            name: "", code: 0xC4, header: [0],
            data: ProtectedCommand.newKey + [1] + ProtectedCommand.crc(ProtectedCommand.newKey),
            mode: .full)
        var (card, terminal) = try long.session()
        expectRefusal(&card, try long.command(terminal), "911e")
    }

    @Test func `ChangeKey needs a session with key 0 and a key that exists`() throws {
        for session in 1...4 {
            var card = try factoryCard()
            let terminal = try #require(try TestTerminal.authenticate(&card, key: session))
            let data = ProtectedCommand.newKey + [1]
            expectRefusal(
                &card,
                try terminal.command(0xC4, header: [UInt8(session)], data: data, .full), "91ae")
        }
        for number: UInt8 in [5, 14, 15, 0x40, 0xFF] {
            let command = ProtectedCommand(
                name: "", code: 0xC4, header: [number], data: ProtectedCommand.newKey + [1],
                mode: .full)
            var (card, terminal) = try command.session()
            expectRefusal(&card, try command.command(terminal), "9140")
        }
        var card = try factoryCard()
        let blank = [UInt8](repeating: 0, count: 40)
        expectRefusal(&card, TestTerminal.native(0xC4, [0] + blank), "91ae")
    }
}

extension ProtectedCommand {
    /// The answer when there is no session: most need one; some take the MAC for a wrong length.
    fileprivate var withoutSession: String {
        switch code {
        case 0x8D, 0xAD, 0xC4, 0x5C, 0x5F: header.first == 3 && code == 0xAD ? "917e" : "91ae"
        default: "917e"
        }
    }
}
