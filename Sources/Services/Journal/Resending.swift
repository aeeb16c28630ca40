import SQLite

/// Entries that one receipt covers, as they were sent.
public struct ReceiptedBatch: Equatable, Sendable {
    /// The receipt's COSE bytes.
    public let receipt: [UInt8]
    /// The entries: a CBOR sequence of COSE_Sign1.
    public let entries: [UInt8]
}

extension Journal {
    /// The batch whose receipt covers this entry; nil when none does, or its year was purged.
    /// - Throws: `.suspended`.
    public func receipted(_ sequence: UInt64) throws(JournalError) -> ReceiptedBatch? {
        try reading { (years) throws(SQLiteError) in
            guard let file = try years.holder(of: sequence)?.file,
                let row = try file.database.rows(
                    "SELECT since, upto, cose FROM receipts WHERE upto >= ? ORDER BY upto",
                    [.integer(Int64(clamping: sequence))], atMost: 1
                ).first, let since = row[0].integer, since <= Int64(clamping: sequence),
                let receipt = row[2].blob
            else { return nil }
            let rows = try file.database.rows(
                "SELECT cose FROM entries WHERE seq BETWEEN ? AND ? ORDER BY seq", [row[0], row[1]])
            return ReceiptedBatch(
                receipt: receipt, entries: rows.flatMap { $0[0].blob ?? [] })
        }
    }
}
