public import LedgerMessages

// What the book holds of one terminal, for a proof beside the terminal's own archive.
extension Book {
    /// Every entry of a terminal as it came, in order, with the outcome the ledger keeps.
    /// - Throws: `BookError.terminalUnknown`, `.storage`.
    public func copies(
        of kid: [UInt8], _ body: (_ sequence: UInt64, _ bytes: [UInt8], _ outcome: Outcome) -> Void
    ) throws(BookError) {
        guard let terminal = try terminal(kid: kid) else { throw .terminalUnknown }
        var last: Int64 = 0
        while true {
            let page = try rows(
                """
                SELECT seq, cose, outcome, code FROM entries
                WHERE terminal = $1 AND seq > $2 ORDER BY seq LIMIT 500
                """, [.integer(terminal.row), .integer(last)])
            for row in page {
                last = row[0].integer ?? last
                body(
                    UInt64(clamping: last), row[1].blob ?? [],
                    Outcome(name: row[2].text ?? "", code: row[3].text ?? ""))
            }
            if page.count < 500 { return }
        }
    }

    /// The receipts a terminal was given (COSE bytes), in order.
    /// - Throws: `BookError.terminalUnknown`, `.storage`.
    public func receipts(of kid: [UInt8]) throws(BookError) -> [[UInt8]] {
        guard let terminal = try terminal(kid: kid) else { throw .terminalUnknown }
        return try rows(
            "SELECT cose FROM receipts WHERE terminal = $1 ORDER BY upto, since",
            [.integer(terminal.row)]
        ).compactMap { $0[0].blob }
    }
}
