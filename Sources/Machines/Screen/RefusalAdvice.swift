import Operations
import Terminal

/// The message of each refusal: its key in the message tables (`refusals.KEY`).
enum RefusalMessage: String, CaseIterable, Encodable, Sendable {
    case notOurCard, blocked, expired, issuerRevoked, notAcceptedHere, notRecognised
    case anotherCard, alreadyPaid, insufficient, overOfflineLimit, cardLimitReached
    case cardLimitLeft, terminalLimitReached, tooLongOffline, declined, cardNeedsNetwork
    case timedOut, readerAbsent, readerSilent, twoCards, cardFault, clockUntrusted, noPolicy
    case journalUnavailable, ledgerRefusesTerminal, readerServiceMissing, diskFull, diskReadOnly
    case oldJournal, ledgerForgot
    case needsNetwork, entryUnknown, wrongKind, overRemainder, otherCard, alreadyReversed
    case alreadyRefunded, dayClosed, trainingMismatch, topUpOverLimit, topUpNotHere
    case actionUnknown, quantityInvalid, actionLimitReached, actionLimitLeft, consentMissing
    case sealingImpossible, nothingToClose, shorterPeriodOpen
    case alreadyGiven, otherNetwork, cardUnfit, oldCard

    /// Exhaustive on purpose: a new refusal has no message until somebody writes one.
    init(_ refusal: Refusal) {
        self =
            switch refusal {
            case .notOurCard: .notOurCard
            case .blocked: .blocked
            case .expired: .expired
            case .issuerRevoked: .issuerRevoked
            case .notAcceptedHere: .notAcceptedHere
            // Why a fraud is suspected is logged, not told (UX.md §1.6).
            case .tokenAltered, .tokenCopied, .wrongKeys, .replayed, .evidenceMismatch:
                .notRecognised
            case .anotherCard: .anotherCard
            case .alreadyPaid: .alreadyPaid
            case .insufficient: .insufficient
            case .overOfflineLimit: .overOfflineLimit
            case .cardLimitReached(let left): left == .zero ? .cardLimitReached : .cardLimitLeft
            case .terminalLimitReached: .terminalLimitReached
            case .tooLongOffline: .tooLongOffline
            case .declined: .declined
            case .cardNeedsNetwork: .cardNeedsNetwork
            case .timedOut: .timedOut
            case .readerAbsent: .readerAbsent
            case .readerSilent: .readerSilent
            case .twoCards: .twoCards
            case .cardFault: .cardFault
            case .clockUntrusted: .clockUntrusted
            case .noPolicy: .noPolicy
            case .journalUnavailable: .journalUnavailable
            case .ledgerRefusesTerminal: .ledgerRefusesTerminal
            case .readerServiceMissing: .readerServiceMissing
            case .diskFull: .diskFull
            case .diskReadOnly: .diskReadOnly
            case .oldJournal: .oldJournal
            case .ledgerForgot: .ledgerForgot
            case .rule(let rule): RefusalMessage(rule)
            }
    }

    /// Exhaustive for the same reason.
    init(_ rule: RuleRefusal) {
        self =
            switch rule {
            case .needsNetwork: .needsNetwork
            case .entryUnknown: .entryUnknown
            case .wrongKind: .wrongKind
            case .overRemainder: .overRemainder
            case .otherCard: .otherCard
            case .alreadyReversed: .alreadyReversed
            case .alreadyRefunded: .alreadyRefunded
            case .dayClosed: .dayClosed
            case .trainingMismatch: .trainingMismatch
            case .topUpOverLimit(let limit): limit == .zero ? .topUpNotHere : .topUpOverLimit
            case .actionUnknown: .actionUnknown
            case .quantityInvalid: .quantityInvalid
            case .actionLimitReached(let left): left > 0 ? .actionLimitLeft : .actionLimitReached
            case .consentMissing: .consentMissing
            case .sealingImpossible: .sealingImpossible
            case .alreadyGiven: .alreadyGiven
            case .otherNetwork: .otherNetwork
            case .cardUnfit: .cardUnfit
            case .oldCard: .oldCard
            case .nothingToClose: .nothingToClose
            case .shorterPeriodOpen: .shorterPeriodOpen
            }
    }
}

/// What a screen may offer after a refusal; the first of a list is the one Enter does.
enum RefusalAction: String, CaseIterable, Encodable, Sendable {
    /// Charge the amount that is possible.
    case chargeLess
    /// Charge what the card has; another card pays the rest.
    case payPart
    /// The same amount, with another card.
    case otherCard
    /// The same amount once more.
    case retry
    /// Another card out of the box, for the same person.
    case giveOther
    /// Back to the amount.
    case finish
}

extension Refusal {
    /// What the sentence of a rule names: cents, or thousandths of an action's unit.
    var left: Int64? {
        switch self {
        case .rule(.overRemainder(let left)): left.cents
        case .rule(.topUpOverLimit(let limit)): limit.cents
        case .rule(.actionLimitReached(let left)): max(0, left)
        default: sentenceAmount?.cents
        }
    }

    /// The amount of the sentence, when it names one.
    var sentenceAmount: Amount? {
        switch self {
        case .insufficient(let missing): missing
        case .overOfflineLimit(let limit): limit
        case .cardLimitReached(let left): left == .zero ? nil : left
        case .notOurCard, .blocked, .expired, .issuerRevoked, .notAcceptedHere, .tokenAltered,
            .tokenCopied, .wrongKeys, .replayed, .evidenceMismatch, .anotherCard, .alreadyPaid,
            .terminalLimitReached, .tooLongOffline, .declined, .cardNeedsNetwork, .timedOut,
            .readerAbsent, .readerSilent, .twoCards, .cardFault, .clockUntrusted, .noPolicy,
            .journalUnavailable,
            .ledgerRefusesTerminal, .readerServiceMissing, .diskFull, .diskReadOnly, .oldJournal,
            .ledgerForgot, .rule:
            nil
        }
    }

    /// What could be charged instead of `amount`; nil when nothing less helps.
    func lesserAmount(than amount: Amount?) -> Amount? {
        guard let amount else { return nil }
        let lesser: Amount? =
            switch self {
            case .insufficient(let missing): Amount(cents: amount.cents - missing.cents)
            default: sentenceAmount
            }
        return lesser.flatMap { $0 > .zero && $0 < amount ? $0 : nil }
    }

    /// What to offer when a card could not be given.
    var standActions: [RefusalAction] {
        switch self {
        case .rule(.alreadyGiven), .rule(.otherNetwork), .rule(.cardUnfit), .rule(.oldCard),
            .rule(.trainingMismatch), .timedOut, .twoCards, .anotherCard:
            [.giveOther, .finish]
        default: [.finish]
        }
    }

    /// What to offer when `amount` was refused; only the way back when there was no amount.
    /// `isPayment` false: money is not asked for, so nothing less is charged.
    func actions(amount: Amount?, isPayment: Bool = true) -> [RefusalAction] {
        guard amount != nil else { return [.finish] }
        let hasLess = isPayment && lesserAmount(than: amount) != nil
        let less: [RefusalAction] = hasLess ? [.chargeLess] : []
        switch self {
        case .notOurCard, .blocked, .expired, .issuerRevoked, .notAcceptedHere, .declined,
            .cardNeedsNetwork, .rule(.otherCard), .rule(.actionLimitReached):
            return [.otherCard, .finish]
        case .rule: return [.finish]
        case .insufficient: return (hasLess ? [.payPart] : []) + [.otherCard, .finish]
        case .overOfflineLimit, .cardLimitReached:
            return less + [.otherCard, .finish]
        case .twoCards, .cardFault, .timedOut, .anotherCard:
            return [.retry, .finish]
        case .tokenAltered, .tokenCopied, .wrongKeys, .replayed, .evidenceMismatch, .alreadyPaid,
            .terminalLimitReached, .tooLongOffline, .readerAbsent, .readerSilent, .clockUntrusted,
            .noPolicy,
            .journalUnavailable, .ledgerRefusesTerminal, .readerServiceMissing, .diskFull,
            .diskReadOnly, .oldJournal, .ledgerForgot:
            return [.finish]
        }
    }
}
