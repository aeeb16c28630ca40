import CardEmulation
import Cards
import KeyStore
import Linux
import Synchronization
import Testing
import Tokens

@testable import Provisioning

/// When a card leaves, relative to one APDU: before it is sent, after it is executed but before the
/// answer, after the answer.
let tears = ["tear", "lost", "gone"]

/// A recorder that compares what is claimed with what the card really holds.
final class Witness: PersonalisationRecorder {
    enum Phase: Equatable, Sendable { case will, did, found }
    struct Note: Equatable, Sendable {
        let phase: Phase
        let step: ProvisioningStep
    }
    private let notes = Mutex<[Note]>([])
    private let refusing: ProvisioningStep?

    init(refusing: ProvisioningStep? = nil) { self.refusing = refusing }

    var all: [Note] { notes.withLock { $0 } }

    func willRun(_ step: ProvisioningStep, uid: [UInt8]) throws(ProvisioningError) {
        if step == refusing { throw .notRecorded("full disk") }
        note(.will, step)
    }
    func didRun(_ step: ProvisioningStep, uid: [UInt8]) throws(ProvisioningError) {
        note(.did, step)
    }
    func didFind(_ step: ProvisioningStep, uid: [UInt8]) throws(ProvisioningError) {
        note(.found, step)
    }
    private func note(_ phase: Phase, _ step: ProvisioningStep) {
        notes.withLock { $0.append(Note(phase: phase, step: step)) }
    }
}

/// One way a card goes, with what it starts from and ends as.
private struct Way {
    let name: String
    let start: CardMemory
    let walk: (Field) throws -> Void
    let expectDone: (Field) throws -> Void

    /// Tears the card at every APDU in every manner, runs the same command again, and compares.
    func tearEverywhere() throws -> String {
        let whole = Field(start)
        try walk(whole)
        var (cases, finished) = (0, 0)
        for fate in tears {
            for command in 1...whole.commands {
                let place: Comment = "\(name) \(fate)@\(command)"
                let field = Field(start, try FaultPlan("\(fate)@\(command)"))
                let first = Result { try walk(field) }
                let isLast = fate == "gone" && command == whole.commands
                #expect(isTorn(first.failure) || isLast && first.failure == nil, place)
                cases += 1
                field.again()
                do {
                    try walk(field)
                    finished += 1
                } catch { Issue.record("\(name) \(fate)@\(command): \(error)") }
                try expectDone(field)
                #expect(field.memory?.keys.allSatisfy { $0.totalFailures <= 1 } == true, place)
            }
        }
        #expect(finished == cases)
        return "\(name): \(whole.commands) APDUs, \(cases) tears, \(finished) finished"
    }
}

/// Cards torn at every APDU of every way, then resumed by the same command.
@Suite struct TearMatrixTests {
    private static func provisioned(
        _ network: Network, epoch: UInt8
    ) throws -> CardMemory {
        let field = Field(try factory())
        try network.with(epoch: epoch).provision(field, Network.order())
        return try #require(field.memory)
    }

    private func run(_ ways: [Way]) throws {
        for way in ways { Console.error(try way.tearEverywhere()) }
    }

    @Test func `Provisioning torn at any APDU is finished by the same command`() throws {
        let network = try Network()
        let order = try Network.order()
        try run([
            Way(
                name: "provision", start: try factory(),
                walk: { try network.provision($0, order) },
                expectDone: { field in
                    let claims = try network.verify(field)
                    #expect(claims.number == order.number)
                    #expect(field.memory?.keys.allSatisfy { $0.version == 1 } == true)
                })
        ])
    }

    @Test func `A change of epoch torn at any APDU is finished by the same command`() throws {
        let network = Network(keys: try Epochs.keys(1, 2, 200), epoch: 2)
        let old = try Self.provisioned(network, epoch: 1)
        let ways = try [(1, 2), (2, 200), (200, 1)].map { (from: UInt8, to: UInt8) in
            let start = from == 1 ? old : try Self.provisioned(network, epoch: from)
            let target = network.with(epoch: to)
            return Way(
                name: "rekey \(from) to \(to)", start: start, walk: { try target.rekey($0) },
                expectDone: { field in
                    let claims = try network.verify(field)
                    #expect(claims.epoch == to && claims.number.digits == "000000000109")
                    #expect(field.memory?.keys.allSatisfy { $0.version == to } == true)
                })
        }
        try run(ways)
    }

    @Test func `A reset torn at any APDU is finished by the same command`() throws {
        let network = try Network()
        try run([
            Way(
                name: "reset", start: try Self.provisioned(network, epoch: 1),
                walk: { try network.reset($0) }, expectDone: expectFactory)
        ])
    }

    @Test func `A torn change of epoch can go on to a third epoch, back, or to a reset`() throws {
        let network = Network(keys: try Epochs.keys(1, 2, 3), epoch: 2)
        let start = try Self.provisioned(network, epoch: 1)
        let whole = Field(start)
        try network.rekey(whole)
        var cases = 0
        for fate in tears {
            for command in 15...whole.commands {
                let torn = Field(start, try FaultPlan("\(fate)@\(command)"))
                _ = try? network.rekey(torn)
                let memory = try #require(torn.memory)
                for epoch: UInt8 in [1, 3] {
                    let field = Field(memory)
                    try network.with(epoch: epoch).rekey(field)
                    #expect(try network.verify(field).epoch == epoch)
                }
                let field = Field(memory)
                try network.reset(field)
                try expectFactory(field)
                cases += 3
            }
        }
        Console.error("torn rekey, other ways out: \(cases) cases, all finished")
    }

    @Test func `A torn reset can be provisioned instead`() throws {
        let network = try Network()
        let memory = try Self.provisioned(network, epoch: 1)
        let whole = Field(memory)
        try network.reset(whole)
        for command in 1...whole.commands {
            let field = Field(memory, try FaultPlan("lost@\(command)"))
            _ = try? network.reset(field)
            field.again()
            #expect(throws: Never.self, "lost@\(command)") {
                try network.provision(field, Network.order(10))
            }
        }
    }

    @Test func `A card torn again and again gets further each time`() throws {
        let network = try Network()
        let order = try Network.order()
        let field = Field(try factory())
        var runs = 0
        // The first tear comes after inspection and the card state, each later one a command later.
        for _ in 0..<40 {
            field.again(try FaultPlan("lost@\(27 + runs)"))
            runs += 1
            if (try? network.provision(field, order)) != nil { break }
        }
        #expect(runs < 40)
        field.again()
        try network.verify(field)
    }

    @Test func `A garbled answer at any APDU never ends in a card that is wrong`() throws {
        let network = try Network()
        let order = try Network.order()
        let whole = Field(try factory())
        try network.provision(whole, order)
        for fate in ["flip", "mute", "sw=911E", "sw=6F00"] {
            for command in 1...whole.commands {
                let field = Field(try factory(), try FaultPlan("\(fate)@\(command)"))
                let isDone = (try? network.provision(field, order)) != nil
                field.again()
                if isDone { try network.verify(field) }
                #expect(throws: Never.self, "\(fate)@\(command)") {
                    try network.provision(field, order)
                }
            }
        }
    }

    @Test func `Another number never takes over a card that was begun`() throws {
        let network = try Network()
        let whole = Field(try factory())
        try network.provision(whole, Network.order(10))
        var begun = 0
        for command in 1...whole.commands {
            let field = Field(try factory(), try FaultPlan("lost@\(command)"))
            _ = try? network.provision(field, Network.order(10))
            let keys = try #require(field.memory).keys
            guard keys.contains(where: { $0.version != 0 }) else { continue }
            begun += 1
            let before = field.memory?.files
            field.again()
            #expect(throws: ProvisioningError.alreadyOurs(try Network.order(10).number)) {
                try network.provision(field, Network.order(11))
            }
            #expect(field.memory?.files == before)
        }
        #expect(begun > 5)
    }
}

/// What is written down, and the plan that is printed, against what is sent.
@Suite struct RecorderTests {
    @Test func `Each step is told before and after, in order, and found steps as found`() throws {
        let network = try Network()
        let order = try Network.order()
        let witness = Witness()
        let field = Field(try factory())
        try network.provision(field, order, recorder: witness)
        let writing = ProvisioningStep.provisioning.dropFirst().dropLast()
        #expect(
            witness.all
                == writing.flatMap {
                    [
                        Witness.Note(phase: .will, step: $0), Witness.Note(phase: .did, step: $0),
                    ]
                })
        // Torn after K2 was changed and before the answer: found by its version.
        let torn = Field(try factory(), try FaultPlan("lost@35"))
        let first = Witness()
        _ = try? network.provision(torn, order, recorder: first)
        #expect(first.all.last == Witness.Note(phase: .will, step: .key2))
        #expect(torn.memory?.keys[2].version == 1)
        torn.again()
        let second = Witness()
        try network.provision(torn, order, recorder: second)
        #expect(second.all.contains(Witness.Note(phase: .found, step: .key2)))
        #expect(!second.all.contains(Witness.Note(phase: .will, step: .key2)))
    }

    @Test(arguments: ProvisioningStep.provisioning.dropFirst().dropLast())
    func `A step that cannot be recorded is not sent`(_ step: ProvisioningStep) throws {
        let network = try Network()
        let field = Field(try factory())
        let witness = Witness(refusing: step)
        #expect(throws: ProvisioningError.notRecorded("full disk")) {
            try network.provision(field, Network.order(), recorder: witness)
        }
        if let number = step.keyNumber {
            #expect(field.memory?.keys[Int(number)].version == 0)
        }
        let whole = Field(try factory())
        try network.provision(whole, Network.order())
        #expect(field.commands < whole.commands - 24)
        try network.provision(field, Network.order())
    }

    @Test func `A dry run lists exactly the APDUs that are sent`() throws {
        let network = Network(keys: try Epochs.keys(1, 2), epoch: 1)
        let order = try Network.order()
        let field = Field(try factory())
        try network.provision(field, order)
        let provisioning = try DryRun.provisioning(
            host: order.host, number: order.number, cardClass: order.cardClass, epoch: 1)
        expect(provisioning, field)
        field.again()
        try network.with(epoch: 2).rekey(field)
        let rekeying = try DryRun.rekeying(
            host: order.host, number: order.number, from: 1, to: 2)
        expect(rekeying, field)
        field.again()
        try network.reset(field)
        let resetting = try DryRun.resetting(host: order.host, number: order.number, epoch: 2)
        expect(resetting, field)
        Console.error(
            "APDUs: provision \(provisioning.count), rekey \(rekeying.count), "
                + "reset \(resetting.count)")
        // The one write that replaces the token fits a frame of 128 bytes.
        let token = try #require(rekeying.first { $0.step == .token })
        #expect(token.length < 125)
    }

    private func expect(_ plan: [PlannedCommand], _ field: Field) {
        #expect(plan.map(\.instruction) == field.sent.map { $0[1] })
        #expect(plan.map(\.length) == field.sent.map(\.count))
        for (planned, sent) in zip(plan, field.sent) where planned.instruction == 0x71 {
            #expect(planned.key == sent[5])
        }
    }
}

extension Result {
    var failure: Failure? {
        if case .failure(let error) = self { error } else { nil }
    }
}
