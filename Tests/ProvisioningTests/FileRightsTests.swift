import CardEmulation
import Cards
import KeyStore
import Testing
import Tokens

@testable import Provisioning

/// A true card of whose file other rights are told than it has, outside a session.
private struct ToldRights: CardChannel {
    let field: Field
    let file: UInt8
    /// What GetFileSettings answers instead.
    let answer: [UInt8]

    mutating func transmit(_ command: [UInt8]) throws(CardError) -> [UInt8] {
        let answer = field.respond(command)
        guard !answer.isEmpty else { throw .removed }
        let isAsked = command.count == 7 && command[1] == 0xF5 && command[5] == file
        return isAsked ? self.answer : answer
    }
}

/// What is told of the rights of files, against what is signed (V8).
extension KeyVersionTests {
    /// What a card in this condition answers to GetFileSettings, with its status word.
    private func settings(_ memory: CardMemory, _ file: UInt8) throws -> [UInt8] {
        var channel = FieldChannel(field: Field(memory))
        try NTAG424.selectApplication(&channel)
        return try channel.transmit(APDU.native(0xF5, [file]))
    }

    @Test(arguments: [2, 3] as [UInt8])
    func `Rights that a whole card is said to have and has not are found`(file: UInt8) throws {
        let field = Field(whole)
        var channel = ToldRights(
            field: field, file: file, answer: try settings(try factory(), file))
        let finding = ProvisioningError.fileRights(file: file)
        #expect(throws: finding) { try Verification(keys: network.keys).run(&channel) }
        #expect(throws: finding) { try engine().run(&channel, order) }
        #expect(throws: finding) { try engine(2).rekey(&channel) }
        #expect(throws: finding) { try engine().reset(&channel) }
        #expect(throws: finding) { try Diagnosis.read(&channel, keys: network.keys) }
        #expect(field.memory?.keys == whole.keys && field.memory?.files == whole.files)
        field.again()
        try network.verify(field)
        let signed = field.sent.filter { $0[1] == 0xF5 && $0.count == 15 }
        #expect(signed.map { $0[5] } == [2, 3])
    }

    /// Said to be done, a step would be left out: the card would be handed out open.
    @Test func `No step is left out because its rights were told and are not there`() throws {
        let whole = Field(try factory())
        try network.provision(whole, order)
        var cases = 0
        for command in 17...whole.commands {
            for file in [UInt8(2), 3] {
                let field = Field(try factory(), try FaultPlan("lost@\(command)"))
                _ = try? network.provision(field, order)
                let memory = try #require(field.memory)
                let told = try settings(self.whole, file)
                guard try settings(memory, file) != told else { continue }
                cases += 1
                let witness = Witness()
                var channel = ToldRights(field: field, file: file, answer: told)
                field.again()
                #expect(throws: ProvisioningError.self, "lost@\(command) \(file)") {
                    try Personalisation(keys: network.keys, epoch: 1, recorder: witness)
                        .run(&channel, order)
                }
                #expect(witness.all.isEmpty && field.memory?.files == memory.files)
            }
        }
        #expect(cases > 10)
    }

    @Test func `Rights whose signature is wrong or missing are no answer`() throws {
        let changes: [(String, ([UInt8]) -> [UInt8])] = [
            ("wrong MAC", { $0.dropLast(3) + [$0[$0.count - 3] ^ 0x80] + $0.suffix(2) }),
            ("wrong MAC", { [$0[0], $0[1] ^ 1] + $0.dropFirst(2) }),
            ("no MAC", { [$0[0]] + $0.suffix(2) }),
        ]
        for (what, change) in changes {
            let field = Field(whole)
            var channel = SignedChannel(field: field, instruction: 0xF5, change: change)
            let finding = ProvisioningError.verification("GetFileSettings: \(what)")
            #expect(throws: finding) { try Verification(keys: network.keys).run(&channel) }
            field.again()
            #expect(throws: finding) { try engine().reset(&channel) }
            #expect(field.memory?.keys == whole.keys && field.memory?.files == whole.files)
        }
    }
}
