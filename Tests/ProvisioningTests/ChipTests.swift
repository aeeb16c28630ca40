import CardEmulation
import Cards
import Linux
import Operations
import Provisioning
import ReaderEmulation
import Readers
import Testing
import Tokens

/// A card's life over the real libnfc.
@Suite struct ChipTests {
    private func provision(
        _ network: Network, _ field: RealField, _ order: CardOrder
    ) throws -> ProvisionedCard {
        let engine = Personalisation(keys: network.keys, epoch: network.epoch) { _ in }
        return try field.conversation { (channel) throws(ProvisioningError) in
            try engine.run(&channel, order)
        }
    }

    @Test func `What is told of a version and not signed is found`() throws {
        try RealLies().run(on: try RealField(chipWith: try factory()))
    }

    @Test func `A factory card becomes a Carte ECO, verifies, and is reset`() throws {
        let network = try Network()
        let field = try RealField(chipWith: try factory())
        let order = try Network.order()
        #expect(try provision(network, field, order).claims.number == order.number)
        let inMemory = Field(try factory())
        try network.provision(inMemory, order)
        #expect(field.commands == inMemory.commands, "the same APDUs as without a line")
        #expect(field.memory?.keys.allSatisfy { $0.version == 1 } == true)
        let claims = try field.conversation { (channel) throws(ProvisioningError) in
            try Verification(keys: network.keys).run(&channel)
        }
        #expect(claims.number == order.number)
        let found = try field.conversation { (channel) throws(ProvisioningError) in
            try Inspection.read(&channel)
        }
        guard case .ours = found.kind else {
            Issue.record("\(found.kind)")
            return
        }
        try field.conversation { (channel) throws(ProvisioningError) in
            try Personalisation(keys: network.keys, epoch: network.epoch).reset(&channel)
        }
        var memory = try #require(field.memory)
        memory.setReadCounter(0)
        #expect(memory == (try factory()))
        if let chip = field.reader as? VirtualPN532 {
            Console.error("provisioning over libnfc: \(chip.lineTraffic)")
        }
    }
}
