import CommandLineTool
import Crypto
import KeyStore
import LedgerClient
import Linux
import Readers
import Receipts
import Screen

/// What a configuration file says: lines `name = value`; `#` begins a comment.
struct Configuration {
    /// Bytes a file may have.
    static let sizeMax = 65_536
    /// Names a file may use, and what they stand for when absent.
    private static let standard: [String: String?] = [
        "directory": "/var/lib/carte-eco", "keys": nil, "issuer": nil, "passphrase-file": nil,
        "reader": "", "listen": "127.0.0.1:8787", "reader-place": "right", "language": "fr",
        "receipt-printer": "", "receipt-width": "384", "export-directory": "",
    ]

    private let path: String
    private var values: [String: String] = [:]

    /// - Throws: `Failure` that names file and line.
    init(path: String) throws {
        self.path = path
        let bytes: [UInt8]
        do { bytes = try Files.read(path, atMost: Self.sizeMax) } catch {
            throw Failure(
                "the configuration \(path) cannot be read: \(error)", hint: "give --config FILE",
                code: .usage)
        }
        let lines = String(decoding: bytes, as: UTF8.self).split(
            separator: "\n", omittingEmptySubsequences: false)
        for (index, line) in lines.enumerated() {
            let text = line.prefix { $0 != "#" }
            guard text.contains(where: { $0 != " " }) else { continue }
            let parts = text.split(separator: "=", maxSplits: 1).map(Self.trimmed)
            guard parts.count == 2, Self.standard.keys.contains(parts[0]),
                values[parts[0]] == nil
            else {
                throw Failure(
                    "line \(index + 1) of \(path) is not understood: \(line)",
                    hint: "lines are name = value; names: "
                        + Self.standard.keys.sorted().joined(separator: ", "),
                    code: .usage)
            }
            values[parts[0]] = parts[1]
        }
    }

    private static func trimmed(_ text: Substring) -> String {
        let start = text.drop { $0 == " " || $0 == "\t" }
        return String(start.reversed().drop { $0 == " " || $0 == "\t" || $0 == "\r" }.reversed())
    }

    private func value(_ name: String) throws -> String {
        if let value = values[name] { return value }
        guard let standard = Self.standard[name] ?? nil else {
            throw Failure(
                "\(path) does not set '\(name)'", hint: "add a line \(name) = …",
                code: .usage)
        }
        return standard
    }

    /// Where journal, policy and keys of this terminal rest.
    var directory: String { get throws { try value("directory") } }

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
                hint: "pair the terminal first: eco-terminal pair --help", code: .keys)
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
        let path = try value("keys")
        do {
            if try TerminalKeys.isPassphraseFile(path) {
                return try TerminalKeys.open(path: path, passphrase: try openPassphrase())
            }
            return try TerminalKeys.open(path: path, for: own, issuer: try issuer())
        } catch let error as KeyStoreError {
            throw Failure(
                "the card keys \(path) cannot be opened: \(words(error))", hint: Self.hint(error),
                code: .keys)
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
        let path = try value("passphrase-file")
        do { return try passphrase(file: path) } catch {
            throw Failure(
                "the passphrase file \(path) cannot be used: \(words(error))",
                hint: "it must exist and be readable by its owner only (chmod 600)", code: .keys)
        }
    }

    /// The reader: a name, a number, or `nfc:` and a connection string of libnfc.
    var reader: ReaderChoice { get throws { ReaderChoice(try value("reader")) } }

    /// Address, port, language and place of the reader.
    var screen: ScreenConfiguration {
        get throws {
            let listen = try value("listen").split(separator: ":").map(String.init)
            guard listen.count == 2, let port = UInt16(listen[1]),
                let place = ScreenConfiguration.ReaderPlace(rawValue: try value("reader-place")),
                let language = ScreenConfiguration.Language(rawValue: try value("language"))
            else {
                throw Failure(
                    "listen, reader-place or language of \(path) is not understood",
                    hint: "listen = 127.0.0.1:8787, reader-place = left|right|below, "
                        + "language = fr|en", code: .usage)
            }
            let export = try value("export-directory")
            return ScreenConfiguration(
                address: listen[0], port: port, readerPlace: place, language: language,
                exportDirectory: export.isEmpty ? try directory + "/export" : export,
                version: Program.version)
        }
    }

    /// The receipt printer: its place and the dots of its rows; nil when there is none.
    var printer: (place: PrinterPlace, width: PaperWidth)? {
        get throws {
            let text = try value("receipt-printer")
            if text.isEmpty { return nil }
            guard let place = PrinterPlace(text),
                let width = Int(try value("receipt-width")).flatMap({ PaperWidth(rawValue: $0) })
            else {
                throw Failure(
                    "receipt-printer or receipt-width of \(path) is not understood",
                    hint: "receipt-printer = file:PATH | /dev/usb/lp0, receipt-width = 384|576",
                    code: .usage)
            }
            return (place, width)
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

    /// The ledger this terminal is paired with.
    func ledger() throws -> LedgerAddress {
        let bytes = (try? Files.read(try ledgerPath, atMost: 4_096)) ?? []
        let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n")
        guard lines.count == 2,
            let key = Hexadecimal.bytes(String(lines[1])).flatMap({ try? Ed25519PublicKey($0) })
        else {
            throw Failure(
                "this terminal is not paired with a ledger",
                hint: "eco-terminal pair --config FILE --ledger URL --code CODE",
                code: .ledgerRejected)
        }
        return LedgerAddress(url: String(lines[0]), key: key)
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
