import COSE
import Crypto
import Foundation
import Journal
import KeyStore
import Linux
import Operations
import SQLite
import Testing
import Tokens

/// Six years of a busy terminal: measured when `ECO_JOURNAL_ENTRIES` names a number of entries
/// (657,000 is 300 a day for six years).
@Suite struct YearsTests {
    private static let count = ProcessInfo.processInfo.environment["ECO_JOURNAL_ENTRIES"]
        .flatMap { UInt64($0) }

    /// Writes signed, chained payments straight into a file, without a sync for each.
    private func fill(_ bench: JournalBench, _ count: UInt64) throws {
        try bench.open().checkpoint()
        let raw = try bench.raw()
        try raw.run("PRAGMA synchronous=OFF")
        try raw.run("BEGIN")
        var previous = [UInt8](repeating: 0, count: 32)
        for sequence in 1...count {
            let time = 1_500_000_000_000 + sequence * 288_000
            let entry = Entry(
                sequence: sequence, id: EntryID(milliseconds: time), previous: previous,
                time: time, clockTrust: .synchronised, body: JournalBench.payment(cents: 100))
            let message = bench.terminal.sign(payload: entry.item.encoded)
            try raw.run(
                "INSERT INTO entries(seq, id, kind, time, cents, training, cose) "
                    + "VALUES(?,?,1,?,100,0,?)",
                [
                    .integer(Int64(sequence)), .blob(entry.id.bytes), .integer(Int64(time)),
                    .blob(message.bytes),
                ])
            previous = message.digest
        }
        try raw.run("COMMIT")
    }

    private func measure(_ count: UInt64) throws -> [String: Double] {
        let bench = try JournalBench()
        try fill(bench, count)
        var figures: [String: Double] = [:]
        func time<R>(_ name: String, _ body: () throws -> R) throws -> R {
            let start = Clock.monotonicNanoseconds()
            let result = try body()
            figures[name] = Double(Clock.monotonicNanoseconds() - start) / 1_000_000
            return result
        }
        _ = try time("migrate") { try bench.open() }
        let journal = try time("open") { try bench.open() }
        // All but the last day is closed, as it would be.
        let ends = try #require(try? bench.close(journal, .day))
        #expect(ends.totals.payments.count == count)
        for _ in 0..<300 { try bench.append(journal) }
        let start = Clock.monotonicNanoseconds()
        for _ in 0..<100 { try bench.append(journal) }
        figures["append"] = Double(Clock.monotonicNanoseconds() - start) / 100_000_000
        let day = UTCDay.number(journal.lastTime)
        _ = try time("totals of a day") { try journal.totals(days: day...day) }
        _ = try time("totals since the closure") { try journal.openTotals(.day) }
        _ = try time("list") { try journal.find(JournalQuery(limit: 100)) }
        _ = try time("search a card") {
            try journal.find(
                JournalQuery(lastFour: JournalBench.proof.card.lastFour, limit: 100))
        }
        _ = try time("close a day") { try bench.close(journal, .day) }
        _ = try time("totals of a year") { try journal.totals(days: (day - 365)...day) }
        return figures
    }

    @Test(.enabled(if: count != nil))
    func `Six years are as fast as a thousand entries`() throws {
        let (small, large) = (try measure(1_000), try measure(Self.count ?? 1_000))
        for name in large.keys.sorted() {
            let (before, after) = (small[name] ?? 0, large[name] ?? 0)
            let ratio = after / before
            print("\(name): \(before) ms at 1,000, \(after) ms, ratio \(ratio)")
        }
        for name in ["append", "close a day", "list", "totals since the closure"] {
            #expect((large[name] ?? 0) < max(5, 3 * (small[name] ?? 0)), "\(name)")
        }
    }
}
