/// Entries by outcome, each counted once: outcomes are never changed and a terminal's entries only
/// go on, so a look counts what came since the look before. The first one counts all there are.
public struct OutcomeTally: Sendable {
    private struct Terminal {
        var last: Int64 = 0
        var counts: [String: Int64] = [:]
    }

    private var terminals: [Int64: Terminal] = [:]

    /// Nothing counted yet.
    public init() {}

    /// How many have each outcome, by the database's words, in their order.
    public var counts: [(outcome: String, count: Int64)] {
        var sums: [String: Int64] = [:]
        for terminal in terminals.values {
            sums.merge(terminal.counts) { $0 + $1 }
        }
        return sums.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    /// Asks for what each terminal has above what was counted.
    fileprivate mutating func news(_ heads: [[Cell]]) -> [(row: Int64, last: Int64, Statement)] {
        var found: [(row: Int64, last: Int64, Statement)] = []
        for head in heads {
            guard let row = head[0].integer else { continue }
            let last = head[1].integer ?? 0
            // A book that was put back from a backup.
            if last < terminals[row]?.last ?? 0 { terminals[row] = nil }
            let known = terminals[row]?.last ?? 0
            guard last > known else { continue }
            let statement = Statement(
                """
                SELECT outcome, count(*) FROM entries
                WHERE terminal = $1 AND seq > $2 AND seq <= $3 GROUP BY outcome
                """, [.integer(row), .integer(known), .integer(last)])
            found.append((row, last, statement))
        }
        return found
    }

    fileprivate mutating func add(_ rows: [[Cell]], of row: Int64, upTo last: Int64) {
        for found in rows {
            terminals[row, default: Terminal()].counts[found[0].text ?? "", default: 0] +=
                found[1].integer ?? 0
        }
        terminals[row, default: Terminal()].last = last
    }
}

extension Book {
    /// Counts what came since the last look. - Throws: `BookError.storage`.
    public func count(into tally: inout OutcomeTally) throws(BookError) {
        let heads = try rows(
            "SELECT t.id, (SELECT max(e.seq) FROM entries e WHERE e.terminal = t.id) "
                + "FROM terminals t")
        let news = tally.news(heads)
        guard !news.isEmpty else { return }
        let answers = try answers(news.map(\.2))
        for (place, rows) in zip(news, answers) {
            tally.add(rows, of: place.row, upTo: place.last)
        }
    }
}
