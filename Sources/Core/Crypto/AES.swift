import COpenSSL
import Synchronization

/// One AES-128 key (16 bytes) and what is done with it.
public struct AES128Key: ~Copyable, Sendable {
    /// Bytes in a key and in a block.
    public static let size = 16
    private static let zeroBlock = [UInt8](repeating: 0, count: 16)
    private let secret: SecretBytes
    /// Made at the first CMAC and kept: a session's key makes many.
    private let authentication: KeyedMAC

    /// Takes a secret of exactly 16 bytes.
    /// - Throws: `CryptoError.wrongLength`.
    public init(_ secret: consuming SecretBytes) throws(CryptoError) {
        guard secret.count == Self.size else {
            throw .wrongLength(expected: Self.size, got: secret.count)
        }
        // Not before the check: Swift 6.2 gives back twice what a thrown init had already set.
        authentication = KeyedMAC()
        self.secret = secret
    }

    /// Copies 16 bytes. For keys that are public by nature (factory zeros, test vectors) or
    /// derived. - Throws: `CryptoError.wrongLength`.
    public init(_ bytes: [UInt8]) throws(CryptoError) {
        try self.init(SecretBytes(bytes))
    }

    /// A fresh random key.
    public static func random() -> AES128Key {
        AES128Key(unchecked: SecretBytes(randomCount: size))
    }

    /// The factory key: sixteen zeros.
    public static func zero() -> AES128Key { AES128Key(unchecked: SecretBytes(zeroBlock)) }

    /// For a secret whose length is known to be 16.
    private init(unchecked secret: consuming SecretBytes) {
        precondition(secret.count == Self.size, "Crypto: an AES-128 key has 16 bytes")
        authentication = KeyedMAC()
        self.secret = secret
    }

    /// A second owner of the same key.
    public borrowing func duplicate() -> AES128Key {
        AES128Key(unchecked: secret.withBytes { SecretBytes($0) })
    }

    /// Lends the 16 bytes for the length of `body`; see `SecretBytes.withBytes`.
    public borrowing func withBytes<R: ~Copyable, E: Error>(
        _ body: ([UInt8]) throws(E) -> R
    ) throws(E) -> R {
        try secret.withBytes(body)
    }

    /// True when both are the same key; constant time.
    public borrowing func equals(_ other: borrowing AES128Key) -> Bool {
        secret.equals(other.secret)
    }

    /// AES-CMAC (RFC 4493), 16 bytes. `message` may be empty. Calls `EVP_MAC_final`.
    public borrowing func cmac(_ message: [UInt8]) -> [UInt8] {
        unsafe authentication.mac(message, key: secret.pointer)
    }

    /// AES-CBC without padding. `iv` 16 bytes, `plain` a multiple of 16.
    /// - Throws: `CryptoError.wrongLength`.
    public borrowing func encryptCBC(
        _ plain: [UInt8], iv: [UInt8]? = nil
    ) throws(CryptoError) -> [UInt8] {
        try run(Algorithms.aesCBC, plain, iv: iv ?? Self.zeroBlock, encrypt: true)
    }

    /// The inverse of `encryptCBC`.
    /// - Throws: `CryptoError.wrongLength`.
    public borrowing func decryptCBC(
        _ cipher: [UInt8], iv: [UInt8]? = nil
    ) throws(CryptoError) -> [UInt8] {
        try run(Algorithms.aesCBC, cipher, iv: iv ?? Self.zeroBlock, encrypt: false)
    }

    /// One block, 16 bytes in and out.
    /// - Throws: `CryptoError.wrongLength`.
    public borrowing func encryptBlock(_ block: [UInt8]) throws(CryptoError) -> [UInt8] {
        guard block.count == Self.size else {
            throw .wrongLength(expected: Self.size, got: block.count)
        }
        return try run(Algorithms.aesECB, block, iv: nil, encrypt: true)
    }

    /// Calls `EVP_CipherInit_ex2`, `EVP_CipherUpdate`.
    private borrowing func run(
        _ algorithm: Algorithms.Fetched, _ input: [UInt8], iv: [UInt8]?, encrypt: Bool
    ) throws(CryptoError) -> [UInt8] {
        guard input.count % Self.size == 0, input.count <= 1 << 20 else {
            throw .wrongLength(expected: (input.count / 16 + 1) * 16, got: input.count)
        }
        if let iv, iv.count != Self.size {
            throw .wrongLength(expected: Self.size, got: iv.count)
        }
        if input.isEmpty { return [] }
        let context = unsafe EVP_CIPHER_CTX_new()
        defer { unsafe EVP_CIPHER_CTX_free(context) }
        let initialised = unsafe EVP_CipherInit_ex2(
            context, algorithm.pointer, secret.pointer, iv, encrypt ? 1 : 0, nil)
        guard initialised == 1 else { throw .library(call: "EVP_CipherInit_ex2") }
        unsafe EVP_CIPHER_CTX_set_padding(context, 0)
        var output = [UInt8](repeating: 0, count: input.count)
        var length: Int32 = 0
        let updated = unsafe EVP_CipherUpdate(
            context, &output, &length, input, Int32(input.count))
        guard updated == 1, Int(length) == input.count else {
            throw .library(call: "EVP_CipherUpdate")
        }
        return output
    }
}

/// A CMAC context that holds one key, to start anew for each message. libcrypto zeroes it.
@safe
private final class KeyedMAC: @unchecked Sendable {  // because a lock guards the context
    private let lock = Mutex(())
    private var context: OpaquePointer?

    deinit { unsafe EVP_MAC_CTX_free(context) }

    /// 16 bytes. `key` has 16 bytes and is the same at each call. Calls `EVP_MAC_CTX_dup`,
    /// `EVP_MAC_init`, `EVP_MAC_update` and `EVP_MAC_final`.
    func mac(_ message: [UInt8], key: UnsafeMutablePointer<UInt8>) -> [UInt8] {
        lock.withLock { _ in
            let isKeyed = unsafe context != nil
            if !isKeyed { unsafe context = EVP_MAC_CTX_dup(Algorithms.cmac.pointer) }
            let started = unsafe EVP_MAC_init(
                context, isKeyed ? nil : key, isKeyed ? 0 : AES128Key.size, nil)
            precondition(started == 1, "Crypto: EVP_MAC_init failed")
            var mac = [UInt8](repeating: 0, count: AES128Key.size)
            var length = 0
            let updated = unsafe EVP_MAC_update(context, message, message.count)
            let finished = unsafe EVP_MAC_final(context, &mac, &length, AES128Key.size)
            precondition(updated == 1 && finished == 1 && length == 16, "Crypto: EVP_MAC failed")
            return mac
        }
    }
}
