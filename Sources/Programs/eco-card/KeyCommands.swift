import CommandLineTool
import Crypto
import KeyStore
import Linux

let keyCommands: [Command] = [
    Command(
        ["key", "init"], "make the issuer's keys and the bundles cut from them",
        options: keyOptions + [
            .value("epoch", "N", "key epoch, 1 to 255 (1)"),
            .value(
                "terminal-passphrase-file", "FILE", "another passphrase for terminal.keys"),
            .value("ledger-passphrase-file", "FILE", "another passphrase for ledger.keys"),
        ],
        examples: [
            "eco-card key init --keys keys --passphrase-file keys.pass",
            "eco-card key init --keys keys --passphrase-file issuer.pass"
                + " --terminal-passphrase-file terminal.pass --json",
        ], run: initialiseKeys),
    Command(
        ["key", "list"], "show the epochs and the issuer's public key",
        options: keyOptions,
        examples: [
            "eco-card key list --keys keys --passphrase-file keys.pass",
            "eco-card key list --keys keys --passphrase-file keys.pass --json",
        ], run: listKeys),
]

/// The issuer's passphrase: from a file, or asked on a terminal.
func askPassphrase(_ invocation: Invocation) throws -> SecretBytes {
    if let path = invocation.value("passphrase-file") {
        do { return try passphrase(file: path) } catch { throw Failure(error) }
    }
    guard Console.errorIsTerminal(), var typed = Console.readSecret(prompt: "Passphrase: "),
        !typed.isEmpty
    else {
        throw Failure(
            "the passphrase is missing", hint: "give --passphrase-file", code: .usage)
    }
    return SecretBytes(consuming: &typed)
}

/// The issuer's keys a command line names.
func openIssuer(_ invocation: Invocation) throws -> IssuerKeys {
    let path = try invocation.required("keys") + "/issuer.keys"
    let phrase = try askPassphrase(invocation)
    do { return try IssuerKeys.open(path: path, passphrase: phrase) } catch {
        throw Failure(error)
    }
}

/// A passphrase that several files may share.
private final class Phrase {
    let bytes: SecretBytes
    init(_ bytes: consuming SecretBytes) { self.bytes = bytes }
}

/// A bundle's own passphrase, when the option names one.
private func bundlePhrase(_ invocation: Invocation, _ option: String) throws -> Phrase? {
    guard let path = invocation.value(option) else { return nil }
    do { return Phrase(try passphrase(file: path)) } catch { throw Failure(error) }
}

/// One bundle a role: whoever holds it can do what that role does and nothing else (P4).
@Sendable private func initialiseKeys(_ invocation: Invocation) throws {
    let directory = try invocation.required("keys")
    let epoch = UInt8(try invocation.number("epoch", in: 1...255, default: 1))
    let paths = ["issuer.keys", "terminal.keys", "ledger.keys", "issuer.pub"].map {
        directory + "/" + $0
    }
    if let path = paths.first(where: Files.exists) {
        throw Failure(KeyStoreError.alreadyThere(path))
    }
    let issuer = Phrase(try askPassphrase(invocation))
    let terminal = try bundlePhrase(invocation, "terminal-passphrase-file") ?? issuer
    let ledger = try bundlePhrase(invocation, "ledger-passphrase-file") ?? issuer
    do {
        try Files.makeDirectory(directory)
        let keys = try IssuerKeys.create(epoch: epoch)
        try keys.seal(to: paths[0], passphrase: issuer.bytes)
        try keys.terminalBundle().seal(to: paths[1], passphrase: terminal.bytes)
        try keys.ledgerBundle().seal(to: paths[2], passphrase: ledger.bytes)
        let key = Hexadecimal.text(keys.issuerKey.bytes)
        try Files.writeAtomically(Array((key + "\n").utf8), to: paths[3], mode: 0o644)
        invocation.print(
            .record([
                "schema": .text("eco.key-init.1"), "epoch": .integer(Int64(epoch)),
                "issuer": .text(key), "directory": .text(directory),
            ]),
            [
                "Keys of epoch \(epoch) made in \(directory):",
                "  issuer.keys    everything; keep it off terminals and copy it to a safe place",
                "  terminal.keys  K3 masters, for terminals",
                "  ledger.keys    K1 and K2 masters, for the ledger",
                "  issuer.pub     the issuer's public key, for whoever verifies tokens",
                "Issuer's public key: \(key)",
            ])
    } catch let error as KeyStoreError { throw Failure(error) } catch let error as LinuxError {
        throw Failure("\(directory) cannot be used: \(error)", hint: "check rights", code: .keys)
    }
}

@Sendable private func listKeys(_ invocation: Invocation) throws {
    let keys = try openIssuer(invocation)
    let key = Hexadecimal.text(keys.issuerKey.bytes)
    invocation.print(
        .record([
            "schema": .text("eco.key-list.1"), "issuer": .text(key),
            "epochs": .array(keys.epochs.map { .integer(Int64($0)) }),
        ]),
        [
            "Epochs: " + keys.epochs.map(String.init).joined(separator: ", "),
            "Issuer's public key: \(key)",
        ])
}
