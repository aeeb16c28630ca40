import Operations
import Terminal

/// What the customer display may know: this, and no more. No merchant, queue, totals, card number,
/// balance, role or code of a refusal; texts are in the person's language already.
struct ClientView: Encodable {
    struct Near: Encodable {
        /// "action" or "place".
        let sort: String
        let title: String
    }

    let version: UInt64
    let person: PersonView
    let training: Bool
    let offline: Bool
    /// welcome, present, reading, removed, owed, done, again, refused, unknown, service.
    private(set) var scene = "welcome"
    /// What the operation is for (`PurposeView.kind`).
    private(set) var kind: String?
    private(set) var amountCents: Int64?
    /// Thousandths of `unit` of an action, whose label and purpose are below.
    private(set) var quantity: Int64?
    private(set) var unit: String?
    private(set) var label: String?
    private(set) var purpose: String?
    /// The four lights while the card is read.
    private(set) var step: Int?
    /// The card lies there and may leave.
    private(set) var takeCard = false
    private(set) var wasOffline = false
    /// What another card may pay.
    private(set) var restCents: Int64?
    private(set) var refusal: PersonRefusal?
    /// The amount of the refusal's sentence.
    private(set) var limitCents: Int64?
    private(set) var opportunities: [Near] = []

    init(_ moment: Feed.Moment, catalogue: [CatalogueAction]) {
        let snapshot = moment.snapshot
        let words = Wording(language: moment.person.language, catalogue: catalogue)
        version = snapshot.version
        person = PersonView(moment)
        training = snapshot.isTraining
        if case .offline = snapshot.network { offline = true } else { offline = false }
        restCents = snapshot.rest?.missing.cents
        switch snapshot.stage {
        case .amountEntry:
            if let farewell = moment.person.farewell {
                show(farewell, words)
            } else if snapshot.rest != nil {
                scene = "owed"
            }
        case .outOfService:
            scene = "service"
            refusal = .terminal
        case .presentCard(let armed): show("present", armed, words)
        case .reading(let armed, let reached):
            show("reading", armed, words)
            step = reached
        case .removedTooSoon(let armed): show("removed", armed, words)
        case .accepted(_, let amount, let offline, _, let cardPresent):
            scene = "done"
            kind = "payment"
            amountCents = amount.cents
            wasOffline = offline
            takeCard = cardPresent
        case .completed(let completion): show(completion, words)
        case .refused(_, _, let reason): refuse(reason)
        case .unknownResult(let armed): show("unknown", armed, words)
        }
        if scene == "done", snapshot.isPresentedAgain {
            scene = "again"
            takeCard = true
        }
    }

    /// The languages' own choice of the catalogue's texts.
    private struct Wording {
        let language: String
        let catalogue: [CatalogueAction]

        func action(_ code: String) -> CatalogueAction? { catalogue.first { $0.code == code } }
    }

    private mutating func show(_ name: String, _ armed: Armed, _ words: Wording) {
        scene = name
        kind = PurposeView(armed.purpose).kind
        if armed.purpose.isMoney { amountCents = armed.amount.cents }
        guard case .action(let code, let amount) = armed.purpose,
            let action = words.action(code)
        else { return }
        quantity = amount
        unit = action.unit == .piece ? "piece" : "kilogram"
        label = action.labels.text(in: words.language)
        purpose = action.purpose.text(in: words.language)
    }

    private mutating func show(_ completion: Completion, _ words: Wording) {
        if let report = completion.report, report.standing != .valid {
            scene = "refused"
            refusal =
                switch report.standing {
                case .valid: nil
                case .blocked: .blocked
                case .expired: .expired
                case .notAcceptedHere: .notAcceptedHere
                }
            return
        }
        show("done", completion.operation, words)
        wasOffline = completion.isOffline
        takeCard = completion.isCardPresent
        opportunities = completion.opportunities.compactMap { one in
            switch one {
            case .action(let code):
                words.action(code).map {
                    Near(sort: "action", title: $0.labels.text(in: words.language))
                }
            case .place(let name): Near(sort: "place", title: name)
            }
        }
    }

    private mutating func refuse(_ reason: Refusal) {
        scene = "refused"
        refusal = PersonRefusal(RefusalMessage(reason))
        switch refusal {
        case .insufficient, .offlineLimit: limitCents = reason.sentenceAmount?.cents
        default: break
        }
    }
}

/// What the person is told of a refusal: fewer sentences than the merchant gets, each says what she
/// can do, and none says what is suspected (`refusal.KEY` of her tables).
enum PersonRefusal: String, CaseIterable, Encodable, Sendable {
    case terminal, notOurCard, blocked, expired, notAcceptedHere, notRecognised, anotherCard
    case alreadyPaid, insufficient, offlineLimit, needsNetwork, declined, timedOut, twoCards
    case cardFault, wrongCard, dayLimit, notPossible

    /// Exhaustive on purpose: a new message has no sentence for her until somebody chooses one.
    init(_ message: RefusalMessage) {
        self =
            switch message {
            case .notOurCard, .otherNetwork: .notOurCard
            case .blocked, .issuerRevoked: .blocked
            case .expired: .expired
            case .notAcceptedHere: .notAcceptedHere
            case .notRecognised: .notRecognised
            case .anotherCard: .anotherCard
            case .alreadyPaid: .alreadyPaid
            case .insufficient: .insufficient
            case .overOfflineLimit, .cardLimitLeft: .offlineLimit
            case .cardLimitReached, .cardNeedsNetwork, .terminalLimitReached, .tooLongOffline,
                .needsNetwork:
                .needsNetwork
            case .declined: .declined
            case .timedOut: .timedOut
            case .twoCards: .twoCards
            case .cardFault, .cardUnfit: .cardFault
            case .readerAbsent, .readerSilent, .readerServiceMissing, .clockUntrusted, .noPolicy,
                .journalUnavailable, .diskFull, .diskReadOnly, .ledgerRefusesTerminal, .oldJournal,
                .ledgerForgot:
                .terminal
            case .otherCard, .oldCard: .wrongCard
            case .actionLimitReached, .actionLimitLeft: .dayLimit
            case .entryUnknown, .wrongKind, .overRemainder, .alreadyReversed, .alreadyRefunded,
                .dayClosed, .trainingMismatch, .topUpOverLimit, .topUpNotHere, .actionUnknown,
                .quantityInvalid, .consentMissing, .sealingImpossible, .nothingToClose,
                .shorterPeriodOpen, .alreadyGiven:
                .notPossible
            }
    }
}
