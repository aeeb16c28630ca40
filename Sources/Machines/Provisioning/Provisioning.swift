// Provisioning: a card's way from factory to Carte ECO, and back.
//
// Purpose: personalise one NTAG 424 DNA as CARDS.md says, verify it by a fresh read, say in words
// what a card is, reset it.
// Promises:
//   V1  No key is guessed: key versions say which key stands, and a version that is neither the
//       factory's nor ours ends the work before any authentication.
//   V2  K0 is changed last, so that a torn card can be finished with the factory K0.
//   V3  Every step looks first whether it is done; running again finishes a torn card.
//   V4  "Provisioned" is said only after a fresh read in which token, SUN and K3 verify.
//   V5  No key and no UID is printed or logged from here.
// Does not promise: batches and HSMs.
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
    /// Keys or content of somebody else; says what was seen.
    case foreign(String)
    /// A finished Carte ECO with this number: reset it first.
    case alreadyOurs(CardNumber)
    /// A key is missing.
    case keys(KeyStoreError)
    /// Layout, host or token do not fit.
    case layout(String)
    /// The fresh read does not verify; says what.
    case verification(String)
}

/// One step of the work, in order.
public enum ProvisioningStep: Int, CaseIterable, Sendable {
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
    case key0
    case verify

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
        case .key0: "change key 0"
        case .verify: "verify by a fresh read"
        }
    }
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
