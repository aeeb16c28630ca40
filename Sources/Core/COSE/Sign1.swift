public import Crypto

/// A COSE_Sign1 (RFC 9052 §4.2), tagged 18, EdDSA with Ed25519 (alg -8), nothing unprotected.
///
/// Parsing does not verify: ask `verified(by:)` before you believe the payload.
public struct Sign1: Equatable, Sendable {
    /// The bytes as received or made; what is stored, hashed and forwarded.
    public let bytes: [UInt8]
    /// The key identifier of the protected header (4 or 8 bytes).
    public let kid: [UInt8]
    /// The payload, not yet believed.
    public let payload: [UInt8]
    private let protected: [UInt8]
    private let signature: [UInt8]

    /// Parses and checks the shape.
    /// - Throws: `COSEError`.
    public init(parsing bytes: [UInt8], limit: Int) throws(COSEError) {
        let item = try CBOR.decode(bytes, limit: limit)
        guard case .tagged(18, .array(let parts)) = item, parts.count == 4 else {
            throw .unexpectedShape("COSE_Sign1")
        }
        guard let protected = parts[0].bytes, parts[1] == .map([]),
            let payload = parts[2].bytes, let signature = parts[3].bytes, signature.count == 64
        else { throw .unexpectedShape("COSE_Sign1 parts") }
        let header = try CBOR.decode(protected, limit: 64)
        guard let pairs = header.map, pairs.count == 2, header[1] == .integer(-8),
            let kid = header[4]?.bytes, kid.count == 4 || kid.count == 8
        else { throw .unexpectedShape("protected header") }
        self.bytes = bytes
        self.kid = kid
        self.payload = payload
        self.protected = protected
        self.signature = signature
    }

    /// Signs `payload`; `kid` has 8 bytes, or 4 in a card token.
    public init(signing payload: [UInt8], kid: [UInt8], key: borrowing Ed25519PrivateKey) {
        let protected = Self.protected(kid)
        self.init(
            payload: payload, kid: kid, protected: protected,
            signature: key.sign(Self.toBeSigned(protected, payload)))
    }

    /// Has `payload` signed by a key held elsewhere: `sign` gives 64 bytes for what is to be
    /// signed. - Throws: what `sign` throws.
    public init<E: Error>(
        signing payload: [UInt8], kid: [UInt8], by sign: ([UInt8]) throws(E) -> [UInt8]
    ) throws(E) {
        let protected = Self.protected(kid)
        self.init(
            payload: payload, kid: kid, protected: protected,
            signature: try sign(Self.toBeSigned(protected, payload)))
    }

    private static func protected(_ kid: [UInt8]) -> [UInt8] {
        CBOR.record([1: .integer(-8), 4: .bytes(kid)]).encoded
    }

    private init(payload: [UInt8], kid: [UInt8], protected: [UInt8], signature: [UInt8]) {
        self.kid = kid
        self.payload = payload
        self.protected = protected
        self.signature = signature
        bytes =
            CBOR.tagged(
                18, .array([.bytes(protected), .map([]), .bytes(payload), .bytes(signature)])
            ).encoded
    }

    /// The payload, once the signature is verified over the bytes received.
    /// - Throws: `COSEError.badSignature`.
    public func verified(by key: Ed25519PublicKey) throws(COSEError) -> [UInt8] {
        guard key.verifies(signature, over: Self.toBeSigned(protected, payload)) else {
            throw .badSignature
        }
        return payload
    }

    /// SHA-256 of the COSE bytes, 32 bytes: the link of the journal's chain.
    public var digest: [UInt8] { sha256(bytes) }

    /// Sig_structure (RFC 9052 §4.4).
    private static func toBeSigned(_ protected: [UInt8], _ payload: [UInt8]) -> [UInt8] {
        CBOR.array([.text("Signature1"), .bytes(protected), .bytes([]), .bytes(payload)]).encoded
    }
}

/// Who signs messages with one Ed25519 key: a key store, or a key in memory.
public protocol MessageSigner: Sendable {
    /// The public half.
    var publicKey: Ed25519PublicKey { get }
    /// Signs a payload; the `kid` is the key's own, 8 bytes.
    func sign(payload: [UInt8]) -> Sign1
    /// Lends the key for a signature that is no COSE message (RFC 9421).
    func withKey<R, E: Error>(
        _ body: (borrowing Ed25519PrivateKey) throws(E) -> R
    ) throws(E) -> R
}
