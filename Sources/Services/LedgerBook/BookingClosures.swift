import LedgerMessages
import Operations

/// A closure is checked against what the ledger saw of the chain it closes.
extension Booking {
    /// Where a kind of period stands: the number and the end of its last closure.
    private struct Place {
        var number: UInt64 = 0
        var upto: UInt64 = 0

        func isFollowed(by closure: Closure) -> Bool {
            closure.number == number + 1 && closure.from == upto + 1
        }
    }

    func judge(_ closure: Closure, of entry: Entry) throws(BookError) -> Outcome {
        guard try follows(closure, of: entry) else { return .held(code: "closure-number") }
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
        let (sum, isOver) = (newest?[1].integer ?? 0).addingReportingOverflow(added)
        guard !isOver, sum == closure.perpetual else { return .held(code: "closure-perpetual") }
        return .settled
    }

    /// Whether a closure goes on where the one before ended, up to its own place, with the next
    /// number. What a person decides of its sums changes nothing of that: all later ones would be
    /// measured by one that is out of its place.
    func follows(_ closure: Closure, of entry: Entry) throws(BookError) -> Bool {
        let last = try book.rows(
            """
            SELECT number, upto FROM closures WHERE terminal = $1 AND period = $2
            ORDER BY number DESC LIMIT 1
            """, [.integer(terminal.row), .clamped(closure.period.rawValue)]
        ).first
        var place = Place(
            number: UInt64(clamping: last?[0].integer ?? 0),
            upto: UInt64(clamping: last?[1].integer ?? 0))
        guard closure.to + 1 == entry.sequence else { return false }
        if place.isFollowed(by: closure) { return true }
        // The terminal goes on after one that was refused.
        for refused in try refusedClosures()
        where refused.period == closure.period && place.isFollowed(by: refused)
            && refused.to < closure.to
        {
            place = Place(number: refused.number, upto: refused.to)
        }
        return place.isFollowed(by: closure)
    }

    /// Closures of this terminal that a person refused, in their order.
    private func refusedClosures() throws(BookError) -> [Closure] {
        if let closures = facts.refusedClosures { return closures }
        let closures = try book.rows(
            """
            SELECT e.cose FROM verdicts v JOIN entries e ON e.id = v.entry
            WHERE e.terminal = $1 AND e.kind = 8 AND v.released = 0 ORDER BY e.seq
            """, [.integer(terminal.row)]
        ).compactMap { row -> Closure? in
            guard let bytes = row[0].blob, case .closure(let closure) = Self.entry(bytes)?.body
            else { return nil }
            return closure
        }
        facts.refusedClosures = closures
        return closures
    }

    /// Totals of a stretch of the terminal's chain, from the entries as they were signed. A closure
    /// of a stretch that is not here whole never gets this far: the chain has no gaps (B3).
    ///
    /// Whatever a batch closes again from the same place goes on from what was added up before, so
    /// that an entry is read once a batch and place, however many closures are held.
    private func totals(_ stretch: ClosedRange<UInt64>) throws(BookError) -> PeriodTotals {
        let known = facts.totals[stretch.lowerBound]
        var (totals, upto) = (PeriodTotals.none, stretch.lowerBound - 1)
        if let known, known.upto <= stretch.upperBound { (totals, upto) = known }
        while upto < stretch.upperBound {
            let page = try book.rows(
                """
                SELECT cose, seq FROM entries WHERE terminal = $1 AND seq BETWEEN $2 AND $3
                ORDER BY seq LIMIT 500
                """, [.integer(terminal.row), .clamped(upto + 1), .clamped(stretch.upperBound)])
            for row in page {
                guard let entry = row[0].blob.flatMap({ Self.entry($0) }), !entry.isTraining else {
                    continue
                }
                try add(entry.body, to: &totals)
            }
            guard page.count == 500, let last = page.last?[1].integer else { break }
            upto = UInt64(clamping: last)
        }
        facts.totals[stretch.lowerBound] = (totals, stretch.upperBound)
        return totals
    }

    private func add(_ body: EntryBody, to totals: inout PeriodTotals) throws(BookError) {
        guard case .reversal(let reversal) = body else { return totals.add(body) }
        let bytes = try book.rows(
            "SELECT cose FROM entries WHERE terminal = $1 AND uuid = $2 ORDER BY id LIMIT 1",
            [.integer(terminal.row), .blob(reversal.entry.bytes)]
        ).first?.first?.blob
        totals.add(body, reversing: bytes.flatMap { Self.entry($0) }?.body)
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
