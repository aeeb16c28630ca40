/// Number and sum of entries of one kind.
public struct KindTotal: Equatable, Sendable {
    /// Entries.
    public var count: UInt64
    /// Cents; thousandths of its unit for an action.
    public var sum: Int64

    /// A total.
    public init(count: UInt64 = 0, sum: Int64 = 0) {
        self.count = count
        self.sum = sum
    }

    /// Adds one entry; a sum stays within 64 bits for ninety thousand million entries.
    mutating func add(_ value: Int64) {
        count += 1
        sum &+= value
    }

    /// Adds the total of another stretch.
    mutating func add(_ other: KindTotal) {
        count &+= other.count
        sum &+= other.sum
    }
}

/// What a stretch of the journal comes to. Training never counts.
public struct PeriodTotals: Equatable, Sendable {
    /// Payments, cents.
    public var payments: KindTotal
    /// Refunds, cents.
    public var refunds: KindTotal
    /// Payments that reversals of this stretch cancel, cents.
    public var reversals: KindTotal
    /// Top-ups, cents.
    public var topUps: KindTotal
    /// Top-ups that reversals of this stretch cancel, cents.
    public var topUpReversals: KindTotal
    /// Cards enrolled.
    public var enrolments: UInt64
    /// Actions by code, thousandths of their unit; reversed ones are taken off again.
    public var actions: [String: KindTotal]

    /// Nothing.
    public static let none = PeriodTotals(
        payments: KindTotal(), refunds: KindTotal(), reversals: KindTotal(), topUps: KindTotal(),
        topUpReversals: KindTotal(), enrolments: 0, actions: [:])

    /// Totals.
    public init(
        payments: KindTotal, refunds: KindTotal, reversals: KindTotal, topUps: KindTotal,
        topUpReversals: KindTotal, enrolments: UInt64, actions: [String: KindTotal]
    ) {
        self.payments = payments
        self.refunds = refunds
        self.reversals = reversals
        self.topUps = topUps
        self.topUpReversals = topUpReversals
        self.enrolments = enrolments
        self.actions = actions
    }

    /// Takings: payments less refunds and less reversed payments, cents. Below zero on a day that
    /// refunds more than it sells.
    public var takings: Int64 { payments.sum - refunds.sum - reversals.sum }

    /// Adds the totals of another stretch.
    public mutating func add(_ other: PeriodTotals) {
        payments.add(other.payments)
        refunds.add(other.refunds)
        reversals.add(other.reversals)
        topUps.add(other.topUps)
        topUpReversals.add(other.topUpReversals)
        enrolments &+= other.enrolments
        for (code, total) in other.actions { actions[code, default: KindTotal()].add(total) }
    }

    /// Counts an entry. `target` is the body a reversal cancels.
    public mutating func add(_ body: EntryBody, reversing target: EntryBody? = nil) {
        switch body {
        case .payment(let payment): payments.add(payment.amount.cents)
        case .refund(let refund): refunds.add(refund.amount.cents)
        case .topUp(let topUp): topUps.add(topUp.amount.cents)
        case .action(let action): actions[action.code, default: KindTotal()].add(action.quantity)
        case .enrolment: enrolments += 1
        case .reversal:
            switch target {
            case .payment(let payment): reversals.add(payment.amount.cents)
            case .topUp(let topUp): topUpReversals.add(topUp.amount.cents)
            case .action(let action):
                actions[action.code, default: KindTotal()].sum -= action.quantity
            default: break
            }
        case .cardEvent, .closure, .technicalEvent: break
        }
    }
}
