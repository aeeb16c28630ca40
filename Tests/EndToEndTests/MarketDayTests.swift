import Foundation
import Linux
import SQLite
import TestSupport
import Testing
import Tokens
import WebDriver

extension StallSuites {
    /// A whole market day at one stall, and its books at the end.
    ///
    /// `ECO_MARKET=0.2` plays a part of a day, `ECO_MARKET_SEED=N` another one.
    @Suite(.enabled(if: Browser.isInstalled, "needs chromium-driver"))
    struct MarketDayTests {
        private static let environment = ProcessInfo.processInfo.environment
        static let scale = Double(environment["ECO_MARKET"] ?? "") ?? 1
        static let seed = UInt64(environment["ECO_MARKET_SEED"] ?? "") ?? 20_261_127

        @Test(.timeLimit(.minutes(60)))
        func `A whole market day: every book tells the same to the cent, and the day is closed`()
            throws
        {
            let start = ContinuousClock.now
            let day = try MarketDay(seed: Self.seed, scale: Self.scale)
            let ready = ContinuousClock.now
            try day.run()
            let end = ContinuousClock.now
            #expect(try day.stall.allSent(), "nothing is left unsent")
            try checkTerminal(day)
            try close(day)
            #expect(try day.stall.allSent(), "nothing is left unsent")
            try checkLedger(day)
            try checkCards(day)
            try checkChain(day)
            Console.error(
                "market day, seed \(Self.seed): \(day.summary) "
                    + "made ready in \(start.duration(to: ready)), "
                    + "played in \(ready.duration(to: end))")
        }

        /// The terminal's own totals of the open day.
        private func checkTerminal(_ day: MarketDay) throws {
            let (book, counts) = (day.book, day.script.counts)
            #expect(book.refunds.count == counts.refunds)
            #expect(book.reversals.count == counts.reversals)
            #expect(book.actions.count == counts.actions + book.extraActions)
            #expect(book.enrolments.count == counts.enrolments)
            // The large payment, those in which the browser died; a kill may leave its own or not.
            let sure = counts.payments + counts.crashes + book.extraPayments
            #expect((sure...sure + counts.kills).contains(book.payments.count))
            let totals = try #require(try day.stall.page.day()["totals"] as? [String: Any])
            func sum(_ name: String) -> [Int] {
                let pair = totals[name] as? [String: Int]
                return [pair?["count"] ?? -1, pair?["cents"] ?? -1]
            }
            #expect(sum("payments") == [book.payments.count, Int(book.paid)])
            #expect(sum("refunds") == [book.refunds.count, Int(book.refunded)])
            #expect(
                sum("reversals")[1] == Int(book.reversed), "actions reversed are in their own sum")
            #expect(totals["takingsCents"] as? Int == Int(book.takings))
            #expect(totals["enrolments"] as? Int == book.enrolments.count)
            let actions = totals["actions"] as? [[String: Any]] ?? []
            #expect(
                actions.reduce(0) { $0 + ($1["count"] as? Int ?? 0) } == book.actions.count)
            for action in actions {
                let code = action["code"] as? String ?? ""
                #expect(action["quantity"] as? Int == Int(book.quantities[code] ?? -1), "\(code)")
            }
        }

        /// On the page, by a finger.
        private func close(_ day: MarketDay) throws {
            try day.hands.rest()
            try day.hands.openClosure()
            try day.hands.reads("n°\u{A0}1")
            try day.hands.reads("\(day.book.payments.count) · ")
            try day.hands.photograph("day-1-closure")
            try day.hands.touch("#facts-acts [data-act='close']")
            try day.hands.reads("Clôture faite")
        }

        /// What the ledger settled, and only once.
        private func checkLedger(_ day: MarketDay) throws {
            let (stall, book) = (day.stall, day.book)
            func row(_ sql: String) throws -> [Int64] {
                try stall.ledgerRows(sql).first?.map { $0.integer ?? -1 } ?? []
            }
            let settled = "FROM entries WHERE outcome = 'settled'"
            func kind(_ number: Int) throws -> [Int64] {
                try row("SELECT count(*), coalesce(sum(cents), 0) \(settled) AND kind = \(number)")
            }
            #expect(try kind(1) == [Int64(book.payments.count), book.paid])
            #expect(try kind(2) == [Int64(book.refunds.count), book.refunded])
            #expect(try kind(3)[0] == Int64(book.reversals.count))
            #expect(try kind(5)[0] == Int64(book.actions.count))
            #expect(try kind(6)[0] == Int64(book.enrolments.count))
            #expect(try row("SELECT count(*) FROM entries WHERE outcome <> 'settled'") == [0])
            #expect(
                try row("SELECT count(*) - count(DISTINCT uuid) FROM entries") == [0],
                "each operation exactly once")
            let ids = Set(book.payments.keys).union(book.actions.keys)
            let known = try stall.ledgerRows("SELECT hex(uuid) \(settled) AND kind IN (1, 5)")
            let found = Set(known.compactMap { $0[0].text?.lowercased() })
            #expect(found == Set(ids.map { $0.replacingOccurrences(of: "-", with: "") }))
            for (code, quantity) in book.quantities {
                let sum = try row(
                    """
                    SELECT coalesce(sum(thousandths), 0) FROM actions a WHERE code = '\(code)'
                    AND NOT EXISTS(SELECT 1 FROM links l WHERE l.target = a.entry AND l.kind = 3)
                    """)
                #expect(sum == [quantity], "\(code)")
            }
            #expect(
                try row("SELECT period, number, perpetual FROM closures") == [1, 1, book.takings])
            let merchant = try row(
                "SELECT coalesce(sum(cents), 0) FROM postings WHERE account GLOB 'merchant:*'")
            #expect(merchant == [book.takings])
            let report = try stall.report()
            #expect(report.payments == book.payments.count && report.cents == book.paid)
            #expect(report.held == 0)
            #expect(try stall.auditFaults() == [])
        }

        /// Each card's balance at the ledger, and what the terminal wrote of it.
        private func checkCards(_ day: MarketDay) throws {
            #expect(try day.stall.balances() == day.book.balances)
            let taken = try day.stall.journalCents()
            for (index, card) in day.stall.cards.enumerated() {
                let payments = day.book.payments.values.filter { $0.card == index }
                let sum = payments.reduce(0) { $0 + $1.cents - $1.refunded }
                #expect(taken[card.number.digits] ?? 0 == sum, "\(card.number.lastFour)")
            }
        }

        private func checkChain(_ day: MarketDay) throws {
            let proof = try day.stall.proof()
            #expect(proof.faults == [])
            #expect(proof.payments == day.book.payments.count && proof.cents == day.book.paid)
            #expect(proof.acknowledged == proof.entries, "receipts cover the whole chain")
            let numbers = try day.stall.ledgerRows("SELECT count(*), max(seq) FROM entries")
            #expect(
                numbers.first?.map { $0.integer ?? -1 }.allSatisfy { $0 == proof.entries } == true)
            #expect(try day.stall.page.snapshot().queue == 0)
        }
    }
}
