import Operations
import Testing
import Tokens

/// What may be given back or undone: each rule alone, and at its edge.
@Suite struct CorrectionTests {
    /// Noon of a UTC day.
    private static let noon: UInt64 = 20_833 * UTCDay.length + UTCDay.length / 2

    private func standing(
        _ body: EntryBody = .payment(EntryTests.payment()), refunded: Int64 = 0,
        isReversed: Bool = false, isClosed: Bool = false, isTraining: Bool = false
    ) -> EntryStanding {
        EntryStanding(
            entry: Entry(
                sequence: 7, id: BodyTests.id, previous: [UInt8](repeating: 5, count: 32),
                time: Self.noon, clockTrust: .synchronised, body: body, isTraining: isTraining),
            refunded: LimitTests.eco(refunded), isReversed: isReversed, isClosed: isClosed)
    }

    private func refund(
        _ cents: Int64, of standing: EntryStanding?, isTraining: Bool = false
    ) -> RuleRefusal? {
        do throws(RuleRefusal) {
            _ = try checkRefund(
                of: standing, amount: LimitTests.eco(cents), isTraining: isTraining)
            return nil
        } catch { return error }
    }

    private func reversal(
        of standing: EntryStanding?, at now: UInt64 = noon, isTraining: Bool = false
    ) -> RuleRefusal? {
        do throws(RuleRefusal) {
            try checkReversal(of: standing, now: now, isTraining: isTraining)
            return nil
        } catch { return error }
    }

    @Test func `A payment gives back what is left of it, and nothing once it was reversed`() {
        #expect(refund(1_250, of: standing()) == nil)
        let left = RuleRefusal.overRemainder(left: LimitTests.eco(1_250))
        #expect(refund(1_251, of: standing()) == left && refund(0, of: standing()) == left)
        #expect(refund(250, of: standing(refunded: 1_000)) == nil)
        #expect(
            refund(251, of: standing(refunded: 1_000))
                == .overRemainder(left: LimitTests.eco(250)))
        #expect(refund(1, of: standing(isReversed: true)) == .alreadyReversed)
        #expect(standing(isReversed: true).refundable == .zero)
        #expect(refund(1, of: standing(isClosed: true)) == nil, "a closed day is refunded")
        #expect(refund(1, of: nil) == .entryUnknown)
        for body in BodyTests.bodies where body.kind != .payment {
            #expect(refund(1, of: standing(body)) == .wrongKind)
        }
        #expect(refund(1, of: standing(isTraining: true)) == .trainingMismatch)
        #expect(refund(1, of: standing(), isTraining: true) == .trainingMismatch)
        #expect(refund(1, of: standing(isTraining: true), isTraining: true) == nil)
    }

    @Test func `An entry of today is undone once, before its day is closed`() {
        #expect(reversal(of: standing()) == nil)
        let midnight = Self.noon + UTCDay.length / 2
        #expect(reversal(of: standing(), at: midnight - 1) == nil)
        #expect(reversal(of: standing(), at: midnight) == .dayClosed)
        #expect(reversal(of: standing(), at: Self.noon - UTCDay.length) == .dayClosed)
        #expect(reversal(of: standing(isClosed: true)) == .dayClosed)
        #expect(reversal(of: standing(isReversed: true)) == .alreadyReversed)
        #expect(reversal(of: standing(refunded: 1)) == .alreadyRefunded)
        #expect(reversal(of: nil) == .entryUnknown)
        for body in BodyTests.bodies {
            let isUndone = [.payment, .topUp, .action].contains(body.kind)
            #expect(reversal(of: standing(body)) == (isUndone ? nil : .wrongKind))
        }
        #expect(reversal(of: standing(isTraining: true)) == .trainingMismatch)
        #expect(reversal(of: standing(), isTraining: true) == .trainingMismatch)
        #expect(reversal(of: standing(isTraining: true), isTraining: true) == nil)
    }

    @Test func `A card's day of an action ends at its quantity and at its count`() {
        let action = CatalogueAction(
            code: "a", parcours: .circulaireTextile, unit: .piece, labels: Words(["fr": "a"]),
            purpose: Words(["fr": "a"]), operationLimit: 4_000, dayLimit: 6_000, dayCount: 3)
        func refusal(_ quantity: Int64, after day: ActionDay) -> RuleRefusal? {
            do throws(RuleRefusal) {
                try action.check(quantity: quantity, after: day)
                return nil
            } catch { return error }
        }
        #expect(refusal(4_000, after: .none) == nil)
        for wrong in [0, -1_000, 5_000, 1_500] as [Int64] {
            #expect(refusal(wrong, after: .none) == .quantityInvalid)
        }
        #expect(refusal(1_000, after: ActionDay(quantity: 5_000, count: 2)) == nil)
        #expect(
            refusal(2_000, after: ActionDay(quantity: 5_000, count: 2))
                == .actionLimitReached(left: 1_000))
        #expect(
            refusal(1_000, after: ActionDay(quantity: 3_000, count: 3))
                == .actionLimitReached(left: 0))
        #expect(
            refusal(1_000, after: ActionDay(quantity: .max, count: 1))
                == .actionLimitReached(left: 0))
    }
}
