public import Crypto
import Linux

/// What a key file is for; one kind never opens as another.
public struct KeyFileKind: Equatable, Sendable {
    let number: UInt8

    static let issuer = KeyFileKind(number: 1)
    static let terminal = KeyFileKind(number: 2)
    static let ledger = KeyFileKind(number: 3)
    static let signing = KeyFileKind(number: 4)
    static let share = KeyFileKind(number: 5)
}

/// Keys that rest in a sealed file.
public protocol SealedKeys: Sendable {
    /// The kind of their files.
    static var fileKind: KeyFileKind { get }
    /// Takes the content of such a file. - Throws: `KeyStoreError` when it is not what it must be.
    init(_ records: KeyRecords) throws(KeyStoreError)
    /// What goes into the file. - Throws: `.unsupported` when the keys are not ours to write.
    func content() throws(KeyStoreError) -> KeyRecords
}

extension SealedKeys {
    /// Seals the keys into a new file. - Throws: `KeyStoreError`.
    public func seal(
        to path: String, passphrase: borrowing SecretBytes
    ) throws(KeyStoreError) {
        guard !Files.exists(path) else { throw .alreadyThere(path) }
        try SealedFile.write(try content(), Self.fileKind, to: path, passphrase: passphrase)
    }

    /// Replaces a file whole: at any instant it holds the old keys or the new ones. The old ones
    /// stay beside it as `….previous`. - Throws: `KeyStoreError`.
    public func replace(
        at path: String, passphrase: borrowing SecretBytes
    ) throws(KeyStoreError) {
        let records = try content()
        do {
            let old = try Files.read(path, atMost: SealedFile.sizeMax)
            try Files.writeAtomically(old, to: path + ".previous", mode: 0o600)
        } catch { throw .io("\(error)") }
        try SealedFile.write(records, Self.fileKind, to: path, passphrase: passphrase)
    }

    /// Opens a sealed file. - Throws: `KeyStoreError`.
    public static func open(
        path: String, passphrase: borrowing SecretBytes
    ) throws(KeyStoreError) -> Self {
        try Self(try SealedFile.read(fileKind, from: path, passphrase: passphrase))
    }
}
