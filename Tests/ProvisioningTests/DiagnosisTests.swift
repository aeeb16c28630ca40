import CardEmulation
import Cards
import KeyStore
import Testing

@testable import Provisioning

/// What is said of each sort of card.
@Suite struct DiagnosisTests {
    private func diagnose(
        _ field: Field, _ keys: IssuerKeys? = nil
    ) throws -> Diagnosis {
        var channel = FieldChannel(field: field)
        return try Diagnosis.read(&channel, keys: keys)
    }

    @Test func `Blank, ours and foreign cards are told apart, and the keys say more`() throws {
        let network = try Network()
        let blank = try diagnose(Field(try factory()), network.keys)
        #expect(blank.word == "blank" && blank.door == .open)
        let field = Field(try factory())
        try network.provision(field, Network.order())
        let memory = try #require(field.memory)
        let ours = try diagnose(Field(memory))
        #expect(ours.word == "ours" && ours.door == .untried)
        #expect(ours.sentence == "A Carte ECO: 0000 0000 0109, key epoch 1.")
        #expect(try diagnose(Field(memory), network.keys).door == .open)
        let other = try diagnose(Field(memory), Network().keys)
        #expect(other.word == "foreign" && other.door == .untried)
        #expect(other.sentence.contains("no token of this issuer"))
    }

    @Test func `A half-written card is told with the step that comes next`() throws {
        let network = Network(keys: try Epochs.keys(1, 2), epoch: 1)
        var steps: [ProvisioningStep] = []
        for command in 25...39 {
            let field = Field(try factory(), try FaultPlan("lost@\(command)"))
            _ = try? network.provision(field, Network.order())
            field.again()
            if case .halfway(let next, _, _) = try diagnose(field).kind, steps.last != next {
                steps.append(next)
            }
        }
        #expect(
            steps == [
                .image, .stateSettings, .imageSettings, .key1, .key2, .key3, .key4, .key0,
            ])
        let whole = Field(try factory())
        try network.provision(whole, Network.order())
        let memory = try #require(whole.memory)
        steps = []
        for command in 25...31 {
            let field = Field(memory, try FaultPlan("lost@\(command)"))
            _ = try? network.with(epoch: 2).rekey(field)
            field.again()
            if case .betweenEpochs(let next, 1, 2, _) = try diagnose(field).kind {
                steps.append(next)
            }
        }
        #expect(steps == [.key2, .key4, .key3, .token, .key0])
    }

    @Test func `A key that was failed too often is told as locked out`() throws {
        let network = try Network()
        let field = Field(try factory())
        try network.provision(field, Network.order())
        var channel = FieldChannel(field: field)
        let wrong = try network.keys.cardKey(4, uid: uid, epoch: 1)
        for _ in 0..<60 {
            try NTAG424.selectApplication(&channel)
            _ = try? NTAG424.authenticate(&channel, key: wrong, keyNumber: 3)
        }
        field.again()
        let locked = try diagnose(field, network.keys)
        #expect(locked.door == .delayed && locked.word == "ours")
        #expect(locked.advice.contains { $0.contains("91AD") })
        #expect(throws: ProvisioningError.lockedOut(key: 3, isFinal: false)) {
            try network.verify(field)
        }
        // Each run waits some of it out; a card that waited opens again.
        let opened = (0..<100).contains { _ in (try? diagnose(field, network.keys).door) == .open }
        #expect(opened)
    }

    @Test func `A key that failed beyond the card's limit is closed, and another epoch frees it`()
        throws
    {
        let network = Network(keys: try Epochs.keys(1, 2), epoch: 1)
        let field = Field(try factory())
        try network.provision(field, Network.order())
        var channel = FieldChannel(field: field)
        try NTAG424.selectApplication(&channel)
        let master = try network.keys.cardKey(0, uid: uid, epoch: 1)
        let session = try NTAG424.authenticate(&channel, key: master, keyNumber: 0)
        // SetConfiguration 0A: failures count, at most 3 of them (CARD-COMMANDS §6.3).
        _ = try channel.transmit(
            try session.command(0x5C, header: [0x0A], data: [1, 3, 0, 1, 0], mode: .full))
        let wrong = try network.keys.cardKey(4, uid: uid, epoch: 1)
        for _ in 0..<3 {
            try NTAG424.selectApplication(&channel)
            _ = try? NTAG424.authenticate(&channel, key: wrong, keyNumber: 3)
        }
        field.again()
        #expect(try diagnose(field, network.keys).door == .closed)
        field.again()
        try network.with(epoch: 2).rekey(field)
        #expect(try diagnose(field, network.keys).door == .open)
    }

    @Test func `Other cards say what they are by their version`() throws {
        for (plan, words) in [
            ("sw=6A82@1,sw=6D00@2", "another"), ("sw=6A82@1", "NTAG"),
        ] {
            let field = Field(try factory(), try FaultPlan(plan))
            let card = try diagnose(field)
            #expect(card.word == "other", "\(card)")
            if words == "NTAG" { #expect(card.sentence.contains("another NTAG")) }
        }
        let families: [([UInt8], String)] = [
            ([4, 1, 1, 0x33, 0], "DESFire EV3"), ([4, 1, 1, 0x12, 0], "DESFire EV2"),
            ([4, 1, 1, 1, 0], "DESFire EV1"), ([4, 8, 1, 0x30, 0], "DESFire Light"),
            ([4, 2, 1, 0, 0], "MIFARE Plus"), ([4, 3, 1, 0, 0], "Ultralight"),
            ([4, 4, 2, 0x10, 0], "NTAG 413"), ([5, 4, 2, 0x30, 0], "another maker"),
        ]
        for (hardware, words) in families {
            #expect(OtherCard.family(hardware).contains(words))
        }
    }

    @Test func `A card that is not NXP's is refused before any write when that is asked`() throws {
        let network = try Network()
        let field = Field(try factory())
        let before = field.memory
        #expect(throws: ProvisioningError.notOriginal) {
            try network.provision(field, Network.order(), requiresOriginal: true)
        }
        #expect(field.memory == before)
        let published: [UInt8] = [0x04, 0x51, 0x8D, 0xFA, 0xA9, 0x61, 0x80]
        let original = Field(try factory(published))
        #expect(
            try network.provision(original, Network.order(), requiresOriginal: true).isOriginal)
    }
}
