public import COSE
import Crypto
public import Tokens

/// The card's own cryptogram over one operation (FORMATS §3).
public enum Evidence: Equatable, Sendable {
    /// NTAG 424: PICCENCData (16 bytes), SDMMAC (8 bytes), transaction digest d (16 bytes).
    case sdm(piccData: [UInt8], mac: [UInt8], digest: [UInt8])

    /// The wire form.
    public var item: CBOR {
        switch self {
        case .sdm(let piccData, let mac, let digest):
            .record([
                1: .text("sdm"), 2: .bytes(piccData), 3: .bytes(mac), 4: .bytes(digest),
            ])
        }
    }

    /// Reads the wire form.
    /// - Throws: `OperationError.malformed`.
    public init(_ item: CBOR?) throws(OperationError) {
        guard let item, item.map?.count == 4, item[1] == .text("sdm"),
            let piccData = item[2]?.bytes, piccData.count == 16,
            let mac = item[3]?.bytes, mac.count == 8,
            let digest = item[4]?.bytes, digest.count == 16
        else { throw .malformed("evidence") }
        self = .sdm(piccData: piccData, mac: mac, digest: digest)
    }
}

/// The transaction digest d (FORMATS §3), 16 bytes: what the card signs.
///
/// First half of SHA-256 of deterministic CBOR ["ECO1", terminal kid (8), entry id (16), kind,
/// cents or thousandths, card number].
public func transactionDigest(
    terminal: [UInt8], entry: EntryID, kind: EntryKind, quantity: Int64, card: CardNumber
) -> [UInt8] {
    let content = CBOR.array([
        .text("ECO1"), .bytes(terminal), .bytes(entry.bytes), .unsigned(kind.rawValue),
        .integer(quantity), .text(card.digits),
    ])
    return Array(sha256(content.encoded).prefix(16))
}
