// Tokens: the card number and the signed card token (FORMATS §1).
//
// Purpose: parse, sign and verify the CWT a card carries.
// Promises: a token is believed only after its signature, dates, issuer, class, epoch and binding
// were checked, each refusal with a case of its own.
// Does not promise: that the card holding it is the card it names; authentication does that.
// Threads: values; any thread. Units: seconds since the Unix epoch.

/// Why a token is refused.
public enum TokenRefusal: Error, Equatable, Sendable {
    /// Not a token at all.
    case malformed
    /// Signed by a key the policy does not name.
    case unknownIssuer
    /// Signed by a key the policy revokes.
    case revokedIssuer
    /// Altered, or signed by somebody else.
    case badSignature
    /// Past its `exp`.
    case expired
    /// `iat` lies after now.
    case notYetValid
    /// The class is not accepted here.
    case classNotAccepted
    /// The key epoch is not accepted here.
    case epochNotAccepted
    /// The number is on the deny-list.
    case denied
}
