public import COSE
public import Crypto
public import Tokens

/// Kinds of journal entries (FORMATS §2).
public enum EntryKind: UInt64, CaseIterable, Sendable {
    case payment = 1
    case refund = 2
    case reversal = 3
    case topUp = 4
    case action = 5
    case enrolment = 6
    case cardEvent = 7
    case closure = 8
    case technicalEvent = 9
}

/// How far the time of an entry can be trusted (FORMATS §2, field 5).
public enum ClockTrust: UInt64, Sendable {
    case untrusted = 0
    case monotonicSinceSync = 1
    case hardwareClock = 2
    case synchronised = 3
}

/// A payment (kind 1).
public struct Payment: Equatable, Sendable {
    /// More than zero.
    public let amount: Amount
    /// The card's number.
    public let card: CardNumber
    /// SHA-256 of the token, 32 bytes.
    public let tokenHash: [UInt8]
    /// The card's own cryptogram.
    public let evidence: Evidence
    /// Nil offline; the ledger's authorisation id (16 bytes) when it authorised.
    public let authorisation: [UInt8]?
    /// Free text of the merchant, at most 64 UTF-8 bytes.
    public let label: String?
    /// The payment another card began and this one completes, when a sum was split.
    public let completes: EntryID?

    /// A payment.
    public init(
        amount: Amount, card: CardNumber, tokenHash: [UInt8], evidence: Evidence,
        authorisation: [UInt8]?, label: String? = nil, completes: EntryID? = nil
    ) {
        self.amount = amount
        self.card = card
        self.tokenHash = tokenHash
        self.evidence = evidence
        self.authorisation = authorisation
        self.label = label
        self.completes = completes
    }
}

/// A technical event (kind 9): a code such as "start" and a few details, none of them personal.
public struct TechnicalEvent: Equatable, Sendable {
    /// A short code, ASCII.
    public let code: String
    /// Details, at most 256 UTF-8 bytes.
    public let details: String

    /// An event.
    public init(code: String, details: String = "") {
        self.code = code
        self.details = details
    }
}

/// What an entry records.
public enum EntryBody: Equatable, Sendable {
    case payment(Payment)
    case refund(Refund)
    case reversal(Reversal)
    case topUp(TopUp)
    case action(EcoAction)
    case enrolment(Enrolment)
    case cardEvent(CardEvent)
    case closure(Closure)
    case technicalEvent(TechnicalEvent)

    /// The kind.
    public var kind: EntryKind {
        switch self {
        case .payment: .payment
        case .refund: .refund
        case .reversal: .reversal
        case .topUp: .topUp
        case .action: .action
        case .enrolment: .enrolment
        case .cardEvent: .cardEvent
        case .closure: .closure
        case .technicalEvent: .technicalEvent
        }
    }

    /// Whether it may be entered again in another place: it is the card's word, or speaks of a card
    /// alone. What speaks of the chain (a reversal, a closure, an event of the terminal) may not.
    public var isRecoverable: Bool {
        switch self {
        case .payment, .refund, .topUp, .action, .enrolment, .cardEvent: true
        case .reversal, .closure, .technicalEvent: false
        }
    }
}

/// Where an operation stood first, in a journal that was set aside because its disk had been put
/// back (FORMATS §2, field 10). The card signed the operation, not its place, so it can be entered
/// again in the chain that goes on.
public struct SetAside: Equatable, Sendable {
    /// Its number there.
    public let sequence: UInt64
    /// SHA-256 of the entry's COSE bytes there, 32 bytes.
    public let hash: [UInt8]
    /// When it happened, milliseconds since the Unix epoch.
    public let time: UInt64
    /// How far `time` could be trusted.
    public let clockTrust: ClockTrust

    /// A place in a journal that was set aside.
    public init(sequence: UInt64, hash: [UInt8], time: UInt64, clockTrust: ClockTrust) {
        self.sequence = sequence
        self.hash = hash
        self.time = time
        self.clockTrust = clockTrust
    }
}

/// One journal entry (FORMATS §2). Its place in the chain is part of it.
public struct Entry: Equatable, Sendable {
    /// Bytes an entry may have once signed.
    public static let sizeMax = 16_384

    /// Gapless from 1.
    public let sequence: UInt64
    /// The operation's id.
    public let id: EntryID
    /// SHA-256 of the previous entry's COSE bytes; zeros for the first.
    public let previous: [UInt8]
    /// Milliseconds since the Unix epoch, never lower than the previous entry's.
    public let time: UInt64
    /// How far `time` can be trusted.
    public let clockTrust: ClockTrust
    /// What happened.
    public let body: EntryBody
    /// Opaque operator, at most 16 bytes.
    public let operatorCode: [UInt8]?
    /// Training entries never reach totals.
    public let isTraining: Bool
    /// Nil unless the operation was recovered from a journal that was set aside.
    public let setAside: SetAside?

    /// When the operation happened, milliseconds: `time`, but for one that was recovered.
    public var happened: UInt64 { setAside?.time ?? time }

    /// An entry.
    public init(
        sequence: UInt64, id: EntryID, previous: [UInt8], time: UInt64, clockTrust: ClockTrust,
        body: EntryBody, operatorCode: [UInt8]? = nil, isTraining: Bool = false,
        setAside: SetAside? = nil
    ) {
        self.sequence = sequence
        self.id = id
        self.previous = previous
        self.time = time
        self.clockTrust = clockTrust
        self.body = body
        self.operatorCode = operatorCode
        self.isTraining = isTraining
        self.setAside = setAside
    }

    /// The signed entry.
    public func signed(by key: borrowing Ed25519PrivateKey) -> Sign1 {
        Sign1(signing: item.encoded, kid: key.publicKey.kid, key: key)
    }
}
