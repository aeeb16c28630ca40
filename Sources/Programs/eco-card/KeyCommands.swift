import CommandLineTool
import Crypto
import Glibc
import KeyStore
import Linux
import Systemd

private let softToken = "--pkcs11 pkcs11:token=eco --pin-file pin"

let keyCommands: [Command] =
    [
        ceremonyCommand,
        Command(
            ["key", "list"], "show the epochs and the issuer's public key",
            options: keyOptions,
            examples: [
                "eco-card key list --keys keys --passphrase-file keys.pass",
                "eco-card key list \(softToken) --json",
            ], run: listKeys),
        Command(
            ["key", "rotate"], "make the masters of one more epoch, or drop an old epoch's",
            options: keyOptions + [
                .value("retire", "N", "drop epoch N instead: its cards are lost to these keys")
            ],
            examples: [
                "eco-card key rotate \(softToken)",
                "eco-card key rotate --keys keys --passphrase-file keys.pass --retire 1",
            ], run: rotateKeys),
        Command(
            ["key", "bundle"], "cut the keys of one terminal or of the ledger, sealed to it",
            options: keyOptions + [
                .value(
                    "terminal", "KEY", "K3 masters, sealed to a terminal: eco-terminal key show"),
                .value("ledger", "KEY", "K1 and K2 masters, sealed to the ledger"),
                .value("epochs", "N,…", "only these epochs (all)"),
                .value("out", "FILE", "the new bundle"),
            ],
            examples: [
                "eco-card key bundle \(softToken) --terminal till.key --out till.bundle",
                "eco-card key bundle --keys keys --passphrase-file keys.pass"
                    + " --ledger passphrase:ledger.pass --out ledger.keys",
            ], run: cutBundle),
        Command(
            ["key", "check"], "say which share a file holds, for its custodian",
            options: [shareOption, custodianOption],
            examples: [
                "eco-card key check --share-files share-1.key",
                "eco-card key check --share-files share-1.key --share-passphrase-files p1 --json",
            ], run: checkShares),
        Command(
            ["key", "agent"], "answer for the keys at a socket, so that other commands need none",
            options: keyOptions + [
                .value("socket", "PATH", "where to answer"),
                .flag("group", "let the socket's group connect too"),
            ],
            examples: [
                "eco-card key agent \(softToken) --socket /run/carte-eco/keys",
                "eco-card key agent --keys keys --passphrase-file keys.pass --socket keys.sock",
            ], run: serveKeys),
    ]

@Sendable private func listKeys(_ invocation: Invocation) throws {
    show(try openIssuer(invocation), invocation, "eco.key-list.1", [])
}

private func show(
    _ keys: IssuerKeys, _ invocation: Invocation, _ schema: String, _ lines: [String]
) {
    let key = Hexadecimal.text(keys.issuerKey.bytes)
    invocation.print(
        .record([
            "schema": .text(schema), "issuer": .text(key),
            "epochs": .array(keys.epochs.map { .integer(Int64($0)) }),
        ]),
        lines + [
            "Epochs: " + keys.epochs.map(String.init).joined(separator: ", "),
            "Issuer's public key: \(key)",
        ])
}

@Sendable private func rotateKeys(_ invocation: Invocation) throws {
    let retired =
        invocation.value("retire") == nil
        ? nil : UInt8(try invocation.number("retire", in: 1...255))
    let place = try IssuerPlace(invocation)
    let before = try place.open()
    do throws(KeyStoreError) {
        let after: IssuerKeys
        if let retired {
            after = try before.retiring(epoch: retired)
        } else {
            after = try before.addingEpoch()
        }
        var lines = [
            retired.map { "Epoch \($0) is dropped." } ?? "Epoch \(after.epochs.last ?? 0) is made.",
            "Cut new bundles for the ledger and the terminals: eco-card key bundle.",
        ]
        if case .folder(let folder, let secret) = place {
            let path = IssuerPlace.file(folder)
            try after.replace(at: path, passphrase: secret.bytes)
            lines.append("The keys as they were are in \(path).previous; destroy it when done.")
        }
        show(after, invocation, "eco.key-rotate.1", lines)
    } catch { throw Failure(error) }
}

/// To whom a bundle goes.
private enum Recipient {
    case key(X25519PublicKey)
    case passphrase(Secret)

    /// 64 hexadecimal digits, a file that holds them, or `passphrase:FILE`.
    init(_ text: String) throws {
        let word = "passphrase:"
        if text.hasPrefix(word) {
            self = .passphrase(try IssuerPlace.read(String(text.dropFirst(word.count))))
            return
        }
        var digits = text
        if Hexadecimal.bytes(text)?.count != 32 {
            guard let bytes = try? Files.read(text, atMost: 4_096) else {
                throw Failure(
                    "'\(text)' is neither a public key nor a file with one",
                    hint: "64 hexadecimal digits, as eco-terminal key show prints them",
                    code: .usage)
            }
            digits = String(decoding: bytes, as: UTF8.self).filter { !$0.isWhitespace }
        }
        guard let bytes = Hexadecimal.bytes(digits), let key = try? X25519PublicKey(bytes) else {
            throw Failure(
                "\(text) holds no public key",
                hint: "64 hexadecimal digits, as eco-terminal key show prints them", code: .usage)
        }
        self = .key(key)
    }
}

@Sendable private func cutBundle(_ invocation: Invocation) throws {
    let path = try invocation.required("out")
    let wanted = (invocation.value("terminal"), invocation.value("ledger"))
    guard (wanted.0 == nil) != (wanted.1 == nil), let text = wanted.0 ?? wanted.1 else {
        throw Failure(
            "a bundle is for one terminal or for the ledger",
            hint: "give --terminal or --ledger", code: .usage)
    }
    let recipient = try Recipient(text)
    let epochs = try invocation.value("epochs").map { list in
        try IssuerPlace.list(list).map { word in
            guard let epoch = UInt8(word), epoch > 0 else {
                throw Failure("'\(word)' is no epoch", hint: "1 to 255", code: .usage)
            }
            return epoch
        }
    }
    if Files.exists(path) { throw Failure(KeyStoreError.alreadyThere(path)) }
    let keys = try openIssuer(invocation)
    do throws(KeyStoreError) {
        if wanted.0 != nil {
            try write(try keys.terminalBundle(epochs: epochs), keys, recipient, path)
        } else {
            try write(try keys.ledgerBundle(epochs: epochs), keys, recipient, path)
        }
    } catch { throw Failure(error) }
    let role = wanted.0 == nil ? "ledger" : "terminal"
    invocation.print(
        .record([
            "schema": .text("eco.key-bundle.1"), "for": .text(role), "file": .text(path),
            "epochs": .array((epochs ?? keys.epochs).map { .integer(Int64($0)) }),
            "issuer": .text(Hexadecimal.text(keys.issuerKey.bytes)),
        ]),
        [
            "Bundle for the \(role) written to \(path).",
            "It opens with the issuer's public key \(Hexadecimal.text(keys.issuerKey.bytes)).",
        ])
}

private func write(
    _ bundle: some Bundle, _ keys: IssuerKeys, _ recipient: Recipient, _ path: String
) throws(KeyStoreError) {
    switch recipient {
    case .passphrase(let secret): try bundle.seal(to: path, passphrase: secret.bytes)
    case .key(let key):
        let bytes = try bundle.sealed(to: key, by: keys)
        do { try Files.writeAtomically(bytes, to: path) } catch { throw .io("\(error)") }
    }
}

@Sendable private func checkShares(_ invocation: Invocation) throws {
    guard let shares = try IssuerPlace.shares(invocation) else {
        throw Failure("no share is named", hint: "give --share-files", code: .usage)
    }
    let rows: [(KeyShare, String)]
    do throws(KeyStoreError) {
        rows = try shares.map { (share) throws(KeyStoreError) in (share, try share.checkValue()) }
    } catch { throw Failure(error) }
    invocation.print(
        .record([
            "schema": .text("eco.key-check.1"),
            "shares": .array(
                rows.map { share, value in
                    .record([
                        "number": .integer(Int64(share.number)),
                        "count": .integer(Int64(share.count)), "check": .text(value),
                        "key-check": .text(share.keyCheckValue),
                    ])
                }),
        ]),
        rows.map { share, value in
            "Share \(share.number) of \(share.count), check value \(value), of the key with "
                + "check value \(share.keyCheckValue)."
        })
}

@Sendable private func serveKeys(_ invocation: Invocation) throws {
    Signals.block([SIGINT, SIGTERM])
    let path = try invocation.required("socket")
    do { try Processes.forbidDumps() } catch {
        throw Failure("the memory cannot be closed: \(error)", hint: "see prctl(2)", code: .keys)
    }
    let keys = try openIssuer(invocation)
    do throws(KeyStoreError) {
        let agent = try KeyAgent(keys, at: path, mode: invocation.flag("group") ? 0o660 : 0o600)
        show(keys, invocation, "eco.key-agent.1", ["Answering at \(path)."])
        ServiceManager.tell([.ready])
        while Signals.wait([SIGINT, SIGTERM], atMost: .zero) == nil {
            try agent.serve(for: .milliseconds(500))
        }
    } catch { throw Failure(error) }
}
