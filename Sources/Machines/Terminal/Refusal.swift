public import Operations

/// Why a person is told no. Each case has one code and one fixed sentence (the screen owns the
/// sentences); the reason of suspected fraud is logged, not told (UX.md §1.6).
public enum Refusal: Error, Equatable, Sendable {
    /// Not one of our cards.
    case notOurCard
    /// On the deny-list.
    case blocked
    /// The token is past its date.
    case expired
    /// Signed by a revoked issuer key.
    case issuerRevoked
    /// The class or epoch of the card is not accepted here.
    case notAcceptedHere
    /// The token is altered or signed by a stranger.
    case tokenAltered
    /// The token of another card.
    case tokenCopied
    /// The card does not hold the keys its token names.
    case wrongKeys
    /// The card answers with a recording.
    case replayed
    /// The card's cryptogram is not over this operation.
    case evidenceMismatch
    /// Not the card this operation began with.
    case anotherCard
    /// This operation was already paid.
    case alreadyPaid
    /// Not enough on the account.
    case insufficient(missing: Amount)
    /// Over the offline amount per payment.
    case overOfflineLimit(limit: Amount)
    /// Over the card's offline sum or count.
    case cardLimitReached(left: Amount)
    /// Over the terminal's unsent sum or count.
    case terminalLimitReached
    /// Too long without the ledger.
    case tooLongOffline
    /// The ledger declined.
    case declined
    /// The card's state needs an online contact.
    case cardNeedsNetwork
    /// The card left for good, or nobody came in time.
    case timedOut
    /// No reader.
    case readerAbsent
    /// The chip that reads cards does not answer; it is no reader that somebody plugs in.
    case readerSilent
    /// The service that readers are spoken to through does not run (pcscd).
    case readerServiceMissing
    /// Two cards in the field.
    case twoCards
    /// The card does not answer properly.
    case cardFault
    /// The clock cannot be trusted.
    case clockUntrusted
    /// No valid policy: pair or connect the terminal.
    case noPolicy
    /// The journal does not take entries.
    case journalUnavailable
    /// The disk has no room for an entry.
    case diskFull
    /// The disk is read-only.
    case diskReadOnly
    /// The ledger refuses this terminal: a person must look.
    case ledgerRefusesTerminal
    /// The ledger knows operations that this journal does not hold: an old image was put back.
    case oldJournal
    /// The ledger was put back from before operations that only this terminal's archives hold.
    case ledgerForgot
    /// A rule of an operation beside paying.
    case rule(RuleRefusal)

    /// The code people read out on the telephone.
    public var code: String {
        switch self {
        case .notOurCard: "C01"
        case .blocked: "C02"
        case .tokenAltered: "C31"
        case .tokenCopied: "C32"
        case .wrongKeys: "C33"
        case .replayed: "C34"
        case .evidenceMismatch: "C35"
        case .expired: "C04"
        case .issuerRevoked: "C05"
        case .notAcceptedHere: "C06"
        case .anotherCard: "C07"
        case .alreadyPaid: "C08"
        case .cardFault: "C09"
        case .insufficient: "P01"
        case .overOfflineLimit: "P02"
        case .cardLimitReached: "P03"
        case .terminalLimitReached: "P04"
        case .tooLongOffline: "P05"
        case .declined: "P06"
        case .cardNeedsNetwork: "P07"
        case .timedOut: "P08"
        case .readerAbsent: "R01"
        case .readerSilent: "R04"
        case .twoCards: "R02"
        case .readerServiceMissing: "R03"
        case .clockUntrusted: "T01"
        case .noPolicy: "T02"
        case .journalUnavailable: "T03"
        case .ledgerRefusesTerminal: "T04"
        case .diskFull: "T05"
        case .diskReadOnly: "T06"
        case .oldJournal: "T07"
        case .ledgerForgot: "T08"
        case .rule(let rule): rule.code
        }
    }
}
