import CommandLineTool
import Crypto
import KeyStore
import LedgerClient
import Linux
import Readers
import Receipts
import Screen

/// What the configuration says, as the commands use it.
struct Configuration {
    private let file: ConfigurationFile
    private var path: String { file.path }

    /// - Throws: `Failure` that names file and line.
    init(path: String) throws {
        file = try readConfiguration(path)
        if let fault = file.faults.first { throw failure(fault) }
    }

    private func value(_ name: String) throws -> String {
        guard let value = file.values[name]?.text ?? Setting.named(name)?.standard else {
            throw Failure(
                "\(path) does not set '\(name)'", hint: "add a line \(name) = …",
                code: .usage,
                advice: "Il manque « \(name) = … » dans \(path) : ajoutez la ligne.")
        }
        return value
    }

    /// The path of a setting that names a file or a credential.
    private func place(_ name: String) throws -> String {
        let text = try value(name)
        let prefix = "credential:"
        guard text.hasPrefix(prefix) else { return text }
        let credential = String(text.dropFirst(prefix.count))
        guard let found = Credentials.path(credential) else {
            throw Failure(
                "no credential '\(credential)' was handed over for '\(name)'",
                hint: "set \(name) = FILE in \(path), or run under systemd with "
                    + "LoadCredentialEncrypted=\(credential):…", code: .keys,
                advice: "Le secret « \(credential) » manque : un technicien le range avec "
                    + "systemd-creds encrypt, puis relance la caisse (systemctl restart "
                    + "eco-terminal).")
        }
        return found
    }

    /// Where journal, policy and keys of this terminal rest.
    var directory: String { get throws { try value("directory") } }

    /// The socket of `StatusSocket`.
    var statusSocket: String {
        get throws {
            let path = try value("status-socket")
            guard path.isEmpty else { return path }
            return try (Processes.runFolder ?? directory) + "/status"
        }
    }

    /// Where the service's own folder for sockets is (RuntimeDirectory=), seen from outside of it.
    static let standardSocket = "/run/carte-eco/status"

    /// The socket of the service, for another process that asks it.
    var serviceSocket: String {
        get throws {
            let path = try value("status-socket")
            guard path.isEmpty else { return path }
            let own = try directory + "/status"
            return !Files.exists(Self.standardSocket) && Files.exists(own)
                ? own : Self.standardSocket
        }
    }

    /// Every setting in force, in the order of the example.
    var inForce: [(name: String, value: String)] {
        Setting.all.map { ($0.name, file.values[$0.name]?.text ?? $0.standard ?? "") }
    }

    /// The terminal's own keys; made when pairing, or when they are shown first.
    func signingKey(creating: Bool) throws -> SigningKey {
        let path = try directory + "/terminal.key"
        let phrase = try openPassphrase()
        do {
            if creating, !Files.exists(path) {
                try SigningKey.create().seal(to: path, passphrase: phrase)
            }
            return try SigningKey.openComplete(path: path, passphrase: phrase)
        } catch {
            throw Failure(
                "the terminal's key cannot be opened: \(words(error))",
                hint: "pair the terminal first: eco-terminal pair --help", code: .keys,
                advice: advice(error, path))
        }
    }

    /// The terminal's own keys for commands that only read.
    func readOnlySigningKey() throws -> SigningKey {
        do {
            return try SigningKey.open(
                path: try directory + "/terminal.key", passphrase: try openPassphrase())
        } catch let error as KeyStoreError {
            throw Failure(
                "the terminal's key cannot be opened: \(words(error))",
                hint: "check directory and passphrase-file of \(path)", code: .keys)
        }
    }

    /// The K3 bundle: sealed to this terminal's own key, or by the passphrase.
    func cardKeys(_ own: SigningKey) throws -> TerminalKeys {
        if let keys = try passphraseKeys() { return keys }
        return try bundle { path in
            try TerminalKeys.open(path: path, for: own, issuer: try issuer())
        }
    }

    /// The K3 bundle when the passphrase seals it; nil when the own key opens it.
    func passphraseKeys() throws -> TerminalKeys? {
        try bundle { path in
            guard try TerminalKeys.isPassphraseFile(path) else { return nil }
            return try TerminalKeys.open(path: path, passphrase: try openPassphrase())
        }
    }

    private func bundle<Keys>(_ open: (String) throws -> Keys) throws -> Keys {
        let path = try place("keys")
        do { return try open(path) } catch let error as KeyStoreError {
            throw Failure(
                "the card keys \(path) cannot be opened: \(words(error))", hint: Self.hint(error),
                code: .keys, advice: advice(error, path))
        }
    }

    private static func hint(_ error: KeyStoreError) -> String {
        switch error {
        case .otherRecipient:
            "have a bundle cut for this terminal: eco-terminal key show prints its key"
        case .notFromIssuer: "is the line issuer = … the issuer's public key, issuer.pub?"
        default: "copy the terminal's bundle here: eco-card key bundle --help"
        }
    }

    /// Whose bundles this terminal believes.
    private func issuer() throws -> Ed25519PublicKey {
        let text = try value("issuer")
        guard let key = Hexadecimal.bytes(text).flatMap({ try? Ed25519PublicKey($0) }) else {
            throw Failure(
                "'issuer' of \(path) is no public key",
                hint: "64 hexadecimal digits, as issuer.pub holds them", code: .usage)
        }
        return key
    }

    private func openPassphrase() throws -> SecretBytes {
        let path = try place("passphrase-file")
        do { return try passphrase(file: path) } catch {
            throw Failure(
                "the passphrase file \(path) cannot be used: \(words(error))",
                hint: "it must exist and be readable by its owner only (chmod 600)", code: .keys,
                advice: "Le fichier de la phrase secrète \(path) ne va pas : il doit être là et "
                    + "lisible par la caisse seule (chown carte-eco, chmod 600).")
        }
    }

    /// The reader: a name, a number, or `nfc:` and a connection string of libnfc.
    var reader: ReaderChoice { get throws { ReaderChoice(try value("reader")) } }

    /// Address, port, language and place of the reader.
    var screen: ScreenConfiguration {
        get throws {
            // What a file sets has been checked line by line; the rest are our own words.
            var screen = ScreenConfiguration()
            if let listen = Setting.listenPlace(try value("listen")) {
                (screen.address, screen.port) = listen
            }
            screen.readerPlace =
                .init(rawValue: try value("reader-place")) ?? screen.readerPlace
            screen.language = .init(rawValue: try value("language")) ?? screen.language
            let export = try value("export-directory")
            screen.exportDirectory = export.isEmpty ? try directory + "/export" : export
            screen.version = Program.version
            return screen
        }
    }

    /// The receipt printer: its place and the dots of its rows; nil when there is none.
    var printer: (place: PrinterPlace, width: PaperWidth)? {
        get throws {
            guard let place = PrinterPlace(try value("receipt-printer")) else { return nil }
            let width = Int(try value("receipt-width")).flatMap { PaperWidth(rawValue: $0) }
            return (place, width ?? .narrow)
        }
    }

    private var ledgerPath: String { get throws { try directory + "/ledger.conf" } }

    /// Remembers the ledger: two lines, address and public key.
    func save(_ address: LedgerAddress) throws {
        let text = "\(address.url)\n\(Hexadecimal.text(address.key.bytes))\n"
        do { try Files.writeAtomically(Array(text.utf8), to: try ledgerPath) } catch {
            throw Failure("\(try ledgerPath) cannot be written: \(error)", hint: "check rights")
        }
    }

    /// The ledger this terminal is paired with: of a credential, or as pairing left it.
    func ledger() throws -> LedgerAddress {
        let path = try Credentials.path("ledger") ?? ledgerPath
        let bytes = (try? Files.read(path, atMost: 4_096)) ?? []
        let lines = Files.lines(bytes).filter { !$0.isEmpty }
        guard lines.count == 2,
            let key = Hexadecimal.bytes(lines[1]).flatMap({ try? Ed25519PublicKey($0) })
        else {
            throw Failure(
                "this terminal is not paired with a ledger",
                hint: "eco-terminal pair --config FILE --ledger URL --code CODE",
                code: .ledgerRejected,
                advice: "Cette caisse n’est associée à aucun grand livre : demandez un code à "
                    + "l’association, puis eco-terminal pair.")
        }
        return LedgerAddress(url: lines[0], key: key)
    }
}

/// A key store's refusal as a person reads it.
private func words(_ error: any Error) -> String {
    switch error as? KeyStoreError {
    case .wrongPassphrase: "the passphrase does not open it"
    case .damaged(let what): "it is damaged: \(what)"
    case .missing(let path): "there is no file \(path)"
    case .io(let what): what
    case .passphraseExposed: "others can read it"
    case .otherRecipient: "it is sealed to another terminal's key"
    case .notFromIssuer: "the issuer did not sign it"
    default: "\(error)"
    }
}

/// What to do about keys that cannot be had.
private func advice(_ error: any Error, _ path: String) -> String? {
    guard let error = error as? KeyStoreError else { return (error as? Failure)?.advice }
    return switch error {
    case .missing:
        "Le fichier de clés \(path) manque : associez la caisse (eco-terminal pair), ou copiez ses "
            + "clés de cartes."
    case .wrongPassphrase:
        "La phrase secrète n’ouvre pas \(path) : vérifiez que c’est celle de cette caisse."
    case .io:
        "Le fichier de clés \(path) ne peut pas être lu : rendez-le à la caisse (chown carte-eco, "
            + "chmod 600)."
    case .otherRecipient, .notFromIssuer:
        "Les clés de cartes \(path) ne sont pas pour cette caisse : demandez les siennes à "
            + "l’émetteur."
    default: "Le fichier de clés \(path) est abîmé : remettez une copie saine."
    }
}
