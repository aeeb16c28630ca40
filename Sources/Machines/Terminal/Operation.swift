public import Operations
public import Tokens

/// What an armed operation is for. Its card is presented once; its id was fixed when it was armed.
public enum Purpose: Equatable, Sendable {
    /// Takes money. `completes` names the payment another card began when a sum was split.
    case payment(completes: EntryID?)
    /// Gives back money of this payment, to its card alone.
    case refund(of: EntryID)
    /// Puts money on a card for what was handed over.
    case topUp(TopUpMeans)
    /// Records an ecological action; thousandths of its unit.
    case action(code: String, quantity: Int64)
    /// Reads a card; nothing is written on it or into the journal.
    case cardCheck
    /// Gives a card to a person: what she agreed to, what she told, sealed already, and the lost
    /// card it replaces.
    case enrolment(consents: [Consent], sealed: [UInt8]?, replaces: CardNumber? = nil)

    /// True when the operation's amount is money that moves.
    public var isMoney: Bool {
        switch self {
        case .payment, .refund, .topUp: true
        case .action, .cardCheck, .enrolment: false
        }
    }
}

/// One armed operation: its id is fixed when the merchant enters it.
public struct Armed: Equatable, Sendable {
    /// The operation's id.
    public let id: EntryID
    /// The amount; zero for what is no money.
    public let amount: Amount
    /// When it lapses, milliseconds of the monotonic clock.
    public var deadline: UInt64
    /// What it is for.
    public let purpose: Purpose
    /// True: it goes into the chain, flagged, and reaches no total and no account.
    public let isTraining: Bool
    /// The role that armed it, when one was signed in.
    public let role: Role?

    /// An armed operation; a payment unless it says otherwise.
    public init(
        id: EntryID, amount: Amount, deadline: UInt64,
        purpose: Purpose = .payment(completes: nil), isTraining: Bool = false, role: Role? = nil
    ) {
        self.id = id
        self.amount = amount
        self.deadline = deadline
        self.purpose = purpose
        self.isTraining = isTraining
        self.role = role
    }
}

/// An operation other than a payment that is done.
public struct Completion: Equatable, Sendable {
    /// What was armed.
    public let operation: Armed
    /// Last four digits of the card number.
    public let lastFour: String
    /// True when the ledger has not heard of it yet.
    public let isOffline: Bool
    /// What a card check read; nil for the others.
    public let report: CardReport?
    /// True while the card still lies there.
    public var isCardPresent: Bool
    /// What the person may do next, near here: after an action or a card check, once it is ranked.
    public var opportunities: [Opportunity]
    /// Cards given since the day was closed last; nil for what gives none.
    public let given: UInt64?

    /// A completion.
    public init(
        operation: Armed, lastFour: String, isOffline: Bool, report: CardReport?,
        isCardPresent: Bool, opportunities: [Opportunity] = [], given: UInt64? = nil
    ) {
        self.given = given
        self.opportunities = opportunities
        self.operation = operation
        self.lastFour = lastFour
        self.isOffline = isOffline
        self.report = report
        self.isCardPresent = isCardPresent
    }
}

/// What a card given to a person comes with.
public struct EnrolmentOrder: Equatable, Sendable {
    /// Versions of the policy's consent texts that were agreed to.
    public let consents: [String]
    /// The lost card whose account the new one takes over.
    public let replaces: CardNumber?
    /// One card after another with the same consents and no touch between them, until `endLane`.
    public let isLane: Bool

    /// An order.
    public init(consents: [String], replaces: CardNumber? = nil, isLane: Bool = false) {
        self.consents = consents
        self.replaces = replaces
        self.isLane = isLane
    }
}

/// A row of cards given one after another.
public struct Lane: Equatable, Sendable {
    /// Cards given since it began.
    public internal(set) var count = 0
    /// Last four digits of the last one; nil before the first.
    public internal(set) var lastFour: String?
    let purpose: Purpose
    let role: Role?
    /// When a card came last, monotonic milliseconds.
    var since: UInt64

    /// A row.
    public init(
        count: Int = 0, lastFour: String? = nil, purpose: Purpose, role: Role?, since: UInt64 = 0
    ) {
        self.count = count
        self.lastFour = lastFour
        self.purpose = purpose
        self.role = role
        self.since = since
    }
}

/// What a card check says.
public struct CardReport: Equatable, Sendable {
    /// How a card stands.
    public enum Standing: Equatable, Sendable {
        /// Genuine, and it pays.
        case valid
        /// On the deny-list.
        case blocked
        /// Past its date, or not valid yet.
        case expired
        /// Its class, epoch or issuer key is not accepted here.
        case notAcceptedHere
    }

    /// The number.
    public let number: CardNumber
    /// The class.
    public let cardClass: CardClass
    /// How it stands. All but `valid` are read before the card has proved itself.
    public let standing: Standing
    /// When its token ends, seconds since the Unix epoch.
    public let expires: UInt64
    /// What it has, fresh from the ledger, cents, below zero after an overdraft; nil when the
    /// ledger did not answer.
    public let balance: Int64?
    /// What it has spent offline since its last online contact; nil when it cannot be read.
    public let spentOffline: CardAllowance?

    /// A report.
    public init(
        number: CardNumber, cardClass: CardClass, standing: Standing, expires: UInt64,
        balance: Int64?, spentOffline: CardAllowance?
    ) {
        self.number = number
        self.cardClass = cardClass
        self.standing = standing
        self.expires = expires
        self.balance = balance
        self.spentOffline = spentOffline
    }
}

/// What is left of a sum that a first card could not pay whole.
public struct Rest: Equatable, Sendable {
    /// The payment that began it.
    public let first: EntryID
    /// What is missing still.
    public let missing: Amount

    /// A rest.
    public init(first: EntryID, missing: Amount) {
        self.first = first
        self.missing = missing
    }
}
