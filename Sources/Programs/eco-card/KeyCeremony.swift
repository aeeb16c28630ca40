import CommandLineTool
import Crypto
import KeyStore
import Linux

let ceremonyCommand = Command(
    ["key", "init"], "make the issuer's keys, and the bundles cut from them",
    options: placeOptions + [
        .value("epoch", "N", "key epoch, 1 to 255 (1)"),
        .value("shares", "N", "custodians who must all be there to open the keys, 2 to 16"),
        .value("terminal-passphrase-file", "FILE", "make terminal.keys, with this passphrase"),
        .value("ledger-passphrase-file", "FILE", "make ledger.keys, with this passphrase"),
    ],
    examples: [
        "eco-card key init --keys keys --passphrase-file keys.pass",
        "eco-card key init --pkcs11 pkcs11:token=eco --pin-file pin --shares 2 --keys shares",
    ], run: initialiseKeys)

/// One ceremony: what was written so far is taken back when the rest fails.
private struct Ceremony {
    let invocation: Invocation
    let epoch: UInt8
    let folder: String?
    let uri: String?
    var written: [String] = []
    var lines: [String] = []
    var shares: [JSONValue] = []

    init(_ invocation: Invocation) throws {
        self.invocation = invocation
        epoch = UInt8(try invocation.number("epoch", in: 1...255, default: 1))
        uri = invocation.value("pkcs11")
        folder = invocation.value("keys")
        if folder == nil, uri == nil || invocation.value("shares") != nil {
            throw Failure("--keys is missing", hint: "a folder for what is made", code: .usage)
        }
    }

    private func path(_ name: String) -> String { (folder ?? ".") + "/" + name }

    /// The key of all custodians, their shares on disk; nil without `--shares`.
    mutating func share() throws -> Secret? {
        guard invocation.value("shares") != nil else { return nil }
        let count = Int(
            try invocation.number(
                "shares", in: Int64(KeyShare.counts.lowerBound)...Int64(KeyShare.counts.upperBound))
        )
        let secrets = try IssuerPlace.custodians(invocation, count: count, areNew: true)
        let shares = try KeyShare.create(count: count)
        for (share, secret) in zip(shares, secrets) {
            let path = path("share-\(share.number).key")
            try share.seal(to: path, passphrase: secret.bytes)
            written.append(path)
            let value = try share.checkValue()
            self.shares.append(
                .record(["number": .integer(Int64(share.number)), "check": .text(value)]))
            lines.append(
                "  share-\(share.number).key    for custodian \(share.number) alone, check value "
                    + value)
        }
        if let first = shares.first {
            lines.append("  the key of all shares has the check value \(first.keyCheckValue)")
        }
        return Secret(try KeyShare.key(shares))
    }

    /// Keys on the token, whose PIN becomes the custodians'.
    private mutating func onToken(_ uri: String) throws -> IssuerKeys {
        let old = try IssuerPlace.secret(
            invocation, "pin-file", "PIN of the token: ", "the PIN")
        let shared = try share()
        let keys = try IssuerKeys.create(epoch: epoch, token: uri, pin: old.bytes)
        if let shared {
            let new = pin(of: shared.bytes)
            do { try IssuerKeys.changePIN(token: uri, from: old.bytes, to: new) } catch {
                throw Failure(
                    "the keys are made, but the token kept its PIN: \(error)",
                    hint: "the keys open with the old PIN; the shares are taken back", code: .keys)
            }
        }
        return keys
    }

    private mutating func inFolder() throws -> IssuerKeys {
        let file = IssuerPlace.file(folder ?? ".")
        let shared = try share()
        let secret =
            try shared
            ?? IssuerPlace.secret(
                invocation, "passphrase-file", "Passphrase: ", "the passphrase", isNew: true)
        let keys = try IssuerKeys.create(epoch: epoch)
        try keys.seal(to: file, passphrase: secret.bytes)
        written.append(file)
        lines.append(
            "  issuer.keys    everything; keep it off terminals and copy it to a safe place")
        if shared == nil {
            try cut(keys, terminal: secret, ledger: secret)
        }
        return keys
    }

    /// One bundle a role: whoever holds it can do what that role does and nothing else (P4).
    private mutating func cut(_ keys: IssuerKeys, terminal: Secret?, ledger: Secret?) throws {
        let terminal =
            try invocation.value("terminal-passphrase-file").map(IssuerPlace.read) ?? terminal
        let ledger = try invocation.value("ledger-passphrase-file").map(IssuerPlace.read) ?? ledger
        if let terminal {
            try keys.terminalBundle().seal(
                to: path("terminal.keys"), passphrase: terminal.bytes)
            written.append(path("terminal.keys"))
            lines.append("  terminal.keys  K3 masters, for terminals")
        }
        if let ledger {
            try keys.ledgerBundle().seal(to: path("ledger.keys"), passphrase: ledger.bytes)
            written.append(path("ledger.keys"))
            lines.append("  ledger.keys    K1 and K2 masters, for the ledger")
        }
    }

    mutating func run() throws -> IssuerKeys {
        let names = ["issuer.keys", "terminal.keys", "ledger.keys", "issuer.pub", "share-1.key"]
        for name in names where folder != nil && Files.exists(path(name)) {
            throw KeyStoreError.alreadyThere(path(name))
        }
        if let folder { try Files.makeDirectory(folder) }
        let keys = try uri.map { try onToken($0) } ?? inFolder()
        if uri != nil || invocation.value("shares") != nil {
            try cut(keys, terminal: nil, ledger: nil)
        }
        if folder != nil {
            let key = Hexadecimal.text(keys.issuerKey.bytes)
            try Files.writeAtomically(
                Array((key + "\n").utf8), to: path("issuer.pub"), mode: 0o644)
            lines.append("  issuer.pub     the issuer's public key, for whoever verifies tokens")
        }
        return keys
    }
}

@Sendable private func initialiseKeys(_ invocation: Invocation) throws {
    var ceremony = try Ceremony(invocation)
    do {
        let keys = try ceremony.run()
        let key = Hexadecimal.text(keys.issuerKey.bytes)
        let place = ceremony.uri == nil ? ceremony.folder ?? "" : "the token"
        invocation.print(
            .record([
                "schema": .text("eco.key-init.1"), "epoch": .integer(Int64(ceremony.epoch)),
                "issuer": .text(key), "directory": .text(ceremony.folder ?? ""),
                "shares": .array(ceremony.shares),
            ]),
            ["Keys of epoch \(ceremony.epoch) made in \(place):"] + ceremony.lines
                + ["Issuer's public key: \(key)"])
    } catch {
        for path in ceremony.written { try? Files.remove(path) }
        switch error {
        case let error as KeyStoreError: throw Failure(error)
        case let error as LinuxError:
            throw Failure(
                "\(ceremony.folder ?? "") cannot be used: \(error)", hint: "check rights",
                code: .keys)
        default: throw error
        }
    }
}
