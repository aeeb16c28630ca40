import CardEmulation
import Foundation
import KeyStore
import Linux
import Provisioning
import ReaderEmulation
import Testing
import Tokens

/// Provisioning torn at every APDU over a reader as technicians have it.
private struct RealTears {
    let network: Network
    let order: CardOrder
    /// APDUs of a provisioning, as counted in memory.
    let count: Int
    let start: CardMemory

    init() throws {
        network = try Network()
        order = try Network.order()
        start = try factory()
        let whole = Field(start)
        try network.provision(whole, order)
        count = whole.commands
    }

    private func provision(_ field: RealField) throws {
        let engine = Personalisation(keys: network.keys, epoch: network.epoch) { _ in }
        _ = try field.conversation { (channel) throws(ProvisioningError) in
            try engine.run(&channel, order)
        }
    }

    /// Tears at these APDUs in one manner; each card is laid down again and must be finished by the
    /// same command. Gives the number of cards that were.
    func run(_ fate: String, _ commands: some Sequence<Int>, on field: RealField) throws -> Int {
        var finished = 0
        for command in commands {
            let place: Comment = "\(fate)@\(command)"
            field.again(start, try FaultPlan("\(fate)@\(command)"))
            let first = Result { try provision(field) }
            let isLast = fate == "gone" && command == count
            #expect(isTorn(first.failure) || isLast && first.failure == nil, place)
            field.again()
            do { try provision(field) } catch {
                Issue.record("\(fate)@\(command): \(error)")
                continue
            }
            let claims = try field.conversation { (channel) throws(ProvisioningError) in
                try Verification(keys: network.keys).run(&channel)
            }
            #expect(claims.number == order.number, place)
            let keys = field.memory?.keys ?? []
            #expect(keys.count == 5 && keys.allSatisfy { $0.version == 1 }, place)
            #expect(keys.allSatisfy { $0.totalFailures == 0 }, place)
            finished += 1
        }
        return finished
    }
}

/// Over the real libnfc, a line and a chip for each manner.
@Suite struct ChipTearTests {
    @Test(arguments: tears)
    func `Provisioning torn at any APDU is finished by the same command`(fate: String) throws {
        let tears = try RealTears()
        let field = try RealField(chipWith: tears.start)
        let finished = try tears.run(fate, 1...tears.count, on: field)
        #expect(finished == tears.count)
        Console.error(
            "provision over libnfc, \(fate): \(tears.count) tears, \(finished) finished")
    }
}

/// Over the real pcscd, in both slots at a time.
///
///     Hardware/private-pcscd swift test --filter PCSCTearTests
@Suite(
    .enabled(if: ProcessInfo.processInfo.environment["ECO_PCSCD"] == "private"))
struct PCSCTearTests {
    @Test(arguments: [UInt16(0), 1])
    func `Lies about versions are found; provisioning torn at any APDU is finished`(
        slot: UInt16
    ) throws {
        let matrix = try RealTears()
        let field = RealField(slot: slot, matrix.start)
        try RealLies().run(on: field)
        let commands = stride(from: 1 + Int(slot), through: matrix.count, by: 2)
        var (cases, finished) = (0, 0)
        for fate in tears {
            cases += Array(commands).count
            finished += try matrix.run(fate, commands, on: field)
        }
        #expect(finished == cases)
        Console.error("provision over pcscd, slot \(slot): \(cases) tears, \(finished) finished")
    }
}

/// Key versions that somebody lies about, over a reader as technicians have it.
struct RealLies {
    private let network: Network
    private let whole: CardMemory

    init() throws {
        network = try Network()
        let field = Field(try factory())
        try network.provision(field, Network.order())
        whole = try #require(field.memory)
    }

    /// The whole card verifies by 26 APDUs; a version told otherwise is found.
    func run(on field: RealField) throws {
        field.again(whole)
        try field.conversation { (channel) throws(ProvisioningError) in
            _ = try Verification(keys: network.keys).run(&channel)
        }
        #expect(field.commands == 26)
        for key in [UInt8(0), 3, 4] {
            // A read asks for key 0 by its fifth command.
            field.again(whole, try FaultPlan("answer=009100@\(5 + key)"))
            let finding = ProvisioningError.keyVersion(key: key, told: 0, signed: 1)
            #expect(throws: finding) {
                try field.conversation { (channel) throws(ProvisioningError) in
                    _ = try Verification(keys: network.keys).run(&channel)
                }
            }
            field.again(whole, try FaultPlan("answer=009100@\(5 + key)"))
            #expect(throws: finding) {
                try field.conversation { (channel) throws(ProvisioningError) in
                    try Personalisation(keys: network.keys, epoch: 1).reset(&channel)
                }
            }
            #expect(field.memory?.keys == whole.keys && field.memory?.files == whole.files)
        }
    }
}
