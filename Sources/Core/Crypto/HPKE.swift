import COpenSSL

/// Sealing to a public key: HPKE (RFC 9180), base mode, one message, with
/// DHKEM(X25519, HKDF-SHA256), HKDF-SHA256 and AES-256-GCM.
///
/// Whoever has the public key can seal: who did it must be proved by other means.
public enum HPKE {
    /// Bytes of the encapsulated key that goes with each message.
    public static let encapsulatedSize = 32

    private static let kem = Array("KEM".utf8) + [0x00, 0x20]
    private static let suite = Array("HPKE".utf8) + [0x00, 0x20, 0x00, 0x01, 0x00, 0x02]

    /// What goes to the recipient.
    public struct Message: Equatable, Sendable {
        /// The ephemeral public key, 32 bytes (`enc`).
        public let encapsulated: [UInt8]
        /// Ciphertext and tag, the plain length + 16 bytes.
        public let sealed: [UInt8]

        /// A message as received.
        public init(encapsulated: [UInt8], sealed: [UInt8]) {
            self.encapsulated = encapsulated
            self.sealed = sealed
        }
    }

    /// Seals with a fresh ephemeral key. `info` names the use, `associated` is bound and not
    /// sent. - Throws: `CryptoError.invalidKey` for a point of small order.
    public static func seal(
        _ plain: borrowing SecretBytes, to recipient: X25519PublicKey, info: [UInt8],
        associated: [UInt8]
    ) throws(CryptoError) -> Message {
        let ephemeral = try X25519PrivateKey(SecretBytes(randomCount: 32))
        return try seal(
            plain, to: recipient, info: info, associated: associated, ephemeral: ephemeral)
    }

    static func seal(
        _ plain: borrowing SecretBytes, to recipient: X25519PublicKey, info: [UInt8],
        associated: [UInt8], ephemeral: borrowing X25519PrivateKey
    ) throws(CryptoError) -> Message {
        let encapsulated = ephemeral.publicKey.bytes
        let shared = try sharedSecret(
            try ephemeral.agree(with: recipient), encapsulated, recipient)
        let (key, nonce) = try schedule(shared, info)
        return Message(
            encapsulated: encapsulated,
            sealed: try Sealing.seal(
                plain, key: key.bytes, nonce: nonce, associated: associated))
    }

    /// Opens with the recipient's private key.
    /// - Throws: `CryptoError.notAuthentic` for another recipient, info, associated data or byte.
    public static func open(
        _ message: Message, with key: borrowing X25519PrivateKey, info: [UInt8],
        associated: [UInt8]
    ) throws(CryptoError) -> SecretBytes {
        guard let peer = try? X25519PublicKey(message.encapsulated),
            let agreed = try? key.agree(with: peer)
        else { throw .notAuthentic }
        let shared = try sharedSecret(agreed, message.encapsulated, key.publicKey)
        let (content, nonce) = try schedule(shared, info)
        return try Sealing.open(
            message.sealed, key: content.bytes, nonce: nonce, associated: associated)
    }

    /// RFC 9180 §4.1, ExtractAndExpand.
    static func sharedSecret(
        _ agreed: borrowing SecretBytes, _ encapsulated: [UInt8], _ recipient: X25519PublicKey
    ) throws(CryptoError) -> SecretBytes {
        let early = try extract(kem, label: "eae_prk", agreed)
        return try expand(
            kem, early, label: "shared_secret", info: encapsulated + recipient.bytes, count: 32)
    }

    /// RFC 9180 §5.1 for mode base: no pre-shared key.
    private static func schedule(
        _ shared: borrowing SecretBytes, _ info: [UInt8]
    ) throws(CryptoError) -> (Key, [UInt8]) {
        let none = SecretBytes([])
        let name = try extract(suite, label: "psk_id_hash", none)
        let use = try extract(suite, label: "info_hash", SecretBytes(info))
        let context = [0x00] + name.withBytes { $0 } + use.withBytes { $0 }
        let secret = try extract(suite, salt: shared, label: "secret", none)
        let key = try expand(suite, secret, label: "key", info: context, count: 32)
        let nonce = try expand(suite, secret, label: "base_nonce", info: context, count: 12)
        return (Key(bytes: key), nonce.withBytes { $0 })
    }

    /// A tuple cannot hold what cannot be copied.
    private final class Key: Sendable {
        let bytes: SecretBytes
        init(bytes: consuming SecretBytes) { self.bytes = bytes }
    }

    private static func extract(
        _ suite: [UInt8], label: String, _ input: borrowing SecretBytes
    ) throws(CryptoError) -> SecretBytes {
        try extract(suite, salt: SecretBytes([]), label: label, input)
    }

    /// LabeledExtract: HMAC(salt, "HPKE-v1" || suite || label || input).
    private static func extract(
        _ suite: [UInt8], salt: borrowing SecretBytes, label: String,
        _ input: borrowing SecretBytes
    ) throws(CryptoError) -> SecretBytes {
        var labelled = Array("HPKE-v1".utf8) + suite + Array(label.utf8)
        input.withBytes { labelled += $0 }
        return try hmac(salt, SecretBytes(consuming: &labelled))
    }

    /// LabeledExpand, at most 32 bytes: one round of HKDF-Expand.
    private static func expand(
        _ suite: [UInt8], _ secret: borrowing SecretBytes, label: String, info: [UInt8],
        count: Int
    ) throws(CryptoError) -> SecretBytes {
        precondition((1...32).contains(count), "HPKE: one round gives 32 bytes")
        let labelled =
            [0x00, UInt8(count)] + Array("HPKE-v1".utf8) + suite + Array(label.utf8) + info
        let round = try hmac(secret, SecretBytes(labelled + [0x01]))
        return round.withBytes { SecretBytes(Array($0.prefix(count))) }
    }

    /// HMAC-SHA-256, 32 bytes. An empty key is as good as zeros. Calls `EVP_Q_mac`.
    private static func hmac(
        _ key: borrowing SecretBytes, _ message: borrowing SecretBytes
    ) throws(CryptoError) -> SecretBytes {
        var output = [UInt8](repeating: 0, count: 32)
        defer { wipe(&output) }
        var length = 0
        let made = unsafe EVP_Q_mac(
            nil, "HMAC", nil, "SHA256", nil, key.pointer, key.count, message.pointer,
            message.count, &output, 32, &length)
        guard unsafe made != nil, length == 32 else { throw .library(call: "EVP_Q_mac") }
        return SecretBytes(output)
    }
}
