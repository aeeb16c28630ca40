// Crypto: every cryptographic primitive of the product, over OpenSSL libcrypto and, for Ed25519,
// libsodium.
//
// Purpose: AES-128 (CBC, one block, CMAC), AES-256 (GCM, key unwrap), SHA-256, HKDF, scrypt,
// Ed25519, X25519, HPKE, random bytes.
// Promises: secrets are non-copyable, zeroed when they go, and never printed; a failed check is an
// error or `false`, never a trap; comparison of authenticators takes constant time.
// Does not promise: anything about cards or tokens (see Cards, Tokens). No algorithm of its own.
// Threads: values are immutable; any thread may use them.
// Units: lengths in bytes.
//
// `unsafe` appears here because this target is itself the border to a C library.

import COpenSSL

/// Why a cryptographic call was refused.
public enum CryptoError: Error, Equatable, Sendable {
    /// A key, nonce, block or signature has the wrong length.
    case wrongLength(expected: Int, got: Int)
    /// An authentication tag or padding does not verify.
    case notAuthentic
    /// Bytes that are no valid public key.
    case invalidKey
    /// libcrypto refused the named call.
    case library(call: String)
}

/// Compares two authenticators in constant time. Lengths may differ (then false).
/// Calls `CRYPTO_memcmp`.
public func equalInConstantTime(_ left: [UInt8], _ right: [UInt8]) -> Bool {
    guard left.count == right.count else { return false }
    return unsafe CRYPTO_memcmp(left, right, left.count) == 0
}

/// Random bytes of the operating system's generator. Calls `RAND_bytes`.
///
/// - Precondition: `count` is 1...1,000,000. A generator that fails ends the process: nothing that
///   needs randomness can go on without it.
public func randomBytes(_ count: Int) -> [UInt8] {
    precondition(count > 0 && count <= 1_000_000, "Crypto: random byte count out of range")
    var bytes = [UInt8](repeating: 0, count: count)
    let code = unsafe RAND_bytes(&bytes, Int32(count))
    precondition(code == 1, "Crypto: the random generator failed")
    return bytes
}

/// SHA-256 (FIPS 180-4), 32 bytes. Calls `EVP_Digest`.
public func sha256(_ message: [UInt8]) -> [UInt8] {
    var digest = [UInt8](repeating: 0, count: 32)
    var length: UInt32 = 0
    let code = unsafe EVP_Digest(
        message, message.count, &digest, &length, Algorithms.sha256.pointer, nil)
    precondition(code == 1 && length == 32, "Crypto: EVP_Digest failed")
    return digest
}

/// The algorithms, fetched once: a fetch costs more than a CMAC.
enum Algorithms {
    @safe struct Fetched: @unchecked Sendable {  // because fetched algorithms are immutable
        let pointer: OpaquePointer
    }

    static let aesCBC = cipher("AES-128-CBC")
    static let aesECB = cipher("AES-128-ECB")
    static let aesGCM = cipher("AES-256-GCM")
    static let aesWrap = cipher("AES-256-WRAP")
    static let sha256: Fetched = {
        guard let digest = unsafe EVP_MD_fetch(nil, "SHA256", nil) else {
            preconditionFailure("Crypto: libcrypto has no SHA256")
        }
        return unsafe Fetched(pointer: digest)
    }()
    /// A CMAC context with its cipher set, to duplicate: setting the cipher anew costs a fetch.
    static let cmac: Fetched = {
        let algorithm = unsafe EVP_MAC_fetch(nil, "CMAC", nil)
        defer { unsafe EVP_MAC_free(algorithm) }
        guard let algorithm = unsafe algorithm,
            let template = unsafe eco_cmac_template(algorithm)
        else { preconditionFailure("Crypto: libcrypto has no CMAC") }
        return unsafe Fetched(pointer: template)
    }()

    private static func cipher(_ name: String) -> Fetched {
        guard let cipher = unsafe EVP_CIPHER_fetch(nil, name, nil) else {
            preconditionFailure("Crypto: libcrypto has no \(name)")
        }
        return unsafe Fetched(pointer: cipher)
    }
}
