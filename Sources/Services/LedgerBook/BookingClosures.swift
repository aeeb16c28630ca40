import LedgerMessages
import Operations

/// A closure is checked against what the ledger saw of the chain it closes.
extension Booking {
    func judge(_ closure: Closure, of entry: Entry) throws(BookError) -> Outcome {
        let last = try book.rows(
            """
            SELECT number, upto FROM closures WHERE terminal = $1 AND period = $2
            ORDER BY number DESC LIMIT 1
            """, [.integer(terminal.row), .clamped(closure.period.rawValue)]
        ).first
        let number = UInt64(clamping: last?[0].integer ?? 0)
        let upto = UInt64(clamping: last?[1].integer ?? 0)
        guard closure.number == number + 1, closure.from == upto + 1,
            closure.to + 1 == entry.sequence
        else { return .held(code: "closure-number") }
        guard try totals(closure.from...closure.to) == closure.totals else {
            return .held(code: "closure-totals")
        }
        let newest = try book.rows(
            """
            SELECT upto, perpetual FROM closures WHERE terminal = $1 ORDER BY entry DESC LIMIT 1
            """, [.integer(terminal.row)]
        ).first
        let since = UInt64(clamping: newest?[0].integer ?? 0) + 1
        let added = since <= closure.to ? try totals(since...closure.to).takings : 0
        guard (newest?[1].integer ?? 0) + added == closure.perpetual else {
            return .held(code: "closure-perpetual")
        }
        return .settled
    }

    /// Totals of a stretch of the terminal's chain, from the entries as they were signed. A closure
    /// of a stretch that is not here whole never gets this far: the chain has no gaps (B3).
    private func totals(_ stretch: ClosedRange<UInt64>) throws(BookError) -> PeriodTotals {
        var totals = PeriodTotals.none
        var reversals: [Reversal] = []
        var next = Int64(clamping: stretch.lowerBound)
        while true {
            let page = try book.rows(
                """
                SELECT cose, seq FROM entries WHERE terminal = $1 AND seq BETWEEN $2 AND $3
                ORDER BY seq LIMIT 500
                """, [.integer(terminal.row), .integer(next), .clamped(stretch.upperBound)])
            for row in page {
                guard let entry = row[0].blob.flatMap({ Self.entry($0) }), !entry.isTraining else {
                    continue
                }
                if case .reversal(let reversal) = entry.body {
                    reversals.append(reversal)
                } else {
                    totals.add(entry.body)
                }
            }
            guard page.count == 500, let last = page.last?[1].integer else { break }
            next = last + 1
        }
        for reversal in reversals {
            let bytes = try book.rows(
                "SELECT cose FROM entries WHERE terminal = $1 AND uuid = $2 ORDER BY id LIMIT 1",
                [.integer(terminal.row), .blob(reversal.entry.bytes)]
            ).first?.first?.blob
            totals.add(.reversal(reversal), reversing: bytes.flatMap { Self.entry($0) }?.body)
        }
        return totals
    }

    func insert(_ closure: Closure, row: Int64) {
        book.insert(
            .closures,
            [
                .integer(row), .integer(terminal.row), .clamped(closure.period.rawValue),
                .clamped(closure.number), .clamped(closure.to), .integer(closure.perpetual),
            ])
    }
}
