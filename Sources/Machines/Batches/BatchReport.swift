import COSE
public import Crypto
import Tokens

/// What became of a box, for the file and for whoever receives the cards: no key, no full UID.
public struct BatchReport: Sendable {
    /// Rows in order.
    public let cards: [BatchCard]

    /// A report of these rows.
    public init(_ cards: [BatchCard]) { self.cards = cards }

    /// The report as CSV (RFC 4180, CRLF), with a first line of names.
    public var csv: String {
        let head = [
            "seq", "alias", "account_ref", "number", "class", "state", "uid", "original",
            "failures", "verified_ms",
        ]
        return CommaSeparated.line(head)
            + cards.map { card in
                CommaSeparated.line([
                    String(card.sequence), card.alias, card.accountReference, card.number.digits,
                    String(card.cardClass.rawValue), card.state.rawValue,
                    card.uid.map(Self.masked) ?? "",
                    card.isOriginal.map { $0 ? "yes" : "no" } ?? "", String(card.failures),
                    card.finished.map { String($0) } ?? "",
                ])
            }.joined()
    }

    /// "04…5E80": enough to tell cards apart, not enough to follow one.
    public static func masked(_ uid: [UInt8]) -> String {
        let text = Hexadecimal.text(uid).uppercased()
        return text.prefix(2) + "…" + text.suffix(4)
    }

    /// What is signed: CBOR ["carte.eco/batch-report/1", SHA-256 of the report's bytes]. The first
    /// element keeps it apart from everything else a key of the network signs.
    public static func payload(of report: [UInt8]) -> [UInt8] {
        CBOR.array([.text("carte.eco/batch-report/1"), .bytes(sha256(report))]).encoded
    }

    /// True when this key signed exactly these bytes as a report.
    /// - Parameter signature: the COSE_Sign1, as `batch report --sign` writes it.
    public static func verifies(
        _ report: [UInt8], signature: [UInt8], by key: Ed25519PublicKey
    ) -> Bool {
        guard let message = try? Sign1(parsing: signature, limit: 512),
            let payload = try? message.verified(by: key)
        else { return false }
        return payload == Self.payload(of: report)
    }
}
