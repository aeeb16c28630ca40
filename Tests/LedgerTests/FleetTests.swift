import Crypto
import Foundation
import HTTPClient
import HTTPServer
import LedgerMessages
import Operations
import TestSupport
import Testing
import Tokens

@testable import LedgerBook
@testable import LedgerService

/// The association's numbers, from a real book on both stores.
@Suite struct FleetTests {
    private static let today = Sunday.noon / 86_400_000

    private func report(_ ledger: TestLedger, days: UInt64 = 30) throws -> FleetReport {
        try FleetReport(
            ledger.book, days: Self.today - days...Self.today, now: Sunday.noon + 3_600_000)
    }

    private func proof(
        _ till: Till, _ kind: EntryKind, _ quantity: Int64, _ id: EntryID, _ card: SoftwareCard
    ) throws -> CardProof {
        CardProof(
            card: card.number, tokenHash: [UInt8](repeating: 1, count: 32),
            evidence: try card.read(
                digest: transactionDigest(
                    terminal: till.kid, entry: id, kind: kind, quantity: quantity,
                    card: card.number)))
    }

    @Test(arguments: Store.all)
    func `volumes, balances and journeys are what was booked`(store: Store) throws {
        let ledger = try TestLedger(store)
        let till = try ledger.till()
        let (ada, bob) = (try ledger.card(10_000), try ledger.card(5_000))
        let day = UInt64(86_400_000)
        let (first, second) = (Sunday.noon - 40 * day, Sunday.noon - day)
        let payment = EntryID(milliseconds: second)
        var entries = [
            try till.pay(ada, 100, time: first), try till.pay(ada, 250, id: payment, time: second),
            try till.pay(bob, 70, time: second + 1),
        ]
        let refund = EntryID(milliseconds: second + 2)
        entries.append(
            till.append(
                .refund(
                    Refund(
                        amount: Amount(cents: 50)!,
                        proof: try proof(till, .refund, 50, refund, ada),
                        payment: payment)), id: refund, time: second + 2))
        let topUp = EntryID(milliseconds: second + 3)
        entries.append(
            till.append(
                .topUp(
                    TopUp(
                        amount: Amount(cents: 900)!,
                        proof: try proof(till, .topUp, 900, topUp, bob),
                        means: .cash)), id: topUp, time: second + 3))
        for (card, quantity) in [(ada, Int64(2_000)), (ada, 1_000), (bob, 1_000)] {
            let id = EntryID(milliseconds: Sunday.noon)
            entries.append(
                till.append(
                    .action(
                        EcoAction(
                            code: "repas", quantity: quantity,
                            proof: try proof(till, .action, quantity, id, card),
                            parcours: .cuisinesContributives)), id: id))
        }
        let outcomes = try ledger.send(till, entries).outcomes
        #expect(outcomes.allSatisfy { $0 == .settled }, "\(outcomes)")
        let fleet = try report(ledger)
        #expect(
            fleet.volumes.map(\.day) == [Self.today - 1, Self.today], "cards were topped up today")
        let yesterday = try #require(fleet.volumes.first { $0.day == Self.today - 1 })
        #expect(yesterday.payments == 2 && yesterday.paymentCents == 320)
        #expect(yesterday.returnedCents == 50)
        #expect(fleet.months.count == 12 && fleet.months.last?.month == "2025-06")
        #expect(fleet.year.paymentCents == 420 && fleet.total.paymentCents == 320)
        let sums = fleet.outstanding
        #expect(
            sums.cards + sums.overdrawn + sums.merchants + sums.means + sums.issuance == 0)
        #expect(sums.merchants == 370)
        #expect(sums.cards == (try ledger.balance(ada)) + (try ledger.balance(bob)))
        #expect(fleet.quantity(.cuisinesContributives, .piece) == 4_000)
        #expect(fleet.cards(.cuisinesContributives) == 2 && fleet.cards(.circulaireTextile) == 0)
        #expect(fleet.terminals.count == 1 && fleet.terminals[0].entries == 8)
        #expect(fleet.csv(.parcours).contains("1,repas,piece,3,4.000\r\n"))
        #expect(fleet.csv(.parcours).contains("1,total,people,,2\r\n"))
        #expect(fleet.csv(.days).hasSuffix("\r\n"))
        let whole = try FleetReport(ledger.book, days: 0...CalendarDay.numberMax, now: .max)
        #expect(whole.total.paymentCents == 420)
    }

    @Test func `a cell cannot be a formula, and RFC 4180 is kept`() throws {
        var report = FleetReport(days: 0...1, now: 0)
        for merchant in [
            "=HYPERLINK(1)", "+1", "-1", "@x", "\tx", "a,b", "a \"b\"", "é\r\n=1+1", "＝1", " x",
        ] {
            report.terminals.append(
                TerminalStanding(
                    id: "00", merchant: merchant, paired: 0, revoked: nil, entries: 1, seen: nil,
                    said: nil))
        }
        let lines = report.csv(.terminals).components(separatedBy: "\r\n")
        let cells = lines.dropFirst().dropLast().map { String($0.dropFirst(3)) }
        #expect(lines.first?.hasPrefix("terminal,merchant,state,") == true && lines.last == "")
        let starts = [
            "'=HYPERLINK(1),", "'+1,", "'-1,", "'@x,", "x,", "\"a,b\",", "\"a \"\"b\"\"\",",
            "é=1+1,", "'＝1,", "\" x\",",
        ]
        #expect(cells.count == starts.count)
        for (cell, start) in zip(cells, starts) { #expect(cell.hasPrefix(start), "\(cell)") }
        report.outstanding.issuance = -1_205
        #expect(report.csv(.balance).contains("issuance,-12.05\r\n"), "a number stays one")
    }

    @Test func `days of the calendar are those of everybody's`() {
        #expect(CalendarDay(number: 0).text == "1970-01-01")
        #expect(CalendarDay(number: 19_782).text == "2024-02-29")
        #expect(CalendarDay(number: CalendarDay.numberMax).text == "9999-12-31")
        for text in ["2025-02-29", "2025-13-01", "25-01-01", "2025-1-01", "1969-12-31", "x", ""] {
            #expect(CalendarDay(text) == nil, "\(text)")
        }
        for number in stride(from: UInt64(0), to: 80_000, by: 7) {
            let day = CalendarDay(number: number)
            #expect(day.number == number && CalendarDay(day.text) == day)
        }
        #expect(CalendarDay("2026-01-31")?.monthStart(before: 11).text == "2025-02-01")
        #expect(FleetReport.instant(Sunday.noon) == "2025-06-01T12:00:00Z")
    }

    @Test func `a page lists two hundred held entries and counts all`() {
        var report = FleetReport(days: 1...2, now: 3 * 86_400_000)
        report.held = (1...300).map { number in
            NotedEntry(
                terminal: "1122334455667788", sequence: number, id: "", card: nil, cents: 100,
                reason: "card-blocked", time: 86_400_000)
        }
        report.heldCount = 258_200
        func page() -> String { FleetPage(report: report, words: FleetWords(.english)).text }
        let text = page()
        #expect(text.contains("The 200 oldest are listed."))
        #expect(text.contains("258,200"))
        let rows = text.matches(of: /<tr>/).count
        (report.held, report.heldCount) = ([], 0)
        #expect(rows == page().matches(of: /<tr>/).count + 201, "200 and their head")
    }

    @Test func `every code of the ledger has words in both languages`() throws {
        let folder = Contract.file.appending(path: "../../../Services/LedgerBook").standardized
        var codes: Set<String> = [
            "late", "overdrawn", "authorisation-unknown", "card-blocked-by-terminal", "released",
            "epoch-unknown", "replaced-unknown", "replaced-before", "replaced-itself",
            "replaced-balance", "card-replaced", "enrolled-again", Booking.recovered,
        ]
        for file in try FileManager.default.contentsOfDirectory(atPath: folder.path) {
            let text = try String(
                contentsOf: folder.appending(path: file), encoding: .utf8)
            for match in text.matches(of: /held\(code: "([a-z-]+)"|append\("([a-z-]+)"\)/) {
                codes.insert(String(match.1 ?? match.2 ?? ""))
            }
        }
        #expect(codes.count > 20)
        let (french, english) = (FleetWords(.french), FleetWords(.english))
        #expect(french.keys == english.keys && french.keys.count > 100)
        for code in codes.union(["other", "card-blocked-as-copy"]) {
            #expect(french.has("why.\(code)") && french.has("do.\(code)"), "\(code)")
        }
        #expect(french.money(-123_456_789) == "\u{2212}1\u{202f}234\u{202f}567,89\u{a0}ECO")
        #expect(english.money(1_205) == "12.05\u{a0}ECO")
        #expect(french.quantity(1_500) == "1,500" && french.quantity(2_000) == "2")
        #expect(french.day(Self.today) == "1 juin 2025")
    }

    @Test func `the view's door: hosts, methods, paths and dates`() throws {
        let routes = FleetRoutes(
            hosts: ["eco.example"], clock: { Sunday.noon },
            report: { days, now, _ in FleetReport(days: days, now: now) })
        func status(
            _ path: String, _ query: [(String, String)] = [], host: String? = "127.0.0.1:8081",
            method: String = "GET"
        ) -> Int {
            routes.answer(
                .init(
                    method: method, path: path, query: query,
                    headers: host.map { [("host", $0)] } ?? [])
            ).status
        }
        #expect(status("/fleet") == 200 && status("/") == 302)
        for host in ["localhost", "localhost:1", "[::1]:8081", "10.0.0.1", "eco.example:80"] {
            #expect(status("/fleet", host: host) == 200, "\(host)")
        }
        for host in [
            nil, "", "evil.example", "127.0.0.1.evil.example", "eco.example.evil", "[x",
            "localhost:x", "10.0.0", "1",
        ] {
            #expect(status("/fleet", host: host) == 421, "\(host ?? "none")")
        }
        for method in ["POST", "PUT", "DELETE", "HEAD", "OPTIONS"] {
            #expect(status("/fleet", method: method) == 405)
        }
        for path in ["/x", "/fleet/", "/fleet/x.csv", "/fleet/../x", "/fleet/fr.json", "/metrics"] {
            #expect(status(path) == 404, "\(path)")
        }
        for table in FleetTable.allCases {
            #expect(status("/fleet/\(table.rawValue).csv") == 200)
            #expect(status("/fleet/\(table.rawValue).csv", [("from", "x")]) == 400)
        }
        func text(_ query: [(String, String)]) -> String {
            let answer = routes.answer(
                .init(
                    method: "GET", path: "/fleet", query: query,
                    headers: [("host", "localhost")]))
            guard case .bytes(let bytes) = answer.body else { return "" }
            let policy = answer.headers.first { $0.0 == "Content-Security-Policy" }?.1 ?? ""
            #expect(policy.hasPrefix("default-src 'none'; style-src 'self';"))
            #expect(!policy.contains("unsafe") && !policy.contains("script-src"))
            return String(decoding: bytes, as: UTF8.self)
        }
        #expect(text([]).contains("<html lang=\"fr\">"))
        #expect(text([("lang", "en")]).contains("<html lang=\"en\">"))
        #expect(text([("lang", "xx")]).contains("<html lang=\"fr\">"))
        let wrong = [("from", "2025-06-02"), ("to", "2025-06-01")]
        #expect(text(wrong).contains("role=\"alert\"") && !text([]).contains("role=\"alert\""))
        for hostile in ["<script>", "\"><b>", "2025-06-01<"] {
            #expect(!text([("from", hostile), ("lang", hostile)]).contains(hostile))
        }
        #expect(!text([]).contains("<script") && !text([]).contains("style=\""))
        let silent = FleetRoutes(hosts: [], clock: { 0 }, report: { _, _, _ in nil })
        let answer = silent.answer(
            .init(method: "GET", path: "/fleet", headers: [("host", "localhost")]))
        #expect(answer.status == 503)
    }

    @Test func `what a merchant is called stays text`() throws {
        var report = FleetReport(days: 0...1, now: Sunday.noon)
        let name = "<script>alert('x')</script>\"&"
        report.terminals = [
            TerminalStanding(
                id: "0011223344556677", merchant: name, paired: 0, revoked: nil, entries: 1,
                seen: nil,
                said: .init(
                    time: 0, last: 9, unsentCents: 5, oldest: nil, version: name,
                    clockAhead: .min))
        ]
        let text = FleetPage(report: report, words: FleetWords(.french)).text
        #expect(!text.contains("<script") && text.contains("&lt;script&gt;alert(&#39;x&#39;)"))
        #expect(!text.contains("["), "every key has its word")
    }

    @Test func `a bar is drawn in whole numbers`() {
        #expect(FleetPlot.tall(0, of: 0) == 0 && FleetPlot.tall(-5, of: 10) == 0)
        #expect(FleetPlot.tall(1, of: 100_000_000) == 4)
        #expect(FleetPlot.tall(5, of: 10) == 500 && FleetPlot.tall(10, of: 10) == 1_000)
        #expect(FleetPlot.tall(.max, of: .max) == 1_000)
    }

    @Test(arguments: Store.all)
    func `the program shows the view and prints the same numbers`(store: Store) throws {
        let deployment = try Deployment(store)
        #expect(try deployment.initialise().code == 0)
        _ = try deployment.card(1, cents: 2_500)
        let serving = try deployment.serve(["--fleet", "127.0.0.1:0", "--fleet-host", "eco.test"])
        defer {
            serving.process.terminate()
            serving.process.waitUntilExit()
        }
        let fleet = try #require(serving.fleet)
        let client = HTTPClient(
            timeout: .seconds(60), connectTimeout: .seconds(20), answerLimit: 4 << 20)
        let page = try client.send(
            method: "GET", url: fleet + "/fleet", headers: [], body: nil)
        #expect(page.status == 200)
        #expect(String(decoding: page.body, as: UTF8.self).contains("25,00\u{a0}ECO"))
        for table in FleetTable.allCases {
            let served = try client.send(
                method: "GET", url: fleet + "/fleet/\(table.rawValue).csv", headers: [], body: nil)
            let printed = try deployment.run(
                "report", "-d", deployment.database, "--csv", table.rawValue)
            #expect(printed.code == 0 && printed.out.hasSuffix("\r\n"))
            if table != .days {
                #expect(printed.out == String(decoding: served.body, as: UTF8.self))
            }
        }
        let elsewhere = try client.send(
            method: "GET", url: serving.url + "/fleet", headers: [], body: nil)
        #expect(elsewhere.status == 404, "the terminals' address does not show it")
        let report = try deployment.run("report", "-d", deployment.database, "--json")
        #expect(report.json["outstandingCents"] as? Int == 2_500)
        #expect(try deployment.run("report", "-d", deployment.database, "--csv", "x").code == 2)
        #expect(
            try deployment.run(
                "report", "-d", deployment.database, "--from", "2025-06-02", "--to", "2025-06-01"
            ).code == 2)
    }
}
