import Crypto
import Foundation
import Testing

@testable import CardEmulation

/// The power goes at each write of a life: the memory is the old one or the new one.
@Suite struct PowerCutTests {
    /// Personalises, pays and reads; each step gives the card's answer to check that it is alive.
    /// Stops at the first mute answer. Every kind of write of the card is in it.
    static func live(_ card: inout SoftwareNTAG424) throws {
        card.powerOn()
        guard var terminal = try TestTerminal.authenticate(&card, key: 0) else { return }
        func send(
            _ code: UInt8, _ header: [UInt8], _ data: [UInt8], _ mode: TestTerminal.Mode
        ) throws -> Bool {
            let answer = card.respond(
                to: try terminal.command(code, header: header, data: data, mode))
            if answer.isEmpty { return false }
            #expect(try terminal.open(answer, mode == .plain ? .plain : .mac) == [])
            return true
        }
        let key = ProtectedCommand.newKey
        for number: UInt8 in 1...3 {
            let data = key + [1] + ProtectedCommand.crc(key)
            guard try send(0xC4, [number], data, .full) else { return }
        }
        guard try send(0x8D, bytes("02000000 050000"), Array(1...5), .plain) else { return }
        for (option, value) in [
            (UInt8(0x0A), "0164000200"), (0x04, "0400"), (0x0B, "00"),
            (0x05, "00000000000000000102"), (0x00, "02"),
        ] {
            guard try send(0x5C, [option], bytes(value), .full) else { return }
        }
        guard try send(0x5F, [2], bytes("40 00E0 C1 F121 200000 430000 430000"), .full) else {
            return
        }
        guard !card.respond(to: TestTerminal.selectApplication).isEmpty else { return }
        for _ in 0..<2 {
            if card.respond(to: bytes("00B0840010")).isEmpty { return }
            if card.respond(to: bytes("90AD0000070200000010000000")).isEmpty { return }
        }
        guard let second = try TestTerminal.authenticate(&card, key: 3, value: key) else { return }
        let state = try second.command(
            0x8D, header: bytes("03200000 200000"), data: [UInt8](repeating: 7, count: 32), .full)
        if card.respond(to: state).isEmpty { return }
        _ = card.respond(to: bytes("9071000002030000"))  // broken off: a counted failure
    }

    /// Every memory the life goes through, the factory's first.
    private static func memories() throws -> [CardMemory] {
        final class Record: @unchecked Sendable {  // because one test uses it on one thread
            var memories: [CardMemory] = []
        }
        struct Recorder: CardStorage {
            let record: Record
            mutating func commit(_ memory: CardMemory) throws(CardStorageError) {
                record.memories.append(memory)
            }
            mutating func load() throws(CardStorageError) -> CardMemory { record.memories.last! }
        }
        let record = Record()
        record.memories = [try CardMemory.factory(uid: bytes("04112233445566"))]
        var card = try SoftwareNTAG424(
            storage: Recorder(record: record), randomness: ScriptedRandomness([]))
        try live(&card)
        #expect(card.writes == record.memories.count - 1)
        return record.memories
    }

    @Test func `The life has every kind of write`() throws {
        let memories = try Self.memories()
        #expect(memories.count == 21)
        let last = try #require(memories.last)
        #expect(last.readCounter == 4)
        #expect(last.keys[3].totalFailures == 1)
        #expect(last.configuration.usesRandomIdentifier)
        #expect(last.configuration.forbidsChainedWriting)
        #expect(last.configuration.capabilities == [1, 2])
        #expect(last.version.hardware[2] == 0x82)
    }

    @Test(arguments: PowerCut.Outcome.allCases)
    func `A cut at each write leaves the old memory or the new`(
        _ outcome: PowerCut.Outcome
    ) throws {
        let memories = try Self.memories()
        for index in 1..<memories.count {
            let storage = PowerCut(
                TransientStorage(memories[0]), at: index, leaves: outcome)
            var card = try SoftwareNTAG424(storage: storage, randomness: ScriptedRandomness([]))
            try Self.live(&card)
            #expect(card.writes == index)
            #expect(card.respond(to: bytes("9060000000")) == [], "mute until powered on")
            card.powerOn()
            #expect(card.memory == memories[outcome == .old ? index - 1 : index])
            #expect(status(card.respond(to: bytes("9060000000"))) == "91af")
        }
    }

    @Test func `A cut at each write of an image file leaves a whole image`() throws {
        let directory = FileManager.default.temporaryDirectory
            .appendingPathComponent("card-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        let path = directory.appendingPathComponent("one.card").path
        let memories = try Self.memories()
        for index in stride(from: 1, to: memories.count, by: 3) {
            for outcome in PowerCut.Outcome.allCases {
                var file = ImageStorage(path: path)
                try file.commit(memories[0])
                let storage = PowerCut(file, at: index, leaves: outcome)
                var card = try SoftwareNTAG424(
                    storage: storage, randomness: ScriptedRandomness([]))
                try Self.live(&card)
                let image = try Data(contentsOf: URL(fileURLWithPath: path))
                #expect(
                    try CardMemory(image: Array(image))
                        == memories[outcome == .old ? index - 1 : index])
            }
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path) == ["one.card"])
    }

    @Test func `A card whose image cannot be written goes mute`() throws {
        let path = "/proc/card-\(UUID().uuidString)"
        var file = ImageStorage(path: path)
        #expect(throws: CardStorageError.self) {
            try file.commit(try CardMemory.factory(uid: bytes("04112233445566")))
        }
        #expect(throws: CardStorageError.self) { try SoftwareNTAG424(storage: file) }
    }
}
