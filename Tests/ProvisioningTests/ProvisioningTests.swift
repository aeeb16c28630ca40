import COSE
import CardEmulation
import Cards
import Crypto
import KeyStore
import Operations
import Synchronization
import Testing
import Tokens

@testable import Provisioning

/// From factory to Carte ECO.
@Suite struct PersonalisationTests {
    @Test func `A factory card becomes a Carte ECO, step by step`() throws {
        let network = try Network(epoch: 5)
        let field = Field(try factory())
        #expect(try inspect(field).kind == .blank)
        let steps = Mutex<[ProvisioningStep]>([])
        let order = try Network.order()
        let card = try network.provision(field, order) { step in
            steps.withLock { $0.append(step) }
        }
        #expect(steps.withLock { $0 } == ProvisioningStep.provisioning)
        #expect(card.claims.number == order.number)
        #expect(card.claims.uid == uid)
        #expect(card.claims.epoch == 5)
        #expect(card.stepsFound == 0)
        let found = try inspect(field)
        #expect(found.keyVersions == [5, 5, 5, 5, 5])
        guard case .ours(let token, 5) = found.kind else {
            Issue.record("\(found.kind)")
            return
        }
        #expect(token.claims == card.claims)
        #expect(found.address?.hasPrefix("https://carte.eco.example/c?d=0000") == true)
        let memory = try #require(field.memory)
        #expect(memory.keys.allSatisfy { !$0.isFactory && $0.totalFailures == 0 })
        #expect(memory.files[0].content == CardLayout.container)
    }

    @Test func `A payment takes nine APDUs and its evidence verifies with the ledger's keys`()
        throws
    {
        let network = try Network()
        let field = Field(try factory())
        let claims = try network.provision(field, Network.order()).claims
        field.again()
        let terminal = try network.keys.terminalBundle()
        let ledger = try network.keys.ledgerBundle()
        let digest = Array(sha256([7]).prefix(16))

        var card = NTAG424Card(FieldChannel(field: field))
        let found = try card.identify()
        #expect(throws: Never.self) {
            try found.token.message.verified(by: network.keys.issuerKey)
        }
        let key = try terminal.terminalKey(uid: found.token.claims.uid, epoch: 1)
        try card.authenticate(terminalKey: key)
        let state = try card.state()
        #expect(state.current == .fresh)
        let record = state.following(
            allowance: .unused, isCounted: false, entry: EntryID(milliseconds: 1),
            amount: try #require(Amount(cents: 1250)), seconds: 1_800_000_100)
        let evidence = try card.commit(digest: digest, record: record, at: state.nextOffset)
        #expect(field.commands == 9)

        guard case .sdm(let piccData, let mac, digest) = evidence else {
            Issue.record("\(evidence)")
            return
        }
        let data = try #require(
            SDM.decrypt(piccData: piccData, metaReadKey: try ledger.metaReadKey(epoch: 1)))
        #expect(data.uid == claims.uid)
        let fileKey = try ledger.fileReadKey(uid: claims.uid, epoch: 1)
        let counter = try #require(data.readCounter)
        func expected(_ digest: [UInt8]) throws -> [UInt8] {
            try SDM.mac(
                fileReadKey: fileKey, uid: data.uid, readCounter: counter,
                input: SDM.evidenceInput(digest: digest, piccData: piccData))
        }
        #expect(try expected(digest) == mac)
        #expect(try expected([1] + digest.dropFirst()) != mac)
    }

    @Test func `The same order again only verifies, another number is refused`() throws {
        let network = try Network()
        let field = Field(try factory())
        let first = try network.provision(field, Network.order(10))
        let memory = field.memory?.files
        let again = try network.provision(field, Network.order(10))
        #expect(again.claims == first.claims)
        #expect(again.stepsFound == ProvisioningStep.provisioning.count - 2)
        #expect(field.memory?.files == memory)
        #expect(throws: ProvisioningError.alreadyOurs(first.claims.number)) {
            try network.provision(field, Network.order(11))
        }
    }

    @Test func `Host and token that do not fit are refused before the card is touched`() throws {
        let network = try Network()
        let field = Field(try factory())
        let before = field.memory
        for host in ["", "a-host-name-of-25-letters", "Eco.example", "eco.example/x", "éco.fr"] {
            #expect(throws: ProvisioningError.self) {
                try network.provision(field, Network.order(host: host))
            }
        }
        #expect(field.memory == before)
        // All but host and token of file 02 is 112 bytes (CARDS.md).
        let token = try network.provision(Field(try factory()), Network.order()).claims
        let room = 256 - 112 - (try network.keys.sign(token: token).bytes.count)
        let longest = String(repeating: "a", count: min(24, room))
        #expect(throws: ProvisioningError.self) {
            try network.provision(field, Network.order(host: longest + "a"))
        }
        #expect(field.memory == before)
        try network.provision(field, Network.order(host: longest))
    }

    @Test func `An epoch there are no keys of is refused before the card is touched`() throws {
        let network = try Network()
        let field = Field(try factory())
        let before = field.memory
        #expect(throws: ProvisioningError.keys(.unknownEpoch(2))) {
            try network.with(epoch: 2).provision(field, Network.order())
        }
        #expect(field.memory == before)
    }

    @Test func `NXP's signature is told from none`() throws {
        let published: [UInt8] = [0x04, 0x51, 0x8D, 0xFA, 0xA9, 0x61, 0x80]
        let network = try Network()
        #expect(try network.provision(Field(try factory(published)), Network.order()).isOriginal)
        #expect(try !network.provision(Field(try factory()), Network.order()).isOriginal)
    }

    @Test func `A reset card is as the factory delivers it, and can be provisioned again`() throws {
        let network = try Network()
        let field = Field(try factory())
        try network.provision(field, Network.order(10))
        try network.reset(field)
        try expectFactory(field)
        try network.provision(field, Network.order(11))
        #expect(try network.verify(field).number == Network.order(11).number)
    }
}

/// Everything but the read counter is the factory's.
func expectFactory(_ field: Field) throws {
    var memory = try #require(field.memory)
    memory.setReadCounter(0)
    let fresh = try factory()
    #expect(memory.files == fresh.files)
    #expect(memory.keys == fresh.keys)
    #expect(memory == fresh)
}

/// Cards on which nothing may be tried.
@Suite struct ForeignCardTests {
    /// The card must be untouched: no byte written, no key tried.
    private func expectUntouched(
        _ memory: CardMemory, _ work: (Field) throws -> Void
    ) throws -> ProvisioningError? {
        let field = Field(memory)
        var refusal: ProvisioningError?
        do { try work(field) } catch { refusal = error as? ProvisioningError }
        var after = try #require(field.memory)
        after.setReadCounter(memory.readCounter)
        #expect(after == memory)
        return refusal
    }

    @Test func `A card of another network with the same epoch is left alone`() throws {
        let field = Field(try factory())
        try Network().provision(field, Network.order())
        let memory = try #require(field.memory)
        let network = try Network()
        let foreign = ProvisioningError.foreign("no token of this issuer")
        #expect(
            try expectUntouched(memory) { try network.provision($0, Network.order()) } == foreign)
        #expect(try expectUntouched(memory) { try network.reset($0) } == foreign)
        let verdict = try expectUntouched(memory) { try network.verify($0) }
        #expect(verdict == .verification("the token's signature"))
    }

    @Test func `A half-written card of another network is left alone`() throws {
        let (other, network) = (try Network(), try Network())
        var halves = 0
        for command in 1...64 {
            let field = Field(try factory(), try FaultPlan("lost@\(command)"))
            _ = try? other.provision(field, Network.order())
            let memory = try #require(field.memory)
            let changed = memory.keys.count { $0.version != 0 }
            guard (1...4).contains(changed) else { continue }
            halves += 1
            let refusal = try expectUntouched(memory) { try network.provision($0, Network.order()) }
            #expect(refusal == .foreign("no token of this issuer"))
        }
        #expect(halves == 4)
    }

    @Test func `A first read that does not verify ends the work before any key is tried`() throws {
        let network = Network(keys: try Epochs.keys(1, 2), epoch: 1)
        let field = Field(try factory())
        try network.provision(field, Network.order())
        let whole = try #require(field.memory)
        let works: [(Field) throws -> Void] = [
            { try network.provision($0, Network.order()) }, { try network.reset($0) },
            { try network.with(epoch: 2).rekey($0) },
        ]
        for (number, what) in [(1, "PICCData does not name this card"), (2, "the SDM MAC")] {
            var memory = whole
            try memory.setKey(number, [UInt8](repeating: 9, count: 16), version: 1)
            for work in works {
                #expect(try expectUntouched(memory, work) == .foreign(what))
            }
        }
        // Ours in every byte that can be copied, but on another card.
        var copy = try factory([0x04, 9, 9, 9, 9, 9, 9])
        copy.setContent(whole.files[1].content, file: 2)
        for number in 0...4 { try copy.setKey(number, whole.keys[number].value, version: 1) }
        for work in works {
            #expect(try expectUntouched(copy, work) == .foreign("no token of this issuer"))
        }
    }

    @Test func `Keys of an unknown version are not tried`() throws {
        let network = try Network()
        for number in 0...4 {
            var memory = try factory()
            try memory.setKey(number, [UInt8](repeating: 9, count: 16), version: 9)
            let refusal = try expectUntouched(memory) { try network.provision($0, Network.order()) }
            guard case .foreign = refusal else {
                Issue.record("key \(number): \(String(describing: refusal))")
                continue
            }
            #expect(try inspect(Field(memory)).kind == .foreign)
        }
    }

    @Test func `Somebody's address on factory keys is not overwritten`() throws {
        let network = try Network()
        var memory = try factory()
        memory.setContent([0, 5, 0xD1, 1, 1, 0x55, 0], file: 2)
        let refusal = try expectUntouched(memory) { try network.provision($0, Network.order()) }
        #expect(refusal == .foreign("content that is not ours"))
        #expect(try inspect(Field(memory)).kind == .foreign)
    }

    @Test func `A factory version over a key that is not the factory's ends at that key`() throws {
        let network = try Network()
        var memory = try factory()
        try memory.setKey(3, [UInt8](repeating: 9, count: 16), version: 0)
        let field = Field(memory)
        #expect(throws: ProvisioningError.self) { try network.provision(field, Network.order()) }
        #expect(field.memory?.files == memory.files)
    }

    @Test func `A card of ours whose keys are another's does not verify`() throws {
        let network = try Network()
        let field = Field(try factory())
        try network.provision(field, Network.order())
        for (number, what) in [
            (1, "PICCData does not name this card"), (2, "the SDM MAC"),
            (3, "key 3"),
        ] {
            var memory = try #require(field.memory)
            try memory.setKey(number, [UInt8](repeating: 9, count: 16), version: 1)
            #expect(throws: ProvisioningError.verification(what)) {
                try network.verify(Field(memory))
            }
        }
    }

    @Test func `Another kind of card is told at once`() throws {
        for plan in ["sw=6A82@1", "sw=6D00@1", "sw=917E@2"] {
            let field = Field(try factory(), try FaultPlan(plan))
            #expect(throws: ProvisioningError.notNTAG424) { try inspect(field) }
        }
    }

    @Test func `A card that hides its UID is refused`() throws {
        let field = Field(try factory())
        var channel = FieldChannel(field: field)
        try NTAG424.selectApplication(&channel)
        let session = try NTAG424.authenticate(&channel, key: .zero(), keyNumber: 0)
        let command = try session.command(0x5C, header: [0], data: [2], mode: .full)
        _ = try channel.transmit(command)
        field.again()
        #expect(throws: ProvisioningError.hidesUID) { try inspect(field) }
    }
}
