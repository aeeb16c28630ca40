import Foundation
import LedgerMessages
import Operations
import Testing

@testable import LedgerBook
@testable import LedgerService

/// What the association's tables leave out, and how they say it.
@Suite struct FleetTablesTests {
    private static let today = Sunday.noon / 86_400_000

    private func lines(_ report: FleetReport, _ table: FleetTable) -> [String] {
        report.csv(table).components(separatedBy: "\r\n").dropFirst().dropLast()
    }

    @Test(arguments: Store.all)
    func `an action that was reversed counts nowhere, and its card took no part`(
        store: Store
    ) throws {
        let ledger = try TestLedger(store)
        let (ada, bob) = (try ledger.card(), try ledger.card())
        let till = try ledger.till()
        let (undone, paid) = (EntryID(milliseconds: 1), EntryID(milliseconds: 2))
        // A refund is a link as well, of a payment.
        let entries = [
            try till.act(ada, 3_000), try till.act(ada, 1_000),
            try till.act(bob, 2_000, id: undone), till.reverse(undone),
            try till.pay(ada, 100, id: paid), try till.refund(paid, ada, 40),
        ]
        #expect(try ledger.send(till, entries).outcomes.allSatisfy { $0 == .settled })
        let fleet = try FleetReport(
            ledger.book, days: Self.today...Self.today, now: Sunday.noon + 1)
        #expect(fleet.quantity(.cuisinesContributives, .piece) == 4_000)
        #expect(fleet.cards(.cuisinesContributives) == 1)
        #expect(lines(fleet, .parcours).contains("1,repas,piece,2,4.000"))
        #expect(lines(fleet, .parcours).contains("1,total,people,,1"))
    }

    @Test func `a card is shown by its last four digits`() {
        var report = FleetReport(days: 0...1, now: 0)
        report.flagged = [
            NotedEntry(
                terminal: "1122334455667788", sequence: 4, id: "", card: "100000987654",
                cents: nil, reason: "late", time: 1_000)
        ]
        let line = "flagged,late,1122334455667788,4,1970-01-01T00:00:01Z,…7654,"
        #expect(lines(report, .entries) == [line])
        let page = FleetPage(report: report, words: FleetWords(.french)).text
        #expect(page.contains("…7654") && !page.contains("87654"))
    }

    @Test func `what a terminal said is unsent is shown until it came`() {
        func line(last: UInt64, entries: UInt64) -> String? {
            var report = FleetReport(days: 0...1, now: 0)
            report.terminals = [
                TerminalStanding(
                    id: "00", merchant: "a;b\u{7f}", paired: 0, revoked: 5, entries: entries,
                    seen: 60_000,
                    said: .init(
                        time: 60_000, last: last, unsentCents: 1_205, oldest: 1_000,
                        version: "1", clockAhead: -20))
            ]
            return lines(report, .terminals).first
        }
        let start = "00,\"a;b\",revoked,1970-01-01T00:01:00Z,"
        #expect(
            line(last: 9, entries: 7) == start + "7,2,12.05,1970-01-01T00:00:01Z,-20,1")
        #expect(line(last: 9, entries: 9) == start + "9,0,0.00,,-20,1")
        #expect(line(last: 8, entries: 9) == start + "9,0,0.00,,-20,1")
    }
}
