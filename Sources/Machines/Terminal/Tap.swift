public import Cards
public import Crypto
public import Operations
public import Tokens

/// What a tap needs from the world. Every call may be made from the reader's thread; none of them
/// waits for the network but `PendingAnswer.wait`.
public protocol TapWorld: Sendable {
    /// The policy in force, or nil.
    var policy: Policy? { get }
    /// The terminal's kid, 8 bytes.
    var terminal: [UInt8] { get }
    /// Seconds since the Unix epoch, never before anything this terminal has seen.
    var now: UInt64 { get }
    /// What the outbox holds.
    var unsent: UnsentTotals { get }
    /// True when the number is on the deny-list.
    func isDenied(_ number: CardNumber) -> Bool
    /// A card's own terminal key (K3); nil for an epoch this terminal has no master of.
    func terminalKey(uid: [UInt8], epoch: UInt8) -> AES128Key?
    /// Asks the ledger, beside the card exchange; nil when it is not reachable.
    func authorise(
        _ id: EntryID, card: CardNumber, amount: Amount, sun: Evidence
    ) -> (any PendingAnswer)?
    /// The commit point (T1): the entry carries the operation's id, role and training flag.
    func commit(_ body: EntryBody, for operation: Armed) -> CommitResult
    /// True while the ledger answers.
    var isReachable: Bool { get }
    /// What the journal knows of an earlier entry; nil when it has none of this id.
    func standing(_ id: EntryID) -> EntryStanding?
    /// What a card has done of an action today.
    func actions(_ code: String, of card: CardNumber, isTraining: Bool) -> ActionDay
    /// Asks the ledger what a card has; nil when it is not reachable.
    func balance(of card: CardNumber) -> (any PendingBalance)?
    /// Notes why a card was refused, for the log: never shown, no UID.
    func note(_ refusal: Refusal, reason: String)
}

/// An answer of the ledger that is on its way.
public protocol PendingAnswer: Sendable {
    /// The answer, `.unreachable` when it does not come within the limit.
    func value() -> AuthorisationAnswer
}

/// A balance that is on its way.
public protocol PendingBalance: Sendable {
    /// Cents; nil when it does not come within the limit.
    func value() -> Int64?
}

/// What the journal did.
public enum CommitResult: Equatable, Sendable {
    /// On disk now, or since an earlier attempt.
    case stored
    /// Certainly not on disk.
    case notStored
    /// Nobody knows before the journal can be read again (T4).
    case unknown
}

/// What a person is told of an accepted operation.
public struct TapReceipt: Equatable, Sendable {
    /// The amount.
    public let amount: Amount
    /// True when the ledger had not authorised it.
    public let isOffline: Bool
    /// Last four digits of the card number.
    public let lastFour: String
    /// A receipt.
    public init(amount: Amount, isOffline: Bool, lastFour: String) {
        self.amount = amount
        self.isOffline = isOffline
        self.lastFour = lastFour
    }
}

/// How a tap ended.
public enum TapOutcome: Equatable, Sendable {
    case accepted(TapReceipt)
    /// A card check: nothing was written.
    case checked(CardReport)
    case refused(Refusal)
    /// The card left before the entry was committed: nothing is charged, the same card finishes.
    case torn
    case unknown
}

/// One tap of one card for one operation: DESIGN.md, "the life of one tap", steps 2 to 10. What is
/// no payment goes the same way without the card state (`TapOperations.swift`).
///
/// Synchronous, on the thread that owns the card; nothing in it awaits.
public struct Tap {
    /// The operation: its id was fixed when it was armed (T2).
    public let operation: Armed
    /// The token hash of the card the operation began with, if one was read (T5).
    public let binding: [UInt8]?
    /// Everything outside the card.
    public let world: any TapWorld
    /// Signatures verified before; nil verifies each anew.
    public let verified: VerifiedTokens?
    /// Called as the tap advances: 1 read, 2 authenticated, 3 decided, 4 signed.
    public let progress: (Int) -> Void
    /// Called once with the token hash as soon as the card is known.
    public let bind: ([UInt8]) -> Void

    /// A tap to run.
    public init(
        operation: Armed, binding: [UInt8]?, world: any TapWorld,
        verified: VerifiedTokens? = nil, progress: @escaping (Int) -> Void,
        bind: @escaping ([UInt8]) -> Void
    ) {
        self.operation = operation
        self.binding = binding
        self.world = world
        self.verified = verified
        self.progress = progress
        self.bind = bind
    }

    /// Runs the tap over a card.
    public func run(_ card: inout some CardProfile & ~Copyable) -> TapOutcome {
        do {
            return try conversation(&card)
        } catch let refusal as Refusal {
            return .refused(refusal)
        } catch CardError.removed, CardError.timedOut {
            return .torn
        } catch let error as CardError {
            world.note(.cardFault, reason: "\(error)")
            return .refused(.cardFault)
        } catch {
            world.note(.cardFault, reason: "\(error)")
            return .refused(.cardFault)
        }
    }

    private func conversation(_ card: inout some CardProfile & ~Copyable) throws -> TapOutcome {
        guard let policy = world.policy, policy.isValid(at: world.now) else {
            throw Refusal.noPolicy
        }
        let found = try identify(&card)
        let hash = found.token.hash
        if let binding, binding != hash { throw Refusal.anotherCard }
        if operation.purpose == .cardCheck { return try check(&card, found.token, policy) }
        let claims = try verify(found.token, policy)
        // A training card moves no money anywhere; in training any card may practise.
        guard operation.isTraining || claims.cardClass != .training else {
            throw Refusal.rule(.trainingMismatch)
        }
        bind(hash)
        progress(1)
        guard case .payment(let completes) = operation.purpose else {
            return try other(&card, claims, hash, policy)
        }
        let pending =
            operation.isTraining
            ? nil
            : world.authorise(
                operation.id, card: claims.number, amount: operation.amount, sun: found.sun)
        try authenticate(&card, claims)
        progress(2)
        let state = try authenticated(.replayed) { () throws(CardError) in try card.state() }
        let (authorisation, record) =
            operation.isTraining ? (nil, nil) : try decide(policy, state, pending)
        progress(3)
        let evidence = try evidence(
            &card, of: claims.number, .payment, operation.amount.cents, record: record,
            at: state.nextOffset)
        let payment = Payment(
            amount: operation.amount, card: claims.number, tokenHash: hash, evidence: evidence,
            authorisation: authorisation, completes: completes)
        // Practising asks nobody: "offline" then only says that the line is down.
        let isOffline = operation.isTraining ? !world.isReachable : authorisation == nil
        return try commit(.payment(payment), claims, isOffline: isOffline)
    }

    /// Step 8: the card's word over exactly this operation.
    func evidence(
        _ card: inout some CardProfile & ~Copyable, of number: CardNumber, _ kind: EntryKind,
        _ quantity: Int64, record: CardStateRecord? = nil, at offset: Int = 0
    ) throws -> Evidence {
        let digest = transactionDigest(
            terminal: world.terminal, entry: operation.id, kind: kind, quantity: quantity,
            card: number)
        let evidence = try authenticated(.evidenceMismatch) { () throws(CardError) in
            try card.commit(digest: digest, record: record, at: offset)
        }
        progress(4)
        return evidence
    }

    /// Step 9.
    func commit(_ body: EntryBody, _ claims: CardToken, isOffline: Bool) throws -> TapOutcome {
        switch world.commit(body, for: operation) {
        case .stored:
            return .accepted(
                TapReceipt(
                    amount: operation.amount, isOffline: isOffline,
                    lastFour: claims.number.lastFour))
        case .notStored: throw Refusal.journalUnavailable
        case .unknown: return .unknown
        }
    }

    /// Step 2. A card without our application or layout is not one of ours.
    private func identify(
        _ card: inout some CardProfile & ~Copyable
    ) throws -> Identification {
        do { return try card.identify() } catch {
            switch error {
            case .refused, .malformed, .notAuthentic, .noSession:
                world.note(.notOurCard, reason: "\(error)")
                throw Refusal.notOurCard
            case .removed, .timedOut, .readerFault: throw error
            }
        }
    }

    /// Step 3.
    private func verify(_ token: CarriedToken, _ policy: Policy) throws -> CardToken {
        do {
            return try policy.tokenRules.verify(
                token, now: world.now, isDenied: world.isDenied, signature: isSigned)
        } catch {
            let refusal: Refusal =
                switch error {
                case .malformed, .unknownIssuer: .notOurCard
                case .badSignature: .tokenAltered
                case .revokedIssuer: .issuerRevoked
                case .expired, .notYetValid: .expired
                case .classNotAccepted, .epochNotAccepted: .notAcceptedHere
                case .denied: .blocked
                }
            world.note(refusal, reason: "token \(error)")
            throw refusal
        }
    }

    func isSigned(_ token: CarriedToken, _ issuer: Ed25519PublicKey) -> Bool {
        if let verified, verified.knows(token, issuer) { return true }
        guard token.isSigned(by: issuer) else { return false }
        verified?.remember(token, issuer)
        return true
    }

    /// Step 4. A card that fails is asked for its UID once, to tell a copied token from wrong keys.
    func authenticate(
        _ card: inout some CardProfile & ~Copyable, _ claims: CardToken
    ) throws {
        guard let key = world.terminalKey(uid: claims.uid, epoch: claims.epoch) else {
            throw Refusal.notAcceptedHere
        }
        do { try card.authenticate(terminalKey: key) } catch {
            switch error {
            case .refused(.authenticationError, _):
                let reported = try card.reportedUID()
                let refusal: Refusal = reported == claims.uid ? .wrongKeys : .tokenCopied
                world.note(refusal, reason: "\(error)")
                throw refusal
            case .notAuthentic, .malformed:
                world.note(.replayed, reason: "\(error)")
                throw Refusal.replayed
            case .refused, .removed, .timedOut, .readerFault, .noSession: throw error
            }
        }
    }

    /// Steps 5 and 6: the decision, and the record to write (nil when it stands there already).
    private func decide(
        _ policy: Policy, _ state: CardState, _ pending: (any PendingAnswer)?
    ) throws -> (authorisation: [UInt8]?, record: CardStateRecord?) {
        let isResuming = state.isResuming(operation.id, amount: operation.amount)
        let decision = decidePayment(
            amount: operation.amount, limits: policy.limits,
            allowance: state.allowance(before: operation.id, amount: operation.amount),
            unsent: world.unsent, answer: pending?.value() ?? .unreachable)
        switch decision {
        case .refuse(let limit): throw Refusal(limit)
        case .accept(let authorisation, let allowance):
            let record = state.following(
                allowance: allowance, isCounted: authorisation == nil, entry: operation.id,
                amount: operation.amount, seconds: world.now)
            let stands = isResuming && state.current?.allowance == allowance
            return (authorisation, stands ? nil : record)
        }
    }

    /// Runs a step whose answers are authenticated: one that does not verify is a fraud, by name.
    func authenticated<R>(
        _ refusal: Refusal, _ body: () throws(CardError) -> R
    ) throws -> R {
        do { return try body() } catch {
            guard case .notAuthentic = error else { throw error }
            world.note(refusal, reason: "\(error)")
            throw refusal
        }
    }
}

extension Refusal {
    /// What a person is told of a limit.
    init(_ limit: LimitRefusal) {
        self =
            switch limit {
            case .insufficient(let missing): .insufficient(missing: missing)
            case .declined(let code): code == "card-blocked" ? .blocked : .declined
            case .paymentOverLimit(let limit): .overOfflineLimit(limit: limit)
            case .cardTotalReached(let left): .cardLimitReached(left: left)
            case .cardCountReached: .cardLimitReached(left: .zero)
            case .terminalReached: .terminalLimitReached
            case .tooLongWithoutLedger: .tooLongOffline
            case .cardStateUnreadable: .cardNeedsNetwork
            }
    }
}
