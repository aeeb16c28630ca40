import Crypto
import Testing

@testable import CardEmulation

/// Published exchanges, replayed against the software card. Vectors of other cards (DESFire Light
/// objects the NTAG does not have) and of LRP mode are left out by name.
@Suite struct VectorTests {
    static let handshakes = Vector.of("ev2-auth", "hw-auth")
        .filter { $0.operation == "ev2_auth_first" }
    static let exchanges = [
        "an12196-t8-getfilesettings", "an12343-t38-getkeyversion-mac",
        "an12196-t18-writedata-full", "an12196-t22-writedata-full-file3",
        "an12196-t29-getcarduid", "an12196-t9-writedata-full", "an12343-t7-getcarduid",
        "an12196-t19-changefilesettings", "an12196-t28-setconfig-rid",
    ]

    @Test func `The vectors are there`() {
        #expect(Vector.all.count == 237)
        #expect(Self.handshakes.count == 9)
    }

    /// Replays a handshake; the card is then in the published session.
    private func open(
        _ vector: Vector, arrange: (inout CardMemory) throws -> Void = { _ in }
    ) throws -> SoftwareNTAG424 {
        let key = try #require(vector.bytes("key"))
        let encrypted = try #require(vector.bytes("enc_rndb"))
        let challenge = try AES128Key(key).decryptCBC(encrypted)
        let identifier = try #require(vector.bytes("ti"))
        var card = try factoryCard(
            arrange: { memory in
                try memory.setKey(0, key)
                try arrange(&memory)
            }, randomness: ScriptedRandomness([challenge, identifier]))
        #expect(card.respond(to: bytes("9071000002000000")) == encrypted + bytes("91AF"))
        let second = try #require(vector.bytes("part2_cmd_data"))
        let answer = card.respond(to: TestTerminal.native(0xAF, second))
        #expect(try answer == #require(vector.bytes("part2_resp_data")) + bytes("9100"))
        return card
    }

    @Test(arguments: handshakes)
    func `EV2First answers as published and derives the published keys`(_ vector: Vector) throws {
        let card = try open(vector)
        let session = try #require(card.session)
        #expect(session.identifier == vector.bytes("ti"))
        let keys = try #require(vector.bytes("ses_enc").map { ($0, vector.bytes("ses_mac")) })
        let probe = [UInt8](repeating: 0x5A, count: 16)
        #expect(session.encryption.block(probe) == CardCipher(keys.0).block(probe))
        let mac = try #require(keys.1)
        #expect(session.authentication.cmac(probe) == CardCipher(mac).cmac(probe))
    }

    @Test func `EV2NonFirst keeps the transaction and derives the published keys`() throws {
        let vector = try #require(Vector.named("an12196-t24-ev2nonfirst-k0"))
        let challenge = try #require(vector.bytes("rndb"))
        var card = try factoryCard(randomness: ScriptedRandomness([challenge]))
        card.session = session(
            "7614281A", counter: 1, enc: TestTerminal.zero, mac: TestTerminal.zero)
        let first = card.respond(to: bytes("90770000010000"))
        #expect(try first == #require(vector.bytes("enc_rndb")) + bytes("91AF"))
        let second = try #require(vector.bytes("part2_cmd_data"))
        let answer = card.respond(to: TestTerminal.native(0xAF, second))
        #expect(try answer == #require(vector.bytes("part2_resp_data")) + bytes("9100"))
        let session = try #require(card.session)
        #expect(session.identifier == bytes("7614281A"))
        #expect(session.counter == 1)
        let mac = try #require(vector.bytes("ses_mac"))
        #expect(session.authentication.cmac([]) == CardCipher(mac).cmac([]))
    }

    private func session(
        _ identifier: String, counter: Int, enc: [UInt8], mac: [UInt8], key: Int = 0
    ) -> Session {
        Session(
            keyNumber: key, encryption: CardCipher(enc), authentication: CardCipher(mac),
            identifier: bytes(identifier), counter: UInt16(counter))
    }

    private func session(_ vector: Vector, key: Int = 0) throws -> Session {
        session(
            try #require(vector.text("ti")), counter: try #require(vector.number("cmd_ctr")),
            enc: vector.bytes("ses_enc") ?? TestTerminal.zero,
            mac: try #require(vector.bytes("ses_mac")), key: key)
    }

    @Test(arguments: exchanges)
    func `A session exchange answers as published`(_ id: String) throws {
        let vector = try #require(Vector.named(id))
        var uid = "04112233445566"
        if vector.text("ins") == "51" { uid = try #require(vector.text("resp_data")) }
        var card = try factoryCard(
            uid: uid,
            arrange: { memory in
                if vector.text("ins") == "F5" {
                    let settings = try #require(vector.bytes("resp_data"))
                    try memory.setSettings(Array(settings[1...3] + settings[7...]), file: 2)
                } else if vector.text("ins") == "8D" {
                    try memory.setSettings(bytes("0300E0"), file: 2)
                }
            })
        card.session = try session(vector, key: id.contains("file3") ? 3 : 0)
        let answer = card.respond(to: try #require(vector.bytes("c_apdu")))
        #expect(answer == vector.bytes("r_apdu"))
        let data = vector.bytes("data") ?? []
        switch vector.text("ins") {
        case "8D":
            let number = Int(try #require(vector.bytes("header"))[0])
            #expect(card.memory.files[number - 1].content.starts(with: data))
        case "5F": #expect(card.memory.files[1].settings.block == data)
        case "5C": #expect(card.memory.configuration.usesRandomIdentifier)
        default: #expect(card.writes == 0)
        }
    }

    @Test func `Asking for LRP mode is denied and writes nothing`() throws {
        let vector = try #require(Vector.named("an12343-t18-setconfig-lrp"))
        var card = try factoryCard()
        card.session = try session(vector)
        #expect(card.respond(to: try #require(vector.bytes("c_apdu"))) == bytes("919D"))
        #expect(card.session == nil)
        #expect(card.writes == 0)
    }

    @Test(arguments: [
        "an12196-t26-changekey-other", "an12196-t27-changekey-same", "drusifer-changekey0-reset",
        "drusifer-changekey1-reset",
    ])
    func `ChangeKey answers as published and stores the key`(_ id: String) throws {
        let vector = try #require(Vector.named(id))
        let number = try #require(vector.number("key_no"))
        var card = try factoryCard(
            arrange: { memory in
                if let old = vector.bytes("old_key") { try memory.setKey(number, old) }
            })
        card.session = try session(vector)
        #expect(
            card.respond(to: try #require(vector.bytes("c_apdu"))) == vector.bytes("r_apdu"))
        #expect(card.memory.keys[number].value == vector.bytes("new_key"))
        #expect([card.memory.keys[number].version] == vector.bytes("new_version"))
        #expect((card.session == nil) == (number == 0))
        #expect(card.writes == 1)
    }

    @Test func `A whole session of a real card is reproduced`() throws {
        let handshake = try #require(Vector.named("hw-aes-a-auth-k0"))
        let version = try #require(Vector.named("hw-aes-a-00-getversion"))
        let signature = try #require(Vector.named("hw-aes-a-01-readsig"))
        let settings = try #require(Vector.named("hw-aes-a-07-getfilesettings2"))
        let told = try #require(version.bytes("resp_data"))
        let body = try #require(signature.bytes("resp_body"))
        // The signature is published only as a cryptogram of this session.
        var reader = TestTerminal(
            encryption: try #require(handshake.bytes("ses_enc")),
            authentication: try #require(handshake.bytes("ses_mac")),
            identifier: try #require(handshake.bytes("ti")), counter: 1)
        let plain = try #require(try reader.open(body + bytes("9190"), .full, success: 0x90))

        var memory = try CardMemory.factory(
            uid: Array(told[14..<21]), signature: plain,
            version: CardVersion(
                hardware: Array(told[..<7]), software: Array(told[7..<14]),
                production: Array(told[21...])))
        let block = try #require(settings.bytes("resp_data"))
        try memory.setSettings(Array(block[1...3] + block[7...]), file: 2)
        let challenge = try #require(handshake.bytes("rndb"))
        let identifier = try #require(handshake.bytes("ti"))
        var card = SoftwareNTAG424(
            memory, randomness: ScriptedRandomness([challenge, identifier]))
        card.powerOn()
        _ = card.respond(to: TestTerminal.selectApplication)
        _ = card.respond(to: bytes("9071000002000000"))
        let second = try #require(handshake.bytes("part2_cmd_data"))
        _ = card.respond(to: TestTerminal.native(0xAF, second))

        let mac = try #require(version.bytes("resp_mact"))
        let first = card.respond(to: try #require(version.bytes("c_apdu")))
        #expect(first == told[..<7] + bytes("91AF"))
        #expect(card.respond(to: bytes("90AF000000")) == told[7..<14] + bytes("91AF"))
        #expect(card.respond(to: bytes("90AF000000")) == told[14...] + mac + bytes("9100"))
        #expect(
            card.respond(to: try #require(signature.bytes("c_apdu"))) == body + bytes("9190"))
        for vector in Vector.of("hw-session") where vector.number("cmd_ctr") ?? 0 >= 2 {
            guard vector.id.hasPrefix("hw-aes-a") else { continue }
            #expect(
                card.respond(to: try #require(vector.bytes("c_apdu"))) == vector.bytes("r_apdu"))
        }
        #expect(card.session?.counter == 8)
    }

    @Test func `Another real card's session goes on at its counter`() throws {
        let vector = try #require(Vector.named("hw-aes-b-02-getkeyversion"))
        var card = try open(try #require(Vector.named("hw-aes-b-auth-k0")))
        card.session?.counter = 2
        #expect(card.respond(to: try #require(vector.bytes("c_apdu"))) == vector.bytes("r_apdu"))
    }
}
