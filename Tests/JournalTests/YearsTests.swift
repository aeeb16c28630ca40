import Journal
import KeyStore
import Operations
import Testing
import Tokens

/// What a terminal asks of its journal costs the same however long it is: counted in steps of
/// SQLite's machine, which know no noise. `eco-bench journal` measures the time.
@Suite struct YearsTests {
    /// Days of 20 operations, closed and receipted, then a day of 20 that is open.
    private func fill(_ bench: JournalBench, _ journal: Journal, days: Int) throws {
        for day in 0...days {
            for index in 0..<20 {
                let card = CardNumber(serial: Int64(index))!
                try bench.append(
                    journal,
                    index == 7 ? JournalBench.action(1_000) : JournalBench.payment(card: card))
            }
            guard day < days else { return }
            _ = try bench.close(journal, .day)
            try bench.acknowledge(journal)
            bench.passDay()
        }
    }

    private func steps(_ bench: JournalBench, days: Int) throws -> [(name: String, steps: UInt64)] {
        let journal = try bench.open()
        try fill(bench, journal, days: days)
        let day = UTCDay.number(journal.lastTime)
        let card = JournalBench.proof.card
        let paid = try #require(
            try journal.find(JournalQuery(kinds: [.payment], limit: 1)).lines.first)
        let questions: [(String, () throws -> Void)] = [
            ("append", { try bench.append(journal) }),
            ("refund", { try bench.append(journal, JournalBench.refund(paid.entry.id, 1)) }),
            (
                "action day",
                { _ = try journal.actions("repas", of: card, day: day, isTraining: false) }
            ),
            ("standing", { _ = try journal.standing(paid.entry.id) }),
            ("batch", { _ = try journal.nextBatch(count: 5, sizeMax: 1 << 20) }),
            ("list", { _ = try journal.find(JournalQuery(limit: 10)) }),
            ("list of today", { _ = try journal.find(JournalQuery(day: day, limit: 10)) }),
            ("pending", { _ = try journal.find(JournalQuery(status: .pending, limit: 10)) }),
            ("rejected", { _ = try journal.find(JournalQuery(status: .rejected, limit: 10)) }),
            ("search", { _ = try journal.find(JournalQuery(lastFour: card.lastFour, limit: 2)) }),
            ("refunds", { _ = try journal.find(JournalQuery(kinds: [.refund], limit: 10)) }),
            ("payments", { _ = try journal.payments(limit: 10) }),
            ("rejected, counted", { _ = try journal.rejectedCount() }),
            ("open totals", { _ = try journal.openTotals(.day) }),
            ("totals of today", { _ = try journal.totals(days: day...day) }),
            ("perpetual total", { _ = try journal.perpetualTotal() }),
            ("last closure", { _ = try journal.lastClosure(.year) }),
            ("reopen", { try journal.reopen() }),
            ("close", { _ = try bench.close(journal, .day) }),
        ]
        return try questions.map { name, ask in
            let before = name == "reopen" ? 0 : journal.steps
            try ask()
            return (name, journal.steps - before)
        }
    }

    @Test func `Nothing a terminal asks takes longer in a journal thirty times as long`() throws {
        let (few, many) = (
            try steps(JournalBench(), days: 2), try steps(JournalBench(), days: 60)
        )
        for (before, after) in zip(few, many) {
            #expect(
                after.steps <= before.steps + before.steps / 4 + 40,
                "\(before.name): \(before.steps) steps, then \(after.steps)")
        }
    }
}
