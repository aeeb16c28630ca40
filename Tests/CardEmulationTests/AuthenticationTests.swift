import Crypto
import Testing

@testable import CardEmulation

/// Handshakes that fail, and what the card remembers of them.
@Suite struct AuthenticationTests {
    /// Part 1 with key 0, part 2 with nonsense.
    private func fail(_ card: inout SoftwareNTAG424, key: UInt8 = 0) -> String {
        let first = status(card.respond(to: TestTerminal.native(0x71, [key, 0])))
        if first != "91af" { return first }
        return status(
            card.respond(to: TestTerminal.native(0xAF, [UInt8](repeating: 1, count: 32))))
    }

    @Test(arguments: [
        ("90710000010000", "917e"), ("90710000020001 00", "917e"), ("9071000003000000 00", "917e"),
        ("9071000002050000", "9140"), ("90710000020E0000", "9140"),
        ("9071000002400000", "919e"), ("907100000900070000000000000000", "919e"),
        ("9071000000", "917e"), ("9077000000", "917e"), ("90770000020000 00", "917e"),
        ("90770000010500", "9140"), ("90770000010000", "919d"),
    ])
    func `A malformed first part is refused`(_ command: String, _ expected: String) throws {
        var card = try factoryCard()
        expectRefusal(&card, bytes(command), expected)
        #expect(card.pending == nil)
    }

    @Test func `Reader capabilities are cut or padded to six bytes`() throws {
        for told in [[], [0x02], [0, 0, 0, 0, 0, 0x55]] as [[UInt8]] {
            let challenge = Array(1...16) as [UInt8]
            var card = try factoryCard(
                arrange: { $0.configuration.capabilities = [7, 8] },
                randomness: ScriptedRandomness([challenge, [9, 9, 9, 9]]))
            let first = card.respond(
                to: TestTerminal.native(0x71, [0, UInt8(told.count)] + told))
            #expect(first.count == 18, "LRP asked of an AES card gets the AES answer")
            let key = AES128Key.zero()
            let own = [UInt8](repeating: 0xAB, count: 16)
            let second = card.respond(
                to: TestTerminal.native(
                    0xAF, try key.encryptCBC(own + challenge[1...] + challenge[..<1])))
            let plain = try key.decryptCBC(Array(second.dropLast(2)))
            let padded = told + [UInt8](repeating: 0, count: 6 - told.count)
            #expect(plain == [9, 9, 9, 9] + own + [0, 0, 0, 0, 7, 8] + padded)
        }
    }

    @Test func `A wrong second part is AE, a short one 7E, and the handshake is over`() throws {
        for (field, expected) in [
            ([UInt8](repeating: 1, count: 32), "91ae"), ([UInt8](repeating: 1, count: 31), "917e"),
            ([], "917e"),
        ] {
            var card = try factoryCard()
            #expect(status(card.respond(to: bytes("9071000002000000"))) == "91af")
            #expect(status(card.respond(to: TestTerminal.native(0xAF, field))) == expected)
            #expect(card.session == nil && card.pending == nil)
            #expect(card.memory.keys[0].totalFailures == 1)
            #expect(card.memory.keys[0].sequentialFailures == 1)
            #expect(status(card.respond(to: TestTerminal.native(0xAF, field))) == "911c")
        }
    }

    @Test func `Any other command drops the handshake and is executed without a session`() throws {
        var card = try factoryCard()
        _ = try #require(try TestTerminal.authenticate(&card, key: 0))
        #expect(status(card.respond(to: bytes("9071000002000000"))) == "91af")
        #expect(card.session == nil, "the first part ends the old session")
        #expect(card.respond(to: bytes("90640000010000")) == bytes("00 9100"))
        #expect(card.pending == nil)
        #expect(card.memory.keys[0].sequentialFailures == 1, "broken off counts")
    }

    @Test func `NonFirst keeps identifier and counter under new keys`() throws {
        var card = try factoryCard()
        var terminal = try #require(try TestTerminal.authenticate(&card, key: 0))
        let version = card.respond(to: try terminal.command(0x64, header: [1], .mac))
        #expect(try terminal.open(version, .mac) == [0])
        let first = card.respond(to: bytes("90770000010300"))
        let key = AES128Key.zero()
        let challenge = try key.decryptCBC(Array(first.dropLast(2)))
        let own = randomBytes(16)
        let second = card.respond(
            to: TestTerminal.native(
                0xAF, try key.encryptCBC(own + challenge[1...] + challenge[..<1])))
        #expect(second.count == 18)
        var next = try TestTerminal.session(
            key: TestTerminal.zero, reader: own, card: challenge,
            identifier: terminal.identifier, 3)
        next.counter = 1
        #expect(card.session?.keyNumber == 3)
        let uid = card.respond(to: try next.command(0x51, .mac))
        #expect(try next.open(uid, .full) == bytes("04112233445566"))
    }

    @Test func `Success forgives the handshake and ten failures more`() throws {
        var card = try factoryCard()
        for _ in 0..<25 { #expect(fail(&card) == "91ae") }
        #expect(card.memory.keys[0].totalFailures == 25)
        _ = try #require(try TestTerminal.authenticate(&card, key: 0))
        #expect(card.memory.keys[0].totalFailures == 15)
        #expect(card.memory.keys[0].sequentialFailures == 0)
        for _ in 0..<2 { _ = try #require(try TestTerminal.authenticate(&card, key: 0)) }
        #expect(card.memory.keys[0].totalFailures == 0)
    }

    @Test func `From fifty failures in a row on, each try is delayed, and success ends it`() throws
    {
        var card = try factoryCard()
        for _ in 0..<50 { #expect(fail(&card) == "91ae") }
        for failures in 50..<60 {
            for delays in 0..<(failures - 49) {
                // The progress survives the loss of power.
                if delays % 2 == 1 {
                    card.powerOff()
                    card.powerOn()
                    _ = card.respond(to: TestTerminal.selectApplication)
                }
                #expect(fail(&card) == "91ad")
                #expect(card.workingTime == .microseconds(25_130))
            }
            #expect(fail(&card) == "91ae")
            #expect(card.memory.keys[0].sequentialFailures == UInt8(failures + 1))
        }
        #expect(fail(&card, key: 1) == "91ae", "another key is not delayed")
        for _ in 0..<11 { #expect(fail(&card) == "91ad") }
        _ = try #require(try TestTerminal.authenticate(&card, key: 0))
        #expect(card.memory.keys[0].sequentialFailures == 0)
        #expect(fail(&card) == "91ae")
    }

    @Test func `The delay stops growing at 255 failures`() throws {
        var card = try factoryCard(arrange: { memory in
            memory.keys[0].sequentialFailures = 255
            memory.keys[0].spentDelays = 205
        })
        #expect(fail(&card) == "91ad")
        #expect(fail(&card) == "91ae")
        #expect(card.memory.keys[0].sequentialFailures == 255)
        #expect(card.memory.keys[0].spentDelays == 0)
    }

    @Test func `A key at its limit is blocked until ChangeKey with key 0 clears it`() throws {
        var card = try factoryCard(arrange: { memory in
            memory.keys[3].totalFailures = 999
            memory.keys[0].totalFailures = 1000
        })
        #expect(fail(&card, key: 3) == "91ae")
        #expect(card.memory.keys[3].totalFailures == 1000)
        #expect(fail(&card, key: 3) == "919d")
        #expect(fail(&card, key: 0) == "919d", "a blocked key 0 is final")

        card = try factoryCard(arrange: { $0.keys[3].totalFailures = 1000 })
        var terminal = try #require(try TestTerminal.authenticate(&card, key: 0))
        let key = ProtectedCommand.newKey
        let answer = card.respond(
            to: try terminal.command(
                0xC4, header: [3], data: key + [1] + ProtectedCommand.crc(key), .full))
        #expect(try terminal.open(answer, .mac) == [])
        #expect(card.memory.keys[3].totalFailures == 0)
        #expect(try TestTerminal.authenticate(&card, key: 3, value: key) != nil)
    }

    @Test func `Counting can be reconfigured and switched off`() throws {
        var card = try factoryCard()
        var terminal = try #require(try TestTerminal.authenticate(&card, key: 0))
        let limited = card.respond(
            to: try terminal.command(0x5C, header: [0x0A], data: bytes("0102000100"), .full))
        #expect(try terminal.open(limited, .mac) == [])
        #expect(fail(&card, key: 1) == "91ae")
        #expect(fail(&card, key: 1) == "91ae")
        #expect(fail(&card, key: 1) == "919d")
        terminal = try #require(try TestTerminal.authenticate(&card, key: 0))
        let off = card.respond(
            to: try terminal.command(0x5C, header: [0x0A], data: bytes("0002000100"), .full))
        #expect(try terminal.open(off, .mac) == [])
        let before = card.writes
        for _ in 0..<60 { #expect(fail(&card, key: 1) == "91ae") }
        #expect(card.writes == before)
    }
}
