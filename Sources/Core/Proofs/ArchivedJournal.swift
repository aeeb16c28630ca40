import COSE
import Crypto
import LedgerMessages
import Operations

/// One archive file, cut into its parts: manifest, entries, receipts. The words that describe the
/// format in its manifest are for people and not compared, so that an archive of another version
/// is read as well.
struct ArchivedJournal {
    /// Bytes of a file at most, and items in it.
    static let sizeMax = 1 << 30
    private static let itemsMax = 4_000_000
    private static let manifestMax = 65_536

    let terminal: Ed25519PublicKey
    let from: UInt64
    let to: UInt64
    /// Hash of the entry before the first, and of the last.
    let before: [UInt8]
    let head: [UInt8]
    let entries: [[UInt8]]
    let receipts: [[UInt8]]
    private let receiptCount: UInt64
    private let receiptHash: [UInt8]

    /// Nil when the bytes are no archive that a terminal has signed.
    init?(_ bytes: [UInt8]) {
        guard
            let items = try? CBOR.sequence(
                bytes, count: Self.itemsMax, limit: Self.sizeMax, itemLimit: messageSizeMax),
            let first = items.first,
            let message = try? Sign1(parsing: first, limit: Self.manifestMax),
            let manifest = try? CBOR.decode(message.payload, limit: Self.manifestMax),
            let key = manifest[2]?.bytes.flatMap({ try? Ed25519PublicKey($0) }),
            message.kid == key.kid, (try? message.verified(by: key)) != nil,
            let from = manifest[3]?.unsigned, let to = manifest[4]?.unsigned,
            from >= 1, from <= to, to - from < UInt64(Self.itemsMax),
            let before = manifest[5]?.bytes, let head = manifest[6]?.bytes,
            let receiptCount = manifest[7]?.unsigned, let receiptHash = manifest[8]?.bytes
        else { return nil }
        terminal = key
        (self.from, self.to, self.before, self.head) = (from, to, before, head)
        (self.receiptCount, self.receiptHash) = (receiptCount, receiptHash)
        // Entries come first, but a file that was tampered with may have fewer or more of them.
        let rest = items.dropFirst()
        let start = rest.firstIndex(where: Self.isReceipt) ?? items.endIndex
        entries = Array(rest[..<start])
        receipts = Array(items[start...])
    }

    /// A receipt begins with the kid of a terminal, an entry with its number.
    private static func isReceipt(_ bytes: [UInt8]) -> Bool {
        guard let message = try? Sign1(parsing: bytes, limit: sizeMax),
            let payload = try? CBOR.decode(message.payload, limit: sizeMax)
        else { return false }
        return payload[1]?.bytes != nil
    }

    /// True when the receipts in the file are those the terminal signed for.
    var hasItsReceipts: Bool {
        UInt64(receipts.count) == receiptCount
            && sha256(receipts.flatMap { sha256($0) }) == receiptHash
    }
}
