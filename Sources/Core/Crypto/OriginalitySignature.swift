import COpenSSL

/// NXP's originality signature: ECDSA on secp224r1 over the UID itself, no hash (CARD-COMMANDS
/// §12).
public enum OriginalitySignature {
    /// True when `signature` (r || s, 56 bytes) over `uid` (4...10 bytes) verifies with the
    /// uncompressed point `publicKey` (57 bytes). Calls `EVP_PKEY_verify`.
    public static func verifies(
        _ signature: [UInt8], uid: [UInt8], publicKey: [UInt8]
    ) -> Bool {
        guard signature.count == 56, (4...10).contains(uid.count) else { return false }
        guard let key = unsafe loaded(publicKey) else { return false }
        defer { unsafe EVP_PKEY_free(key) }
        let context = unsafe EVP_PKEY_CTX_new_from_pkey(nil, key, nil)
        defer { unsafe EVP_PKEY_CTX_free(context) }
        guard unsafe EVP_PKEY_verify_init(context) == 1 else { return false }
        let der = distinguished(Array(signature[0..<28]), Array(signature[28..<56]))
        return unsafe EVP_PKEY_verify(context, der, der.count, uid, uid.count) == 1
    }

    /// True when the bytes are an uncompressed point of the curve.
    public static func isKey(_ publicKey: [UInt8]) -> Bool {
        guard let key = unsafe loaded(publicKey) else { return false }
        unsafe EVP_PKEY_free(key)
        return true
    }

    private static func loaded(_ publicKey: [UInt8]) -> OpaquePointer? {
        guard publicKey.count == 57, publicKey[0] == 4 else { return nil }
        return unsafe eco_p224_public_key(publicKey, publicKey.count)
    }

    /// SEQUENCE { INTEGER r, INTEGER s } (X.690), what libcrypto wants.
    private static func distinguished(_ r: [UInt8], _ s: [UInt8]) -> [UInt8] {
        let body = integer(r) + integer(s)
        return [0x30, UInt8(body.count)] + body
    }

    private static func integer(_ bytes: [UInt8]) -> [UInt8] {
        var value = Array(bytes.drop { $0 == 0 })
        if value.isEmpty { value = [0] }
        if value[0] & 0x80 != 0 { value.insert(0, at: 0) }
        return [0x02, UInt8(value.count)] + value
    }
}
