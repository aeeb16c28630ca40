import Crypto
import Testing

@testable import CardEmulation

/// Published SUN messages, produced again by reading a card arranged like the published one.
@Suite struct MirrorVectorTests {
    static let encrypted = Vector.of("sdm").filter {
        $0.operation == "sdm_message" && $0.bytes("picc_enc") != nil
    }
    static let plain = Vector.of("sdm").filter {
        $0.operation == "sdm_message" && $0.bytes("picc_enc") == nil
    }

    @Test func `The vectors are there`() {
        #expect(Self.encrypted.count == 6)
        #expect(Self.plain.count == 3)
    }

    @Test(arguments: encrypted)
    func `Encrypted PICC data, file data and MAC are as published`(_ vector: Vector) throws {
        let meta = try AES128Key(try #require(vector.bytes("meta_read_key")))
        let picc = try #require(vector.bytes("picc_enc"))
        let identity = try meta.decryptCBC(picc)
        #expect(identity[0] == 0xC7)
        let counter = UInt32(identity[8]) | UInt32(identity[9]) << 8 | UInt32(identity[10]) << 16
        let cipher = vector.bytes("enc_file")
        let suffix = Array("&cmac=".utf8)
        let carriesSuffix = vector.text("mac_input_ascii")?.hasSuffix("&cmac=") ?? false
        let input = 48
        let macOffset = cipher == nil ? input : input + 32 + (carriesSuffix ? suffix.count : 0)

        var block = [0x40] + bytes("00E0") + [cipher == nil ? 0xC1 : 0xD1] + bytes("FF12")
        block += little(8) + little(input)
        if cipher != nil { block += little(input) + little(32) }
        block += little(macOffset)
        var memory = try CardMemory.factory(uid: Array(identity[1..<8]))
        try memory.setKey(1, try #require(vector.bytes("meta_read_key")))
        try memory.setKey(2, try #require(vector.bytes("file_read_key")))
        try memory.setSettings(block, file: 2)
        if let data = vector.bytes("file_data") {
            memory.setContent(data, file: 2, offset: input)
        }
        if carriesSuffix { memory.setContent(suffix, file: 2, offset: input + 32) }

        let padding = ScriptedRandomness([Array(identity[11...])])
        let image: [UInt8]
        if counter == 0 {
            // No read shows counter 0: only the arithmetic can be checked.
            memory.setReadCounter(0)
            let settings = try #require(memory.files[1].settings.mirroring)
            var random: any CardRandomness = padding
            var mirror = MirroredFile(
                settings, content: memory.files[1].content, memory: memory)
            image = mirror.build(&random)
        } else {
            memory.setReadCounter(counter - 1)
            var card = SoftwareNTAG424(memory, randomness: padding)
            card.powerOn()
            _ = card.respond(to: TestTerminal.selectApplication)
            image = card.respond(to: bytes("00B0840000"))
            #expect(status(image) == "9000")
            #expect(card.memory.readCounter == counter)
        }
        #expect(Array(image[8..<40]) == Hexadecimal.ascii(picc))
        if let cipher {
            #expect(Array(image[input..<input + 32]) == Hexadecimal.ascii(cipher))
        }
        let mac = try #require(vector.bytes("sdmmac"))
        #expect(Array(image[macOffset..<macOffset + 16]) == Hexadecimal.ascii(mac))
    }

    @Test(arguments: plain)
    func `Plain mirrors and their MAC are as published`(_ vector: Vector) throws {
        let uid = try #require(vector.bytes("uid"))
        let counter = try #require(vector.bytes("read_ctr_lsb"))
        let value = UInt32(counter[0]) | UInt32(counter[1]) << 8 | UInt32(counter[2]) << 16
        var memory = try CardMemory.factory(uid: uid)
        try memory.setKey(3, try #require(vector.bytes("file_read_key")))
        let block = bytes("40 00E0 C1 FFE3") + little(10) + little(30) + little(50) + little(50)
        try memory.setSettings(block, file: 2)
        memory.setReadCounter(value - 1)
        var card = SoftwareNTAG424(memory)
        card.powerOn()
        _ = card.respond(to: TestTerminal.selectApplication)
        let image = card.respond(to: bytes("90AD0000070200000000000000"))
        #expect(status(image) == "9100")
        #expect(Array(image[10..<24]) == Hexadecimal.ascii(uid))
        #expect(Array(image[30..<36]) == Hexadecimal.ascii(counter.reversed()))
        let mac = try #require(vector.bytes("sdmmac"))
        #expect(Array(image[50..<66]) == Hexadecimal.ascii(mac))
    }
}
