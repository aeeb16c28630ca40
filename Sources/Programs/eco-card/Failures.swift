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
        case .unknownDriver(let name):
            self.init(
                "there is no reader driver '\(name)'",
                hint: "for example pn532_uart:/dev/ttyAMA0; also pn532_spi, pn532_i2c, pn53x_usb",
                code: .usage)
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
                hint: "nothing is ever overwritten: choose another place", code: .keys)
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
        case .shares(let what):
            self.init(
                "the shares do not open the keys: \(what)",
                hint: "give the files of all custodians of one ceremony; eco-card key check shows "
                    + "what a share is", code: .keys)
        case .otherRecipient, .notFromIssuer:
            self.init(
                "the bundle is not for these keys", hint: "cut a new one: eco-card key bundle",
                code: .keys)
        case .unsupported(let what):
            self.init("these keys cannot do that: \(what)", hint: "see --help", code: .keys)
        case .address, .module, .noToken, .wrongPIN, .pinLocked, .tokenFull, .token:
            self.init(token: error)
        }
    }

    /// What a PKCS#11 token or its module refuses.
    private init(token error: KeyStoreError) {
        let (sentence, hint) =
            switch error {
            case .address(let what):
                (
                    "the address of the token is not understood: \(what)",
                    "for example --pkcs11 'pkcs11:token=eco?module-path=/usr/lib/softhsm/"
                        + "libsofthsm2.so', the PIN in --pin-file"
                )
            case .module(let what):
                (
                    "the PKCS#11 module cannot be loaded: \(what)",
                    "check module-path, or p11-kit list-modules"
                )
            case .noToken:
                (
                    "no token answers to this address",
                    "is it plugged in? p11-kit list-modules shows the tokens; nothing was changed"
                )
            case .wrongPIN(let tries):
                (
                    "the PIN is wrong" + Self.words(tries),
                    "give the right --pin-file; a wrong one counts each time"
                )
            case .pinLocked:
                ("the PIN is locked", "the token's security officer can set a new one")
            case .tokenFull:
                ("the token has no room", "nothing was made; free room or take another token")
            case .token(let what):
                ("the token refuses: \(what)", "nothing was changed; see the token's manual")
            default: ("the keys cannot be used: \(error)", "nothing was changed")
            }
        self.init(sentence, hint: hint, code: .keys)
    }

    private static func words(_ tries: KeyStoreError.PINTries) -> String {
        switch tries {
        case .unknown: ""
        case .few: "; the token says that few tries are left"
        case .one: "; the next wrong one locks it"
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
        case .hidesUID:
            self.init(
                "this card hides its UID", hint: "take another card: no key can be made for it",
                code: .cardRefused)
        case .notOriginal:
            self.init(
                "NXP did not sign this card's UID", hint: "take another card; nothing was written",
                code: .cardRefused)
        case .unfinished(let command):
            self.init(
                "this card is in the middle of something else",
                hint: "finish that first: eco-card \(command)", code: .cardRefused)
        case .lockedOut(let key, let isFinal):
            self.init(
                "key \(key) is locked out after many failures",
                hint: isFinal
                    ? "eco-card card info --keys says what is left to do"
                    : "leave the card there and run the same command again: each run shortens "
                        + "the delay",
                code: .cardRefused)
        case .notRecorded(let what):
            self.init(
                "the work cannot be recorded: \(what)",
                hint: "mend that and run the same command again: nothing more was sent",
                code: .partial)
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
        case .keyVersion(let key, let told, let signed):
            self.init(
                "the card tells version \(told) of key \(key), but signs version \(signed)",
                hint: Self.notSigned, code: .integrity)
        case .fileRights(let file):
            self.init(
                "the card tells other rights of file \(file) than it signs",
                hint: Self.notSigned, code: .integrity)
        }
    }

    /// What to do where a card tells what it does not sign.
    private static let notSigned =
        "something changes answers on their way, or this is no true card: try it at another "
        + "reader, and do not hand it out"
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
    .value("wait", "SECONDS", "how long a card may take to come (30; in a batch: no end)"),
]

/// The options of commands that make the issuer's keys.
let placeOptions: [OptionSpecification] = [
    .value("keys", "DIR", "folder with issuer.keys"),
    .value("passphrase-file", "FILE", "file with the passphrase, readable by its owner only"),
    .value("pkcs11", "URI", "keys on a token instead: pkcs11:token=NAME?module-path=FILE"),
    .value("pin-file", "FILE", "file with the token's PIN, readable by its owner only"),
    custodianOption,
]

let custodianOption = OptionSpecification.value(
    "share-passphrase-files", "FILE,…", "the custodians' passphrases, one file each")
let shareOption = OptionSpecification.value(
    "share-files", "FILE,…", "all custodians' shares, instead of passphrase or PIN")

/// The options of commands that need the issuer's keys: in a folder, on a token, at an agent.
let keyOptions: [OptionSpecification] =
    placeOptions + [
        shareOption, .value("agent", "SOCKET", "keys that eco-card key agent answers for"),
    ]
