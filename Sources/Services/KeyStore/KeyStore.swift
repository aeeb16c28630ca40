// KeyStore: who holds which key, and the sealed files they rest in.
//
// Purpose: issuer masters, the bundles cut from them for terminals and for the ledger, and the
// signing key of each program.
// Promises:
//   K1  A terminal's bundle holds K3 masters only; the ledger's holds K1, K2 and public keys (P4).
//   K2  Keys rest sealed (scrypt, AES-256-GCM) in files of mode 0600 written atomically; a wrong
//       passphrase, a cut or a changed byte is an error and nothing is half read.
//   K3  Keys in memory have one owner each, are zeroed when it goes, and are never printed.
// Does not promise: protection against whoever holds both file and passphrase. An HSM does that.
// Threads: values are immutable; any thread.
// Units: bytes.

public import COSE
public import Crypto
public import Tokens

/// Why keys cannot be had.
public enum KeyStoreError: Error, Equatable, Sendable {
    /// The passphrase does not open the file (or the file was changed).
    case wrongPassphrase
    /// The file is not a key file of this kind; says what is wrong.
    case damaged(String)
    /// There is no such file.
    case missing(String)
    /// The file is there already and is not overwritten.
    case alreadyThere(String)
    /// Reading or writing failed: call and code.
    case io(String)
    /// No key for this epoch.
    case unknownEpoch(UInt8)
    /// The passphrase file can be read by others.
    case passphraseExposed(String)
}

/// The issuer's keys: masters K0...K4 for each epoch and the key that signs card tokens.
public final class IssuerKeys: Sendable {
    /// Keys of one card.
    public static let keyNumbers: ClosedRange<UInt8> = 0...4
    private let records: KeyRecords
    private let signing: Ed25519PrivateKey

    private init(_ records: KeyRecords) throws(KeyStoreError) {
        self.records = records
        signing = try records.signingKey()
        for epoch in records.epochs {
            for number in Self.keyNumbers { _ = try records.master(number, epoch: epoch) }
        }
    }

    /// Fresh random keys for one epoch (1...255; 0 is the factory's).
    /// - Throws: `.unknownEpoch` for 0.
    public static func create(epoch: UInt8) throws(KeyStoreError) -> IssuerKeys {
        guard epoch > 0 else { throw .unknownEpoch(0) }
        var records = KeyRecords()
        for number in keyNumbers {
            records.add(.aes, epoch: epoch, number: number, SecretBytes(randomCount: 16))
        }
        records.add(.seed, epoch: 0, number: 0, SecretBytes(randomCount: 32))
        return try IssuerKeys(records)
    }

    /// Epochs with masters, lowest first.
    public var epochs: [UInt8] { records.epochs }
    /// What card tokens are verified with.
    public var issuerKey: Ed25519PublicKey { signing.publicKey }

    /// The key a card of this UID (4, 7 or 10 bytes) holds under a number: diversified, but for K1
    /// (CARDS.md).
    public func cardKey(
        _ number: UInt8, uid: [UInt8], epoch: UInt8
    ) throws(KeyStoreError) -> AES128Key {
        try records.cardKey(number, uid: uid, epoch: epoch)
    }

    /// Signs a card token; its `kid` has 4 bytes.
    public func sign(token: CardToken) -> Sign1 { token.signed(by: signing) }

    /// What terminals hold (K1): the K3 masters.
    public func terminalBundle() -> TerminalKeys {
        TerminalKeys(records.only { $0.kind == .aes && $0.number == 3 })
    }

    /// What the ledger holds (K1): K1 and K2 masters and the issuer's public key.
    public func ledgerBundle() -> LedgerKeys {
        var records = records.only { $0.kind == .aes && (1...2).contains($0.number) }
        records.add(.publicKey, epoch: 0, number: 0, SecretBytes(issuerKey.bytes))
        return LedgerKeys(records)
    }

    /// Seals the keys into a new file. - Throws: `KeyStoreError`.
    public func seal(
        to path: String, passphrase: borrowing SecretBytes
    ) throws(KeyStoreError) {
        try SealedFile.write(records, .issuer, to: path, passphrase: passphrase)
    }

    /// Opens a sealed file. - Throws: `KeyStoreError`.
    public static func open(
        path: String, passphrase: borrowing SecretBytes
    ) throws(KeyStoreError) -> IssuerKeys {
        try IssuerKeys(try SealedFile.read(.issuer, from: path, passphrase: passphrase))
    }
}

/// A terminal's card keys: K3 masters of the accepted epochs, nothing else (K1).
public final class TerminalKeys: Sendable {
    private let records: KeyRecords

    init(_ records: KeyRecords) { self.records = records }

    /// Epochs with a master.
    public var epochs: [UInt8] { records.epochs }

    /// K3 of one card. - Throws: `.unknownEpoch`.
    public func terminalKey(
        uid: [UInt8], epoch: UInt8
    ) throws(KeyStoreError) -> AES128Key {
        try records.cardKey(3, uid: uid, epoch: epoch)
    }

    /// Seals the keys into a new file. - Throws: `KeyStoreError`.
    public func seal(
        to path: String, passphrase: borrowing SecretBytes
    ) throws(KeyStoreError) {
        try SealedFile.write(records, .terminal, to: path, passphrase: passphrase)
    }

    /// Opens a sealed file; one that holds any other key is refused. - Throws: `KeyStoreError`.
    public static func open(
        path: String, passphrase: borrowing SecretBytes
    ) throws(KeyStoreError) -> TerminalKeys {
        let records = try SealedFile.read(.terminal, from: path, passphrase: passphrase)
        guard records.all({ $0.kind == .aes && $0.number == 3 }) else {
            throw .damaged("a terminal bundle holds K3 only")
        }
        return TerminalKeys(records)
    }
}

/// The ledger's card keys: K1 and K2 masters, and whose tokens it accepts (K1).
public final class LedgerKeys: Sendable {
    private let records: KeyRecords

    init(_ records: KeyRecords) { self.records = records }

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

    /// Seals the keys into a new file. - Throws: `KeyStoreError`.
    public func seal(
        to path: String, passphrase: borrowing SecretBytes
    ) throws(KeyStoreError) {
        try SealedFile.write(records, .ledger, to: path, passphrase: passphrase)
    }

    /// Opens a sealed file. - Throws: `KeyStoreError`.
    public static func open(
        path: String, passphrase: borrowing SecretBytes
    ) throws(KeyStoreError) -> LedgerKeys {
        LedgerKeys(try SealedFile.read(.ledger, from: path, passphrase: passphrase))
    }
}

/// One Ed25519 key: a terminal's or the ledger's own.
public final class SigningKey: MessageSigner {
    private let records: KeyRecords
    private let key: Ed25519PrivateKey

    private init(_ records: KeyRecords) throws(KeyStoreError) {
        self.records = records
        key = try records.signingKey()
    }

    /// A fresh random key.
    public static func create() throws(KeyStoreError) -> SigningKey {
        var records = KeyRecords()
        records.add(.seed, epoch: 0, number: 0, SecretBytes(randomCount: 32))
        return try SigningKey(records)
    }

    /// The public half.
    public var publicKey: Ed25519PublicKey { key.publicKey }

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

    /// Seals the key into a new file. - Throws: `KeyStoreError`.
    public func seal(
        to path: String, passphrase: borrowing SecretBytes
    ) throws(KeyStoreError) {
        try SealedFile.write(records, .signing, to: path, passphrase: passphrase)
    }

    /// Opens a sealed file. - Throws: `KeyStoreError`.
    public static func open(
        path: String, passphrase: borrowing SecretBytes
    ) throws(KeyStoreError) -> SigningKey {
        try SigningKey(try SealedFile.read(.signing, from: path, passphrase: passphrase))
    }
}
