// KeyStore: who holds which key, and where it rests.
//
// Purpose: the issuer's masters and signing key, on a PKCS#11 token, behind an agent, or in a
// sealed file, behind one type (`IssuerKeys`); the bundles cut from them for terminals and for
// the ledger; the own keys of each program.
// Promises:
//   K1  A terminal's bundle holds K3 masters only; the ledger's holds the K1 of each epoch, K2
//       masters and the issuer's public key (P4).
//   K2  Keys rest sealed (scrypt, AES-256-GCM) in files of mode 0600 written atomically; a wrong
//       passphrase, a cut or a changed byte is an error and nothing is half read.
//   K3  Keys in memory have one owner each, are zeroed when it goes, and are never printed.
//   K4  Masters on a token are made there and are CKA_SENSITIVE; what is not is refused. K0, K1
//       and K4 can never leave it (CKA_EXTRACTABLE false). K2 and K3 leave it wrapped
//       (CKM_AES_KEY_WRAP), only when a bundle is cut, and never unwrapped by the issuer.
//   K5  What is derived from a token's masters is derived there: AN10922 is
//       CKM_AES_CMAC(master, 01 || M), because M has 17 or 20 bytes. A 4-byte UID would need
//       another computation and is refused (an NTAG 424 and a DESFire have 7).
//   K6  A bundle for a public key is sealed by HPKE (RFC 9180) and signed by the issuer: only its
//       recipient reads it, only the issuer makes it.
//   K7  A ceremony that fails leaves what was there before. One that is cut by power leaves an
//       epoch with masters missing, which is never used and can be retired; nothing is destroyed
//       but by retiring.
//
// Decision on K1, which all cards of an epoch share: the card's K1 is derived, K1 =
// AN10922(master, 01 || epoch || "CARTEECO META READ"), so that the master stays on the token
// and what goes onto cards and to the ledger is this value. Key files of older versions hold the
// value itself as their master (record kind 1 instead of 4): both kinds are read, and a bundle
// always carries the value, so ledgers see no difference.
//
// Decision on K2 and K3: the ledger and the terminals derive keys of cards they have never seen,
// offline, so they need these masters. A bundle carries a transport key made for it and the
// masters wrapped under it by the token; both together are sealed to the recipient. The process
// that cuts the bundle sees wrapped bytes; it could unwrap them, as whoever has the PIN could
// have them wrapped under a key of his own: a PIN is worth K2 and K3, never K0, K1 and K4.
//
// Objects on a token: label "carte-eco K3 epoch 2", CKA_ID "ECO1" || epoch || number; the signing
// key pair "carte-eco issuer", CKA_ID "ECO1" || 00 ED.
//
// Does not promise: protection against whoever holds both file and passphrase, or token and PIN.
// A module that is a library (SoftHSM) works inside the process that loads it: `KeyAgent` is the
// process of its own for it.
// Threads: values are immutable or locked; any thread.
// Units: bytes.

/// Why keys cannot be had.
public enum KeyStoreError: Error, Equatable, Sendable {
    /// The passphrase does not open the file (or the file was changed).
    case wrongPassphrase
    /// The file is not a key file of this kind; says what is wrong.
    case damaged(String)
    /// There is no such file.
    case missing(String)
    /// The file, or the keys on the token, are there already and are not overwritten.
    case alreadyThere(String)
    /// Reading or writing failed: call and code.
    case io(String)
    /// No key for this epoch.
    case unknownEpoch(UInt8)
    /// The passphrase file can be read by others.
    case passphraseExposed(String)
    /// The PKCS#11 URI is not understood; says why.
    case address(String)
    /// The PKCS#11 module cannot be loaded: call and code.
    case module(String)
    /// No token answers to the URI, or it was removed.
    case noToken
    /// The PIN is not the token's; what the token tells of tries left.
    case wrongPIN(PINTries)
    /// The PIN is locked.
    case pinLocked
    /// The token has no room.
    case tokenFull
    /// The token refuses: call and code, or what it lacks.
    case token(String)
    /// The shares do not make the key: says which one is wrong or missing.
    case shares(String)
    /// The bundle is sealed to another key than ours.
    case otherRecipient
    /// The bundle is not signed by the issuer.
    case notFromIssuer
    /// These keys cannot do that; says what.
    case unsupported(String)

    /// What a token tells of its PIN.
    public enum PINTries: Equatable, Sendable {
        /// Nothing.
        case unknown
        /// Few are left.
        case few
        /// One is left.
        case one
    }
}
