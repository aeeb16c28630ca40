import COpenSSL

/// Sealing to one recipient: CMS EnvelopedData (RFC 5652, DER), AES-256-CBC, the content key
/// agreed by ECDH over P-256 with SHA-256 (RFC 5753). It hides; that nothing was altered is the
/// business of the signed entry it travels in.
public enum Envelope {
    /// Plain bytes at most.
    public static let plainMax = 65_536

    /// Seals in memory to `certificate` (X.509, DER, an EC key): about 400 bytes more.
    /// - Throws: `CryptoError`. Calls `CMS_encrypt`, `CMS_final`.
    public static func seal(
        _ plain: borrowing SecretBytes, certificate: [UInt8]
    ) throws(CryptoError) -> [UInt8] {
        guard (1...plainMax).contains(plain.count) else {
            throw .wrongLength(expected: plainMax, got: plain.count)
        }
        var output: UnsafeMutablePointer<UInt8>?
        let count = unsafe eco_cms_seal(
            plain.pointer, Int32(plain.count), certificate, certificate.count, &output)
        guard count > 0, let sealed = unsafe output else { throw .library(call: "CMS_final") }
        defer { unsafe eco_free(sealed, count) }
        return unsafe Array(UnsafeBufferPointer(start: sealed, count: Int(count)))
    }

    /// Opens what was sealed to `certificate`, whose private key is `key` (PKCS #8, DER).
    /// - Throws: `CryptoError.notAuthentic` for another key or a message that is none.
    /// Calls `CMS_decrypt`.
    public static func open(
        _ sealed: [UInt8], certificate: [UInt8], key: borrowing SecretBytes
    ) throws(CryptoError) -> SecretBytes {
        guard sealed.count <= 2 * plainMax else { throw .notAuthentic }
        var output = [UInt8](repeating: 0, count: sealed.count + 1)
        defer { wipe(&output) }
        let room = Int32(output.count)
        let count = unsafe eco_cms_open(
            sealed, sealed.count, certificate, certificate.count, key.pointer, key.count, &output,
            room)
        guard count >= 0 else { throw .notAuthentic }
        return SecretBytes(Array(output.prefix(Int(count))))
    }
}

/// Somebody things are sealed to.
public struct EnvelopeRecipient: ~Copyable {
    /// The private key, PKCS #8, DER.
    public let key: SecretBytes
    /// The certificate, X.509, DER.
    public let certificate: [UInt8]

    /// A fresh P-256 key and a certificate signed by itself from `seconds` since the Unix epoch on.
    /// - Throws: `CryptoError`. Calls `EVP_PKEY_Q_keygen`, `X509_sign`.
    public init(seconds: UInt64) throws(CryptoError) {
        var keyBytes: UnsafeMutablePointer<UInt8>?
        var certificateBytes: UnsafeMutablePointer<UInt8>?
        var (keyCount, count): (Int32, Int32) = (0, 0)
        let code = unsafe eco_sealing_pair(
            Int(clamping: seconds), &keyBytes, &keyCount, &certificateBytes, &count)
        guard code == 1, let first = unsafe keyBytes, let second = unsafe certificateBytes else {
            throw .library(call: "X509_sign")
        }
        defer {
            unsafe eco_free(first, keyCount)
            unsafe eco_free(second, count)
        }
        var copy = unsafe Array(UnsafeBufferPointer(start: first, count: Int(keyCount)))
        key = SecretBytes(consuming: &copy)
        certificate = unsafe Array(UnsafeBufferPointer(start: second, count: Int(count)))
    }
}
