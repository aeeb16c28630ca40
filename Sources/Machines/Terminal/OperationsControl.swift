public import Journal
public import Operations
public import Receipts
public import Tokens

/// What a screen may order beside selling. Those with a card answer `.armed` and go on as stages
/// (`presentCard` … `completed`); the others are in the journal when the answer comes.
public enum Order: Equatable, Sendable {
    /// Gives back part or all of a payment, to its card. Then a card.
    case refund(of: EntryID, amount: Amount)
    /// Cancels a payment, top-up or action of today that no closure covers. No card.
    case reverse(EntryID, reason: ReversalReason)
    /// Puts money on a card. Then a card.
    case topUp(amount: Amount, means: TopUpMeans)
    /// Reads a card. Then a card.
    case checkCard
    /// Records an action of the catalogue; thousandths of its unit. Then a card.
    case act(code: String, quantity: Int64)
    /// Tells the ledger what happened to a card. No card.
    case report(CardNumber, CardEventKind, by: CardReporter)
    /// After `refused(.insufficient(missing))`: the same card pays what it has; the snapshot's
    /// `rest` says what is missing once that is done. Then a card.
    case payPart
    /// Another card pays the snapshot's `rest`. Then a card.
    case payRest
    /// Gives the rest up: what was paid stays paid.
    case dropRest
    /// Closes a period. No card.
    case close(ClosurePeriod)
    /// Turns training on or off, between operations.
    case train(Bool)
    /// A person comes to the stand: whoever gives cards must have signed in, and the session lasts
    /// ten minutes, for people read and type in their own time. No card.
    case beginEnrolment
    /// After a refused enrolment: another card, for what was agreed to and told. Then a card.
    case enrolAgain
    /// Ends a row of cards and the session of the role that began it.
    case endLane
    /// Ends the session of the role that signed in.
    case signOut
}

/// What an order came to.
public enum OrderReply: Equatable, Sendable {
    /// A card is wanted.
    case armed(Armed)
    /// It stands in the journal under this id.
    case recorded(EntryID)
    /// The period is closed; the entry's sequence number is `closure.to + 1`.
    case closed(Closure, id: EntryID)
    /// Done; nothing to record.
    case done
}

/// Everything people do with a Carte ECO beside paying. Every call returns at once.
public protocol OperationsControl: CheckoutControl {
    /// Gives an order.
    ///
    /// Failures: `busy` while another operation is under way; `rule` says which rule of
    /// `RuleRefusal` forbids it; `roleNeeded` which role has to sign in; `unknownResult` that only
    /// `isRecorded` can tell; `outOfService`, `amountInvalid`, `noSuchOperation` as for payments.
    func perform(_ order: Order) -> Result<OrderReply, ControlRefusal>
    /// Arms an enrolment. `personal` is what the person tells (any bytes, at most 4,096; empty:
    /// nothing; in a row: always nothing): sealed to the ledger before anything else, then
    /// overwritten here.
    func enrol(_ order: EnrolmentOrder, personal: inout [UInt8]) -> Result<Armed, ControlRefusal>
    /// Signs a role in for two minutes after its last order. The digits are overwritten.
    /// Failures: `pinWrong`, `pinLocked`, `pinMissing`.
    func signIn(_ role: Role, pin: inout [UInt8]) -> Result<RoleSession, ControlRefusal>
    /// True when the journal holds the operation, false when it certainly does not, nil while it
    /// cannot be read.
    func isRecorded(_ id: EntryID) -> Bool?
    /// The catalogue of the policy in force.
    var catalogue: [CatalogueAction] { get }
    /// The consent texts of the policy in force.
    var consentTexts: [ConsentText] { get }
    /// Entries, newest first, a page at a time; `standing.refundable` is what a refund may give
    /// back. Empty while the journal cannot be read.
    func find(_ query: JournalQuery) -> JournalPage
    /// One entry and its standing, or nil.
    func standing(_ id: EntryID) -> EntryStanding?
    /// Totals of a stretch of UTC days (`UTCDay`), both inclusive.
    func totals(days: ClosedRange<UInt64>) -> PeriodTotals
    /// The receipt of an operation; nil when there is none, or the journal cannot be read.
    func receipt(_ id: EntryID) -> Receipt?
    /// The closure with this id, or nil.
    func slip(_ id: EntryID) -> ClosureSlip?
    /// What closing a period now would say, and the rule that forbids it, if one does; nil while
    /// the journal cannot be read.
    func nextSlip(_ period: ClosurePeriod) -> (slip: ClosureSlip, forbidden: RuleRefusal?)?
    /// Queues the receipt of an operation, or the slip of a closure, for the printer. Every print
    /// but the first says DUPLICATA. The snapshot's `printer` says what becomes of it.
    /// Failures: `printerMissing`, `printerBusy`, `noSuchOperation`.
    func print(_ id: EntryID, _ language: ReceiptLanguage) -> Result<Void, ControlRefusal>
    /// The terminal's kid, 8 bytes: which terminal this is.
    var terminal: [UInt8] { get }
    /// Where a new holder's card and its enrolment are known to the application: the policy's
    /// `application`, the card number, and the enrolment's id, which this terminal, the ledger and
    /// whoever scanned it alone have. Nil for another entry, or without an application.
    func applicationLink(of enrolment: EntryID) -> String?
}

extension OperationsControl {
    /// A first card to one person.
    public func enrol(
        consents: [String], personal: inout [UInt8]
    ) -> Result<Armed, ControlRefusal> {
        enrol(EnrolmentOrder(consents: consents), personal: &personal)
    }
}
