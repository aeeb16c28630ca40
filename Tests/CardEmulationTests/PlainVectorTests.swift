import Crypto
import Testing

@testable import CardEmulation

/// Published exchanges outside a session.
@Suite struct PlainVectorTests {
    @Test(arguments: [
        "plain-select-df-name", "plain-select-df-name-p2-00", "plain-select-fid",
        "plain-select-e110", "plain-select-ef",
    ])
    func `SELECT answers as published`(_ id: String) throws {
        let vector = try #require(Vector.named(id))
        var card = try factoryCard()
        #expect(
            card.respond(to: try #require(vector.bytes("c_apdu")))
                == vector.bytes("published_response"))
    }

    @Test func `SELECT of another card's application is 6A82 and keeps the selection`() throws {
        var card = try factoryCard()
        for id in ["plain-light-select", "plain-light-select-fid"] {
            let vector = try #require(Vector.named(id))
            #expect(card.respond(to: try #require(vector.bytes("c_apdu"))) == bytes("6A82"))
        }
        #expect(status(card.respond(to: bytes("90640000010000"))) == "9100")
    }

    @Test func `GetVersion answers as published`() throws {
        for (hardware, software) in [
            ("plain-getversion-1", "plain-getversion-2"),
            ("plain-getversion-1-trace", "plain-getversion-2"),
        ] {
            let first = try #require(Vector.named(hardware))
            let second = try #require(Vector.named(software))
            let told = try (
                #require(first.bytes("published_response")),
                #require(second.bytes("published_response"))
            )
            let memory = try CardMemory.factory(
                uid: bytes("04112233445566"),
                version: CardVersion(
                    hardware: Array(told.0.dropLast(2)), software: Array(told.1.dropLast(2)),
                    production: bytes("CF5D9045104621")))
            var card = SoftwareNTAG424(memory)
            card.powerOn()
            #expect(card.respond(to: try #require(first.bytes("c_apdu"))) == told.0)
            #expect(card.respond(to: try #require(second.bytes("c_apdu"))) == told.1)
            #expect(
                card.respond(to: bytes("90AF000000"))
                    == bytes("04112233445566 CF5D9045104621 9100"))
        }
    }

    @Test(arguments: Vector.of("settings"))
    func `GetFileSettings tells the published settings`(_ vector: Vector) throws {
        let settings = try #require(vector.bytes("settings"))
        var card = try factoryCard(
            arrange: { try $0.setSettings(Array(settings[1...3] + settings[7...]), file: 2) })
        #expect(card.respond(to: bytes("90F50000010200")) == settings + bytes("9100"))
    }

    @Test func `UPDATE BINARY with a trailing Le writes the published NDEF`() throws {
        let vector = try #require(Vector.named("plain-updatebinary"))
        let data = try #require(vector.bytes("data"))
        var card = try factoryCard()
        #expect(card.respond(to: bytes("00A4000C02E10400")) == bytes("9000"))
        #expect(card.respond(to: try #require(vector.bytes("c_apdu"))) == bytes("9000"))
        #expect(card.memory.files[1].content.starts(with: data))
        #expect(card.writes == 1)
        var short = try #require(vector.bytes("c_apdu"))
        short.removeLast()
        #expect(card.respond(to: short) == bytes("9000"))
    }

    @Test func `WriteData into the capability container is plain in a session with key 0`() throws {
        let vector = try #require(Vector.named("plain-writedata-cc"))
        var card = try factoryCard()
        #expect(card.respond(to: try #require(vector.bytes("c_apdu"))) == bytes("91AE"))
        var terminal = try #require(try TestTerminal.authenticate(&card, key: 0))
        let answer = card.respond(to: try #require(vector.bytes("c_apdu")))
        #expect(try terminal.open(answer, .plain) == [])
        #expect(card.session?.counter == 1)
        #expect(
            Array(card.memory.files[0].content[14..<32])
                == bytes("FF0506E10500808283000000000000000000"))
    }

    @Test func `Read_Sig answers as published`() throws {
        let vector = try #require(Vector.named("plain-readsig"))
        var card = try factoryCard(uid: "04518DFAA96180")
        #expect(
            card.respond(to: try #require(vector.bytes("c_apdu")))
                == vector.bytes("published_response"))
    }

    @Test func `Every published signature of an NTAG 424 comes with its UID`() throws {
        let key = try #require(Vector.named("origkey-ntag424")?.bytes("public_key"))
        let published = Vector.of("originality").filter {
            $0.bytes("public_key") == key && !$0.id.contains("neg")
        }
        #expect(published.count == 8)
        for vector in published {
            let memory = try CardMemory.factory(uid: try #require(vector.bytes("uid")))
            #expect(memory.originalitySignature == vector.bytes("signature"))
        }
    }

    @Test func `ChangeFileSettings in clear inside a session is a length error`() throws {
        let vector = try #require(Vector.named("plain-changefilesettings-in-session"))
        let logged = try #require(vector.bytes("c_apdu"))
        for command in [logged, logged + [0]] {
            var card = try factoryCard()
            _ = try #require(try TestTerminal.authenticate(&card, key: 0))
            let before = card.writes
            #expect(card.respond(to: command) == vector.bytes("published_response"))
            #expect(card.session == nil)
            #expect(card.writes == before)
        }
    }
}
