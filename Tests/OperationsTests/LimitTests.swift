import Operations
import Testing

/// The limit rule: `already stored + this one <= limit`.
@Suite struct LimitTests {
    static let limits = OfflineLimits(
        payment: eco(2_000), cardTotal: eco(5_000), cardCount: 5, terminalTotal: eco(50_000),
        terminalCount: 75, hours: 24)

    static func eco(_ cents: Int64) -> Amount { Amount(cents: cents)! }

    /// What stands before a payment.
    struct Situation: Sendable {
        var amount = eco(1_000)
        var allowance: CardAllowance? = CardAllowance(total: eco(1_500), count: 2)
        var unsent = UnsentTotals(total: eco(10_000), count: 20, secondsWithoutLedger: 3_600)
        var answer = AuthorisationAnswer.unreachable

        func decision(_ limits: OfflineLimits = limits) -> PaymentDecision {
            decidePayment(
                amount: amount, limits: limits, allowance: allowance, unsent: unsent,
                answer: answer)
        }
    }

    /// One limit: how to stand exactly at it, and what refuses one step above.
    struct Edge: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let refusal: LimitRefusal
        let arrange: @Sendable (inout Situation, _ above: Int64) -> Void
    }

    static let edges = [
        Edge(testDescription: "payment", refusal: .paymentOverLimit(limit: eco(2_000))) {
            $0.amount = eco(2_000 + $1)
        },
        Edge(testDescription: "card total", refusal: .cardTotalReached(left: eco(999))) {
            $0.allowance = CardAllowance(total: eco(4_000 + $1), count: 2)
        },
        Edge(testDescription: "card count", refusal: .cardCountReached) {
            $0.allowance = CardAllowance(total: eco(100), count: UInt8(4 + $1))
        },
        Edge(testDescription: "terminal total", refusal: .terminalReached) {
            $0.unsent.total = eco(49_000 + $1)
        },
        Edge(testDescription: "terminal count", refusal: .terminalReached) {
            $0.unsent.count = UInt32(74 + $1)
        },
        Edge(testDescription: "hours", refusal: .tooLongWithoutLedger) {
            $0.unsent.secondsWithoutLedger = 86_400 + UInt64($1)
        },
    ]

    @Test(arguments: edges, [AuthorisationAnswer.unreachable, .useOfflineRules])
    func `A limit accepts exactly at it and refuses one above`(
        edge: Edge, answer: AuthorisationAnswer
    ) throws {
        var situation = Situation()
        situation.answer = answer
        edge.arrange(&situation, 0)
        let before = try #require(situation.allowance)
        let after = CardAllowance(
            total: try before.total.adding(situation.amount), count: before.count + 1)
        #expect(situation.decision() == .accept(authorisation: nil, allowance: after))
        edge.arrange(&situation, 1)
        #expect(situation.decision() == .refuse(edge.refusal))
    }

    @Test(arguments: edges)
    func `An approval is not bound by offline limits`(edge: Edge) {
        var situation = Situation()
        edge.arrange(&situation, 1)
        let id = [UInt8](repeating: 3, count: 16)
        situation.answer = .approved(id: id, rearm: false)
        #expect(
            situation.decision()
                == .accept(authorisation: id, allowance: situation.allowance ?? .unused))
        situation.answer = .approved(id: id, rearm: true)
        #expect(situation.decision() == .accept(authorisation: id, allowance: .unused))
    }

    @Test func `An unreadable card sells online only, and an approval repairs it`() {
        var situation = Situation(allowance: nil)
        #expect(situation.decision() == .refuse(.cardStateUnreadable))
        situation.answer = .useOfflineRules
        #expect(situation.decision() == .refuse(.cardStateUnreadable))
        let id = [UInt8](repeating: 3, count: 16)
        for rearm in [true, false] {
            situation.answer = .approved(id: id, rearm: rearm)
            #expect(situation.decision() == .accept(authorisation: id, allowance: .unused))
        }
    }

    @Test func `The ledger's no is a no, whatever the limits would say`() {
        var situation = Situation()
        situation.answer = .insufficient(missing: Self.eco(12))
        #expect(situation.decision() == .refuse(.insufficient(missing: Self.eco(12))))
        situation.answer = .declined(code: "card-blocked")
        #expect(situation.decision() == .refuse(.declined(code: "card-blocked")))
    }

    @Test func `Sums over the largest amount are refused, not wrapped`() {
        let largest = Self.eco(Amount.centsMax)
        let open = OfflineLimits(
            payment: largest, cardTotal: largest, cardCount: .max, terminalTotal: largest,
            terminalCount: .max, hours: .max)
        var situation = Situation(amount: largest)
        #expect(situation.decision(open) == .refuse(.cardTotalReached(left: Self.eco(99_998_499))))
        situation.allowance = CardAllowance(total: .zero, count: .max)
        #expect(situation.decision(open) == .refuse(.cardCountReached))
        situation.allowance = .unused
        situation.unsent.total = Self.eco(1)
        #expect(situation.decision(open) == .refuse(.terminalReached))
        situation.unsent = UnsentTotals(total: .zero, count: .max, secondsWithoutLedger: .max)
        #expect(situation.decision(open) == .refuse(.tooLongWithoutLedger))
    }

    @Test func `Limits of zero sell nothing offline`() {
        let none = OfflineLimits(
            payment: .zero, cardTotal: .zero, cardCount: 0, terminalTotal: .zero, terminalCount: 0,
            hours: 0)
        let situation = Situation(
            amount: Self.eco(1), allowance: .unused,
            unsent: UnsentTotals(total: .zero, count: 0, secondsWithoutLedger: 0))
        #expect(situation.decision(none) == .refuse(.paymentOverLimit(limit: .zero)))
    }
}
