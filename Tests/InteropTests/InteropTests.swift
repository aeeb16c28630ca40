import COSE
import CardEmulation
import Cards
import Crypto
import Foundation
import KeyStore
import Linux
import Provisioning
import PythonTools
import ReaderEmulation
import Testing
import Tokens

/// Clients that others have written read our cards: none of them shares a line with the product.
///
///     Hardware/private-pcscd swift test --filter InteropTests
@Suite(
    .serialized,
    .enabled(if: ProcessInfo.processInfo.environment["ECO_PCSCD"] == "private"))
struct InteropTests {
    @Test(.enabled(if: Python.has("ndef", "smartcard")))
    func `ndeflib parses the NDEF that pyscard reads`() throws {
        let (card, slot) = try (MadeCard(), VirtualReaderSlot.first)
        defer { slot.stop() }
        slot.insert(card.software)
        let text = try untilThere { try Python.run("read_ndef", of: "InteropTests") }
        let read = try JSONDecoder().decode(Read.self, from: Data(text.utf8))
        try #require(read.records.count == 2)
        let address = try #require(read.records[0].uri)
        #expect(address.hasPrefix("https://carte.eco.example/c?d=" + zeros(32) + "&e="))
        #expect(!address.contains("&e=" + zeros(32)), "the card did not mirror its UID")
        #expect(read.records[1].type == "urn:nfc:ext:carte.eco:t")
        let token = try CarriedToken(try #require(Hexadecimal.bytes(read.records[1].data)))
        #expect(token.claims.uid == card.uid)
    }

    @Test(.enabled(if: Python.has("pycose", "cbor2")))
    func `pycose verifies the token, and not an altered one`() throws {
        let card = try MadeCard()
        let issuer = Hexadecimal.text(card.keys.issuerKey.bytes)
        let text = try Python.run(
            "verify_token", of: "InteropTests", input: [Hexadecimal.text(card.token), issuer])
        let seen = try JSONDecoder().decode(Seen.self, from: Data(text.utf8))
        #expect(seen.verified && seen.algorithm == "EDDSA")
        #expect(seen.number == MadeCard.number)
        #expect(seen.kid == Hexadecimal.text(Array(card.keys.issuerKey.kid.prefix(4))))
        #expect(seen.confirmation == Hexadecimal.text(card.uid + [1]))
        var altered = card.token
        altered[altered.count - 1] ^= 1
        let answer = try Python.run(
            "verify_token", of: "InteropTests", input: [Hexadecimal.text(altered), issuer])
        #expect(try !JSONDecoder().decode(Seen.self, from: Data(answer.utf8)).verified)
    }

    @Test(.enabled(if: Python.has("smartcard", "cryptography")))
    func `A client from the data sheet authenticates with the terminal's key alone`() throws {
        let (card, slot) = try (MadeCard(), VirtualReaderSlot.first)
        defer { slot.stop() }
        slot.insert(card.software)
        let key = try card.keys.cardKey(3, uid: card.uid, epoch: 1)
            .withBytes { Hexadecimal.text($0) }
        let uid = try untilThere {
            try Python.run("authenticate", of: "InteropTests", input: ["3", key])
        }
        #expect(uid == Hexadecimal.text(card.uid) + "\n")
        #expect(throws: Python.Failure.self) {
            try Python.run(
                "authenticate", of: "InteropTests", input: ["0", String(repeating: "0", count: 32)])
        }
    }

    private func zeros(_ count: Int) -> String { String(repeating: "0", count: count) }
}

private struct Read: Decodable {
    struct Record: Decodable {
        let type: String
        let data: String
        let uri: String?
    }
    let records: [Record]
}

private struct Seen: Decodable {
    let verified: Bool
    let algorithm: String
    let kid: String
    let number: String
    let confirmation: String
}

/// One software card, provisioned in memory under keys of its own.
struct MadeCard {
    static let number = CardNumber(serial: 10_000_000_007)?.digits ?? ""
    let keys: IssuerKeys
    let uid: [UInt8] = [0x04, 0xA1, 0xB2, 0xC3, 0xD4, 0xE5, 0x80]
    let software: SoftwareNTAG424
    let token: [UInt8]

    init() throws {
        keys = try IssuerKeys.create(epoch: 1)
        var channel = MemoryChannel(card: SoftwareNTAG424(try .factory(uid: uid)))
        channel.card.powerOn()
        let order = CardOrder(
            number: try #require(CardNumber(serial: 10_000_000_007)), cardClass: .member,
            host: "carte.eco.example", issued: 1_800_000_000, expires: 1_900_000_000)
        _ = try Personalisation(keys: keys, epoch: 1).run(&channel, order)
        token = try #require(try Inspection.read(&channel).token).message.bytes
        channel.card.powerOff()
        software = channel.card
    }
}

private struct MemoryChannel: CardChannel {
    var card: SoftwareNTAG424

    mutating func transmit(_ command: [UInt8]) throws(CardError) -> [UInt8] {
        let answer = card.respond(to: command)
        guard !answer.isEmpty else { throw .removed }
        return answer
    }
}

extension VirtualReaderSlot {
    /// The first slot of the pcscd of this name space.
    static var first: VirtualReaderSlot { VirtualReaderSlot(host: "127.0.0.1", port: 35963) }
}

/// pcscd looks for cards every 0.4 s: tries for 10 s until a client has found one.
func untilThere(_ body: () throws -> String) throws -> String {
    let end = ContinuousClock.now + .seconds(60)
    while true {
        do { return try body() } catch let failure as Python.Failure {
            guard failure.description.contains("no card in any reader"),
                ContinuousClock.now < end
            else { throw failure }
        }
    }
}
