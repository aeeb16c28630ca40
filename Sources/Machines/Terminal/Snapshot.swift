public import Operations
public import Receipts

/// Everything a screen may show, published by the terminal at each change. Times are milliseconds.
public struct Snapshot: Equatable, Sendable {
    /// Rises with each change.
    public var version: UInt64
    /// Where the checkout stands.
    public var stage: Stage
    /// The three words of UX.md §1.3.
    public var network: Network
    /// What is not sent yet.
    public var queue: Queue
    /// The reader.
    public var reader: ReaderStatus
    /// Clock trust.
    public var clockTrust: ClockTrust
    /// What somebody should mend of the clock.
    public var clockFault: ServiceFault?
    /// The merchant's name, from the policy; empty before the first policy.
    public var merchant: String
    /// The offline limit per payment, when a policy is in force.
    public var offlineLimit: Amount?
    /// The version of the policy in force: when it changes, so may catalogue and consent texts.
    public var policyVersion: UInt64
    /// What the policy allows beside selling.
    public var rules: OperationRules
    /// True: everything is flagged as training and reaches no total and no account.
    public var isTraining: Bool
    /// The role that signed in.
    public var session: RoleSession?
    /// What is missing of a sum that was split: another card may pay it (`Order.payRest`).
    public var rest: Rest?
    /// The row of cards that is being given.
    public var lane: Lane?
    /// Languages the policy names for the customer display, BCP 47; empty without a policy.
    public var languages: [String]
    /// True once the card of the result that stands was presented again: "already paid".
    public var isPresentedAgain: Bool
    /// The receipt printer.
    public var printer: PrinterState

    /// A snapshot.
    public init(
        version: UInt64, stage: Stage, network: Network, queue: Queue, reader: ReaderStatus,
        clockTrust: ClockTrust, merchant: String, offlineLimit: Amount?,
        policyVersion: UInt64 = 0, rules: OperationRules = .standard, isTraining: Bool = false,
        session: RoleSession? = nil, rest: Rest? = nil, languages: [String] = [],
        isPresentedAgain: Bool = false, lane: Lane? = nil,
        printer: PrinterState = .none
    ) {
        self.lane = lane
        self.version = version
        self.stage = stage
        self.network = network
        self.queue = queue
        self.reader = reader
        self.clockTrust = clockTrust
        self.merchant = merchant
        self.offlineLimit = offlineLimit
        self.policyVersion = policyVersion
        self.rules = rules
        self.isTraining = isTraining
        self.session = session
        self.rest = rest
        self.languages = languages
        self.isPresentedAgain = isPresentedAgain
        self.printer = printer
    }

    /// Online, offline since a time, or sending what waits.
    public enum Network: Equatable, Sendable {
        case online
        /// Milliseconds since the Unix epoch; nil when the ledger never answered since start.
        case offline(since: UInt64?)
        case synchronising(count: Int)
    }

    /// What is not sent yet.
    public struct Queue: Equatable, Sendable {
        /// Payments.
        public var count: Int
        /// Their sum.
        public var total: Amount
        /// Time of the oldest, milliseconds since the Unix epoch.
        public var oldest: UInt64?
        /// Entries the ledger declined or holds, which a person has to look at.
        public var rejected: Int

        /// A queue.
        public init(count: Int, total: Amount, oldest: UInt64?, rejected: Int) {
            self.count = count
            self.total = total
            self.oldest = oldest
            self.rejected = rejected
        }
    }

    /// The reader.
    public enum ReaderStatus: Equatable, Sendable {
        case ready(name: String)
        case absent
    }
}

/// Where the checkout stands: M0 to M5 of UX.md.
public enum Stage: Equatable, Sendable {
    /// M0: ready, amount entry.
    case amountEntry
    /// Nothing can be sold: why.
    case outOfService(Refusal)
    /// M1: present the card.
    case presentCard(Armed)
    /// M2: reading; `step` 0...4, the four dots.
    case reading(Armed, step: Int)
    /// M2b: removed too soon; only the same card resumes.
    case removedTooSoon(Armed)
    /// M3, or M3o when `offline`. `cardPresent` asks to remove the card.
    case accepted(id: EntryID, amount: Amount, offline: Bool, lastFour: String, cardPresent: Bool)
    /// An operation other than a payment is done: refund, top-up, action, card check, enrolment.
    case completed(Completion)
    /// M4. `id` is nil for a card presented without an operation.
    case refused(id: EntryID?, amount: Amount?, Refusal)
    /// M5: the journal could not say whether it stored the operation.
    case unknownResult(Armed)
}

/// One line of the list of operations (M6).
public struct OperationLine: Equatable, Sendable {
    /// Place in the journal.
    public let sequence: UInt64
    /// The operation's id.
    public let id: EntryID
    /// Milliseconds since the Unix epoch.
    public let time: UInt64
    /// The amount.
    public let amount: Amount
    /// Last four digits of the card number.
    public let lastFour: String
    /// Whether the ledger had authorised it.
    public let authorised: Bool
    /// Where it stands.
    public let status: Status

    /// Where an operation stands with the ledger.
    public enum Status: Equatable, Sendable {
        /// Not sent, or sent without an answer.
        case pending
        /// Settled (or confirmed as booked before).
        case settled
        /// Declined or held; the ledger's code.
        case rejected(code: String)
    }

    /// A line.
    public init(
        sequence: UInt64, id: EntryID, time: UInt64, amount: Amount, lastFour: String,
        authorised: Bool, status: Status
    ) {
        self.sequence = sequence
        self.id = id
        self.time = time
        self.amount = amount
        self.lastFour = lastFour
        self.authorised = authorised
        self.status = status
    }
}

/// What a screen may ask of the terminal. Every call returns at once with the terminal's answer.
public protocol CheckoutControl: Sendable {
    /// The latest snapshot.
    var snapshot: Snapshot { get }
    /// Waits until the snapshot's version differs from `version`; nil after `limit`.
    func snapshot(after version: UInt64, atMost limit: Duration) -> Snapshot?
    /// Arms a payment. `.failure` says why not (out of service, busy, zero amount).
    func arm(amount: Amount) -> Result<Armed, ControlRefusal>
    /// Cancels the operation while no card has been charged.
    func cancel(_ id: EntryID) -> Result<Void, ControlRefusal>
    /// Gives the armed operation 30 s more.
    func extend(_ id: EntryID) -> Result<Armed, ControlRefusal>
    /// Leaves a result screen.
    func acknowledge() -> Result<Void, ControlRefusal>
    /// Looks the operation up in the journal (M5).
    func verify(_ id: EntryID) -> Result<Void, ControlRefusal>
    /// Asks for forwarding now.
    func sendNow()
    /// The newest operations first.
    func operations(limit: Int) -> [OperationLine]
}

/// Why the terminal does not do what a screen asks.
public enum ControlRefusal: Error, Equatable, Sendable {
    /// Another operation is under way.
    case busy
    /// The amount is zero or over the largest amount.
    case amountInvalid
    /// No such operation is armed.
    case noSuchOperation
    /// The terminal is out of service: why.
    case outOfService(Refusal)
    /// A rule forbids it.
    case rule(RuleRefusal)
    /// This role has to sign in first.
    case roleNeeded(Role)
    /// The role has no PIN yet: `eco-terminal role set`.
    case pinMissing
    /// Not this PIN; so many tries are left before a lock.
    case pinWrong(triesLeft: Int)
    /// Too many wrong PINs: seconds to wait; nil when only a new PIN helps.
    case pinLocked(seconds: UInt64?)
    /// The journal could not say whether it stored the operation: ask `isRecorded`.
    case unknownResult(EntryID)
    /// This terminal has no receipt printer.
    case printerMissing
    /// Too many receipts wait for the printer.
    case printerBusy
}
