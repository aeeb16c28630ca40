import Crypto
import HTTPServer
import LedgerMessages
import Operations
import Testing

@testable import LedgerBook
@testable import LedgerService

/// Numbers of the association's view that were once wrong, on both stores.
@Suite struct FleetFiguresTests {
    private static let day: UInt64 = 86_400_000
    private static let today = Sunday.noon / day

    private func report(
        _ ledger: TestLedger, days: ClosedRange<UInt64> = today - 400...today,
        table: FleetTable? = nil
    ) throws -> FleetReport {
        try FleetReport(ledger.book, days: days, now: Sunday.noon + 3_600_000, table: table)
    }

    @Test func `a year ends today and has every day once`() {
        for (today, first, days) in [
            ("2025-06-01", "2024-06-02", 365), ("2024-06-01", "2023-06-02", 366),
            ("2024-02-29", "2023-03-01", 366), ("2025-02-28", "2024-02-29", 366),
            ("2025-03-01", "2024-03-02", 365), ("2026-12-31", "2026-01-01", 365),
            ("2026-01-01", "2025-01-02", 365),
        ] as [(String, String, UInt64)] {
            let (end, start) = (CalendarDay(today), CalendarDay(first))
            #expect(end?.yearStart == start, "\(today)")
            #expect((end?.number ?? 0) - (start?.number ?? 0) + 1 == days, "\(today)")
        }
    }

    @Test(arguments: Store.all)
    func `the year's sum is of its days, whatever the months' are`(store: Store) throws {
        let ledger = try TestLedger(store)
        let (card, till) = (try ledger.card(), try ledger.till())
        // 2024-06-01 is a year ago to the day and out; the 2nd is in, in no month that is shown.
        let ages: [UInt64] = [365, 364, 340, 0]
        let entries = try zip(ages, [1, 20, 300, 1_900] as [Int64]).map { age, cents in
            try till.pay(card, cents, time: Sunday.noon - age * Self.day)
        }
        #expect(try ledger.send(till, entries).outcomes.allSatisfy { $0 == .settled })
        let fleet = try report(ledger)
        #expect(fleet.year.paymentCents == 2_220 && fleet.year.payments == 3)
        #expect(fleet.months.map(\.month).first == "2024-07" && fleet.months.count == 12)
        #expect(fleet.months.reduce(0) { $0 + $1.volume.paymentCents } == 1_900)
        #expect(fleet.total.paymentCents == 2_221, "of the stretch that was asked for")
        // Both sides of a UTC midnight, whichever way a database divides.
        let midnight = Self.today * Self.day
        let two = [
            try till.pay(card, 7, time: Sunday.noon), try till.pay(card, 8, time: Sunday.noon),
        ]
        _ = try ledger.send(till, two)
        let other = try ledger.till()
        let edge = [
            try other.pay(card, 50, time: midnight - 1), try other.pay(card, 60, time: midnight),
        ]
        #expect(try ledger.send(other, edge).outcomes.allSatisfy { $0 == .settled })
        let days = try ledger.book.volumes(days: Self.today - 1...Self.today)
        #expect(days.map(\.day) == [Self.today - 1, Self.today])
        #expect(days.map(\.paymentCents) == [50, 60 + 1_900 + 15])
    }

    @Test(arguments: Store.all)
    func `what cards owe is not taken from what others have`(store: Store) throws {
        let ledger = try TestLedger(store)
        let (rich, poor, till) = (try ledger.card(5_000), try ledger.card(100), try ledger.till())
        #expect(
            try ledger.send(till, [try till.pay(rich, 200), try till.pay(poor, 350)]).outcomes
                == [.settled, .settled])
        let fleet = try report(ledger)
        let sums = fleet.outstanding
        #expect((sums.cards, sums.overdrawn) == (4_800, -250))
        #expect((sums.merchants, sums.means, sums.issuance) == (550, 0, -5_100))
        #expect(
            fleet.csv(.balance)
                == "accounts,eco\r\ncards,48.00\r\noverdrawn,-2.50\r\nmerchants,5.50\r\n"
                + "means,0.00\r\nissuance,-51.00\r\n")
        let page = FleetPage(report: fleet, words: FleetWords(.english)).text
        #expect(page.contains("48.00\u{a0}ECO") && page.contains("\u{2212}2.50\u{a0}ECO"))
    }

    @Test(arguments: Store.all)
    func `each merchant has a line: paid, given back, net`(store: Store) throws {
        let ledger = try TestLedger(store)
        let (card, mine) = (try ledger.card(), try ledger.card())
        let (first, second) = (try ledger.till(), try ledger.till())
        let other = try ledger.otherTill()
        let (undone, back) = (EntryID(milliseconds: 1), EntryID(milliseconds: 2))
        func send(_ till: Till, _ entries: [[UInt8]]) throws {
            #expect(try ledger.send(till, entries).outcomes.allSatisfy { $0 == .settled })
        }
        try send(
            first,
            [
                try first.pay(card, 1_900, time: Sunday.noon - 40 * Self.day),
                try first.pay(card, 100), try first.pay(card, 30, id: undone),
                first.reverse(undone),
            ])
        try send(second, [try second.pay(card, 250, id: back), try second.refund(back, card, 50)])
        try send(other, [try other.pay(mine, 7), try other.topUp(mine, 1_000)])
        // An account that goes to another card is nobody's taking.
        let fresh = try ledger.card(0)
        _ = try ledger.send(other, [other.enrol(fresh, replaces: card)])
        try ledger.book.decide(
            terminal: other.kid, sequence: 3, release: true, reason: "seen", now: Sunday.noon)
        let fleet = try report(ledger, days: Self.today - 30...Self.today)
        #expect(
            fleet.csv(.merchants)
                == "merchant,payments,payments_eco,returned_eco,topped_up_eco,net_eco\r\n"
                + "Café des Halles,3,3.80,0.80,0.00,3.00\r\n"
                + "La Ressourcerie,1,0.07,0.00,10.00,0.07\r\n")
        #expect(fleet.total.returnedCents == 80)
        let page = FleetPage(report: fleet, words: FleetWords(.french)).text
        #expect(page.contains("href=\"/fleet/merchants.csv?from="))
        #expect(page.contains("3,00\u{a0}ECO"))
    }

    @Test(arguments: Store.all)
    func `an action keeps the unit it was recorded in, whatever becomes of the catalogue`(
        store: Store
    ) throws {
        let ledger = try TestLedger(store)
        let (card, till) = (try ledger.card(), try ledger.till())
        func set(_ catalogue: String, at time: UInt64) throws {
            let start = TestLedger.policy.split(separator: "\"catalogue\"")[0]
            let json = start + "\"catalogue\": [\(catalogue)]}"
            #expect(
                try ledger.book.change(
                    try PolicySettings(json: Array(String(json).utf8)), now: time))
        }
        func action(_ code: String, _ unit: String) -> String {
            """
            {"code": "\(code)", "parcours": 1, "unit": "\(unit)", "labels": {"fr": "\(code)!"},
             "purpose": {"fr": "x"}, "operationLimit": 5000, "dayLimit": 60000, "dayCount": 30}
            """
        }
        let minute = Sunday.minute
        func act(_ code: String, _ quantity: Int64, at time: UInt64) throws {
            let id = EntryID(milliseconds: time)
            let body = EntryBody.action(
                EcoAction(
                    code: code, quantity: quantity,
                    proof: try till.proof(.action, quantity, id, card),
                    parcours: .cuisinesContributives))
            #expect(
                try ledger.outcome(till, till.append(body, id: id, time: time), now: time)
                    == .settled, "\(code)")
        }
        try set(
            [action("repas", "piece"), action("tri", "kilogram")].joined(separator: ","), at: 0)
        try act("repas", 1_000, at: Sunday.noon)
        try act("tri", 2_500, at: Sunday.noon + minute)
        // One is gone from the catalogue, the other is weighed from now on.
        try set(action("repas", "kilogram"), at: Sunday.noon + 2 * minute)
        try act("repas", 400, at: Sunday.noon + 2 * minute)
        try set(action("repas", "piece"), at: Sunday.noon + 4 * minute)
        try act("repas", 2_000, at: Sunday.noon + 5 * minute)
        let fleet = try report(ledger)
        #expect(fleet.quantity(.cuisinesContributives, .piece) == 3_000)
        #expect(fleet.quantity(.cuisinesContributives, .kilogram) == 2_900)
        #expect(
            fleet.csv(.parcours).hasPrefix(
                "parcours,action,unit,times,quantity\r\n1,repas,piece,2,3.000\r\n"
                    + "1,tri,kilogram,1,2.500\r\n1,repas,kilogram,1,0.400\r\n"))
        #expect(fleet.actions.map { $0.labels["fr"] } == ["repas!", "tri!", "repas!"])
    }

    @Test func `a catalogue's history covers all time, and what was never known`() {
        func seeds(_ unit: String) -> [ActionSeed] {
            [
                ActionSeed(
                    code: "a", parcours: 1, unit: unit, labels: [:], purpose: [:],
                    operationLimit: 1, dayLimit: 1, dayCount: 1)
            ]
        }
        #expect(CatalogueHistory([]).stretches == [0..<UInt64.max])
        let history = CatalogueHistory([
            (5, seeds("piece")), (7, []), (9, seeds("kilogram")), (.max, seeds("kilogram")),
        ])
        #expect(history.stretches == [0..<9, 9..<UInt64.max])
        #expect(
            [0, 5, 7, 8].map { history.unit(of: "a", at: $0) } == [.piece, .piece, .piece, .piece])
        #expect(history.unit(of: "a", at: 9) == .kilogram && history.unit(of: "b", at: 9) == nil)
        // A book that knows only what is in force now.
        let bare = CatalogueHistory([(.max, seeds("kilogram"))])
        #expect(bare.stretches == [0..<UInt64.max] && bare.unit(of: "a", at: 0) == .kilogram)
    }

    @Test(arguments: Store.all)
    func `the file of entries has those of its days, and says what it leaves out`(store: Store)
        throws
    {
        let ledger = try TestLedger(store)
        let (card, till) = (try ledger.card(100), try ledger.till())
        let entries = try [300, 20, 0].map { age in
            try till.pay(card, 100, time: Sunday.noon - age * Self.day)
        }
        _ = try ledger.send(till, entries)
        _ = try ledger.book.setBlocked(true, card: card.number, now: Sunday.noon)
        let late = Sunday.noon + 1
        _ = try ledger.send(till, try (0..<3).map { _ in try till.pay(card, 1, time: late) })
        let page = try report(ledger)
        #expect((page.heldCount, page.held.count) == (3, 3))
        #expect((page.flaggedCount, page.flagged.count) == (2, 2), "overdrawn twice")
        func states(_ days: ClosedRange<UInt64>) throws -> [String] {
            let text = try report(ledger, days: days, table: .entries).csv(.entries)
            return text.split(separator: "\r\n").dropFirst().map {
                $0.split(separator: ",").prefix(2).joined(separator: " ")
            }
        }
        let (all, today) = (Self.today - 400...Self.today, Self.today...Self.today)
        let held = Array(repeating: "held card-blocked", count: 3)
        #expect(try states(all) == held + ["flagged overdrawn", "flagged overdrawn"])
        #expect(try states(today) == held + ["flagged overdrawn"])
        #expect(try states(Self.today - 20...Self.today - 20) == ["flagged overdrawn"])
        #expect(try states(Self.today - 10...Self.today - 5) == [])
        // Cut: the file and the page say so.
        let (some, count) = try ledger.book.listed(.held, limit: 2)
        #expect((some.map(\.sequence), count) == ([4, 5], 3))
        var cut = page
        (cut.held, cut.flagged) = (some, Array(page.flagged.prefix(1)))
        let lines = cut.csv(.entries).split(separator: "\r\n").map(String.init)
        let more = ",1 more are not in this file: ask for fewer days,,,,,"
        #expect(lines.filter { $0.hasSuffix(more) } == ["held" + more, "flagged" + more])
        #expect(lines.count == 6)
        cut.flagged = Array(repeating: page.flagged[0], count: 30)
        cut.flaggedCount = 1_234
        let text = FleetPage(report: cut, words: FleetWords(.english)).text
        #expect(text.contains("The 20 newest of 1,234 are listed. The file has the others."))
        #expect(text.contains("The 2 oldest are listed."))
        #expect(text.contains("href=\"/fleet/entries.csv\""), "what waits is of any day")
    }

    @Test func `the view asks for the days and the table that a file is of`() throws {
        let asked = Asked()
        let routes = FleetRoutes(
            hosts: [], clock: { Sunday.noon },
            report: { days, now, table in
                asked.note(days, table)
                return FleetReport(days: days, now: now)
            })
        func get(_ path: String, _ query: [(String, String)] = []) -> Int {
            routes.answer(
                .init(method: "GET", path: path, query: query, headers: [("host", "localhost")])
            ).status
        }
        let dates = [("from", "2025-05-01"), ("to", "2025-05-02")]
        #expect(get("/fleet/entries.csv") == 200)
        #expect(get("/fleet/entries.csv", dates) == 200)
        #expect(get("/fleet/days.csv") == 200)
        #expect(get("/fleet", dates) == 200)
        let may = try #require(CalendarDay("2025-05-01")).number
        #expect(
            asked.all == [
                "0...\(CalendarDay.numberMax) entries", "\(may)...\(may + 1) entries",
                "\(Self.today - 29)...\(Self.today) days", "\(may)...\(may + 1) page",
            ])
    }
}

/// What the view asked for.
private final class Asked: @unchecked Sendable {  // because one test calls it on one thread
    private(set) var all: [String] = []
    func note(_ days: ClosedRange<UInt64>, _ table: FleetTable?) {
        all.append("\(days) \(table?.rawValue ?? "page")")
    }
}
