import CardEmulation
import Cards
import Operations
import Terminal
import Testing
import Tokens

/// R9: the card leaves at every APDU, in every way; nothing is lost, nothing is charged twice.
@Suite struct TearTests {
    struct Tear: Sendable, CustomTestStringConvertible {
        let stack: Stack
        let kind: BenchFault
        let at: Int
        var testDescription: String { "\(stack): \(kind) at \(at)" }
    }

    static let tears = Stack.allCases.flatMap { stack in
        BenchFault.allCases.flatMap { kind in
            (1...9).map { Tear(stack: stack, kind: kind, at: $0) }
        }
    }

    /// A reply that came before the last APDU tears the next one; after the last there is none.
    private func mayBeAccepted(_ tear: Tear) -> Bool { tear.kind == .afterReply && tear.at == 9 }

    @Test(arguments: tears)
    func `Torn and presented again, the operation is booked once and counted once`(
        tear: Tear
    ) throws {
        let bench = try Bench(tear.stack)
        var card = try bench.card()
        let operation = bench.arm()
        let torn = bench.tap(&card, operation, fault: (tear.kind, tear.at))
        if mayBeAccepted(tear) {
            #expect(torn.isAccepted && bench.entries == 1)
        } else {
            #expect(torn.outcome == .torn)
            #expect(bench.entries == 0)
        }
        let again = bench.tap(&card, operation, binding: torn.binding)
        #expect(again.isAccepted)
        #expect(bench.entries == 1)
        let state = try #require(try bench.state(of: &card).current)
        #expect(state.allowance == CardAllowance(total: operation.amount, count: 1))
        let payment = try #require(try bench.payment(operation.id))
        #expect(
            try bench.verifyEvidence(
                payment.evidence, digest: bench.digest(operation, payment.card),
                uid: card.memory.uid) != nil)
    }

    @Test(arguments: tears)
    func `Torn and cancelled, nothing is booked and the next operation goes on as usual`(
        tear: Tear
    ) throws {
        let bench = try Bench(tear.stack)
        var card = try bench.card()
        let first = bench.arm()
        let torn = bench.tap(&card, first, fault: (tear.kind, tear.at))
        let before: UInt64 = mayBeAccepted(tear) ? 1 : 0
        #expect(torn.isAccepted == (before == 1))
        #expect(bench.entries == before)
        #expect(try bench.payment(first.id) == nil || before == 1)
        let next = bench.arm(700)
        #expect(bench.tap(&card, next).isAccepted)
        #expect(bench.entries == before + 1)
        // The card may have counted what was cancelled: never less than what was booked.
        let state = try #require(try bench.state(of: &card).current)
        let booked: Int64 = before == 1 ? 1_950 : 700
        #expect([booked, 1_950].contains(state.allowance.total.cents))
    }

    @Test(arguments: tears)
    func `Torn twice, at any place and then at the worst one, it is still counted once`(
        tear: Tear
    ) throws {
        guard !mayBeAccepted(tear) else { return }
        let bench = try Bench(tear.stack)
        var card = try bench.card()
        let operation = bench.arm()
        var torn = bench.tap(&card, operation, fault: (tear.kind, tear.at))
        // The answer to the write of the state is lost: the card has counted, nobody knows.
        torn = bench.tap(&card, operation, binding: torn.binding, fault: (.afterSend, 6))
        #expect(torn.outcome == .torn && bench.entries == 0)
        #expect(bench.tap(&card, operation, binding: torn.binding).isAccepted)
        #expect(bench.entries == 1)
        let state = try #require(try bench.state(of: &card).current)
        #expect(state.allowance == CardAllowance(total: operation.amount, count: 1))
    }

    @Test(arguments: Stack.allCases)
    func `A torn offline payment that the ledger then approves is not counted on the card`(
        _ stack: Stack
    )
        throws
    {
        let bench = try Bench(stack)
        var card = try bench.card()
        let operation = bench.arm()
        let torn = bench.tap(&card, operation, fault: (.afterSend, 6))
        #expect(torn.outcome == .torn)
        bench.world.set {
            $0.answer = .approved(id: [UInt8](repeating: 7, count: 16), rearm: false)
        }
        #expect(bench.tap(&card, operation, binding: torn.binding).isAccepted)
        #expect(try bench.state(of: &card).current?.allowance == .unused)
        // And the other way round: approved but torn, then the network goes.
        let next = bench.arm(300)
        let half = bench.tap(&card, next, fault: (.afterSend, 6))
        bench.world.set { $0.answer = nil }
        #expect(bench.tap(&card, next, binding: half.binding).isAccepted)
        let state = try bench.state(of: &card).current
        #expect(state?.allowance == CardAllowance(total: next.amount, count: 1))
        #expect(bench.entries == 2)
    }

    @Test(arguments: Stack.allCases)
    func `An approved payment that was torn takes nothing off what the card had spent offline`(
        _ stack: Stack
    ) throws {
        let bench = try Bench(stack)
        var card = try bench.card()
        #expect(bench.tap(&card, bench.arm(500)).isAccepted)
        bench.world.set {
            $0.answer = .approved(id: [UInt8](repeating: 7, count: 16), rearm: false)
        }
        let operation = bench.arm(300)
        let torn = bench.tap(&card, operation, fault: (.afterSend, 6))
        #expect(torn.outcome == .torn)
        bench.world.set { $0.answer = nil }
        #expect(bench.tap(&card, operation, binding: torn.binding).isAccepted)
        let spent = CardAllowance(total: try #require(Amount(cents: 800)), count: 2)
        #expect(try bench.state(of: &card).current?.allowance == spent)
    }

    @Test(arguments: Stack.allCases)
    func `Only the card an operation began with may finish it`(_ stack: Stack) throws {
        let bench = try Bench(stack)
        var card = try bench.card(1)
        var other = try bench.card(2)
        let operation = bench.arm()
        let torn = bench.tap(&card, operation, fault: (.beforeSend, 8))
        #expect(torn.outcome == .torn && torn.binding != nil)
        let wrong = bench.tap(&other, operation, binding: torn.binding)
        #expect(wrong.code == "C07")
        #expect(wrong.commands.count == 2, "the other card is not asked for anything more")
        #expect(try bench.state(of: &other).current?.allowance == .unused)
        #expect(bench.tap(&card, operation, binding: torn.binding).isAccepted)
        #expect(bench.entries == 1)
    }

    @Test(arguments: Stack.allCases)
    func `Torn before it was read, a card binds nothing`(_ stack: Stack) throws {
        let bench = try Bench(stack)
        var card = try bench.card(1)
        var other = try bench.card(2)
        let operation = bench.arm()
        let torn = bench.tap(&card, operation, fault: (.afterSend, 2))
        #expect(torn.outcome == .torn && torn.binding == nil)
        #expect(bench.tap(&other, operation, binding: torn.binding).isAccepted)
    }
}
