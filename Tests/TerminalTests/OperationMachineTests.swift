import Operations
import Testing

@testable import Terminal

/// Operations that are no payment, and sums that two cards pay, in the machine.
@Suite struct OperationMachineTests {
    private static let now: UInt64 = 1_000
    private static let first = EntryID(milliseconds: 1)
    private static let second = EntryID(milliseconds: 2)
    private static let third = EntryID(milliseconds: 3)

    private static func eco(_ cents: Int64) -> Amount { Amount(cents: cents)! }

    private static func receipt(_ cents: Int64) -> TapReceipt {
        TapReceipt(amount: eco(cents), isOffline: false, lastFour: "0422")
    }

    @Test func `What is no payment ends in completed, which behaves as accepted does`() throws {
        var machine = CheckoutMachine()
        let armed = try machine.arm(
            Self.first, .zero, at: Self.now, purpose: .action(code: "a", quantity: 1))
        _ = machine.cardFound()
        machine.finish(.accepted(Self.receipt(0)), at: Self.now)
        guard case .completed(let completion) = machine.stage else {
            Issue.record("\(machine.stage)")
            return
        }
        #expect(completion.operation == armed && completion.isCardPresent)
        machine.cardRemoved()
        guard case .completed(let left) = machine.stage else { return }
        #expect(!left.isCardPresent)
        machine.tick(at: Self.now + CheckoutMachine.acceptedFor)
        #expect(machine.stage == .amountEntry)
        #expect(throws: ControlRefusal.amountInvalid) {
            try machine.arm(Self.second, .zero, at: Self.now, purpose: .topUp(.cash))
        }
    }

    @Test func `The first card pays what it has, another one the rest, both linked`() throws {
        var machine = CheckoutMachine()
        _ = try machine.arm(Self.first, Self.eco(1_000), at: Self.now)
        #expect(throws: ControlRefusal.noSuchOperation) {
            try machine.armPart(Self.second, at: 0, role: nil)
        }
        _ = machine.cardFound()
        machine.finish(.refused(.insufficient(missing: Self.eco(300))), at: Self.now)
        let part = try machine.armPart(Self.second, at: Self.now, role: nil)
        #expect(part.amount == Self.eco(700) && part.purpose == .payment(completes: nil))
        #expect(machine.split.rest == nil, "nothing is paid yet")
        _ = machine.cardFound()
        machine.finish(.accepted(Self.receipt(700)), at: Self.now)
        #expect(machine.split.rest == Rest(first: Self.second, missing: Self.eco(300)))
        // The second card has too little as well, and the sum is split once more.
        let rest = try machine.armRest(Self.third, at: Self.now, role: nil)
        #expect(rest.amount == Self.eco(300))
        #expect(rest.purpose == .payment(completes: Self.second))
        _ = machine.cardFound()
        machine.finish(.refused(.insufficient(missing: Self.eco(100))), at: Self.now)
        let id = EntryID(milliseconds: 4)
        let more = try machine.armPart(id, at: Self.now, role: nil)
        #expect(more.amount == Self.eco(200))
        #expect(more.purpose == .payment(completes: Self.second))
        try machine.cancel(id)
        #expect(machine.split.rest?.missing == Self.eco(300), "a cancelled part changes nothing")
        let last = EntryID(milliseconds: 5)
        _ = try machine.armRest(last, at: Self.now, role: nil)
        _ = machine.cardFound()
        machine.finish(.accepted(Self.receipt(300)), at: Self.now)
        #expect(machine.split.rest == nil)
        #expect(throws: ControlRefusal.noSuchOperation) {
            try machine.armRest(Self.first, at: Self.now, role: nil)
        }
    }

    @Test func `A card with nothing cannot pay a part, and a new sum forgets the rest`() throws {
        var machine = CheckoutMachine()
        _ = try machine.arm(Self.first, Self.eco(100), at: Self.now)
        _ = machine.cardFound()
        machine.finish(.refused(.insufficient(missing: Self.eco(100))), at: Self.now)
        #expect(throws: ControlRefusal.noSuchOperation) {
            try machine.armPart(Self.second, at: Self.now, role: nil)
        }
        _ = try machine.arm(Self.second, Self.eco(100), at: Self.now)
        _ = machine.cardFound()
        machine.finish(.refused(.insufficient(missing: Self.eco(1))), at: Self.now)
        _ = try machine.armPart(Self.third, at: Self.now, role: nil)
        _ = machine.cardFound()
        machine.finish(.accepted(Self.receipt(99)), at: Self.now)
        #expect(machine.split.rest != nil)
        _ = try machine.arm(EntryID(milliseconds: 9), Self.eco(5), at: Self.now)
        #expect(machine.split.rest == nil)
    }

    @Test func `Training is turned on and off at rest only`() throws {
        var machine = CheckoutMachine()
        try machine.train(true)
        #expect(try machine.arm(Self.first, Self.eco(1), at: Self.now).isTraining)
        #expect(throws: ControlRefusal.busy) { try machine.train(false) }
        try machine.cancel(Self.first)
        try machine.train(false)
        #expect(try !machine.arm(Self.first, Self.eco(1), at: Self.now).isTraining)
    }

    @Test(arguments: [(2_000, nil), (2_001, Role.manager)] as [(Int64, Role?)])
    func `At the threshold anybody refunds, one cent above the manager`(cents: Int64, role: Role?) {
        let order = Order.refund(of: Self.first, amount: Self.eco(cents))
        #expect(roleNeeded(for: order, rules: .standard, amount: nil) == role)
        let reversal = Order.reverse(Self.first, reason: .doubled)
        #expect(roleNeeded(for: reversal, rules: .standard, amount: Self.eco(cents)) == role)
        var rules = OperationRules.standard
        rules.topUpThreshold = Self.eco(2_000)
        let topUp = Order.topUp(amount: Self.eco(cents), means: .cash)
        #expect(roleNeeded(for: topUp, rules: rules, amount: nil) == role)
    }

    @Test func `Anybody closes a day, the manager what is longer; cards are the enroller's`() {
        for (order, role) in [
            (.close(.day), nil), (.close(.month), .manager), (.close(.year), .manager),
            (.beginEnrolment, .enroller), (.enrolAgain, .enroller),
        ] as [(Order, Role?)] {
            #expect(roleNeeded(for: order, rules: .standard, amount: nil) == role)
        }
    }

    @Test func `The manager covers cashier and enroller, nobody covers the technician`() {
        for role in Role.allCases {
            for needed in Role.allCases {
                let covers = role == needed || (role == .manager && needed != .technician)
                #expect(role.covers(needed) == covers)
            }
        }
    }
}
