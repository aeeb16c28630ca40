public import COSE
public import Crypto
public import Tokens

/// Where the issuer's keys are, and what is done with them there.
protocol Custody: Sendable {
    var epochs: [UInt8] { get }
    /// `epochs`, and those whose making or dropping was cut short.
    var present: [UInt8] { get }
    var issuerKey: Ed25519PublicKey { get }
    func cardKey(_ number: UInt8, uid: [UInt8], epoch: UInt8) throws(KeyStoreError) -> AES128Key
    func sign(token: CardToken) throws(KeyStoreError) -> Sign1
    func sign(bundle: [UInt8]) throws(KeyStoreError) -> Sign1
    /// The K3 masters, as a bundle carries them.
    func terminalRecords(_ epochs: [UInt8]) throws(KeyStoreError) -> KeyRecords
    /// The K1 and the K2 masters, as a bundle carries them.
    func ledgerRecords(_ epochs: [UInt8]) throws(KeyStoreError) -> KeyRecords
    /// The same with fresh masters for one more epoch.
    func adding(epoch: UInt8) throws(KeyStoreError) -> any Custody
    /// The same without an epoch's masters.
    func retiring(epoch: UInt8) throws(KeyStoreError) -> any Custody
    /// What a sealed file holds.
    func content() throws(KeyStoreError) -> KeyRecords
}

extension Custody {
    var present: [UInt8] { epochs }
}

/// The issuer's keys: masters K0...K4 for each epoch and the key that signs card tokens.
public final class IssuerKeys: SealedKeys {
    /// Keys of one card.
    public static let keyNumbers: ClosedRange<UInt8> = 0...4
    /// The kind of their files.
    public static let fileKind = KeyFileKind.issuer
    private let custody: any Custody

    init(custody: any Custody) { self.custody = custody }

    /// Takes the content of a sealed file. - Throws: `.damaged`, `.unknownEpoch`.
    public convenience init(_ records: KeyRecords) throws(KeyStoreError) {
        self.init(custody: try FileCustody(records))
    }

    /// Fresh random keys for one epoch (1...255; 0 is the factory's).
    /// - Throws: `.unknownEpoch` for 0.
    public static func create(epoch: UInt8) throws(KeyStoreError) -> IssuerKeys {
        IssuerKeys(custody: try FileCustody.create(epoch: epoch))
    }

    /// Opens the keys of the token that an RFC 7512 URI names (K4, K5). They stay there.
    /// - Throws: `KeyStoreError`.
    public static func open(
        token uri: String, pin: borrowing SecretBytes
    ) throws(KeyStoreError) -> IssuerKeys {
        IssuerKeys(custody: try TokenCustody.open(uri, pin: pin))
    }

    /// Makes fresh keys for one epoch on a token that has none of ours (K4, K7).
    /// - Throws: `KeyStoreError`; then nothing of ours is on the token.
    public static func create(
        epoch: UInt8, token uri: String, pin: borrowing SecretBytes
    ) throws(KeyStoreError) -> IssuerKeys {
        IssuerKeys(custody: try TokenCustody.create(epoch: epoch, uri, pin: pin))
    }

    /// Gives the token's user another PIN. - Throws: `KeyStoreError`; then the old one holds.
    public static func changePIN(
        token uri: String, from old: borrowing SecretBytes, to new: borrowing SecretBytes
    ) throws(KeyStoreError) {
        try TokenCustody.changePIN(uri, from: old, to: new)
    }

    /// The keys that a `KeyAgent` answers for at this socket. - Throws: `.missing`, `.io`.
    public static func open(agent path: String) throws(KeyStoreError) -> IssuerKeys {
        IssuerKeys(custody: try AgentCustody(path))
    }

    /// Epochs with masters, lowest first.
    public var epochs: [UInt8] { custody.epochs }
    /// What card tokens are verified with.
    public var issuerKey: Ed25519PublicKey { custody.issuerKey }

    /// The key a card of this UID (4, 7 or 10 bytes; a token takes no 4) holds under a number:
    /// diversified, but for K1 (see KeyStore.swift). - Throws: `KeyStoreError`.
    public func cardKey(
        _ number: UInt8, uid: [UInt8], epoch: UInt8
    ) throws(KeyStoreError) -> AES128Key {
        try custody.cardKey(number, uid: uid, epoch: epoch)
    }

    /// Signs a card token; its `kid` has 4 bytes. - Throws: `KeyStoreError` of a token.
    public func sign(token: CardToken) throws(KeyStoreError) -> Sign1 {
        try custody.sign(token: token)
    }

    func sign(bundle: [UInt8]) throws(KeyStoreError) -> Sign1 { try custody.sign(bundle: bundle) }

    /// What terminals hold (K1): the K3 masters, of all epochs or of those named.
    /// - Throws: `KeyStoreError`.
    public func terminalBundle(epochs: [UInt8]? = nil) throws(KeyStoreError) -> TerminalKeys {
        try TerminalKeys(try custody.terminalRecords(try chosen(epochs)))
    }

    /// What the ledger holds (K1): each K1, the K2 masters and the issuer's public key.
    /// - Throws: `KeyStoreError`.
    public func ledgerBundle(epochs: [UInt8]? = nil) throws(KeyStoreError) -> LedgerKeys {
        var records = try custody.ledgerRecords(try chosen(epochs))
        records.add(.publicKey, epoch: 0, number: 0, SecretBytes(issuerKey.bytes))
        return try LedgerKeys(records)
    }

    private func chosen(_ wanted: [UInt8]?) throws(KeyStoreError) -> [UInt8] {
        guard let wanted else { return epochs }
        for epoch in wanted where !epochs.contains(epoch) { throw .unknownEpoch(epoch) }
        return wanted
    }

    /// The same keys and fresh masters of the epoch after the last. On a token they are made at
    /// once; those of a file are the caller's to write. - Throws: `KeyStoreError`.
    public func addingEpoch() throws(KeyStoreError) -> IssuerKeys {
        guard let last = custody.present.last, last < 255 else {
            throw .unsupported("no epoch is left")
        }
        return IssuerKeys(custody: try custody.adding(epoch: last + 1))
    }

    /// The same keys without an epoch: its cards can no longer be made, reset or verified. The
    /// last epoch stays. - Throws: `KeyStoreError`.
    public func retiring(epoch: UInt8) throws(KeyStoreError) -> IssuerKeys {
        guard custody.present.contains(epoch) else { throw .unknownEpoch(epoch) }
        guard epoch != epochs.last else {
            throw .unsupported("the newest epoch is the one cards are made with")
        }
        return IssuerKeys(custody: try custody.retiring(epoch: epoch))
    }

    /// What goes into a sealed file. - Throws: `.unsupported` for keys on a token.
    public func content() throws(KeyStoreError) -> KeyRecords { try custody.content() }
}

/// Keys of a sealed file, in this process's memory.
struct FileCustody: Custody {
    private let records: KeyRecords
    private let signing: Signing

    /// A structure that is copied cannot hold a key that is not.
    private final class Signing: Sendable {
        let key: Ed25519PrivateKey
        init(_ key: consuming Ed25519PrivateKey) { self.key = key }
    }

    init(_ records: KeyRecords) throws(KeyStoreError) {
        self.records = records
        signing = Signing(try records.signingKey())
        for epoch in records.epochs {
            for number in IssuerKeys.keyNumbers { _ = try records.master(number, epoch: epoch) }
        }
    }

    static func create(epoch: UInt8) throws(KeyStoreError) -> FileCustody {
        guard epoch > 0 else { throw .unknownEpoch(0) }
        var records = fresh(epoch)
        records.add(.seed, epoch: 0, number: 0, SecretBytes(randomCount: 32))
        return try FileCustody(records)
    }

    private static func fresh(_ epoch: UInt8) -> KeyRecords {
        var records = KeyRecords()
        for number in IssuerKeys.keyNumbers {
            records.add(
                number == 1 ? .meta : .aes, epoch: epoch, number: number,
                SecretBytes(randomCount: 16))
        }
        return records
    }

    var epochs: [UInt8] { records.epochs }
    var issuerKey: Ed25519PublicKey { signing.key.publicKey }

    func cardKey(
        _ number: UInt8, uid: [UInt8], epoch: UInt8
    ) throws(KeyStoreError) -> AES128Key {
        try records.cardKey(number, uid: uid, epoch: epoch)
    }

    func sign(token: CardToken) -> Sign1 { token.signed(by: signing.key) }

    func sign(bundle: [UInt8]) -> Sign1 {
        Sign1(signing: bundle, kid: issuerKey.kid, key: signing.key)
    }

    func terminalRecords(_ epochs: [UInt8]) -> KeyRecords {
        records.only { $0.kind == .aes && $0.number == 3 && epochs.contains($0.epoch) }
    }

    func ledgerRecords(_ epochs: [UInt8]) throws(KeyStoreError) -> KeyRecords {
        var cut = records.only { $0.kind == .aes && $0.number == 2 && epochs.contains($0.epoch) }
        for epoch in epochs {
            let key = try cardKey(1, uid: [], epoch: epoch)
            cut.add(.aes, epoch: epoch, number: 1, key.withBytes { SecretBytes($0) })
        }
        return cut
    }

    func adding(epoch: UInt8) throws(KeyStoreError) -> any Custody {
        var all = records
        all.add(Self.fresh(epoch))
        return try FileCustody(all)
    }

    func retiring(epoch: UInt8) throws(KeyStoreError) -> any Custody {
        try FileCustody(records.only { $0.epoch != epoch })
    }

    func content() -> KeyRecords { records }
}
