import CommandLineTool
import Crypto
import KeyStore
import LedgerBook
import Linux
import Operations
import Tokens

extension OptionSpecification {
    /// Passwords are libpq's matter: what stands on a command line, every process can read.
    static let database = OptionSpecification.value(
        "database", "ADDRESS", letter: "d",
        "sqlite:PATH, or postgresql://USER@HOST/NAME; passwords: PGPASSFILE, never here")
    static let ownKeys = OptionSpecification.value(
        "own-keys", "PATH",
        "its own sealed keys, PATH.key and PATH.sealing (SQLite: beside the database)")
    static let keys = OptionSpecification.value(
        "keys", "FILE", "the sealed ledger bundle of eco-card key bundle")
    static let issuer = OptionSpecification.value(
        "issuer", "HEX", "the issuer's public key, for a bundle sealed to the ledger's key")
    static let passphrase = OptionSpecification.value(
        "passphrase-file", "FILE", "opens --keys and seals the ledger's own key (mode 0600)")
}

extension Invocation {
    /// `--database`.
    var database: StoreAddress {
        get throws {
            guard let address = StoreAddress(try required("database")) else {
                throw Failure(
                    "--database is neither sqlite:PATH nor postgresql://…",
                    hint: "for example --database sqlite:/var/lib/eco-ledger/ledger.sqlite",
                    code: .usage)
            }
            if address.holdsPassword {
                throw Failure(
                    "--database holds a password, which every process here can read",
                    hint: "take it out and put it into the file that PGPASSFILE names (mode 0600)",
                    code: .usage)
            }
            return address
        }
    }

    /// Where the ledger's own keys are, without ".key" or ".sealing".
    var ownKeys: String {
        get throws {
            if let path = value("own-keys") { return path }
            if case .sqlite(let path) = try database { return path }
            throw Failure(
                "--own-keys is missing",
                hint: "with PostgreSQL, say where the ledger's own sealed keys are", code: .usage)
        }
    }

    /// Opens the book and gives it to `body`; the book's refusals become sentences.
    /// - Parameter patience: the longest wait for a server's answers.
    func withBook<R>(
        create: Bool = false, patience: Duration = Book.patience, _ body: (Book) throws -> R
    ) throws -> R {
        let address = try database
        do {
            return try body(try Book(address, create: create, patience: patience))
        } catch let error as BookError { throw Failure(error) }
    }

    /// How long a person waits for a server that reads all there is.
    static var wholeBook: Duration { .seconds(3_600) }

    /// The passphrase of `--passphrase-file`.
    func passphrase() throws -> SecretBytes {
        let path = try required("passphrase-file")
        do { return try KeyStore.passphrase(file: path) } catch { throw Failure(error) }
    }

    var now: UInt64 { Clock.realtimeMilliseconds() }

    /// A card number among the words.
    func cardNumber(_ index: Int) throws -> CardNumber {
        guard let number = CardNumber(words[index]) else {
            throw Failure(
                "'\(words[index])' is no card number",
                hint: "twelve digits, the last one a check digit", code: .usage)
        }
        return number
    }
}

extension Failure {
    init(_ error: BookError) {
        switch error {
        case .storage(let cause):
            self.init(
                "the database refuses: \(cause)",
                hint: error.isBusy
                    ? "somebody else writes; try again"
                    : "check --database, the disk and the rights",
                code: error.isBusy ? .tryAgain : .failure)
        case .unusable(let sentence):
            self.init(sentence, hint: "check --database")
        case .terminalUnknown:
            self.init("no such terminal", hint: "eco-ledger terminal list shows them")
        case .merchantUnknown(let name):
            self.init(
                "no merchant is called '\(name)'",
                hint: "eco-ledger merchant list shows them, eco-ledger merchant add adds it")
        case .notHeld:
            self.init(
                "no entry is held there, or it has been decided",
                hint: "eco-ledger held list shows what waits")
        case .notBookable(let code): self = HeldCommands.failure(code)
        case .cardUnknown:
            self.init("no such card", hint: "eco-ledger card list shows them")
        case .cardReplaced:
            self.init(
                "another card has taken this one's account over; it stays blocked",
                hint: "give its holder the new card")
        case .cardKnown:
            self.init(
                "the card number or UID is registered with other data",
                hint: "compare with eco-ledger card list --json")
        case .malformed(let what): self.init(what, hint: "correct it and try again")
        case .settingsMissing:
            self.init("there is no policy", hint: "run eco-ledger init")
        case .amount:
            self.init("the amount is zero or too large", hint: "from 0,01 to 999999,99")
        case .topUp(let refusal): self.init(refusal)
        case .terminalRevoked:
            self.init("the terminal is revoked", hint: "it needs a new key to come back")
        case .otherMerchant, .pairingCode, .tooManyEntries, .entrySignature, .gap, .fork:
            self.init("the book refuses: \(error)", hint: "see eco-ledger audit")
        }
    }

    private init(_ refusal: TopUpRefusal) {
        switch refusal {
        case .reference(let what, let cents):
            self.init(
                "this reference was used: \(what), \(Money.text(cents)) ECO",
                hint: "for another top-up choose another reference; nothing was added now")
        case .blocked(let card):
            self.init(
                "card \(card) is blocked; nothing was added",
                hint: "eco-ledger card show \(card.digits) says why; unblock it, or give another")
        case .training:
            self.init(
                "a training card never holds money", hint: "check the number of the card")
        }
    }

    init(_ error: KeyStoreError) {
        switch error {
        case .wrongPassphrase:
            self.init(
                "the passphrase does not open the key file", hint: "check --passphrase-file",
                code: .keys)
        case .missing(let path):
            self.init("\(path) is not there", hint: "check the path", code: .keys)
        case .passphraseExposed(let path):
            self.init("\(path) can be read by others", hint: "chmod 600 \(path)", code: .keys)
        case .alreadyThere(let path):
            self.init("\(path) is there already", hint: "move it away first", code: .keys)
        case .damaged(let what):
            self.init("the key file is damaged: \(what)", hint: "use a copy", code: .keys)
        case .io(let what):
            self.init("the key file cannot be used: \(what)", hint: "check its rights", code: .keys)
        case .unknownEpoch(let epoch):
            self.init("no key of epoch \(epoch)", hint: "make a new bundle", code: .keys)
        case .otherRecipient:
            self.init(
                "the bundle is sealed to another key", hint: "eco-ledger key show prints ours",
                code: .keys)
        case .notFromIssuer:
            self.init(
                "the bundle is not signed by this issuer", hint: "check --issuer", code: .keys)
        case .address, .module, .noToken, .wrongPIN, .pinLocked, .tokenFull, .token, .shares,
            .unsupported:
            self.init("the keys cannot be used: \(error)", hint: "check --keys", code: .keys)
        }
    }
}

/// The sealed bundle as the book asks for keys.
struct BundleKeys: EvidenceKeys {
    let bundle: LedgerKeys

    var epochs: [UInt8] { bundle.epochs }
    var issuers: [Ed25519PublicKey] { bundle.issuerKeys }
    func metaReadKey(epoch: UInt8) -> AES128Key? { try? bundle.metaReadKey(epoch: epoch) }
    func fileReadKey(uid: [UInt8], epoch: UInt8) -> AES128Key? {
        try? bundle.fileReadKey(uid: uid, epoch: epoch)
    }
}

/// The kid (8 bytes) of a terminal, as a person writes its id.
/// - Throws: `Failure` with `ExitCode.usage`.
func terminalKid(_ id: String) throws -> [UInt8] {
    guard let kid = Hexadecimal.bytes(id), kid.count == 8 else {
        throw Failure(
            "'\(id)' is no terminal id", hint: "16 hexadecimal characters", code: .usage)
    }
    return kid
}
