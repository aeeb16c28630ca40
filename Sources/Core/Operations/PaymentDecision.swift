/// What the card remembers between two online contacts (CARDS.md, file 03).
public struct CardAllowance: Equatable, Sendable {
    /// Sum of offline payments.
    public var total: Amount
    /// Number of offline payments.
    public var count: UInt8

    /// An allowance used so far.
    public init(total: Amount, count: UInt8) {
        self.total = total
        self.count = count
    }

    /// Freshly re-armed.
    public static let unused = CardAllowance(total: .zero, count: 0)
}

/// What the terminal has not sent yet.
public struct UnsentTotals: Equatable, Sendable {
    /// Sum of unsent payments.
    public var total: Amount
    /// Number of unsent payments.
    public var count: UInt32
    /// Seconds since the ledger last answered.
    public var secondsWithoutLedger: UInt64

    /// Totals.
    public init(total: Amount, count: UInt32, secondsWithoutLedger: UInt64) {
        self.total = total
        self.count = count
        self.secondsWithoutLedger = secondsWithoutLedger
    }
}

/// What the ledger said, or that it said nothing.
public enum AuthorisationAnswer: Equatable, Sendable {
    /// No answer in time, or no network.
    case unreachable
    /// The ledger leaves it to the offline rules.
    case useOfflineRules
    /// Funds are reserved. `id` has 16 bytes; `rearm` resets the card's allowance.
    case approved(id: [UInt8], rearm: Bool)
    /// Not enough on the account.
    case insufficient(missing: Amount)
    /// The ledger declines for another reason: its code.
    case declined(code: String)
}

/// What to do with a payment.
public enum PaymentDecision: Equatable, Sendable {
    /// Accept, and write this allowance to the card first.
    case accept(authorisation: [UInt8]?, allowance: CardAllowance)
    case refuse(LimitRefusal)
}

/// Which limit, or whose answer, refuses a payment.
public enum LimitRefusal: Error, Equatable, Sendable {
    case insufficient(missing: Amount)
    case declined(code: String)
    /// Over the amount per payment.
    case paymentOverLimit(limit: Amount)
    /// Over the card's sum between two online contacts; what is left of it.
    case cardTotalReached(left: Amount)
    case cardCountReached
    /// Over the terminal's unsent sum or count.
    case terminalReached
    case tooLongWithoutLedger
    /// The card's state file is unreadable: online only.
    case cardStateUnreadable
}

/// The limit rule (FORMATS §4): pure, integer, `already stored + this one <= limit`.
///
/// `allowance` is nil when the card's state is unreadable. An approval needs no allowance: it
/// repairs it.
public func decidePayment(
    amount: Amount, limits: OfflineLimits, allowance: CardAllowance?, unsent: UnsentTotals,
    answer: AuthorisationAnswer
) -> PaymentDecision {
    switch answer {
    case .approved(let id, let rearm):
        let kept = rearm ? CardAllowance.unused : allowance ?? .unused
        return .accept(authorisation: id, allowance: kept)
    case .insufficient(let missing): return .refuse(.insufficient(missing: missing))
    case .declined(let code): return .refuse(.declined(code: code))
    case .unreachable, .useOfflineRules: break
    }
    guard unsent.secondsWithoutLedger <= UInt64(limits.hours) * 3_600 else {
        return .refuse(.tooLongWithoutLedger)
    }
    guard amount <= limits.payment else {
        return .refuse(.paymentOverLimit(limit: limits.payment))
    }
    guard let allowance else { return .refuse(.cardStateUnreadable) }
    guard let cardTotal = try? allowance.total.adding(amount), cardTotal <= limits.cardTotal else {
        let left = (try? limits.cardTotal.subtracting(allowance.total)) ?? .zero
        return .refuse(.cardTotalReached(left: left))
    }
    guard allowance.count < limits.cardCount else { return .refuse(.cardCountReached) }
    guard let total = try? unsent.total.adding(amount), total <= limits.terminalTotal,
        unsent.count < limits.terminalCount
    else { return .refuse(.terminalReached) }
    return .accept(
        authorisation: nil,
        allowance: CardAllowance(total: cardTotal, count: allowance.count + 1))
}
