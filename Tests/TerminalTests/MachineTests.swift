import Operations
import Testing

@testable import Terminal

/// The checkout's machine: every stage with every event, by table.
@Suite struct MachineTests {
    static let amount = Amount(cents: 1_250)!
    static let id = EntryID(milliseconds: 1)
    static let otherID = EntryID(milliseconds: 2)
    static let receipt = TapReceipt(amount: amount, isOffline: true, lastFour: "0422")
    static let now: UInt64 = 1_000_000

    /// The names of the stages, as a table says them.
    enum Name: String, CaseIterable, Sendable {
        case amountEntry, outOfService, presentCard, reading, removedTooSoon, accepted, refused
        case unknownResult
    }

    static func name(_ stage: Stage) -> Name {
        switch stage {
        case .amountEntry: .amountEntry
        case .outOfService: .outOfService
        case .presentCard: .presentCard
        case .reading: .reading
        case .removedTooSoon: .removedTooSoon
        // What is no payment ends in `completed`, which behaves alike (OperationMachineTests).
        case .accepted, .completed: .accepted
        case .refused: .refused
        case .unknownResult: .unknownResult
        }
    }

    /// A machine in a stage, reached by events alone.
    static func machine(_ name: Name) throws -> CheckoutMachine {
        var machine = CheckoutMachine()
        if name == .outOfService { machine.setService(.noPolicy) }
        if name == .amountEntry || name == .outOfService { return machine }
        _ = try machine.arm(id, amount, at: now)
        if name == .presentCard { return machine }
        _ = machine.cardFound()
        machine.bind([1])
        switch name {
        case .reading: break
        case .removedTooSoon: machine.finish(.torn, at: now)
        case .accepted: machine.finish(.accepted(receipt), at: now)
        case .refused: machine.finish(.refused(.blocked), at: now)
        case .unknownResult: machine.finish(.unknown, at: now)
        case .amountEntry, .outOfService, .presentCard: break
        }
        return machine
    }

    /// What an event leads to from a stage: the next stage, or the refusal of a control.
    enum Result: Equatable, Sendable {
        case to(Name)
        case no(ControlRefusal)
    }

    /// One event and its row of results, in the order of `Name.allCases`.
    struct Row: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let results: [Result]
        let event: @Sendable (inout CheckoutMachine) throws(ControlRefusal) -> Void

        init(
            _ name: String, _ results: [Result],
            _ event: @escaping @Sendable (inout CheckoutMachine) throws(ControlRefusal) -> Void
        ) {
            testDescription = name
            self.results = results
            self.event = event
        }
    }

    static let stay = Name.allCases.map { Result.to($0) }
    /// The row of an event that moves some stages and leaves the others.
    static func moves(_ changes: [Name: Result]) -> [Result] {
        Name.allCases.map { changes[$0] ?? .to($0) }
    }
    static let none = Result.no(.noSuchOperation)

    static let rows: [Row] = [
        Row(
            "arm",
            [
                .to(.presentCard), .no(.outOfService(.noPolicy)), .no(.busy), .no(.busy),
                .no(.busy), .to(.presentCard), .to(.presentCard), .no(.busy),
            ]
        ) { (machine) throws(ControlRefusal) in _ = try machine.arm(otherID, amount, at: now) },
        Row(
            "arm nothing",
            [
                .no(.amountInvalid), .no(.outOfService(.noPolicy)), .no(.busy), .no(.busy),
                .no(.busy), .no(.amountInvalid), .no(.amountInvalid), .no(.busy),
            ]
        ) { (machine) throws(ControlRefusal) in _ = try machine.arm(otherID, .zero, at: now) },
        Row(
            "cancel",
            [
                none, none, .to(.amountEntry), .no(.busy), .to(.amountEntry), none, none,
                .no(.busy),
            ]
        ) { (machine) throws(ControlRefusal) in try machine.cancel(id) },
        Row("cancel another", Name.allCases.map { _ in none }) {
            (machine) throws(ControlRefusal) in try machine.cancel(otherID)
        },
        Row(
            "extend",
            [none, none, .to(.presentCard), none, .to(.removedTooSoon), none, none, none]
        ) { (machine) throws(ControlRefusal) in _ = try machine.extend(id) },
        Row("extend another", Name.allCases.map { _ in none }) {
            (machine) throws(ControlRefusal) in _ = try machine.extend(otherID)
        },
        Row(
            "acknowledge",
            [
                .to(.amountEntry), .to(.outOfService), .no(.busy), .no(.busy), .no(.busy),
                .to(.amountEntry), .to(.amountEntry), .no(.busy),
            ]
        ) { (machine) throws(ControlRefusal) in try machine.acknowledge() },
        Row(
            "card found", moves([.presentCard: .to(.reading), .removedTooSoon: .to(.reading)])
        ) { (machine) throws(ControlRefusal) in
            let wanted = machine.wantsCard
            #expect((machine.cardFound() != nil) == wanted)
        },
        Row("accepted", moves([.reading: .to(.accepted)])) {
            (machine) throws(ControlRefusal) in machine.finish(.accepted(receipt), at: now)
        },
        Row("refused", moves([.reading: .to(.refused)])) {
            (machine) throws(ControlRefusal) in machine.finish(.refused(.expired), at: now)
        },
        Row("another card", moves([.reading: .to(.removedTooSoon)])) {
            (machine) throws(ControlRefusal) in machine.finish(.refused(.anotherCard), at: now)
        },
        Row("torn", moves([.reading: .to(.removedTooSoon)])) {
            (machine) throws(ControlRefusal) in machine.finish(.torn, at: now)
        },
        Row("unknown", moves([.reading: .to(.unknownResult)])) {
            (machine) throws(ControlRefusal) in machine.finish(.unknown, at: now)
        },
        Row("found in the journal", moves([.unknownResult: .to(.accepted)])) {
            (machine) throws(ControlRefusal) in machine.resolve(receipt, at: now)
        },
        Row("not in the journal", moves([.unknownResult: .to(.refused)])) {
            (machine) throws(ControlRefusal) in machine.resolve(nil, at: now)
        },
        Row("card removed", stay) { (machine) throws(ControlRefusal) in machine.cardRemoved() },
        Row("step", stay) { (machine) throws(ControlRefusal) in machine.step(9) },
        Row(
            "several cards", moves([.presentCard: .to(.refused), .removedTooSoon: .to(.refused)])
        ) { (machine) throws(ControlRefusal) in machine.severalCards(at: now) },
        Row("a moment later", stay) {
            (machine) throws(ControlRefusal) in machine.tick(at: now + 3_999)
        },
        Row(
            "much later",
            moves([
                .presentCard: .to(.refused), .removedTooSoon: .to(.refused),
                .accepted: .to(.amountEntry), .refused: .to(.amountEntry),
            ])
        ) { (machine) throws(ControlRefusal) in machine.tick(at: now + 3_600_000) },
        Row("out of service", moves([.amountEntry: .to(.outOfService)])) {
            (machine) throws(ControlRefusal) in machine.setService(.journalUnavailable)
        },
        Row("in service", moves([.outOfService: .to(.amountEntry)])) {
            (machine) throws(ControlRefusal) in machine.setService(nil)
        },
    ]

    @Test(arguments: rows)
    func `Each event leads where the table says from each stage`(row: Row) throws {
        for (stage, expected) in zip(Name.allCases, row.results) {
            var machine = try Self.machine(stage)
            #expect(Self.name(machine.stage) == stage)
            let result: Result
            do throws(ControlRefusal) {
                try row.event(&machine)
                result = .to(Self.name(machine.stage))
            } catch {
                result = .no(error)
                #expect(Self.name(machine.stage) == stage, "a refused control changes nothing")
            }
            #expect(result == expected, "from \(stage)")
        }
    }

    @Test func `A deadline is the last moment, and an extension moves it`() throws {
        var machine = try Self.machine(.presentCard)
        machine.tick(at: Self.now + CheckoutMachine.armedFor - 1)
        #expect(Self.name(machine.stage) == .presentCard)
        _ = try machine.extend(Self.id)
        machine.tick(at: Self.now + CheckoutMachine.armedFor + CheckoutMachine.extension30 - 1)
        #expect(Self.name(machine.stage) == .presentCard)
        machine.tick(at: Self.now + CheckoutMachine.armedFor + CheckoutMachine.extension30)
        #expect(
            machine.stage == .refused(id: Self.id, amount: Self.amount, .timedOut))
    }

    @Test func `A torn tap leaves thirty seconds at least, and keeps the first card bound`() throws
    {
        var machine = try Self.machine(.presentCard)
        _ = machine.cardFound()
        machine.bind([1])
        machine.bind([2])
        let late = Self.now + CheckoutMachine.armedFor - 5
        machine.finish(.torn, at: late)
        #expect(machine.binding == [1])
        #expect(machine.until == late + CheckoutMachine.extension30)
        try machine.cancel(Self.id)
        #expect(machine.binding == nil)
    }

    @Test func `A refusal that put the terminal out of service shows once it rests`() throws {
        var machine = try Self.machine(.reading)
        machine.setService(.ledgerRefusesTerminal)
        machine.finish(.accepted(Self.receipt), at: Self.now)
        #expect(Self.name(machine.stage) == .accepted)
        #expect(throws: ControlRefusal.outOfService(.ledgerRefusesTerminal)) {
            try machine.arm(Self.otherID, Self.amount, at: Self.now)
        }
        try machine.acknowledge()
        #expect(machine.stage == .outOfService(.ledgerRefusesTerminal))
    }

    @Test func `Removing the card is shown once`() throws {
        var machine = try Self.machine(.accepted)
        guard case .accepted(_, _, _, _, true) = machine.stage else {
            Issue.record("the card should still lie there")
            return
        }
        machine.cardRemoved()
        guard case .accepted(Self.id, Self.amount, true, "0422", false) = machine.stage else {
            Issue.record("\(machine.stage)")
            return
        }
    }
}
