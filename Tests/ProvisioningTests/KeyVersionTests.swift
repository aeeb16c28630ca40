import CardEmulation
import Cards
import Crypto
import KeyStore
import Linux
import Testing
import Tokens

@testable import Provisioning

/// A true card of whose keys other versions are told than stand: GetKeyVersion outside a session is
/// answered by whoever lies between.
struct ToldChannel: CardChannel {
    let field: Field
    /// By key number.
    let versions: [UInt8]
    /// Which answers are changed, counted from 0: a read has five.
    var lies = 0..<Int.max
    private var count = 0

    init(field: Field, versions: [UInt8], lies: Range<Int> = 0..<Int.max) {
        self.field = field
        self.versions = versions
        self.lies = lies
    }

    mutating func transmit(_ command: [UInt8]) throws(CardError) -> [UInt8] {
        let answer = field.respond(command)
        guard !answer.isEmpty else { throw .removed }
        let isTold = command.count == 7 && command[1] == 0x64 && answer.suffix(2) == [0x91, 0x00]
        guard isTold else { return answer }
        count += 1
        return lies.contains(count - 1) ? [versions[Int(command[5])], 0x91, 0x00] : answer
    }
}

/// Every answer of a session's GetKeyVersion (64) or GetFileSettings (F5) passes through here.
struct SignedChannel: CardChannel {
    let field: Field
    let instruction: UInt8
    let change: ([UInt8]) -> [UInt8]

    mutating func transmit(_ command: [UInt8]) throws(CardError) -> [UInt8] {
        let answer = field.respond(command)
        return command.count == 15 && command[1] == instruction ? change(answer) : answer
    }
}

/// Somebody's own chip with factory keys, that shows what another card shows to all the world.
private final class Impostor {
    private var shown: SoftwareNTAG424
    private var own: SoftwareNTAG424
    private let versions: [UInt8]
    private(set) var sent: [[UInt8]] = []

    init(showing victim: CardMemory, versions: [UInt8]) throws {
        shown = SoftwareNTAG424(victim)
        own = SoftwareNTAG424(try factory(victim.uid))
        self.versions = versions
        shown.powerOn()
        own.powerOn()
    }

    func respond(_ command: [UInt8]) -> [UInt8] {
        sent.append(command)
        switch command[1] {
        case 0x64 where command.count == 7: return [versions[Int(command[5])], 0x91, 0x00]
        case 0xA4:
            _ = own.respond(to: command)
            return shown.respond(to: command)
        case 0xAF where command.count == 5, 0x60, 0x3C, 0xF5, 0xB0:
            return shown.respond(to: command)
        default: return own.respond(to: command)
        }
    }

    struct Channel: CardChannel {
        let impostor: Impostor
        mutating func transmit(_ command: [UInt8]) throws(CardError) -> [UInt8] {
            impostor.respond(command)
        }
    }
}

/// What is told of key versions and of rights (FileRightsTests.swift), against what is signed.
@Suite struct KeyVersionTests {
    let network: Network
    let order: CardOrder
    let whole: CardMemory

    init() throws {
        network = Network(keys: try Epochs.keys(1, 2), epoch: 1)
        order = try Network.order()
        let field = Field(try factory())
        try network.provision(field, order)
        whole = try #require(field.memory)
    }

    func engine(_ epoch: UInt8 = 1) -> Personalisation {
        Personalisation(keys: network.keys, epoch: epoch)
    }

    /// The card with these versions told of it.
    private func told(
        _ memory: CardMemory, _ versions: [UInt8]
    ) -> (field: Field, channel: ToldChannel) {
        let field = Field(memory)
        return (field, ToldChannel(field: field, versions: versions))
    }

    @Test func `A whole card signs the versions of its keys, under its key 2`() throws {
        let field = Field(whole)
        try network.verify(field)
        #expect(field.commands == 26)
        let signed = field.sent.filter { $0[1] == 0x64 && $0.count == 15 }
        #expect(signed.map { $0[5] } == [0, 1, 2, 3, 4])
        #expect(field.sent.filter { $0[1] == 0x71 }.map { $0[5] } == [2, 3])
    }

    /// The finding that asked for the signature: a card torn before key 4 or before key 0.
    @Test(
        arguments: [(37, 0, [1, 1, 1, 1, 1]), (36, 4, [0, 1, 1, 1, 1])] as [(Int, Int, [UInt8])])
    func `A key that is told to be changed and is not, is found`(
        command: Int, key: Int, versions: [UInt8]
    ) throws {
        let field = Field(try factory(), try FaultPlan("lost@\(command)"))
        _ = try? network.provision(field, order)
        let memory = try #require(field.memory)
        #expect(memory.keys[key].version == 0)
        let finding = ProvisioningError.keyVersion(key: UInt8(key), told: 1, signed: 0)
        var (torn, channel) = told(memory, versions)
        #expect(throws: finding) { try Verification(keys: network.keys).run(&channel) }
        #expect(throws: finding) { try engine().run(&channel, order) }
        if key == 0 { #expect(throws: finding) { try engine(2).rekey(&channel) } }
        #expect(throws: finding) { try Diagnosis.read(&channel, keys: network.keys) }
        #expect(torn.memory?.keys == memory.keys)
        (torn, channel) = told(whole, [1, 1, 1, 1, 1].enumerated().map { $0.0 == key ? 0 : 1 })
        let other = ProvisioningError.keyVersion(key: UInt8(key), told: 0, signed: 1)
        #expect(throws: other) { try Verification(keys: network.keys).run(&channel) }
        #expect(throws: other) { try engine().reset(&channel) }
        #expect(throws: other) { try Diagnosis.read(&channel, keys: network.keys) }
        #expect(torn.memory?.keys == whole.keys && torn.memory?.files == whole.files)
    }

    @Test func `No step is recorded as found by a version that was only told`() throws {
        for (command, versions, refusal) in [
            // Key 1 is ours: of key 2 the mirrors tell, nothing is tried; of key 4 a try does.
            (34, [0, 1, 1, 0, 1], ProvisioningError.foreign("the SDM MAC")),
            (34, [0, 1, 0, 0, 1], .verification("key 4")),
            // Key 2 is ours too: it signs.
            (35, [0, 1, 1, 0, 1], .keyVersion(key: 4, told: 1, signed: 0)),
        ] as [(Int, [UInt8], ProvisioningError)] {
            let field = Field(try factory(), try FaultPlan("lost@\(command)"))
            _ = try? network.provision(field, order)
            let witness = Witness()
            var (_, channel) = told(try #require(field.memory), versions)
            #expect(throws: refusal) {
                try Personalisation(keys: network.keys, epoch: 1, recorder: witness)
                    .run(&channel, order)
            }
            #expect(witness.all.isEmpty)
        }
    }

    @Test func `What an impostor with a factory key 0 is sent tells it no key`() throws {
        // It shows a card of ours, but of its own keys it knows the factory's alone: a reset would
        // change the old keys to the factory's under that key 0, and so send them.
        for versions: [UInt8] in [[0, 1, 1, 1, 1], [0, 1, 1, 0, 0]] {
            let works: [(inout Impostor.Channel) throws -> Void] = [
                { try engine().reset(&$0) }, { _ = try engine().run(&$0, order) },
            ]
            for work in works {
                let impostor = try Impostor(showing: whole, versions: versions)
                var channel = Impostor.Channel(impostor: impostor)
                #expect(throws: ProvisioningError.verification("key 2")) { try work(&channel) }
                #expect(impostor.sent.contains { $0[1] == 0x71 })
                #expect(!impostor.sent.contains { [0xC4, 0x8D, 0x5F].contains($0[1]) })
            }
        }
    }

    @Test func `A version whose signature is wrong, missing or another's is no answer`() throws {
        var last: [UInt8] = []
        let changes: [(String, ([UInt8]) -> [UInt8])] = [
            ("wrong MAC", { [$0[0] ^ 1] + $0.dropFirst() }),
            ("wrong MAC", { $0.dropLast(3) + [$0[$0.count - 3] ^ 0x80] + $0.suffix(2) }),
            ("no MAC", { [$0[0]] + $0.suffix(2) }),
            (
                "wrong MAC",
                { answer in
                    defer { last = answer }
                    return last.isEmpty ? answer : last
                }
            ),
        ]
        for (what, change) in changes {
            let field = Field(whole)
            var channel = SignedChannel(field: field, instruction: 0x64, change: change)
            #expect(throws: ProvisioningError.verification("GetKeyVersion: \(what)")) {
                try Verification(keys: network.keys).run(&channel)
            }
            field.again()
            last = []
            #expect(throws: ProvisioningError.verification("GetKeyVersion: \(what)")) {
                try engine().reset(&channel)
            }
            #expect(field.memory?.keys == whole.keys && field.memory?.files == whole.files)
        }
    }

    @Test func `A key that is locked out gives way to the next`() throws {
        let field = Field(whole)
        var channel = FieldChannel(field: field)
        try NTAG424.selectApplication(&channel)
        let master = try network.keys.cardKey(0, uid: uid, epoch: 1)
        let session = try NTAG424.authenticate(&channel, key: master, keyNumber: 0)
        // SetConfiguration 0A: failures count, at most 3 of them (CARD-COMMANDS §6.3).
        _ = try channel.transmit(
            try session.command(0x5C, header: [0x0A], data: [1, 3, 0, 1, 0], mode: .full))
        for _ in 0..<3 {
            try NTAG424.selectApplication(&channel)
            _ = try? NTAG424.authenticate(&channel, key: master, keyNumber: 2)
        }
        field.again()
        try network.verify(field)
        #expect(field.sent.filter { $0[1] == 0x71 }.map { $0[5] } == [2, 4, 3])
        field.again()
        try network.with(epoch: 2).rekey(field)
        field.again()
        #expect(try network.verify(field).epoch == 2)
        #expect(field.sent.filter { $0[1] == 0x71 }.map { $0[5] } == [2, 3], "freed")
    }

    /// Cards in every condition, with the number of tries a lie may cost each.
    private func conditions() throws -> [(memory: CardMemory, tries: UInt16)] {
        var cards = [(try factory(), UInt16(0)), (whole, 0)]
        func add(_ start: CardMemory, _ command: Int, _ work: (Field) throws -> Void) throws {
            let field = Field(start, try FaultPlan("lost@\(command)"))
            try? work(field)
            let memory = try #require(field.memory)
            // No mirror vouches for keys 3, 4 and 0: without a key 2 of ours one of them is tried.
            cards.append((memory, memory.keys[2].version == 0 ? 1 : 0))
        }
        for command in [33, 34, 35, 37] {
            try add(try factory(), command) { try network.provision($0, order) }
        }
        for command in [26, 28, 29] {
            try add(whole, command) { try network.with(epoch: 2).rekey($0) }
        }
        for command in [26, 27, 29, 35] { try add(whole, command) { try network.reset($0) } }
        return cards
    }

    /// 243 sets of versions for each of 13 cards.
    @Test func `Whatever is told of versions, nothing untrue is done or said`() throws {
        var (cases, claims) = (0, 0)
        for card in try conditions() {
            let honest = try Diagnosis.read(of: Field(card.memory), network.keys)
            for number in 0..<243 {
                let versions = [1, 3, 9, 27, 81].map { UInt8(number / $0 % 3) }
                // The first read told otherwise for five works, the later ones for three.
                for play in 0..<(number % 9 == 4 ? 8 : 5) {
                    cases += 1
                    let work = play < 5 ? play : play - 4
                    let field = Field(card.memory)
                    let channel = ToldChannel(
                        field: field, versions: versions,
                        lies: play < 5 ? 0..<5 : 5..<Int.max)
                    let place: Comment = "\(card.memory.keys.map(\.version)) \(versions) \(play)"
                    if try isClaimed(work, channel, honest, place) {
                        claims += 1
                        try expectTrue(work, field, place)
                    }
                    let before = card.memory.keys.map(\.totalFailures)
                    let after = try #require(field.memory).keys.map(\.totalFailures)
                    let lost = zip(after, before).reduce(0) { $0 + ($1.0 > $1.1 ? 1 : 0) }
                    #expect(lost <= Int(card.tries), place)
                }
            }
        }
        Console.error("told versions: \(cases) conversations, \(claims) claims, all true")
    }

    /// Whether the work claims to be done; what a diagnosis signs is held against the honest one.
    private func isClaimed(
        _ work: Int, _ told: ToldChannel, _ honest: Diagnosis, _ place: Comment
    ) throws -> Bool {
        var channel = told
        do {
            switch work {
            case 0: _ = try Verification(keys: network.keys).run(&channel)
            case 1: _ = try engine().run(&channel, order)
            case 2: _ = try engine(2).rekey(&channel)
            case 3: try engine().reset(&channel)
            default:
                let said = try Diagnosis.read(&channel, keys: network.keys)
                if said.versionsAreSigned { #expect(said == honest, place) }
                return false
            }
        } catch { return false }
        return true
    }

    private func expectTrue(_ work: Int, _ field: Field, _ place: Comment) throws {
        field.again()
        if work == 3 { return try expectFactory(field) }
        #expect(throws: Never.self, place) {
            let claims = try network.verify(field)
            #expect(claims.number == order.number && (work == 0 || claims.epoch == work), place)
        }
    }
}

extension Diagnosis {
    fileprivate static func read(of field: Field, _ keys: IssuerKeys) throws -> Diagnosis {
        var channel = FieldChannel(field: field)
        return try read(&channel, keys: keys)
    }
}
