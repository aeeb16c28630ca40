import CardEmulation
import Cards
import Crypto
import KeyStore
import Provisioning
import Testing
import Tokens

/// A reader's field with one software card in it.
final class Field {
    var card: FaultyCard
    private(set) var sent: [[UInt8]] = []
    var commands: Int { sent.count }

    init(_ memory: CardMemory, _ plan: FaultPlan = FaultPlan()) {
        card = FaultyCard(SoftwareNTAG424(memory), plan: plan)
        card.powerOn()
    }

    var memory: CardMemory? { (card.card as? SoftwareNTAG424)?.memory }

    /// Takes the card off and lays it on again: a new field, no fault left.
    func again(_ plan: FaultPlan = FaultPlan()) {
        card = FaultyCard(card.card, plan: plan)
        card.powerOff()
        card.powerOn()
        sent = []
    }

    func respond(_ command: [UInt8]) -> [UInt8] {
        sent.append(command)
        return card.respond(to: command)
    }
}

/// The way to the card, as a reader gives it.
struct FieldChannel: CardChannel {
    let field: Field

    mutating func transmit(_ command: [UInt8]) throws(CardError) -> [UInt8] {
        let answer = field.respond(command)
        guard !answer.isEmpty else { throw .removed }
        return answer
    }
}

/// One network: its keys, and what is done with them to a card in a field.
struct Network {
    let keys: IssuerKeys
    let epoch: UInt8

    init(epoch: UInt8 = 1) throws {
        self.init(keys: try IssuerKeys.create(epoch: epoch), epoch: epoch)
    }

    init(keys: IssuerKeys, epoch: UInt8) {
        self.keys = keys
        self.epoch = epoch
    }

    func with(epoch: UInt8) -> Network { Network(keys: keys, epoch: epoch) }

    static func order(_ serial: Int64 = 10, host: String = "carte.eco.example") throws -> CardOrder
    {
        CardOrder(
            number: try #require(CardNumber(serial: serial)), cardClass: .member, host: host,
            issued: 1_800_000_000, expires: 1_900_000_000)
    }

    @discardableResult
    func provision(
        _ field: Field, _ order: CardOrder,
        requiresOriginal: Bool = false, recorder: (any PersonalisationRecorder)? = nil,
        progress: @escaping @Sendable (ProvisioningStep) -> Void = { _ in }
    ) throws(ProvisioningError) -> ProvisionedCard {
        var channel = FieldChannel(field: field)
        return try Personalisation(
            keys: keys, epoch: epoch, requiresOriginal: requiresOriginal, recorder: recorder,
            progress: progress
        ).run(&channel, order)
    }

    @discardableResult
    func rekey(_ field: Field) throws(ProvisioningError) -> ProvisionedCard {
        var channel = FieldChannel(field: field)
        return try Personalisation(keys: keys, epoch: epoch).rekey(&channel)
    }

    func reset(_ field: Field) throws(ProvisioningError) {
        var channel = FieldChannel(field: field)
        try Personalisation(keys: keys, epoch: epoch).reset(&channel)
    }

    @discardableResult
    func verify(_ field: Field) throws(ProvisioningError) -> CardToken {
        var channel = FieldChannel(field: field)
        return try Verification(keys: keys).run(&channel)
    }
}

func inspect(_ field: Field) throws(ProvisioningError) -> Inspection {
    var channel = FieldChannel(field: field)
    return try Inspection.read(&channel)
}

let uid: [UInt8] = [0x04, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66]

func factory(_ uid: [UInt8] = uid) throws -> CardMemory { try CardMemory.factory(uid: uid) }

/// A tear must have ended the work as a card that left.
func isTorn(_ error: (any Error)?) -> Bool {
    error as? ProvisioningError == .card(.removed)
}
