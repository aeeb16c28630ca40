public import COSE
public import Crypto

/// A terminal's or the ledger's own keys: what it signs with (Ed25519) and what bundles are
/// sealed to (X25519). Files of older versions lack the second one.
public final class SigningKey: MessageSigner, SealedKeys {
    /// The kind of its files.
    public static let fileKind = KeyFileKind.signing
    private let records: KeyRecords
    private let key: Ed25519PrivateKey

    /// Takes the content of a file. - Throws: `.damaged`.
    public init(_ records: KeyRecords) throws(KeyStoreError) {
        self.records = records
        key = try records.signingKey()
        sealingKey =
            records.first(.agreement) == nil ? nil : try records.agreementKey().publicKey
    }

    /// Fresh random keys.
    public static func create() throws(KeyStoreError) -> SigningKey {
        var records = KeyRecords()
        records.add(.seed, epoch: 0, number: 0, SecretBytes(randomCount: 32))
        records.add(.agreement, epoch: 0, number: 0, SecretBytes(randomCount: 32))
        return try SigningKey(records)
    }

    /// Opens a sealed file and gives it a sealing key when it has none yet.
    /// - Throws: `KeyStoreError`.
    public static func openComplete(
        path: String, passphrase: borrowing SecretBytes
    ) throws(KeyStoreError) -> SigningKey {
        let found = try open(path: path, passphrase: passphrase)
        if found.sealingKey != nil { return found }
        var records = found.records
        records.add(.agreement, epoch: 0, number: 0, SecretBytes(randomCount: 32))
        let complete = try SigningKey(records)
        try complete.replace(at: path, passphrase: passphrase)
        return complete
    }

    /// What goes into the file.
    public func content() throws(KeyStoreError) -> KeyRecords { records }

    /// The public half.
    public var publicKey: Ed25519PublicKey { key.publicKey }

    /// What bundles are sealed to; nil in a file of an older version.
    public let sealingKey: X25519PublicKey?

    func agreementKey() throws(KeyStoreError) -> X25519PrivateKey { try records.agreementKey() }

    /// Signs a payload; `kid` has 8 bytes.
    public func sign(payload: [UInt8]) -> Sign1 {
        Sign1(signing: payload, kid: key.publicKey.kid, key: key)
    }

    /// Lends the key.
    public func withKey<R, E: Error>(
        _ body: (borrowing Ed25519PrivateKey) throws(E) -> R
    ) throws(E) -> R {
        try body(key)
    }
}
