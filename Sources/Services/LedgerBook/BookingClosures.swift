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

    /// The last booked closure of a kind of period.
    private struct Last {
        let place: Place
        let perpetual: Int64
        let row: Int64
    }

    /// Of each of these kinds, at this terminal. Within one kind, places rise with the numbers.
    private func lastClosures(
        _ periods: [ClosurePeriod] = ClosurePeriod.allCases
    ) throws(BookError) -> [ClosurePeriod: Last] {
        let answers = try book.answers(
            periods.map { period in
                Statement(
                    """
                    SELECT number, upto, perpetual, entry FROM closures
                    WHERE terminal = $1 AND period = $2 ORDER BY number DESC LIMIT 1
                    """, [.integer(terminal.row), .clamped(period.rawValue)])
            })
        var found: [ClosurePeriod: Last] = [:]
        for (period, rows) in zip(periods, answers) {
            guard let row = rows.first?.compactMap(\.integer), row.count == 4 else { continue }
            found[period] = Last(
                place: Place(number: UInt64(clamping: row[0]), upto: UInt64(clamping: row[1])),
                perpetual: row[2], row: row[3])
        }
        return found
    }

    /// The end of the last day that was closed.
    func closedDay() throws(BookError) -> UInt64 {
        try lastClosures([.day])[.day]?.place.upto ?? 0
    }

    func judge(_ closure: Closure, of entry: Entry) throws(BookError) -> Outcome {
        let last = try lastClosures()
        guard try follows(closure, of: entry, last) else { return .held(code: "closure-number") }
        guard try totals(closure.from...closure.to) == closure.totals else {
            return .held(code: "closure-totals")
        }
        let newest = last.values.max { $0.row < $1.row }
        let since = (newest?.place.upto ?? 0) + 1
        let added = since <= closure.to ? try totals(since...closure.to).takings : 0
        let (sum, isOver) = (newest?.perpetual ?? 0).addingReportingOverflow(added)
        guard !isOver, sum == closure.perpetual else { return .held(code: "closure-perpetual") }
        return .settled
    }

    /// Whether a closure goes on where the one before ended, up to its own place, with the next
    /// number. What a person decides of its sums changes nothing of that: all later ones would be
    /// measured by one that is out of its place.
    func follows(_ closure: Closure, of entry: Entry) throws(BookError) -> Bool {
        try follows(closure, of: entry, lastClosures([closure.period]))
    }

    private func follows(
        _ closure: Closure, of entry: Entry, _ last: [ClosurePeriod: Last]
    ) throws(BookError) -> Bool {
        var place = last[closure.period]?.place ?? Place()
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
