import COpenSSL

/// An Ed25519 public key (RFC 8032), 32 bytes.
@safe
public struct Ed25519PublicKey: Equatable, Hashable, Sendable {
    /// The raw key, 32 bytes.
    public let bytes: [UInt8]

    /// Takes the raw key.
    /// - Throws: `CryptoError.wrongLength`, `.invalidKey`.
    public init(_ bytes: [UInt8]) throws(CryptoError) {
        guard bytes.count == 32 else { throw .wrongLength(expected: 32, got: bytes.count) }
        guard let key = unsafe EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nil, bytes, 32)
        else { throw .invalidKey }
        unsafe EVP_PKEY_free(key)
        self.bytes = bytes
    }

    /// The first 8 bytes of SHA-256 of the raw key (FORMATS: `kid`).
    public var kid: [UInt8] { Array(sha256(bytes).prefix(8)) }

    /// True when `signature` (64 bytes) over `message` verifies. Calls `EVP_DigestVerify`.
    public func verifies(_ signature: [UInt8], over message: [UInt8]) -> Bool {
        guard signature.count == 64 else { return false }
        guard let key = unsafe EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nil, bytes, 32)
        else { return false }
        defer { unsafe EVP_PKEY_free(key) }
        let context = unsafe EVP_MD_CTX_new()
        defer { unsafe EVP_MD_CTX_free(context) }
        guard unsafe EVP_DigestVerifyInit(context, nil, nil, nil, key) == 1 else { return false }
        return unsafe EVP_DigestVerify(context, signature, 64, message, message.count) == 1
    }
}

/// An Ed25519 private key. libcrypto holds it and zeroes it when the key goes.
@safe
public struct Ed25519PrivateKey: ~Copyable, @unchecked Sendable {  // because never changed
    private let key: OpaquePointer
    /// The public half.
    public let publicKey: Ed25519PublicKey

    /// Takes the 32-byte seed.
    /// - Throws: `CryptoError.wrongLength`, `.invalidKey`.
    public init(seed: borrowing SecretBytes) throws(CryptoError) {
        guard seed.count == 32 else { throw .wrongLength(expected: 32, got: seed.count) }
        guard
            let key = unsafe EVP_PKEY_new_raw_private_key(
                EVP_PKEY_ED25519, nil, seed.pointer, 32)
        else { throw .invalidKey }
        var raw = [UInt8](repeating: 0, count: 32)
        var length = 32
        let code = unsafe EVP_PKEY_get_raw_public_key(key, &raw, &length)
        guard code == 1, length == 32, let half = try? Ed25519PublicKey(raw) else {
            unsafe EVP_PKEY_free(key)
            throw .library(call: "EVP_PKEY_get_raw_public_key")
        }
        unsafe self.key = key
        publicKey = half
    }

    deinit { unsafe EVP_PKEY_free(key) }

    /// Signs `message`: 64 bytes. Calls `EVP_DigestSign`.
    public borrowing func sign(_ message: [UInt8]) -> [UInt8] {
        let context = unsafe EVP_MD_CTX_new()
        defer { unsafe EVP_MD_CTX_free(context) }
        var signature = [UInt8](repeating: 0, count: 64)
        var length = 64
        let started = unsafe EVP_DigestSignInit(context, nil, nil, nil, key)
        let signed = unsafe EVP_DigestSign(
            context, &signature, &length, message, message.count)
        precondition(started == 1 && signed == 1 && length == 64, "Crypto: EVP_DigestSign failed")
        return signature
    }
}
