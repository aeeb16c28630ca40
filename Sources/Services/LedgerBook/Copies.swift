public import LedgerMessages
import SQLite

// What the book holds of one terminal, for a proof beside the terminal's own archive.
extension Book {
    /// Every entry of a terminal as it came, in order, with the outcome the ledger keeps.
    /// - Throws: `BookError.terminalUnknown`, `.storage`.
    public func copies(
        of kid: [UInt8], _ body: (_ sequence: UInt64, _ bytes: [UInt8], _ outcome: Outcome) -> Void
    ) throws(BookError) {
        guard let terminal = try terminal(kid: kid) else { throw .terminalUnknown }
        try each(
            "SELECT seq, cose, outcome, code FROM entries WHERE terminal = ? ORDER BY seq",
            [.integer(terminal.row)]
        ) { row in
            body(
                UInt64(clamping: row[0].integer ?? 0), row[1].blob ?? [],
                Outcome(name: row[2].text ?? "", code: row[3].text ?? ""))
            return true
        }
    }

    /// The receipts a terminal was given (COSE bytes), in order.
    /// - Throws: `BookError.terminalUnknown`, `.storage`.
    public func receipts(of kid: [UInt8]) throws(BookError) -> [[UInt8]] {
        guard let terminal = try terminal(kid: kid) else { throw .terminalUnknown }
        return try rows(
            "SELECT cose FROM receipts WHERE terminal = ? ORDER BY upto, since",
            [.integer(terminal.row)]
        ).compactMap { $0[0].blob }
    }
}
