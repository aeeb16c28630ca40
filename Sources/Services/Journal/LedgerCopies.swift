import COSE
public import Crypto
import LedgerMessages
import Operations

/// What the ledger holds of one terminal: the entries as they were sent and the receipts it gave
/// (`eco-ledger terminal entries`), a CBOR sequence that is proved when it is read.
public struct LedgerCopies: Sendable {
    private static let sizeMax = 1 << 30
    private static let itemsMax = 4_000_000

    /// The entries from the first on, COSE bytes, each verified and chained.
    let entries: [[UInt8]]
    /// Receipts that cover all of them, each once.
    let receipts: [(receipt: Receipt, bytes: [UInt8])]

    /// Number of the last entry.
    public var last: UInt64 { UInt64(entries.count) }

    /// Reads a file. - Throws: `ArchiveError.damaged`, `.otherTerminal`.
    public init(
        _ bytes: [UInt8], terminal: Ed25519PublicKey, ledger: Ed25519PublicKey
    ) throws(ArchiveError) {
        guard
            let items = try? CBOR.sequence(bytes, count: Self.itemsMax, limit: Self.sizeMax),
            !items.isEmpty
        else { throw .damaged("no CBOR sequence") }
        var (entries, receipts): ([[UInt8]], [(receipt: Receipt, bytes: [UInt8])]) = ([], [])
        var previous = [UInt8](repeating: 0, count: 32)
        var hashes: [[UInt8]] = [previous]
        for item in items {
            guard let message = try? Sign1(parsing: item, limit: Self.sizeMax) else {
                throw .damaged("an item is no COSE_Sign1")
            }
            if message.kid == ledger.kid {
                guard let receipt = try? Receipt(item, ledger: ledger) else {
                    throw .damaged("a receipt does not verify")
                }
                receipts.append((receipt, item))
                continue
            }
            guard message.kid == terminal.kid else { throw .otherTerminal }
            let number = UInt64(entries.count) + 1
            guard let payload = try? message.verified(by: terminal),
                let entry = try? Entry(payload: payload), entry.sequence == number,
                entry.previous == previous
            else { throw .damaged("entry \(number)") }
            entries.append(item)
            previous = message.digest
            hashes.append(previous)
        }
        self.entries = entries
        self.receipts = try Self.cover(entries.count, receipts, hashes, terminal.kid)
    }

    /// A way through the receipts from the first entry to the last: a lost answer left others that
    /// overlap.
    private static func cover(
        _ count: Int, _ all: [(receipt: Receipt, bytes: [UInt8])], _ hashes: [[UInt8]],
        _ kid: [UInt8]
    ) throws(ArchiveError) -> [(receipt: Receipt, bytes: [UInt8])] {
        // By the last entry covered, the receipt to come from; the longest one is tried first.
        var way: [Int: Int] = [0: -1]
        let order = all.indices.sorted { all[$0].receipt.from < all[$1].receipt.from }
        for index in order {
            let receipt = all[index].receipt
            guard receipt.to >= receipt.from, receipt.to <= UInt64(count) else { continue }
            let (start, end) = (Int(receipt.from) - 1, Int(receipt.to))
            guard receipt.terminal == kid, hashes[end] == receipt.head else {
                throw .damaged("a receipt is about another chain")
            }
            if way[start] != nil, way[end] == nil { way[end] = index }
        }
        var (place, found): (Int, [(receipt: Receipt, bytes: [UInt8])]) = (count, [])
        while place > 0 {
            guard let index = way[place] else { throw .damaged("no receipt for entry \(place)") }
            found.append(all[index])
            place = Int(all[index].receipt.from) - 1
        }
        return found.reversed()
    }
}
