public import Crypto
import Operations

/// HTTP message signatures (RFC 9421, ed25519) with content-digest (RFC 9530), as FORMATS §5 asks.
///
/// Covered: method, path with query, content-digest, content-type is free. Parameters: created,
/// keyid (the terminal's kid in hexadecimal), alg, nonce. Bodies are always digested, empty ones
/// too.
public struct RequestSignature: Equatable, Sendable {
    /// Clock difference accepted between the two ends, seconds.
    public static let skewMax: UInt64 = 300

    /// The key's kid, lower case hexadecimal, 16 characters.
    public let keyID: String
    /// Seconds since the Unix epoch.
    public let created: UInt64
    /// Hexadecimal, 16 characters: two equal requests have different signatures.
    public let nonce: String
    private let signature: [UInt8]

    /// The three header fields that sign a request: content-digest, signature-input, signature.
    public static func headers(
        method: String, pathAndQuery: String, body: [UInt8], created: UInt64,
        key: borrowing Ed25519PrivateKey
    ) -> [(String, String)] {
        let parameters = Self.parameters(
            created: created, keyID: Hexadecimal.text(key.publicKey.kid),
            nonce: Hexadecimal.text(randomBytes(8)))
        let digest = contentDigest(body)
        let base = base(method, pathAndQuery, digest, parameters)
        let signature = Base64.encode(key.sign(Array(base.utf8)))
        return [
            ("Content-Digest", digest), ("Signature-Input", "eco=" + parameters),
            ("Signature", "eco=:\(signature):"),
        ]
    }

    /// Reads the two signature fields. Nil when they are not exactly of our profile.
    public init?(input: String, signature: String) {
        let prefix = "eco=\(Self.components);created="
        guard input.utf8.count <= 256, input.hasPrefix(prefix),
            signature.hasPrefix("eco=:"), signature.hasSuffix(":"),
            let raw = Base64.decode(String(signature.dropFirst(5).dropLast())), raw.count == 64
        else { return nil }
        let rest = input.dropFirst(prefix.count).split(
            separator: ";", omittingEmptySubsequences: false)
        guard rest.count == 4, let created = UInt64(rest[0]), rest[2] == "alg=\"ed25519\"",
            let keyID = Self.quoted(rest[1], "keyid"), let nonce = Self.quoted(rest[3], "nonce"),
            keyID.utf8.count == 16, nonce.utf8.count == 16,
            input == "eco=" + Self.parameters(created: created, keyID: keyID, nonce: nonce)
        else { return nil }
        self.keyID = keyID
        self.created = created
        self.nonce = nonce
        self.signature = raw
    }

    /// True when `key` signed exactly this request and the digest is the body's.
    public func verifies(
        method: String, pathAndQuery: String, body: [UInt8], contentDigest: String,
        key: Ed25519PublicKey
    ) -> Bool {
        guard contentDigest == Self.contentDigest(body) else { return false }
        let parameters = Self.parameters(created: created, keyID: keyID, nonce: nonce)
        let base = Self.base(method, pathAndQuery, contentDigest, parameters)
        return key.verifies(signature, over: Array(base.utf8))
    }

    private static let components = "(\"@method\" \"@path\" \"@query\" \"content-digest\")"

    private static func parameters(created: UInt64, keyID: String, nonce: String) -> String {
        "\(components);created=\(created);keyid=\"\(keyID)\";alg=\"ed25519\";nonce=\"\(nonce)\""
    }

    /// The signature base (RFC 9421 §2.5).
    private static func base(
        _ method: String, _ pathAndQuery: String, _ digest: String, _ parameters: String
    ) -> String {
        let parts = pathAndQuery.split(
            separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        let path = parts.first.map(String.init) ?? ""
        let query = parts.count == 2 ? String(parts[1]) : ""
        return "\"@method\": \(method)\n\"@path\": \(path)\n\"@query\": ?\(query)\n"
            + "\"content-digest\": \(digest)\n\"@signature-params\": \(parameters)"
    }

    private static func contentDigest(_ body: [UInt8]) -> String {
        "sha-256=:\(Base64.encode(sha256(body))):"
    }

    private static func quoted(_ part: Substring, _ name: String) -> String? {
        guard part.hasPrefix(name + "=\""), part.hasSuffix("\""), part.count > name.count + 2
        else { return nil }
        return String(part.dropFirst(name.count + 2).dropLast())
    }
}
