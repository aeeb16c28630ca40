/// Why an operation beside a payment is not done. Each case has one code.
public enum RuleRefusal: Error, Equatable, Sendable {
    /// The policy wants the ledger for this, and it is out of reach.
    case needsNetwork
    /// No such entry in this terminal's journal.
    case entryUnknown
    /// Only payments are refunded; payments, top-ups and actions reversed.
    case wrongKind
    /// More than is left of the payment.
    case overRemainder(left: Amount)
    /// Not the card of the payment.
    case otherCard
    /// It was reversed before.
    case alreadyReversed
    /// Something was refunded of it already: refund the rest instead.
    case alreadyRefunded
    /// It is of another day, or its day is closed: refund it instead.
    case dayClosed
    /// A training entry and a true one do not meet.
    case trainingMismatch
    /// The policy lets this terminal take no top-up, or none so large.
    case topUpOverLimit(limit: Amount)
    /// The catalogue does not have this action.
    case actionUnknown
    /// Zero, too large, or no whole number of pieces.
    case quantityInvalid
    /// Over what one card may do on one day; what is left of it, thousandths.
    case actionLimitReached(left: Int64)
    /// A consent the policy requires is missing, or one it does not know was given.
    case consentMissing
    /// The policy has no certificate to seal personal data to.
    case sealingImpossible
    /// This card was given to somebody already.
    case alreadyGiven
    /// Not one of the cards this network gives.
    case otherNetwork
    /// The card does not answer as it should, or may not be used: nobody is given it.
    case cardUnfit
    /// The old card itself was laid where the new one is wanted.
    case oldCard
    /// Nothing happened since the last closure of this period.
    case nothingToClose
    /// A shorter period is to be closed first.
    case shorterPeriodOpen

    /// The code people read out on the telephone.
    public var code: String {
        switch self {
        case .needsNetwork: "O01"
        case .entryUnknown: "O02"
        case .wrongKind: "O03"
        case .overRemainder: "O04"
        case .otherCard: "O05"
        case .alreadyReversed: "O06"
        case .alreadyRefunded: "O07"
        case .dayClosed: "O08"
        case .trainingMismatch: "O09"
        case .topUpOverLimit: "O10"
        case .actionUnknown: "A01"
        case .quantityInvalid: "A02"
        case .actionLimitReached: "A03"
        case .consentMissing: "E01"
        case .sealingImpossible: "E02"
        case .alreadyGiven: "E03"
        case .otherNetwork: "E04"
        case .cardUnfit: "E05"
        case .oldCard: "E06"
        case .nothingToClose: "Z01"
        case .shorterPeriodOpen: "Z02"
        }
    }
}

/// What a journal knows of an entry that another one would correct.
public struct EntryStanding: Equatable, Sendable {
    /// The entry.
    public let entry: Entry
    /// What refunds of it gave back so far.
    public let refunded: Amount
    /// True when a reversal names it.
    public let isReversed: Bool
    /// True when a closure of a day covers it.
    public let isClosed: Bool

    /// A standing.
    public init(entry: Entry, refunded: Amount, isReversed: Bool, isClosed: Bool) {
        self.entry = entry
        self.refunded = refunded
        self.isReversed = isReversed
        self.isClosed = isClosed
    }

    /// What is left to refund; zero for what is no payment or was reversed.
    public var refundable: Amount {
        guard case .payment(let payment) = entry.body, !isReversed else { return .zero }
        return (try? payment.amount.subtracting(refunded)) ?? .zero
    }
}

/// Days are UTC days: the night's change falls at one or two in the morning in France, when nobody
/// sells. Terminal and ledger count alike.
public enum UTCDay {
    /// Milliseconds of a day.
    public static let length: UInt64 = 86_400_000
    /// The number of the day of a time in milliseconds, from 1970-01-01.
    public static func number(_ milliseconds: UInt64) -> UInt64 { milliseconds / length }

    /// Year, month and day of the month of a day's number (Howard Hinnant's civil-from-days).
    public static func date(_ number: UInt64) -> (year: Int, month: Int, day: Int) {
        let days = Int(clamping: min(number, UInt64(Int32.max))) + 719_468
        let era = days / 146_097
        let dayOfEra = days - era * 146_097
        let year = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * year + year / 4 - year / 100)
        let shifted = (5 * dayOfYear + 2) / 153
        let month = shifted < 10 ? shifted + 3 : shifted - 9
        return (
            year + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * shifted + 2) / 5 + 1
        )
    }

    /// "2029-11-24".
    public static func text(_ number: UInt64) -> String {
        let date = date(number)
        let pad = { (value: Int) in (value < 10 ? "0" : "") + String(value) }
        return "\(date.year)-\(pad(date.month))-\(pad(date.day))"
    }
}

/// A refund gives back what one payment took, to the card that paid, never more than is left:
/// `already refunded + this one <= payment`.
/// - Throws: `RuleRefusal`.
public func checkRefund(
    of standing: EntryStanding?, amount: Amount, isTraining: Bool
) throws(RuleRefusal) -> Payment {
    guard let standing else { throw .entryUnknown }
    guard case .payment(let payment) = standing.entry.body else { throw .wrongKind }
    guard standing.entry.isTraining == isTraining else { throw .trainingMismatch }
    guard !standing.isReversed else { throw .alreadyReversed }
    guard amount > .zero, let sum = try? standing.refunded.adding(amount), sum <= payment.amount
    else { throw .overRemainder(left: standing.refundable) }
    return payment
}

/// A reversal cancels an entry of the same terminal, of the same day, that no closure covers, once.
/// - Throws: `RuleRefusal`.
public func checkReversal(
    of standing: EntryStanding?, now: UInt64, isTraining: Bool
) throws(RuleRefusal) {
    guard let standing else { throw .entryUnknown }
    switch standing.entry.body {
    case .payment, .topUp, .action: break
    case .refund, .reversal, .enrolment, .cardEvent, .closure, .technicalEvent: throw .wrongKind
    }
    guard standing.entry.isTraining == isTraining else { throw .trainingMismatch }
    guard !standing.isReversed else { throw .alreadyReversed }
    guard standing.refunded == .zero else { throw .alreadyRefunded }
    guard !standing.isClosed, UTCDay.number(standing.entry.time) == UTCDay.number(now) else {
        throw .dayClosed
    }
}

/// What one card has done of one action on one day.
public struct ActionDay: Equatable, Sendable {
    /// Thousandths.
    public var quantity: Int64
    /// Operations.
    public var count: UInt32

    /// A day.
    public init(quantity: Int64, count: UInt32) {
        self.quantity = quantity
        self.count = count
    }

    /// Nothing yet.
    public static let none = ActionDay(quantity: 0, count: 0)
}

extension CatalogueAction {
    /// A quantity of one operation: above zero, at most the limit, whole where things are counted.
    /// - Throws: `RuleRefusal.quantityInvalid`.
    public func check(quantity: Int64) throws(RuleRefusal) {
        guard quantity > 0, quantity <= operationLimit,
            unit != .piece || quantity % 1_000 == 0
        else { throw .quantityInvalid }
    }

    /// The limits of one card and day: `already done + this one <= limit`.
    /// - Throws: `RuleRefusal`.
    public func check(quantity: Int64, after day: ActionDay) throws(RuleRefusal) {
        try check(quantity: quantity)
        let left = max(0, dayLimit - min(dayLimit, day.quantity))
        guard day.count < dayCount else { throw .actionLimitReached(left: 0) }
        guard quantity <= left else { throw .actionLimitReached(left: left) }
    }
}

extension Policy {
    /// The action with this code. - Throws: `RuleRefusal.actionUnknown`.
    public func action(_ code: String) throws(RuleRefusal) -> CatalogueAction {
        guard let action = catalogue.first(where: { $0.code == code }) else {
            throw .actionUnknown
        }
        return action
    }

    /// A top-up within the policy. - Throws: `RuleRefusal.topUpOverLimit`.
    public func checkTopUp(_ amount: Amount) throws(RuleRefusal) {
        guard amount > .zero, amount <= rules.topUpLimit else {
            throw .topUpOverLimit(limit: rules.topUpLimit)
        }
    }

    /// Every required text was agreed to, and no unknown one. Where there are texts a person may
    /// refuse, nothing personal is taken from who refused them all.
    /// - Throws: `RuleRefusal.consentMissing`.
    public func check(consents: [Consent], tellsAnything: Bool = false) throws(RuleRefusal) {
        let given = Set(consents.map(\.textVersion))
        let known = Set(consentTexts.map(\.version))
        let required = Set(consentTexts.filter(\.isRequired).map(\.version))
        guard given.count == consents.count, given.isSubset(of: known),
            required.isSubset(of: given),
            !tellsAnything || known == required || !given.isSubset(of: required)
        else { throw .consentMissing }
    }
}
