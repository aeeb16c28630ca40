import COpenSSL

/// AES-256-GCM (SP 800-38D) and the two key derivations that feed it.
public enum Sealing {
    /// Nonce length, 12 bytes.
    public static let nonceSize = 12
    /// Tag length, 16 bytes, appended to the ciphertext.
    public static let tagSize = 16

    /// Ciphertext || tag. `key` 32 bytes, `nonce` 12 bytes and never used twice with one key.
    /// - Throws: `CryptoError`. Calls `EVP_EncryptUpdate`.
    public static func seal(
        _ plain: borrowing SecretBytes, key: borrowing SecretBytes, nonce: [UInt8],
        associated: [UInt8]
    ) throws(CryptoError) -> [UInt8] {
        try check(key, nonce)
        let context = unsafe EVP_CIPHER_CTX_new()
        defer { unsafe EVP_CIPHER_CTX_free(context) }
        var length: Int32 = 0
        var output = [UInt8](repeating: 0, count: plain.count)
        var tag = [UInt8](repeating: 0, count: tagSize)
        let good =
            unsafe EVP_EncryptInit_ex2(
                context, Algorithms.aesGCM.pointer, key.pointer, nonce, nil) == 1
            && EVP_EncryptUpdate(context, nil, &length, associated, Int32(associated.count)) == 1
            && EVP_EncryptUpdate(context, &output, &length, plain.pointer, Int32(plain.count)) == 1
            && EVP_EncryptFinal_ex(context, nil, &length) == 1
            && EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, 16, &tag) == 1
        guard good else { throw .library(call: "EVP_EncryptUpdate") }
        return output + tag
    }

    /// The inverse of `seal`.
    /// - Throws: `CryptoError.notAuthentic` for any other key, nonce, associated data or byte.
    public static func open(
        _ sealed: [UInt8], key: borrowing SecretBytes, nonce: [UInt8], associated: [UInt8]
    ) throws(CryptoError) -> SecretBytes {
        try check(key, nonce)
        guard sealed.count >= tagSize, sealed.count < 1 << 24 else { throw .notAuthentic }
        let body = Array(sealed.dropLast(tagSize))
        var tag = Array(sealed.suffix(tagSize))
        let context = unsafe EVP_CIPHER_CTX_new()
        defer { unsafe EVP_CIPHER_CTX_free(context) }
        var length: Int32 = 0
        var output = [UInt8](repeating: 0, count: body.count)
        defer { wipe(&output) }
        let good =
            unsafe EVP_DecryptInit_ex2(
                context, Algorithms.aesGCM.pointer, key.pointer, nonce, nil) == 1
            && EVP_DecryptUpdate(context, nil, &length, associated, Int32(associated.count)) == 1
            && EVP_DecryptUpdate(context, &output, &length, body, Int32(body.count)) == 1
            && EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, 16, &tag) == 1
            && EVP_DecryptFinal_ex(context, nil, &length) == 1
        guard good else { throw .notAuthentic }
        return SecretBytes(output)
    }

    /// scrypt (RFC 7914): N = 2^`logN` (10...20), r = 8, p = 1; 32 bytes out.
    /// - Throws: `CryptoError`. Calls `EVP_PBE_scrypt`.
    public static func scrypt(
        passphrase: borrowing SecretBytes, salt: [UInt8], logN: UInt8
    ) throws(CryptoError) -> SecretBytes {
        guard (10...20).contains(logN) else { throw .wrongLength(expected: 15, got: Int(logN)) }
        var key = [UInt8](repeating: 0, count: 32)
        defer { wipe(&key) }
        let phrase = unsafe UnsafeRawPointer(passphrase.pointer)
            .assumingMemoryBound(to: CChar.self)
        let code = unsafe EVP_PBE_scrypt(
            phrase, passphrase.count, salt, salt.count, 1 << UInt64(logN), 8, 1, 1 << 31, &key, 32)
        guard code == 1 else { throw .library(call: "EVP_PBE_scrypt") }
        return SecretBytes(key)
    }

    /// HKDF-SHA-256 (RFC 5869), `count` bytes (1...255 * 32).
    /// - Throws: `CryptoError`. Calls `EVP_KDF_derive`.
    public static func hkdf(
        _ input: borrowing SecretBytes, salt: [UInt8], info: [UInt8], count: Int
    ) throws(CryptoError) -> SecretBytes {
        guard (1...8160).contains(count) else { throw .wrongLength(expected: 32, got: count) }
        let algorithm = unsafe EVP_KDF_fetch(nil, "HKDF", nil)
        defer { unsafe EVP_KDF_free(algorithm) }
        let context = unsafe EVP_KDF_CTX_new(algorithm)
        defer { unsafe EVP_KDF_CTX_free(context) }
        var output = [UInt8](repeating: 0, count: count)
        defer { wipe(&output) }
        let code = unsafe eco_hkdf_sha256(
            context, input.pointer, input.count, salt, salt.count, info, info.count, &output, count)
        guard code == 1 else { throw .library(call: "EVP_KDF_derive") }
        return SecretBytes(output)
    }

    /// The inverse of AES key wrap (RFC 3394): `wrapped` is the key's length + 8, a multiple of 8;
    /// `key` has 32 bytes. - Throws: `CryptoError.notAuthentic`. Calls `EVP_DecryptUpdate`.
    public static func unwrap(
        _ wrapped: [UInt8], key: borrowing SecretBytes
    ) throws(CryptoError) -> SecretBytes {
        guard key.count == 32 else { throw .wrongLength(expected: 32, got: key.count) }
        guard wrapped.count % 8 == 0, (24...520).contains(wrapped.count) else {
            throw .notAuthentic
        }
        let context = unsafe EVP_CIPHER_CTX_new()
        defer { unsafe EVP_CIPHER_CTX_free(context) }
        unsafe EVP_CIPHER_CTX_set_flags(context, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW)
        var length: Int32 = 0
        var output = [UInt8](repeating: 0, count: wrapped.count + 8)
        defer { wipe(&output) }
        let good =
            unsafe EVP_DecryptInit_ex2(
                context, Algorithms.aesWrap.pointer, key.pointer, nil, nil) == 1
            && EVP_DecryptUpdate(context, &output, &length, wrapped, Int32(wrapped.count)) == 1
        guard good, Int(length) == wrapped.count - 8 else { throw .notAuthentic }
        return SecretBytes(Array(output.prefix(Int(length))))
    }

    private static func check(
        _ key: borrowing SecretBytes, _ nonce: [UInt8]
    ) throws(CryptoError) {
        guard key.count == 32 else { throw .wrongLength(expected: 32, got: key.count) }
        guard nonce.count == nonceSize else {
            throw .wrongLength(expected: nonceSize, got: nonce.count)
        }
    }
}
