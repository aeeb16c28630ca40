import COSE
public import Crypto
import Linux

/// A terminal's card keys: K3 masters of the accepted epochs, nothing else (K1).
public final class TerminalKeys: Bundle {
    /// The kind of its files.
    public static let fileKind = KeyFileKind.terminal
    private let records: KeyRecords

    /// Takes the content of a file; any other key than K3 is refused.
    /// - Throws: `.damaged`.
    public init(_ records: KeyRecords) throws(KeyStoreError) {
        let isOurs = records.all { record in
            switch record.kind {
            case .aes, .wrapped: record.number == 3
            case .transport: true
            case .seed, .publicKey, .meta, .agreement, .share: false
            }
        }
        guard isOurs else { throw .damaged("a terminal bundle holds K3 only") }
        self.records = records
    }

    /// What goes into the file.
    public func content() throws(KeyStoreError) -> KeyRecords { records }

    /// Epochs with a master.
    public var epochs: [UInt8] { records.epochs }

    /// K3 of one card. - Throws: `.unknownEpoch`.
    public func terminalKey(
        uid: [UInt8], epoch: UInt8
    ) throws(KeyStoreError) -> AES128Key {
        try records.cardKey(3, uid: uid, epoch: epoch)
    }
}

/// The ledger's card keys: K1, K2 masters, and whose tokens it accepts (K1).
public final class LedgerKeys: Bundle {
    /// The kind of its files.
    public static let fileKind = KeyFileKind.ledger
    private let records: KeyRecords

    /// Takes the content of a file; masters of other roles are refused.
    /// - Throws: `.damaged`.
    public init(_ records: KeyRecords) throws(KeyStoreError) {
        let isOurs = records.all { record in
            switch record.kind {
            case .aes, .wrapped: (1...2).contains(record.number)
            case .transport, .publicKey: true
            case .seed, .meta, .agreement, .share: false
            }
        }
        guard isOurs else { throw .damaged("a ledger bundle holds K1 and K2 only") }
        self.records = records
    }

    /// What goes into the file.
    public func content() throws(KeyStoreError) -> KeyRecords { records }

    /// Epochs with masters.
    public var epochs: [UInt8] { records.epochs }
    /// Issuers' public keys.
    public var issuerKeys: [Ed25519PublicKey] { records.publicKeys() }

    /// K1, which is one key for all cards of an epoch. - Throws: `.unknownEpoch`.
    public func metaReadKey(epoch: UInt8) throws(KeyStoreError) -> AES128Key {
        try records.cardKey(1, uid: [], epoch: epoch)
    }

    /// K2 of one card. - Throws: `.unknownEpoch`.
    public func fileReadKey(
        uid: [UInt8], epoch: UInt8
    ) throws(KeyStoreError) -> AES128Key {
        try records.cardKey(2, uid: uid, epoch: epoch)
    }
}

/// Keys cut for one role: sealed by a passphrase, or to the recipient's public key (K6).
///
/// Such a bundle is a COSE_Sign1 of the issuer over "ECOB" || version 1 (1) || kind (1) ||
/// recipient (32) || HPKE `enc` (32) || ciphertext; all before `enc` is associated data.
public protocol Bundle: SealedKeys {}

private let header = Array("ECOB".utf8) + [1]
private let use = Array("carte-eco bundle".utf8)
private let prefixSize = 5 + 1 + 32

extension Bundle {
    /// The bundle as the recipient opens it. - Throws: `KeyStoreError`.
    public func sealed(
        to recipient: X25519PublicKey, by issuer: IssuerKeys
    ) throws(KeyStoreError) -> [UInt8] {
        let prefix = header + [Self.fileKind.number] + recipient.bytes
        let message: HPKE.Message
        do {
            message = try HPKE.seal(
                try content().encoded(), to: recipient, info: use, associated: prefix)
        } catch let error as KeyStoreError { throw error } catch {
            throw .unsupported("this is no key to seal to")
        }
        return try issuer.sign(bundle: prefix + message.encapsulated + message.sealed).bytes
    }

    /// Opens a bundle that the issuer sealed to `key`. - Throws: `KeyStoreError`.
    public static func open(
        path: String, for key: SigningKey, issuer: Ed25519PublicKey
    ) throws(KeyStoreError) -> Self {
        guard Files.exists(path) else { throw .missing(path) }
        let bytes: [UInt8]
        do { bytes = try Files.read(path, atMost: SealedFile.sizeMax) } catch {
            throw .io("\(error)")
        }
        return try open(bytes, for: key, issuer: issuer)
    }

    static func open(
        _ bytes: [UInt8], for key: SigningKey, issuer: Ed25519PublicKey
    ) throws(KeyStoreError) -> Self {
        guard let message = try? Sign1(parsing: bytes, limit: SealedFile.sizeMax) else {
            throw .damaged("not a bundle")
        }
        guard let payload = try? message.verified(by: issuer) else { throw .notFromIssuer }
        guard payload.count > prefixSize + HPKE.encapsulatedSize + Sealing.tagSize,
            Array(payload[0..<5]) == header
        else { throw .damaged("not a bundle") }
        guard payload[5] == fileKind.number else { throw .damaged("a bundle of another kind") }
        let prefix = Array(payload[0..<prefixSize])
        let agreement = try key.agreementKey()
        guard Array(prefix[6...]) == agreement.publicKey.bytes else { throw .otherRecipient }
        let sealed = HPKE.Message(
            encapsulated: Array(payload[prefixSize..<(prefixSize + HPKE.encapsulatedSize)]),
            sealed: Array(payload[(prefixSize + HPKE.encapsulatedSize)...]))
        let plain: SecretBytes
        do {
            plain = try HPKE.open(sealed, with: agreement, info: use, associated: prefix)
        } catch { throw .damaged("the bundle does not open") }
        return try Self(try KeyRecords(plain))
    }

    /// True for a file sealed by a passphrase, false for one sealed to a public key.
    /// - Throws: `.missing`, `.io`.
    public static func isPassphraseFile(_ path: String) throws(KeyStoreError) -> Bool {
        guard Files.exists(path) else { throw .missing(path) }
        do {
            return try Files.read(path, atMost: SealedFile.sizeMax).starts(with: SealedFile.magic)
        } catch { throw .io("\(error)") }
    }
}
