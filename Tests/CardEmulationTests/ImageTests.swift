import Crypto
import Testing

@testable import CardEmulation

/// The image of a card: what is written is read, what is damaged is refused.
@Suite struct ImageTests {
    private func rich() throws -> CardMemory {
        var memory = try CardMemory.factory(uid: bytes("04518DFAA96180"))
        for number in 0...4 {
            try memory.setKey(
                number, [UInt8](repeating: UInt8(number + 1), count: 16), version: UInt8(number))
            memory.keys[number].totalFailures = UInt16(300 + number)
            memory.keys[number].sequentialFailures = 60
            memory.keys[number].spentDelays = UInt8(number)
        }
        try memory.setSettings(
            bytes("40 3012 F1 F121 080000 300000 300000 200000 600000 640000"), file: 2)
        try memory.setSettings(bytes("01 4E FF"), file: 3)
        memory.setContent(Array(0...255), file: 2)
        memory.setContent([9], file: 3, offset: 127)
        memory.setReadCounter(0x64)
        memory.configuration.failureLimit = 0x1234
        memory.configuration.capabilities = [3, 4]
        return memory
    }

    @Test func `An image gives back the memory it was made of`() throws {
        for memory in [try rich(), try CardMemory.factory(uid: bytes("04112233445566"))] {
            #expect(memory.image.count == CardMemory.imageSize)
            #expect(try CardMemory(image: memory.image) == memory)
        }
    }

    @Test func `Each flipped bit of an image is refused`() throws {
        let image = try rich().image
        for index in image.indices {
            for bit in 0..<8 {
                var bad = image
                bad[index] ^= 1 << UInt8(bit)
                let expected: CardMemoryError =
                    switch index {
                    case 0..<8: .notAnImage
                    case 8: .unknownVersion(bad[8])
                    default: .damaged
                    }
                #expect(throws: expected) { try CardMemory(image: bad) }
            }
        }
    }

    @Test func `Each shorter image, and a longer one, is refused`() throws {
        let image = try rich().image
        for count in 0..<image.count {
            #expect(throws: CardMemoryError.self) {
                try CardMemory(image: Array(image[..<count]))
            }
        }
        #expect(throws: CardMemoryError.wrongLength(expected: 760, got: 761)) {
            try CardMemory(image: image + [0])
        }
    }

    private static let impossible: [(Int, UInt8, CardMemoryError)] = [
        (9, 2, .unknownVersion(2)), (10, 0, .invalid("length")), (96, 8, .invalid("flags")),
        (124, 1, .invalid("key 0")), (216, 2, .invalid("settings of file 1")),
        (216, 32, .invalid("settings of file 1")), (247, 1, .invalid("settings of file 1")),
        (219, 0x5E, .invalid("settings of file 1")), (252, 0xF0, .invalid("settings of file 2")),
        (255, 0x38, .invalid("settings of file 2")), (281, 0x40, .invalid("settings of file 3")),
    ]

    @Test(arguments: impossible)
    func `A value the card cannot have is refused although the digest is right`(
        _ index: Int, _ value: UInt8, _ expected: CardMemoryError
    ) throws {
        var body = Array(try rich().image[..<728])
        body[index] = value
        #expect(throws: expected) { try CardMemory(image: body + sha256(body)) }
    }

    @Test func `A factory card is as delivered`() throws {
        var card = try factoryCard()
        #expect(card.memory.keys.allSatisfy { $0.isFactory && $0.version == 0 })
        #expect(card.memory.originalitySignature == [UInt8](repeating: 0, count: 56))
        #expect(card.respond(to: bytes("90F50000010100")) == bytes("00 00 00E0 200000 9100"))
        #expect(card.respond(to: bytes("90F50000010200")) == bytes("00 00 E0EE 000100 9100"))
        #expect(card.respond(to: bytes("90F50000010300")) == bytes("00 03 3023 800000 9100"))
        #expect(
            card.respond(to: bytes("00B0830017"))
                == bytes("00172001 0000FF 0406E10401000000 0506E10500808283 9000"))
        #expect(throws: CardMemoryError.wrongLength(expected: 7, got: 4)) {
            try CardMemory.factory(uid: [1, 2, 3, 4])
        }
        #expect(throws: CardMemoryError.wrongLength(expected: 56, got: 55)) {
            try CardMemory.factory(
                uid: bytes("04112233445566"), signature: [UInt8](repeating: 0, count: 55))
        }
    }

    @Test func `A key is never printed`() throws {
        var memory = try CardMemory.factory(uid: bytes("04112233445566"))
        try memory.setKey(1, bytes("DEADBEEFDEADBEEFDEADBEEFDEADBEEF"), version: 3)
        var text = ""
        dump(memory.keys[1], to: &text)
        text += "\(memory.keys[1]) \(String(reflecting: memory.keys[1])) \(memory)"
        for form in ["DEAD", "dead", "222, 173"] { #expect(!text.contains(form)) }
        #expect("\(memory.keys[1])" == "key version 3")
    }
}
