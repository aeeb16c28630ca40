import CSodium

// libsodium's Ed25519, not libcrypto's: 3.0 computes its field in limbs of 26 bits, libsodium in
// limbs of 51, which takes less than half the time on any 64-bit processor.

/// An Ed25519 public key (RFC 8032), 32 bytes.
public struct Ed25519PublicKey: Equatable, Hashable, Sendable {
    /// The raw key, 32 bytes.
    public let bytes: [UInt8]

    /// Takes the raw key. Bytes that are no point of the curve, or one of small order, are a key
    /// that verifies nothing.
    /// - Throws: `CryptoError.wrongLength`.
    public init(_ bytes: [UInt8]) throws(CryptoError) {
        guard bytes.count == 32 else { throw .wrongLength(expected: 32, got: bytes.count) }
        self.bytes = bytes
    }

    /// The first 8 bytes of SHA-256 of the raw key (FORMATS: `kid`).
    public var kid: [UInt8] { Array(sha256(bytes).prefix(8)) }

    /// True when `signature` (64 bytes) over `message` verifies (RFC 8032, 5.1.7, without the
    /// cofactor; a scalar that is not reduced is refused). Calls
    /// `crypto_sign_ed25519_verify_detached`.
    public func verifies(_ signature: [UInt8], over message: [UInt8]) -> Bool {
        guard signature.count == 64 else { return false }
        precondition(Sodium.isReady, "Crypto: sodium_init failed")
        return unsafe crypto_sign_ed25519_verify_detached(
            signature, message, UInt64(message.count), bytes) == 0
    }
}

/// An Ed25519 private key, zeroed when it goes.
public struct Ed25519PrivateKey: ~Copyable, Sendable {
    /// libsodium's form of it: the seed and the public half, 64 bytes.
    private let secret: SecretBytes
    /// The public half.
    public let publicKey: Ed25519PublicKey

    /// Takes the 32-byte seed. Calls `crypto_sign_ed25519_seed_keypair`.
    /// - Throws: `CryptoError.wrongLength`.
    public init(seed: borrowing SecretBytes) throws(CryptoError) {
        guard seed.count == 32 else { throw .wrongLength(expected: 32, got: seed.count) }
        precondition(Sodium.isReady, "Crypto: sodium_init failed")
        var half = [UInt8](repeating: 0, count: 32)
        let pair = SecretBytes(zeroCount: 64)
        _ = unsafe crypto_sign_ed25519_seed_keypair(&half, pair.pointer, seed.pointer)
        publicKey = try Ed25519PublicKey(half)
        secret = pair
    }

    /// Signs `message`: 64 bytes. Calls `crypto_sign_ed25519_detached`.
    public borrowing func sign(_ message: [UInt8]) -> [UInt8] {
        var signature = [UInt8](repeating: 0, count: 64)
        let code = unsafe crypto_sign_ed25519_detached(
            &signature, nil, message, UInt64(message.count), secret.pointer)
        precondition(code == 0, "Crypto: crypto_sign_ed25519_detached failed")
        return signature
    }
}

private enum Sodium {
    /// Made ready once; any thread may ask first.
    static let isReady = sodium_init() >= 0
}
