import Operations
import Terminal

/// The message of each refusal: its key in the message tables (`refusals.KEY`).
enum RefusalMessage: String, CaseIterable, Encodable, Sendable {
    case notOurCard, blocked, expired, issuerRevoked, notAcceptedHere, notRecognised
    case anotherCard, alreadyPaid, insufficient, overOfflineLimit, cardLimitReached
    case cardLimitLeft, terminalLimitReached, tooLongOffline, declined, cardNeedsNetwork
    case timedOut, readerAbsent, twoCards, cardFault, clockUntrusted, noPolicy
    case journalUnavailable, ledgerRefusesTerminal

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
            case .twoCards: .twoCards
            case .cardFault: .cardFault
            case .clockUntrusted: .clockUntrusted
            case .noPolicy: .noPolicy
            case .journalUnavailable: .journalUnavailable
            case .ledgerRefusesTerminal: .ledgerRefusesTerminal
            case .rule: .declined
            }
    }
}

/// What a screen may offer after a refusal; the first of a list is the one Enter does.
enum RefusalAction: String, CaseIterable, Encodable, Sendable {
    /// Charge the amount that is possible.
    case chargeLess
    /// The same amount, with another card.
    case otherCard
    /// The same amount once more.
    case retry
    /// Back to the amount.
    case finish
}

extension Refusal {
    /// The amount of the sentence, when it names one.
    var sentenceAmount: Amount? {
        switch self {
        case .insufficient(let missing): missing
        case .overOfflineLimit(let limit): limit
        case .cardLimitReached(let left): left == .zero ? nil : left
        case .notOurCard, .blocked, .expired, .issuerRevoked, .notAcceptedHere, .tokenAltered,
            .tokenCopied, .wrongKeys, .replayed, .evidenceMismatch, .anotherCard, .alreadyPaid,
            .terminalLimitReached, .tooLongOffline, .declined, .cardNeedsNetwork, .timedOut,
            .readerAbsent, .twoCards, .cardFault, .clockUntrusted, .noPolicy, .journalUnavailable,
            .ledgerRefusesTerminal, .rule:
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

    /// What to offer when `amount` was refused; only the way back when there was no amount.
    func actions(amount: Amount?) -> [RefusalAction] {
        guard amount != nil else { return [.finish] }
        let less: [RefusalAction] = lesserAmount(than: amount) == nil ? [] : [.chargeLess]
        switch self {
        case .notOurCard, .blocked, .expired, .issuerRevoked, .notAcceptedHere, .declined,
            .cardNeedsNetwork, .rule:
            return [.otherCard, .finish]
        case .insufficient, .overOfflineLimit, .cardLimitReached:
            return less + [.otherCard, .finish]
        case .twoCards, .cardFault, .timedOut, .anotherCard:
            return [.retry, .finish]
        case .tokenAltered, .tokenCopied, .wrongKeys, .replayed, .evidenceMismatch, .alreadyPaid,
            .terminalLimitReached, .tooLongOffline, .readerAbsent, .clockUntrusted, .noPolicy,
            .journalUnavailable, .ledgerRefusesTerminal:
            return [.finish]
        }
    }
}
