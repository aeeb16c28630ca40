import Crypto
import LedgerMessages

// The book beside its own word. Each batch left a signed receipt (B1), which names the entries, the
// hash of the last one and every outcome: whoever cuts a chain's end, or turns an outcome into
// another, has a receipt against him.
extension Book {
    /// Receipts, and sentences about them, of one terminal.
    struct ReceiptFindings {
        var receipts = 0
        var faults: [String] = []
    }

    /// Receipts asked for together, and faults told of one terminal.
    private static let receiptsPage = 64
    private static let faultsMax = 20

    /// Holds the receipts a terminal was given against the entries and outcomes kept of it. Entries
    /// are read after the receipts that name them, so that a book in use is no broken one.
    /// - Parameter ledger: checks the signatures; nil: they are compared unproven.
    func auditReceipts(
        of terminal: TerminalRecord, ledger: Ed25519PublicKey?
    ) throws(BookError) -> ReceiptFindings {
        let here = Cell.integer(terminal.row)
        let head = try head(of: terminal).sequence
        var walk = ReceiptWalk(terminal: terminal, ledger: ledger)
        var place: [Cell] = [.integer(0), .integer(-1)]
        while walk.faults.count < Self.faultsMax {
            let page = try rows(
                """
                SELECT since, upto, cose FROM receipts WHERE terminal = $1
                AND (since > $2 OR (since = $2 AND upto > $3))
                ORDER BY since, upto LIMIT \(Self.receiptsPage)
                """, [here] + place)
            let read = page.compactMap { walk.read($0) }
            if let first = read.map(\.from).min(), let last = read.map(\.to).max() {
                let entries = try rows(
                    """
                    SELECT seq, hash, outcome, code FROM entries
                    WHERE terminal = $1 AND seq BETWEEN $2 AND $3 ORDER BY seq
                    """, [here, .clamped(first - 1), .clamped(last)])
                for receipt in read { walk.compare(receipt, entries) }
            }
            guard page.count == Self.receiptsPage, let last = page.last else { break }
            place = Array(last[..<2])
        }
        walk.end(before: head, after: try self.head(of: terminal).sequence)
        return ReceiptFindings(
            receipts: walk.count,
            faults: walk.faults.prefix(Self.faultsMax).map { "terminal \(terminal.id): \($0)" })
    }
}

/// A walk along a terminal's receipts, by the first number they name.
private struct ReceiptWalk {
    let terminal: TerminalRecord
    let ledger: Ed25519PublicKey?
    private(set) var count = 0
    private(set) var faults: [String] = []
    /// All entries up to here have a receipt.
    private var reach: UInt64 = 0
    /// The highest number that a receipt names.
    private var named: UInt64 = 0

    init(terminal: TerminalRecord, ledger: Ed25519PublicKey?) {
        (self.terminal, self.ledger) = (terminal, ledger)
    }

    /// The receipt of a row: since, upto, COSE bytes. Nil, and a fault: none of this terminal.
    mutating func read(_ row: [Cell]) -> Receipt? {
        let bytes = row[2].blob ?? []
        let read =
            if let ledger { try? Receipt(bytes, ledger: ledger) } else {
                try? Receipt(unproven: bytes)
            }
        guard let receipt = read, receipt.terminal == terminal.key.kid,
            receipt.outcomes.count <= batchCountMax
        else {
            let stretch = "\(row[0].integer ?? 0) to \(row[1].integer ?? 0)"
            faults.append("the receipt of entries \(stretch) is not what the ledger signed")
            return nil
        }
        count += 1
        guard row[0] == .clamped(receipt.from), row[1] == .clamped(receipt.to) else {
            faults.append(name(receipt) + ": a column differs from what was signed")
            return nil
        }
        return receipt
    }

    private func name(_ receipt: Receipt) -> String {
        "the receipt of entries \(receipt.from) to \(receipt.to)"
    }

    /// Compares a receipt with the rows (seq, hash, outcome, code) of at least its entries.
    mutating func compare(_ receipt: Receipt, _ entries: [[Cell]]) {
        tellGap(before: receipt.from)
        reach = max(reach, receipt.to)
        named = max(named, receipt.to)
        // Where an entry is missing, numbers are not those of the places. An empty receipt names
        // the head alone, which is the entry before.
        let start = entries.partitioningIndex {
            ($0[0].integer ?? 0) >= Int64(clamping: min(receipt.from, receipt.to))
        }
        for row in entries[start...] {
            guard let sequence = row[0].integer.map({ UInt64(clamping: $0) }),
                sequence <= receipt.to
            else { break }
            if sequence == receipt.to, row[1].blob != receipt.head {
                faults.append(name(receipt) + " is about another chain")
            }
            guard sequence >= receipt.from else { continue }
            let kept = Outcome(name: row[2].text ?? "", code: row[3].text ?? "")
            if receipt.outcomes[Int(sequence - receipt.from)] != kept {
                faults.append("entry \(sequence): its outcome differs from the receipt's")
            }
        }
    }

    private mutating func tellGap(before next: UInt64) {
        guard next > reach + 1 else { return }
        faults.append("entries \(reach + 1) to \(next - 1) have no receipt")
    }

    /// - Parameters:
    ///   - first: the chain's head before the receipts were read: all up to it should have one.
    ///   - last: the head afterwards: no receipt should name more.
    mutating func end(before first: UInt64, after last: UInt64) {
        tellGap(before: first + 1)
        guard named > last else { return }
        let others = named > last + 1 ? ", as all up to \(named) are" : ""
        faults.append("entry \(last + 1) is missing\(others): a receipt names it")
    }
}

extension Array {
    /// The first place where `predicate` holds, in an array where it holds from somewhere to the
    /// end.
    fileprivate func partitioningIndex(where predicate: (Element) -> Bool) -> Int {
        var (low, high) = (0, count)
        while low < high {
            let middle = (low + high) / 2
            if predicate(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
