public import COSE
public import Crypto

/// The signed card token (CWT, RFC 8392; FORMATS §1), at most 128 bytes.
public struct CardToken: Equatable, Sendable {
    /// Bytes a token may have.
    public static let sizeMax = 128

    /// Claim `sub`.
    public let number: CardNumber
    /// Claim `exp`, seconds.
    public let expires: UInt64
    /// Claim `iat`, seconds.
    public let issued: UInt64
    /// From `cnf`: the card's UID, 4, 7 or 10 bytes.
    public let uid: [UInt8]
    /// From `cnf`: the key epoch.
    public let epoch: UInt8
    /// Claim -65537.
    public let cardClass: CardClass

    /// A token to sign. Nil when the UID has not 4, 7 or 10 bytes.
    public init?(
        number: CardNumber, issued: UInt64, expires: UInt64, uid: [UInt8], epoch: UInt8,
        cardClass: CardClass
    ) {
        guard [4, 7, 10].contains(uid.count), issued <= expires else { return nil }
        self.number = number
        self.issued = issued
        self.expires = expires
        self.uid = uid
        self.epoch = epoch
        self.cardClass = cardClass
    }

    /// The signed token; its `kid` is the first 4 bytes of SHA-256 of the issuer's public key.
    public func signed(by issuer: borrowing Ed25519PrivateKey) -> Sign1 {
        Sign1(signing: payload, kid: Self.kid(issuer.publicKey), key: issuer)
    }

    /// Has the token signed by an issuer whose key is held elsewhere: `sign` gives 64 bytes.
    /// - Throws: what `sign` throws.
    public func signed<E: Error>(
        for issuer: Ed25519PublicKey, by sign: ([UInt8]) throws(E) -> [UInt8]
    ) throws(E) -> Sign1 {
        try Sign1(signing: payload, kid: Self.kid(issuer), by: sign)
    }

    private static func kid(_ issuer: Ed25519PublicKey) -> [UInt8] { Array(issuer.kid.prefix(4)) }

    private var payload: [UInt8] {
        CBOR.record([
            2: .text(number.digits), 4: .unsigned(expires), 6: .unsigned(issued),
            8: .record([3: .bytes(uid + [epoch])]), -65537: .unsigned(cardClass.rawValue),
        ]).encoded
    }

    /// Reads the claims of a payload. Says nothing of the signature.
    init(payload: [UInt8]) throws(TokenRefusal) {
        guard let claims = try? CBOR.decode(payload, limit: Self.sizeMax), claims.map?.count == 5,
            let number = claims[2]?.text.flatMap({ CardNumber($0) }),
            number.digits == claims[2]?.text,
            let expires = claims[4]?.unsigned, let issued = claims[6]?.unsigned,
            let confirmation = claims[8], confirmation.map?.count == 1,
            let bound = confirmation[3]?.bytes, let epoch = bound.last,
            let cardClass = claims[-65537]?.unsigned.flatMap(CardClass.init(rawValue:)),
            let token = CardToken(
                number: number, issued: issued, expires: expires, uid: Array(bound.dropLast()),
                epoch: epoch, cardClass: cardClass)
        else { throw .malformed }
        self = token
    }
}

/// A token as a card carries it: claims readable, belief withheld until verified.
public struct CarriedToken: Equatable, Sendable {
    /// The COSE bytes.
    public let message: Sign1
    /// The claims, not yet believed.
    public let claims: CardToken

    /// Parses the bytes of a card.
    /// - Throws: `TokenRefusal.malformed`.
    public init(_ bytes: [UInt8]) throws(TokenRefusal) {
        guard let message = try? Sign1(parsing: bytes, limit: CardToken.sizeMax),
            message.kid.count == 4
        else { throw .malformed }
        self.message = message
        claims = try CardToken(payload: message.payload)
    }

    /// True when the issuer signed exactly these bytes.
    public func isSigned(by issuer: Ed25519PublicKey) -> Bool {
        (try? message.verified(by: issuer)) != nil
    }

    /// SHA-256 of the COSE bytes, 32 bytes.
    public var hash: [UInt8] { message.digest }
}

/// What a token is checked against. A pure value made from the policy and the deny-list.
public struct TokenRules: Sendable {
    /// Issuer keys accepted.
    public var issuers: [Ed25519PublicKey]
    /// First 4 bytes of the identifiers of issuer keys that are revoked.
    public var revokedKids: [[UInt8]]
    /// Classes accepted here.
    public var classes: [CardClass]
    /// Key epochs accepted.
    public var epochs: [UInt8]

    /// The rules.
    public init(
        issuers: [Ed25519PublicKey], revokedKids: [[UInt8]], classes: [CardClass], epochs: [UInt8]
    ) {
        self.issuers = issuers
        self.revokedKids = revokedKids
        self.classes = classes
        self.epochs = epochs
    }

    /// Clock error allowed on `iat`, seconds.
    public static let skew: UInt64 = 86_400

    /// Verifies a carried token at `now` (seconds); `isDenied` asks the deny-list. `signature` says
    /// whether the issuer's signature verifies: checked anew unless the caller remembers.
    /// - Throws: `TokenRefusal`, the first rule that fails, in the order of the cases' cost.
    public func verify(
        _ token: CarriedToken, now: UInt64, isDenied: (CardNumber) -> Bool,
        signature: (CarriedToken, Ed25519PublicKey) -> Bool = { $0.isSigned(by: $1) }
    ) throws(TokenRefusal) -> CardToken {
        let claims = token.claims
        if revokedKids.contains(token.message.kid) { throw .revokedIssuer }
        guard let issuer = issuers.first(where: { $0.kid.prefix(4) == token.message.kid[...] })
        else { throw .unknownIssuer }
        guard signature(token, issuer) else { throw .badSignature }
        guard now < claims.expires else { throw .expired }
        guard claims.issued <= now || claims.issued - now <= Self.skew else {
            throw .notYetValid
        }
        guard classes.contains(claims.cardClass) else { throw .classNotAccepted }
        guard epochs.contains(claims.epoch) else { throw .epochNotAccepted }
        if isDenied(claims.number) { throw .denied }
        return claims
    }
}
