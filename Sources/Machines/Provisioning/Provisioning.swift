// Provisioning: a card's way from factory to Carte ECO, to another key epoch, and back.
//
// Purpose: personalise one NTAG 424 DNA as CARDS.md says, verify it by a fresh read, say in words
// what a card is, change its keys to another epoch, reset it. Each way is a list of steps
// (`CardPlan`) worked out from what the card says of itself before anything is written; the same
// list is what a dry run prints.
// Promises:
//   V1  No key is guessed: key versions say which key stands. A version that is neither the
//       factory's nor ours, a token of another issuer, or a first read whose cryptogram does not
//       verify under the standing K1 and K2 ends the work before any authentication.
//   V2  K0 is changed last, so that a torn card can be finished with the K0 that stands.
//   V3  Every step looks first whether it is done; running again finishes a torn card. Whether a
//       key was changed before a tear is read from its version, never tried.
//   V4  "Provisioned" is said only after a fresh read in which token, SUN and K3 verify.
//   V5  No key and no UID is printed or logged from here.
//   V6  A recorder is told before the first and after the last APDU of each step; when it cannot
//       record, nothing is sent.
//   V7  Once one key is ours, a whole token of ours stays on the card: the image is written
//       before the first key and rewritten only under factory keys; another epoch's token is put
//       in place by one write of the bytes that differ, which the card does whole or not at all.
//   V8  Versions and rights that come with the first read are signed by nobody: they choose what
//       is tried and prove nothing. Before anything is written to a card that has a key of ours,
//       and before it is said to be whole, it signs all five versions and both files' rights in a
//       session with such a key; one that differs ends the work. So a lie neither passes for a
//       change that was made nor has old keys sent under a factory key; to a card whose key 2 is
//       ours it costs no try either.
// Does not promise: that a card with factory keys alone is one: whoever knows those, and everybody
// does, can play it. Batches (`Batches`) and HSMs (`KeyStore`).
// Threads: the caller's, which owns the card.
// Units: bytes; seconds since the Unix epoch.

public import Cards
public import KeyStore
public import Tokens

/// Why a card cannot be provisioned, verified or reset.
public enum ProvisioningError: Error, Equatable, Sendable {
    /// The card or the reader failed; run again to go on.
    case card(CardError)
    /// Not an NTAG 424 DNA.
    case notNTAG424
    /// It shows another UID each time, so that no key can be derived for it.
    case hidesUID
    /// Keys or content of somebody else; says what was seen.
    case foreign(String)
    /// A Carte ECO with this number, finished or begun: reset it first.
    case alreadyOurs(CardNumber)
    /// A Carte ECO in another piece of work; says which command finishes that.
    case unfinished(String)
    /// NXP did not sign this UID, and the order asks that it did.
    case notOriginal
    /// The card answers this key (0...4) with a delay after many failures (91AD), or no more
    /// (`isFinal`, 919D).
    case lockedOut(key: UInt8, isFinal: Bool)
    /// A key is missing.
    case keys(KeyStoreError)
    /// Layout, host or token do not fit.
    case layout(String)
    /// The step could not be recorded: nothing more was sent.
    case notRecorded(String)
    /// The fresh read does not verify; says what.
    case verification(String)
    /// The card, or what lies between, told another version of key 0...4 than the card signs.
    case keyVersion(key: UInt8, told: UInt8, signed: UInt8)
    /// It told other rights and mirrors of file 2 or 3 than the card signs.
    case fileRights(file: UInt8)
}

/// One step of the work.
public enum ProvisioningStep: String, CaseIterable, Sendable {
    case inspect
    case cardState
    case container
    case image
    case stateSettings
    case imageSettings
    case key1
    case key2
    case key3
    case key4
    case token
    case key0
    case verify

    /// The steps from factory to Carte ECO, in order.
    public static let provisioning: [ProvisioningStep] =
        [
            .inspect, .cardState, .container, .image, .stateSettings, .imageSettings, .key1, .key2,
            .key3, .key4, .key0, .verify,
        ]

    /// The steps to another key epoch, in order: what a terminal and the ledger look at changes
    /// side by side.
    public static let rekeying: [ProvisioningStep] =
        [.inspect, .key1, .key2, .key4, .key3, .token, .key0, .verify]

    /// The steps back to the factory state, in order.
    public static let resetting: [ProvisioningStep] =
        [
            .inspect, .key1, .key2, .key3, .key4, .key0, .cardState, .stateSettings, .container,
            .imageSettings, .image, .verify,
        ]

    /// In words.
    public var words: String {
        switch self {
        case .inspect: "inspect the card"
        case .cardState: "write the card state"
        case .container: "write the capability container"
        case .image: "write address and token"
        case .stateSettings: "set the rights of the card state"
        case .imageSettings: "set the rights and mirrors of the address"
        case .key1: "change key 1"
        case .key2: "change key 2"
        case .key3: "change key 3"
        case .key4: "change key 4"
        case .token: "put the new epoch's token in place"
        case .key0: "change key 0"
        case .verify: "verify by a fresh read"
        }
    }

    /// The key this step changes, 0...4, or nil.
    public var keyNumber: UInt8? {
        switch self {
        case .key0: 0
        case .key1: 1
        case .key2: 2
        case .key3: 3
        case .key4: 4
        default: nil
        }
    }

    /// The step that changes a key, 0...4.
    static func key(_ number: UInt8) -> ProvisioningStep {
        switch number {
        case 1: .key1
        case 2: .key2
        case 3: .key3
        case 4: .key4
        default: .key0
        }
    }
}

/// Who writes down what is done to a card (V6). Called on the thread of the conversation; an error
/// ends the work before the next APDU. Only steps that write are recorded.
public protocol PersonalisationRecorder: Sendable {
    /// The step's first APDU is about to be sent. `uid` has 7 bytes.
    func willRun(_ step: ProvisioningStep, uid: [UInt8]) throws(ProvisioningError)
    /// The card has confirmed the step's last APDU.
    func didRun(_ step: ProvisioningStep, uid: [UInt8]) throws(ProvisioningError)
    /// The step was found done: nothing of it is sent.
    func didFind(_ step: ProvisioningStep, uid: [UInt8]) throws(ProvisioningError)
}

/// A card that is now a Carte ECO.
public struct ProvisionedCard: Equatable, Sendable {
    /// Its token's claims.
    public let claims: CardToken
    /// True when the originality signature is NXP's for this UID.
    public let isOriginal: Bool
    /// Steps that were done before this run.
    public let stepsFound: Int
}
