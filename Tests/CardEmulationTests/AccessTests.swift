import Crypto
import Testing

@testable import CardEmulation

/// Every value of every access right, with every session: the right answer, and no write without
/// the right.
@Suite struct AccessTests {
    static let nibbles: [UInt8] = [0, 1, 2, 3, 4, 14, 15]
    static let sessions: [Int?] = [nil, 0, 1, 2, 3, 4]

    /// What the data sheet grants, told in another way than the card computes it.
    enum Verdict {
        case fileMode, plain
        case refused(String)
    }

    static func verdict(_ first: UInt8, _ second: UInt8, session: Int?) -> Verdict {
        if let session, [Int(first), Int(second)].contains(session) { return .fileMode }
        if first == 14 || second == 14 { return .plain }
        return .refused(first == 15 && second == 15 ? "919d" : "91ae")
    }

    /// A card whose file 3 has these settings, in a session or without.
    private func open(
        _ block: [UInt8], _ session: Int?
    ) throws -> (SoftwareNTAG424, TestTerminal?) {
        var card = try factoryCard(arrange: { memory in
            try memory.setSettings(block, file: 3)
            memory.setContent(Array(0..<128), file: 3)
        })
        guard let session else { return (card, nil) }
        let terminal = try #require(try TestTerminal.authenticate(&card, key: session))
        return (card, terminal)
    }

    private static let modes: [(UInt8, TestTerminal.Mode)] = [(0, .plain), (1, .mac), (3, .full)]

    @Test(arguments: nibbles)
    func `ReadData follows Read and ReadWrite`(_ read: UInt8) throws {
        for readWrite in Self.nibbles {
            for session in Self.sessions {
                for (option, mode) in Self.modes {
                    let block = [option, readWrite << 4 | 0xF, read << 4 | 0xF]
                    var (card, terminal) = try open(block, session)
                    let place = bytes("03 050000 040000")
                    func command(_ mode: TestTerminal.Mode) throws -> [UInt8] {
                        try terminal?.command(0xAD, header: place, mode == .plain ? .plain : .mac)
                            ?? TestTerminal.native(0xAD, place)
                    }
                    switch Self.verdict(read, readWrite, session: session) {
                    case .fileMode:
                        let answer = card.respond(to: try command(mode))
                        #expect(try terminal?.open(answer, mode) == [5, 6, 7, 8])
                    case .plain:
                        let answer = card.respond(to: try command(.plain))
                        #expect(answer == [5, 6, 7, 8] + bytes("9100"))
                        #expect(card.session?.counter ?? 1 == 1)
                    case .refused(let status):
                        expectRefusal(&card, try command(mode), status)
                    }
                }
            }
        }
    }

    @Test(arguments: nibbles)
    func `WriteData follows Write and ReadWrite`(_ write: UInt8) throws {
        for readWrite in Self.nibbles {
            for session in Self.sessions {
                for (option, mode) in Self.modes {
                    let block = [option, readWrite << 4 | 0xF, 0xF0 | write]
                    var (card, terminal) = try open(block, session)
                    let place = bytes("03 050000 040000")
                    func command(_ mode: TestTerminal.Mode) throws -> [UInt8] {
                        try terminal?.command(0x8D, header: place, data: [9, 9, 9, 9], mode)
                            ?? TestTerminal.native(0x8D, place + [9, 9, 9, 9])
                    }
                    let before = card.writes
                    var isGranted = true
                    switch Self.verdict(write, readWrite, session: session) {
                    case .fileMode:
                        let answer = card.respond(to: try command(mode))
                        #expect(try terminal?.open(answer, mode) == [])
                    case .plain:
                        #expect(card.respond(to: try command(.plain)) == bytes("9100"))
                    case .refused(let status):
                        isGranted = false
                        expectRefusal(&card, try command(mode), status)
                    }
                    let content = card.memory.files[2].content
                    #expect(Array(content[5..<9]) == (isGranted ? [9, 9, 9, 9] : [5, 6, 7, 8]))
                    #expect(card.writes == before + (isGranted ? 1 : 0))
                }
            }
        }
    }

    @Test(arguments: nibbles)
    func `ChangeFileSettings follows Change`(_ change: UInt8) throws {
        for session in Self.sessions {
            var (card, terminal) = try open([0, 0xF0 | change, 0xFF], session)
            let new = bytes("00 FF FF")
            let command =
                try terminal?.command(0x5F, header: [3], data: new, .full)
                ?? TestTerminal.native(0x5F, [3] + new)
            if change == 15 {
                expectRefusal(&card, command, "919d")
            } else if change == 14 || session == Int(change) {
                let answer = card.respond(to: command)
                if terminal != nil {
                    #expect(try terminal?.open(answer, .mac) == [])
                } else {
                    #expect(answer == bytes("9100"))
                }
                #expect(card.memory.files[2].settings.block == new)
            } else {
                expectRefusal(&card, command, "91ae")
            }
        }
    }

    @Test(arguments: nibbles)
    func `The ISO commands follow free rights only, and never a session`(_ right: UInt8) throws {
        for readWrite in Self.nibbles {
            for session in Self.sessions {
                let block = [3, readWrite << 4 | 0xF, right << 4 | right]
                let isFree = session == nil && (right == 14 || readWrite == 14)
                var (card, _) = try open(block, session)
                var copy = card
                if isFree {
                    #expect(card.respond(to: bytes("00B0850504")) == bytes("05060708 9000"))
                    #expect(copy.respond(to: bytes("00D6850501FF")) == bytes("9000"))
                    #expect(copy.memory.files[2].content[5] == 0xFF)
                } else {
                    expectRefusal(&card, bytes("00B0850504"), "6982")
                    expectRefusal(&copy, bytes("00D6850501FF"), "6982")
                }
            }
        }
    }

    @Test func `GetFileCounters follows SDMCtrRet`() throws {
        for right in Self.nibbles {
            for session in Self.sessions {
                let block = bytes("40 00E0 41") + [0xF0 | right, 0xFF]
                var card = try factoryCard(arrange: { memory in
                    try memory.setSettings(block, file: 2)
                    memory.setReadCounter(0x010203)
                })
                var terminal: TestTerminal?
                if let session {
                    terminal = try TestTerminal.authenticate(&card, key: session)
                }
                let command =
                    try terminal?.command(0xF6, header: [2], .mac)
                    ?? TestTerminal.native(0xF6, [2])
                if right == 15 {
                    expectRefusal(&card, command, "919d")
                } else if right == 14 || session == Int(right) {
                    let answer = card.respond(to: command)
                    let data = bytes("030201 0000")
                    if terminal != nil {
                        #expect(try terminal?.open(answer, .full) == data)
                    } else {
                        #expect(answer == data + bytes("9100"))
                    }
                } else {
                    expectRefusal(&card, command, "91ae")
                }
            }
        }
        var card = try factoryCard()
        expectRefusal(&card, TestTerminal.native(0xF6, [2]), "919d")
        card = try factoryCard()
        expectRefusal(&card, TestTerminal.native(0xF6, [4]), "91f0")
    }
}
