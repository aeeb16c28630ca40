import CardEmulation
import Cards
import Crypto
import Foundation
import KeyStore
import Linux
import Provisioning
import TestSupport
import Threads
import Tokens

/// Cards for a stall's people, made by the product's own engine, without a reader between.
struct Pocket {
    private static let firstSerial: Int64 = 10_000_000_002
    let folder: String
    /// What `eco-ledger card add` reads.
    var register: String { folder + "/cards.ndjson" }

    /// Makes cards of the class member with keys of epoch 1 from the folder's issuer keys.
    func makeCards(_ count: Int) throws -> [PocketCard] {
        let phrase = try passphrase(file: folder + "/pass")
        let issuer = try IssuerKeys.open(path: folder + "/keys/issuer.keys", passphrase: phrase)
        let engine = Personalisation(keys: issuer, epoch: 1)
        try Files.makeDirectory(folder + "/cards")
        let now = CalendarClock.now / 1_000
        var lines = ""
        var cards: [PocketCard] = []
        for index in 0..<count {
            guard let number = CardNumber(serial: Self.firstSerial + Int64(index)) else {
                throw Stall.Setup(what: "no card number")
            }
            let uid = [0x04, 0x5A, 1, 2, 3, UInt8(index / 256), UInt8(index % 256)]
            var storage = ImageStorage(path: folder + "/cards/\(number.digits).image")
            var channel = PocketChannel(SoftwareNTAG424(try CardMemory.factory(uid: uid)))
            let order = CardOrder(
                number: number, cardClass: .member, host: "carte.eco.example", issued: now,
                expires: now + 31_536_000)
            _ = try engine.run(&channel, order)
            try storage.commit(channel.card.memory)
            lines +=
                "{\"number\":\"\(number.digits)\",\"uid\":\"\(Hexadecimal.text(uid))\","
                + "\"epoch\":1,\"class\":1}\n"
            cards.append(PocketCard(number: number, storage: storage))
        }
        try Files.writeAtomically(Array(lines.utf8), to: register)
        return cards
    }
}

/// Lets a card answer.
final class CardGate: Sendable {
    private let isOpen = Monitor(false)

    func open() { isOpen.update { $0 = true } }

    /// Waits until it is let, a minute at most.
    func pass() { _ = isOpen.wait(atMost: .seconds(60)) { $0 ? true : nil } }
}

/// A card that is slow over the last command of a payment.
struct HeldCard: SoftwareCard {
    /// APDUs of a payment.
    private static let last = 9

    var card: SoftwareNTAG424
    let gate: CardGate
    private var count = 0

    init(card: SoftwareNTAG424, gate: CardGate) {
        self.card = card
        self.gate = gate
    }

    var atr: [UInt8] { card.atr }
    var identity: ContactlessIdentity { card.identity }

    mutating func powerOn() {
        count = 0
        card.powerOn()
    }

    mutating func powerOff() { card.powerOff() }

    mutating func respond(to command: [UInt8]) -> [UInt8] {
        count += 1
        if count == Self.last { gate.pass() }
        return card.respond(to: command)
    }
}

/// A powered card in hand.
private struct PocketChannel: CardChannel {
    var card: SoftwareNTAG424

    init(_ card: SoftwareNTAG424) {
        self.card = card
        self.card.powerOn()
    }

    mutating func transmit(_ command: [UInt8]) throws(CardError) -> [UInt8] {
        let answer = card.respond(to: command)
        guard !answer.isEmpty else { throw .removed }
        return answer
    }
}
