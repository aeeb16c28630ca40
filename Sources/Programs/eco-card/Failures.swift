import Cards
import CommandLineTool
import KeyStore
import Provisioning
import Readers
import Tokens

/// Every refusal of the engine as a sentence, a hint and an exit code.
extension Failure {
    init(_ error: ReaderError) {
        switch error {
        case .noService:
            self.init(
                "the PC/SC service does not run",
                hint: "start it: systemctl start pcscd", code: .noReader)
        case .noReader:
            self.init(
                "no reader found",
                hint: "plug a reader in, or choose one with -r or --nfc; "
                    + "eco-card reader list shows those of PC/SC",
                code: .noReader)
        case .noCard:
            self.init(
                "no card came in time", hint: "lay a card on the reader and try again",
                code: .noCard)
        case .severalCards:
            self.init(
                "several cards lie there", hint: "leave one, or choose its reader with -r",
                code: .noCard)
        case .fault(let what):
            self.init(
                "the reader failed: \(what)", hint: "unplug it and plug it in again",
                code: .noReader)
        }
    }

    init(_ error: KeyStoreError) {
        switch error {
        case .wrongPassphrase:
            self.init(
                "the passphrase does not open the key file",
                hint: "give the right --passphrase-file", code: .keys)
        case .damaged(let what):
            self.init(
                "the key file cannot be used: \(what)",
                hint: "restore it from its copy", code: .keys)
        case .missing(let path):
            self.init(
                "there is no file \(path)", hint: "check the path, or eco-card key init",
                code: .keys)
        case .alreadyThere(let path):
            self.init(
                "\(path) is there already",
                hint: "keys are never overwritten: choose another folder", code: .keys)
        case .io(let what):
            self.init(
                "the key file cannot be read or written: \(what)",
                hint: "check rights and space", code: .keys)
        case .unknownEpoch(let epoch):
            self.init(
                "there is no key of epoch \(epoch)", hint: "eco-card key list shows the epochs",
                code: .keys)
        case .passphraseExposed(let path):
            self.init(
                "others can read the passphrase file \(path)", hint: "chmod 600 \(path)",
                code: .keys)
        }
    }

    init(_ error: ProvisioningError) {
        switch error {
        case .card(.removed), .card(.timedOut):
            self.init(
                "the card left too early",
                hint: "lay the same card again and run the same command: it goes on where it "
                    + "stopped", code: .partial)
        case .card(let error):
            self.init(
                "the card failed: \(error)",
                hint: "run the same command again: it goes on where it stopped", code: .partial)
        case .notNTAG424:
            self.init(
                "this card is not an NTAG 424 DNA", hint: "take another card",
                code: .cardRefused)
        case .foreign(let what):
            self.init(
                "this card belongs to somebody else: \(what)",
                hint: "take another card; nothing was tried on it", code: .cardRefused)
        case .alreadyOurs(let number):
            self.init(
                "this card is Carte ECO \(number) already",
                hint: "eco-card card reset brings it back to the factory state", code: .cardRefused)
        case .keys(let error): self.init(error)
        case .layout(let what):
            self.init(
                "the content does not fit the card: \(what)",
                hint: "choose a shorter --host", code: .usage)
        case .verification(let what):
            self.init(
                "the card does not verify: \(what)",
                hint: "do not hand it out; reset it and provision it again", code: .cardRefused)
        }
    }
}

/// The reader a command line chooses.
func readerChoice(_ invocation: Invocation) throws -> ReaderChoice {
    guard let connstring = invocation.value("nfc") else {
        return ReaderChoice(invocation.value("reader") ?? "")
    }
    guard invocation.value("reader") == nil else {
        throw Failure("-r and --nfc are two readers", hint: "give one of them", code: .usage)
    }
    return .nfc(connstring)
}

/// A chip through libnfc instead of a PC/SC reader.
let chipOption = OptionSpecification.value(
    "nfc", "CONNSTRING", "a PN532 through libnfc, as pn532_uart:/dev/ttyAMA0")

/// The options of commands that talk to a card.
let readerOptions: [OptionSpecification] = [
    .value("reader", "NAME|INDEX", letter: "r", "the reader: how its name begins, or its number"),
    chipOption,
    .value("wait", "SECONDS", "how long a card may take to come (30)"),
]

/// The options of commands that need the issuer's keys.
let keyOptions: [OptionSpecification] = [
    .value("keys", "DIR", "folder with issuer.keys"),
    .value("passphrase-file", "FILE", "file with the passphrase, readable by its owner only"),
]
