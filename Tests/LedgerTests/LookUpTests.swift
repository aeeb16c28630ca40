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
    private static let days: UInt64 = 100

    /// Rows and index entries that all sessions read that have ended.
    private func read(_ database: Outsider) throws -> Int64 {
        let rows = try database.rows(
            """
            SELECT CAST((SELECT sum(seq_tup_read) FROM pg_stat_user_tables)
                + (SELECT sum(idx_tup_read) FROM pg_stat_user_indexes) AS BIGINT)
            """)
        return try #require(rows.first?.first?.integer)
    }

    /// What one terminal does on a day, and asks: all kinds of operations, and the closure.
    private func day(
        _ number: UInt64, of till: Till, _ cards: [SoftwareCard], _ ledger: TestLedger, _ book: Book
    ) throws -> [[UInt8]] {
        let first = max(till.sequence, 1)
        var entries: [[UInt8]] = []
        for card in cards {
            let id = EntryID(milliseconds: Sunday.noon)
            let name = try ledger.approval(till, card, 10, id, by: book)
            entries += [
                try till.pay(card, 10, id: id, authorisation: name),
                try till.refund(id, card, 4), try till.topUp(card, 1), till.event(),
            ]
            _ = try book.balance(of: card.number, now: Sunday.noon)
        }
        let id = EntryID(milliseconds: Sunday.noon)
        entries += [try till.pay(cards[0], 2, id: id), till.reverse(id)]
        var totals = PeriodTotals.none
        totals.payments = KindTotal(count: 5, sum: 42)
        totals.refunds = KindTotal(count: 4, sum: 16)
        totals.topUps = KindTotal(count: 4, sum: 4)
        totals.reversals = KindTotal(count: 1, sum: 2)
        return entries + [till.close(number, from: first, totals, Int64(number) * 24)]
    }

    @Test func `a plan made for an empty book reads no more once the book is long`() throws {
        let ledger = try TestLedger(.postgreSQL)
        let cards = try (0..<4).map { _ in try ledger.card(100_000) }
        let (till, slow) = (try ledger.till(), try ledger.till())
        let database = try ledger.sql()
        // Statistics would have the plans made anew, sooner or later.
        for table in try database.rows("SELECT relname::text FROM pg_stat_user_tables") {
            let name = try #require(table.first?.text)
            try database.run("ALTER TABLE \(name) SET (autovacuum_enabled = off)")
        }
        // All by one connection, whose counts come when it ends.
        func send(by book: Book) throws {
            for number in 1...Self.days {
                cards[0].counter += 1
                let early = cards[0].counter
                let entries = try day(number, of: till, cards, ledger, book)
                _ = try ledger.sendRaw(till, entries, by: book)
                // It was offline meanwhile.
                let late = try slow.pay(cards[0], 3, counter: early)
                _ = try ledger.sendRaw(slow, [late], by: book)
            }
        }
        try send(by: Book(ledger.address))
        let entries = Int64(till.sequence + slow.sequence)
        #expect(try database.rows("SELECT count(*) FROM entries") == [[.integer(entries)]])
        let codes = try database.rows("SELECT DISTINCT outcome || code FROM entries")
        #expect(codes == [[.text("settled")]])
        #expect(Programs.wait { ((try? read(database)) ?? 0) > entries })
        let each = Double(try read(database)) / Double(entries)
        print("\(each) rows and index entries read for an entry, of \(entries)")
        let most = try database.rows(
            """
            SELECT indexrelname::text || ' ' || idx_tup_read FROM pg_stat_user_indexes
            UNION ALL SELECT relname::text || ' ' || seq_tup_read FROM pg_stat_user_tables
            ORDER BY 1
            """)
        #expect(each < 40, "\(most.compactMap { $0[0].text })")
    }
}
