public import Crypto
public import Operations
public import Tokens

/// What every kind of Carte ECO can do in a payment. No word of one chip in here.
///
/// One conversation, one thread, in this order: `identify`, `authenticate`, `state`, `commit`.
public protocol CardProfile: ~Copyable {
    /// Reads the token and the proof of presence: cheap, not authenticated.
    mutating func identify() throws(CardError) -> Identification
    /// Proves that the card holds the key its token's `cnf` names. `terminalKey` is the card's own
    /// key, derived from exactly that.
    mutating func authenticate(terminalKey: borrowing AES128Key) throws(CardError)
    /// The card state. Needs `authenticate`.
    mutating func state() throws(CardError) -> CardState
    /// Writes `record` (nil when it stands there already), then has the card sign `digest`
    /// (16 bytes). Needs `authenticate`; ends the session.
    /// - Throws: `CardError.notAuthentic` when the digest does not come back.
    mutating func commit(
        digest: [UInt8], record: CardStateRecord?, at offset: Int
    ) throws(CardError) -> Evidence
    /// The UID a card reports of itself: for a diagnosis, never an identity.
    mutating func reportedUID() throws(CardError) -> [UInt8]
}

/// What `identify` finds.
public struct Identification: Equatable, Sendable {
    /// The token, not yet believed.
    public let token: CarriedToken
    /// The cryptogram of this read, over the digest of the operation before.
    public let sun: Evidence
}
