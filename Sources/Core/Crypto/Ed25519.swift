import COpenSSL

/// An Ed25519 public key (RFC 8032), 32 bytes.
public struct Ed25519PublicKey: Equatable, Hashable, Sendable {
    /// The raw key, 32 bytes.
    public let bytes: [UInt8]
    private let template: DigestTemplate

    /// Takes the raw key. Calls `EVP_DigestVerifyInit`.
    /// - Throws: `CryptoError.wrongLength`, `.invalidKey`.
    public init(_ bytes: [UInt8]) throws(CryptoError) {
        guard bytes.count == 32 else { throw .wrongLength(expected: 32, got: bytes.count) }
        guard let key = unsafe EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nil, bytes, 32)
        else { throw .invalidKey }
        defer { unsafe EVP_PKEY_free(key) }
        guard
            let template = unsafe DigestTemplate({
                unsafe EVP_DigestVerifyInit($0, nil, nil, nil, key)
            })
        else { throw .invalidKey }
        self.bytes = bytes
        self.template = template
    }

    /// Keys are equal when their bytes are.
    public static func == (left: Self, right: Self) -> Bool { left.bytes == right.bytes }

    /// By the bytes.
    public func hash(into hasher: inout Hasher) { hasher.combine(bytes) }

    /// The first 8 bytes of SHA-256 of the raw key (FORMATS: `kid`).
    public var kid: [UInt8] { Array(sha256(bytes).prefix(8)) }

    /// True when `signature` (64 bytes) over `message` verifies. Calls `EVP_DigestVerify`.
    public func verifies(_ signature: [UInt8], over message: [UInt8]) -> Bool {
        guard signature.count == 64 else { return false }
        let context = unsafe template.copy()
        defer { unsafe EVP_MD_CTX_free(context) }
        return unsafe EVP_DigestVerify(context, signature, 64, message, message.count) == 1
    }
}

/// A context made ready once and copied for each message: making one ready fetches its algorithm,
/// which costs a tenth of a signature.
@safe
private final class DigestTemplate: @unchecked Sendable {  // because only copied from
    private let context: OpaquePointer

    /// Makes a context ready; nil when `start` refuses (anything but 1).
    init?(_ start: (OpaquePointer) -> Int32) {
        guard let context = unsafe EVP_MD_CTX_new() else { return nil }
        unsafe self.context = context
        if unsafe start(context) != 1 { return nil }
    }

    deinit { unsafe EVP_MD_CTX_free(context) }

    /// A context of its own for one message. Calls `EVP_MD_CTX_copy_ex`.
    func copy() -> OpaquePointer? {
        let copy = unsafe EVP_MD_CTX_new()
        let code = unsafe EVP_MD_CTX_copy_ex(copy, context)
        precondition(code == 1, "Crypto: EVP_MD_CTX_copy_ex failed")
        return unsafe copy
    }
}

/// An Ed25519 private key. libcrypto holds it and zeroes it when the key goes.
public struct Ed25519PrivateKey: ~Copyable, Sendable {
    private let template: DigestTemplate
    /// The public half.
    public let publicKey: Ed25519PublicKey

    /// Takes the 32-byte seed. Calls `EVP_DigestSignInit`.
    /// - Throws: `CryptoError.wrongLength`, `.invalidKey`.
    public init(seed: borrowing SecretBytes) throws(CryptoError) {
        guard seed.count == 32 else { throw .wrongLength(expected: 32, got: seed.count) }
        guard
            let key = unsafe EVP_PKEY_new_raw_private_key(
                EVP_PKEY_ED25519, nil, seed.pointer, 32)
        else { throw .invalidKey }
        defer { unsafe EVP_PKEY_free(key) }
        var raw = [UInt8](repeating: 0, count: 32)
        var length = 32
        let code = unsafe EVP_PKEY_get_raw_public_key(key, &raw, &length)
        guard code == 1, length == 32, let half = try? Ed25519PublicKey(raw) else {
            throw .library(call: "EVP_PKEY_get_raw_public_key")
        }
        guard
            let template = unsafe DigestTemplate({
                unsafe EVP_DigestSignInit($0, nil, nil, nil, key)
            })
        else { throw .library(call: "EVP_DigestSignInit") }
        self.template = template
        publicKey = half
    }

    /// Signs `message`: 64 bytes. Calls `EVP_DigestSign`.
    public borrowing func sign(_ message: [UInt8]) -> [UInt8] {
        let context = unsafe template.copy()
        defer { unsafe EVP_MD_CTX_free(context) }
        var signature = [UInt8](repeating: 0, count: 64)
        var length = 64
        let signed = unsafe EVP_DigestSign(
            context, &signature, &length, message, message.count)
        precondition(signed == 1 && length == 64, "Crypto: EVP_DigestSign failed")
        return signature
    }
}
