import Crypto
import LedgerBook
import Operations
import SQLite
import TestSupport
import Testing
import Tokens

/// What a server reads to book an entry, counted by itself. A connection keeps its plans, and makes
/// them when the tables are nearly empty and every way looks as short: none of them may turn out to
/// be a walk through what a terminal, a card or a merchant ever did.
@Suite struct LookUpTests {
    private static let batches = 100

    /// Rows and index entries that all sessions read that have ended.
    private func read(_ database: Outsider) throws -> Int64 {
        let rows = try database.rows(
            """
            SELECT CAST((SELECT sum(seq_tup_read) FROM pg_stat_user_tables)
                + (SELECT sum(idx_tup_read) FROM pg_stat_user_indexes) AS BIGINT)
            """)
        return try #require(rows.first?.first?.integer)
    }

    /// All by one connection, whose counts come when it ends.
    private func send(of till: Till, _ cards: [SoftwareCard], to ledger: TestLedger) throws {
        let book = try Book(ledger.address)
        for _ in 0..<Self.batches {
            var entries: [[UInt8]] = []
            for card in cards {
                let id = EntryID(milliseconds: Sunday.noon)
                entries += [
                    try till.pay(card, 10, id: id), try till.refund(id, card, 4),
                    try till.pay(card, 1), till.event(),
                ]
            }
            let id = EntryID(milliseconds: Sunday.noon)
            entries += [try till.pay(cards[0], 2, id: id), till.reverse(id)]
            _ = try ledger.sendRaw(till, entries, by: book)
        }
    }

    @Test func `a plan made for an empty book reads no more once the book is long`() throws {
        let ledger = try TestLedger(.postgreSQL)
        let cards = try (0..<4).map { _ in try ledger.card(100_000) }
        let till = try ledger.till()
        let database = try ledger.sql()
        // Statistics would have the plans made anew, sooner or later.
        for table in try database.rows("SELECT relname::text FROM pg_stat_user_tables") {
            let name = try #require(table.first?.text)
            try database.run("ALTER TABLE \(name) SET (autovacuum_enabled = off)")
        }
        try send(of: till, cards, to: ledger)
        let entries = Int64(till.sequence)
        #expect(try database.rows("SELECT count(*) FROM entries") == [[.integer(entries)]])
        #expect(try ledger.book.outcomeCounts().map(\.outcome) == ["settled"])
        #expect(Programs.wait { ((try? read(database)) ?? 0) > entries })
        let each = Double(try read(database)) / Double(entries)
        print("\(each) rows and index entries read for an entry, of \(entries)")
        #expect(each < 40)
    }
}
