public import Tokens

/// A card that took part: its number, its token and its own word for the operation.
public struct CardProof: Equatable, Sendable {
    /// The card's number.
    public let card: CardNumber
    /// SHA-256 of the token, 32 bytes.
    public let tokenHash: [UInt8]
    /// The card's own cryptogram over exactly this operation.
    public let evidence: Evidence

    /// A proof.
    public init(card: CardNumber, tokenHash: [UInt8], evidence: Evidence) {
        self.card = card
        self.tokenHash = tokenHash
        self.evidence = evidence
    }
}

/// A refund (kind 2): money back to the card that paid, of one payment.
public struct Refund: Equatable, Sendable {
    /// More than zero; with the refunds before it never more than the payment.
    public let amount: Amount
    /// The card that paid.
    public let proof: CardProof
    /// The payment's entry id.
    public let payment: EntryID

    /// A refund.
    public init(amount: Amount, proof: CardProof, payment: EntryID) {
        self.amount = amount
        self.proof = proof
        self.payment = payment
    }
}

/// Why an entry is cancelled.
public enum ReversalReason: UInt64, CaseIterable, Sendable {
    /// A wrong amount or quantity was entered.
    case wrongEntry = 1
    /// The customer gave up at once.
    case customerGaveUp = 2
    /// It stands there twice.
    case doubled = 3
    /// Something else, told to the association.
    case other = 4
}

/// A reversal (kind 3): cancels one entry of the same terminal on the same day.
public struct Reversal: Equatable, Sendable {
    /// The entry it cancels.
    public let entry: EntryID
    /// Why.
    public let reason: ReversalReason

    /// A reversal.
    public init(entry: EntryID, reason: ReversalReason) {
        self.entry = entry
        self.reason = reason
    }
}

/// What a top-up was paid with.
public enum TopUpMeans: UInt64, CaseIterable, Sendable {
    case cash = 1
    case bankCard = 2
    case other = 3
}

/// A top-up (kind 4).
public struct TopUp: Equatable, Sendable {
    /// More than zero.
    public let amount: Amount
    /// The card that gets the money.
    public let proof: CardProof
    /// What was handed over.
    public let means: TopUpMeans

    /// A top-up.
    public init(amount: Amount, proof: CardProof, means: TopUpMeans) {
        self.amount = amount
        self.proof = proof
        self.means = means
    }
}

/// The two journeys that frame ecological actions.
public enum Parcours: UInt64, CaseIterable, Sendable {
    case cuisinesContributives = 1
    case circulaireTextile = 2
}

/// An ecological action (kind 5).
public struct EcoAction: Equatable, Sendable {
    /// The catalogue's code, 1...32 characters of a-z, 0-9 and "-".
    public let code: String
    /// Thousandths of the unit, 1...`quantityMax`.
    public let quantity: Int64
    /// The card it counts for.
    public let proof: CardProof
    /// The journey.
    public let parcours: Parcours

    /// The largest quantity: a million units.
    public static let quantityMax: Int64 = 1_000_000_000

    /// An action.
    public init(code: String, quantity: Int64, proof: CardProof, parcours: Parcours) {
        self.code = code
        self.quantity = quantity
        self.proof = proof
        self.parcours = parcours
    }
}

/// What a person agreed to at the stand, and when.
public struct Consent: Equatable, Sendable {
    /// Version of the text that was shown, 1...32 ASCII characters.
    public let textVersion: String
    /// Milliseconds since the Unix epoch.
    public let time: UInt64

    /// A consent.
    public init(textVersion: String, time: UInt64) {
        self.textVersion = textVersion
        self.time = time
    }
}

/// An enrolment (kind 6): a card given to a person. Names and contacts are inside `sealed` alone.
public struct Enrolment: Equatable, Sendable {
    /// Bytes of sealed personal data at most.
    public static let sealedMax = 8_192
    /// Consents at most.
    public static let consentsMax = 8

    /// The card's number.
    public let card: CardNumber
    /// SHA-256 of the token, 32 bytes.
    public let tokenHash: [UInt8]
    /// At most 8.
    public let consents: [Consent]
    /// CMS EnvelopedData (RFC 5652, DER) to the ledger; nil when the person gave nothing.
    public let sealed: [UInt8]?
    /// The lost card whose account this one takes over; nil for a first card.
    public let replaces: CardNumber?

    /// An enrolment.
    public init(
        card: CardNumber, tokenHash: [UInt8], consents: [Consent], sealed: [UInt8]?,
        replaces: CardNumber? = nil
    ) {
        self.card = card
        self.tokenHash = tokenHash
        self.consents = consents
        self.sealed = sealed
        self.replaces = replaces
    }
}

/// What happened to a card.
public enum CardEventKind: UInt64, CaseIterable, Sendable {
    case lost = 1
    case found = 2
    case damaged = 3
    case cloneSuspected = 4
    case returned = 5
}

/// Who told it: a part in the scene, never a name (P6).
public enum CardReporter: UInt64, CaseIterable, Sendable {
    case holder = 1
    case merchant = 2
    case association = 3
    case somebodyElse = 4
}

/// A card event (kind 7).
public struct CardEvent: Equatable, Sendable {
    /// The card.
    public let card: CardNumber
    /// What happened.
    public let what: CardEventKind
    /// Who told it.
    public let reporter: CardReporter

    /// An event.
    public init(card: CardNumber, what: CardEventKind, reporter: CardReporter) {
        self.card = card
        self.what = what
        self.reporter = reporter
    }
}

/// The periods a terminal closes.
public enum ClosurePeriod: UInt64, CaseIterable, Sendable {
    case day = 1
    case month = 2
    case year = 3
}

/// A closure (kind 8). A period is a stretch of the chain: it begins after the closure before it
/// and ends before this one, so nothing can enter it later; its number is gapless from 1.
public struct Closure: Equatable, Sendable {
    /// What is closed.
    public let period: ClosurePeriod
    /// Gapless from 1 for each kind of period.
    public let number: UInt64
    /// First sequence number of the stretch.
    public let from: UInt64
    /// Last sequence number of the stretch: the entry just before this one.
    public let to: UInt64
    /// Totals of the stretch; training never counts.
    public let totals: PeriodTotals
    /// Takings since the first entry of the journal: payments less refunds and less what reversals
    /// cancelled of either, cents.
    public let perpetual: Int64
    /// Entries of the stretch that have no receipt yet.
    public let unsent: UInt64

    /// A closure.
    public init(
        period: ClosurePeriod, number: UInt64, from: UInt64, to: UInt64, totals: PeriodTotals,
        perpetual: Int64, unsent: UInt64
    ) {
        self.period = period
        self.number = number
        self.from = from
        self.to = to
        self.totals = totals
        self.perpetual = perpetual
        self.unsent = unsent
    }
}

extension EntryBody {
    /// The card this entry names; nil when it names none.
    public var card: CardNumber? {
        switch self {
        case .payment(let body): body.card
        case .enrolment(let body): body.card
        case .cardEvent(let body): body.card
        case .refund, .topUp, .action: proof?.card
        case .reversal, .closure, .technicalEvent: nil
        }
    }

    /// The card's word, for the four kinds that carry it (FORMATS §3).
    public var proof: CardProof? {
        switch self {
        case .payment(let body):
            CardProof(card: body.card, tokenHash: body.tokenHash, evidence: body.evidence)
        case .refund(let body): body.proof
        case .topUp(let body): body.proof
        case .action(let body): body.proof
        case .reversal, .enrolment, .cardEvent, .closure, .technicalEvent: nil
        }
    }

    /// Money of a payment, refund or top-up.
    public var amount: Amount? {
        switch self {
        case .payment(let body): body.amount
        case .refund(let body): body.amount
        case .topUp(let body): body.amount
        case .reversal, .action, .enrolment, .cardEvent, .closure, .technicalEvent: nil
        }
    }

    /// What the card signs: cents, or thousandths of an action's unit. Nil without evidence.
    public var signedQuantity: Int64? {
        if case .action(let body) = self { body.quantity } else { amount?.cents }
    }

    /// The earlier entry this one speaks of: a refund's payment, a reversal's target, the payment
    /// another card began, what a receipt was printed of.
    public var reference: EntryID? {
        switch self {
        case .payment(let body): body.completes
        case .refund(let body): body.payment
        case .reversal(let body): body.entry
        case .technicalEvent(let event): ReceiptTrace(event)?.entry
        case .topUp, .action, .enrolment, .cardEvent, .closure: nil
        }
    }
}
