import Foundation
import Operations
import Testing
import WebDriver

@testable import LedgerBook
@testable import LedgerService

/// The association's view in Chromium, by the same rules as the terminal's page. It scrolls, so it
/// is measured whole: in a window as high as the page.
@Suite(.serialized, .enabled(if: Browser.isInstalled)) struct FleetPageTests {
    private static let sizes = [
        PanelSize(width: 1280, height: 720), PanelSize(width: 390, height: 844),
        PanelSize(width: 800, height: 480),
    ]
    private static let now: UInt64 = 1_795_788_300_000  // 2026-11-27 14:05 UTC

    @Test(arguments: sizes, ["fr", "en"])
    func `The view fits, is large, dark and near enough`(
        _ size: PanelSize, _ language: String
    ) throws {
        let service = try Self.service(Self.busy)
        defer { service.stop() }
        let browser = try Browser()
        let (name, url) = (
            "fleet-\(language)-\(size.description)",
            "http://127.0.0.1:\(service.port)/fleet?lang=\(language)"
        )
        try browser.resize(size)
        try browser.open(url)
        try browser.record(name)
        try measure(browser, size, name)
        // The table of days, opened as a finger opens it.
        try browser.run("document.querySelector('summary').scrollIntoView({block: 'center'})")
        try browser.touch("summary")
        #expect(try browser.waitUntil("document.querySelector('details').open"))
        try measure(browser, size, name + "-open")
        let words = try browser.text("document.body.innerText")
        #expect(!words.contains("{") && !words.contains("["), "a key or place without a word")
        #expect(try browser.text("document.documentElement.lang") == language)
        #expect(try browser.complaints() == [], "the page keeps its own security policy")
    }

    private func measure(_ browser: Browser, _ size: PanelSize, _ name: String) throws {
        let height = try browser.run("return document.documentElement.scrollHeight") as? Int ?? 0
        try browser.resize(PanelSize(width: size.width, height: height))
        try browser.record(name + "-whole")
        // Nothing of it changes by itself, so no part of it speaks by itself.
        let faults = try PageChecks.faults(browser).filter { $0.rule != .live }
        #expect(faults == [], "\(name)")
        try browser.resize(size)
    }

    @Test func `An empty network is a page too`() throws {
        let service = try Self.service(FleetReport(days: 20_000...20_029, now: Self.now))
        defer { service.stop() }
        let browser = try Browser()
        let size = PanelSize(width: 390, height: 844)
        try browser.resize(size)
        try browser.open("http://127.0.0.1:\(service.port)/fleet")
        try measure(browser, size, "fleet-empty")
        #expect(try browser.text("document.querySelector('section p').innerText") != "")
        #expect(try browser.complaints() == [])
    }

    @Test func `Plots have a title and a description, tables a caption, parts their heading`()
        throws
    {
        let service = try Self.service(Self.busy)
        defer { service.stop() }
        let browser = try Browser()
        try browser.open("http://127.0.0.1:\(service.port)/fleet")
        let lacking =
            try browser.run(
                """
                const lacking = [];
                for (const plot of document.querySelectorAll('svg')) {
                  const ids = plot.getAttribute('aria-labelledby').split(' ');
                  if (plot.getAttribute('role') !== 'img' || ids.length !== 2 ||
                      ids.some(id => !document.getElementById(id)?.textContent))
                    lacking.push('plot');
                  if (plot.querySelector('text')) lacking.push('words in a drawing that stretches');
                }
                for (const table of document.querySelectorAll('table'))
                  if (!table.caption?.textContent || !table.tHead) lacking.push('table');
                for (const part of document.querySelectorAll('section'))
                  if (!document.getElementById(part.getAttribute('aria-labelledby')))
                    lacking.push('part');
                const ids = [...document.querySelectorAll('[id]')].map(element => element.id);
                if (new Set(ids).size !== ids.length) lacking.push('ids');
                if (document.querySelectorAll('h1').length !== 1) lacking.push('h1');
                return [lacking.join(', '), document.querySelectorAll('svg').length];
                """) as? [Any]
        #expect(lacking?.first as? String == "" && lacking?.last as? Int == 2)
    }

    @Test func `The dates of the form ask for their days`() throws {
        let service = try Self.service(Self.busy)
        defer { service.stop() }
        let browser = try Browser()
        try browser.resize(PanelSize(width: 1280, height: 720))
        try browser.open("http://127.0.0.1:\(service.port)/fleet?from=2026-11-01&to=2026-11-20")
        #expect(try browser.text("document.querySelector('[name=from]').value") == "2026-11-01")
        try browser.run("document.querySelector('[name=to]').value = '2026-11-10'")
        try browser.touch("button")
        #expect(try browser.waitUntil("location.search.includes('to=2026-11-10')"))
        #expect(try browser.text("document.querySelector('[name=to]').value") == "2026-11-10")
        let link = try browser.text("document.querySelector('a[href*=\"days.csv\"]').href")
        #expect(link.hasSuffix("/fleet/days.csv?from=2026-11-01&to=2026-11-10"))
        let csv =
            try browser.run(
                "const r = new XMLHttpRequest(); r.open('GET', arguments[0], false); "
                    + "try { r.send() } catch (e) { return 'refused' } return 'answered'", [link])
            as? String
        #expect(csv == "refused", "no script of anybody may ask, not even here")
    }

    // MARK: a network on a busy day

    private static func service(_ report: FleetReport) throws -> FleetService {
        try FleetService(
            address: "127.0.0.1", port: 0, hosts: [], clock: { now },
            report: { days, now, _ in
                var made = FleetReport(days: days, now: now)
                (made.terminals, made.held, made.flagged) =
                    (report.terminals, report.held, report.flagged)
                (made.heldCount, made.flaggedCount) = (report.heldCount, report.flaggedCount)
                (made.year, made.merchants) = (report.year, report.merchants)
                (made.volumes, made.months, made.outstanding) =
                    (report.volumes, report.months, report.outstanding)
                (made.actions, made.people) = (report.actions, report.people)
                return made
            })
    }

    private static var busy: FleetReport {
        let today = now / 86_400_000
        var report = FleetReport(days: today - 29...today, now: now)
        report.terminals = [
            terminal("0f1e2d3c4b5a6978", "Atelier Retouche", 412, seen: 40_000, ahead: 300),
            terminal(
                "1122334455667788", "Café des Halles", 12_345, seen: 7_200_000, last: 12_385,
                cents: 84_250, ahead: -4 * 3_600_000),
            terminal(
                "99aabbccddeeff00", "Marché du samedi", 87, seen: 5 * 86_400_000, ahead: 31_000),
            TerminalStanding(
                id: "a0b1c2d3e4f50617",
                merchant: "Épicerie coopérative de la rue du Port et ses amis",
                paired: now - 1_000, revoked: nil, entries: 0, seen: nil, said: nil),
            TerminalStanding(
                id: "ffeeddccbbaa9988", merchant: "La Ressourcerie", paired: 0, revoked: now - 1,
                entries: 5_012, seen: now - 90 * 86_400_000, said: nil),
        ]
        let reasons = FleetWords(.french).keys.filter { $0.hasPrefix("why.") }.sorted()
        let entries = reasons.enumerated().map { index, key in
            NotedEntry(
                terminal: "1122334455667788", sequence: UInt64(9_000 + index),
                id: "0190-\(index)", card: "100000000016", cents: index % 3 == 0 ? nil : 1_234_50,
                reason: String(key.dropFirst(4)), time: now - UInt64(index) * 3_600_000)
        }
        report.held = Array(entries.prefix(4))
        report.heldCount = 4
        report.flagged = entries
        report.flaggedCount = 1_234
        for back in (0..<30).reversed() where back % 7 != 3 {
            var day = DayVolume(day: today - UInt64(back))
            day.payments = Int64(20 + back * 3)
            day.paymentCents = Int64(12_345 * (1 + (back * 5) % 11))
            day.returnedCents = Int64(back * 110)
            day.toppedUpCents = Int64(back * 2_000)
            report.volumes.append(day)
        }
        let start = CalendarDay(number: today)
        report.months = (0..<12).reversed().map { back in
            let first = start.monthStart(before: back)
            var sum = DayVolume(day: first.number)
            sum.payments = Int64(900 + back * 37)
            sum.paymentCents = Int64(1_234_567 + (back * 7) % 5 * 400_000)
            sum.returnedCents = 4_500
            sum.toppedUpCents = 900_000
            return PeriodVolume(
                month: "\(first.year)-\(CalendarDay.two(first.month))", volume: sum)
        }
        (report.year.payments, report.year.paymentCents) = (13_370, 18_765_432)
        for terminal in report.terminals.prefix(4) {
            var volume = DayVolume(day: today - 29)
            volume.payments = Int64(terminal.entries)
            volume.paymentCents = Int64(terminal.entries) * 1_170
            volume.returnedCents = Int64(terminal.entries) * 3
            report.merchants.append(
                MerchantVolume(merchant: terminal.merchant, volume: volume))
        }
        report.outstanding.cards = 4_580_235
        report.outstanding.overdrawn = -12_345
        report.outstanding.merchants = 16_543_210
        report.outstanding.means = -20_000_000
        report.outstanding.issuance = -1_111_100
        report.actions = [
            action(
                .cuisinesContributives, "portions-cuisinees", 212, 1_480_000, .piece,
                "Portions cuisinées"),
            action(
                .cuisinesContributives, "invendus-sauves", 96, 412_350, .kilogram, "Invendus sauvés"
            ),
            action(
                .circulaireTextile, "textile-apporte", 143, 1_204_500, .kilogram,
                "Textile apporté"),
            action(.circulaireTextile, "ancienne-action", 3, 3_000, nil, nil),
        ]
        report.people = [
            ParcoursPeople(parcours: .cuisinesContributives, cards: 187),
            ParcoursPeople(parcours: .circulaireTextile, cards: 121),
        ]
        return report
    }

    private static func terminal(
        _ id: String, _ merchant: String, _ entries: UInt64, seen: UInt64, last: UInt64? = nil,
        cents: Int64 = 0, ahead: Int64
    ) -> TerminalStanding {
        TerminalStanding(
            id: id, merchant: merchant, paired: 0, revoked: nil, entries: entries, seen: now - seen,
            said: .init(
                time: now - seen, last: last ?? entries, unsentCents: cents,
                oldest: last == nil ? nil : now - 9 * 3_600_000, version: "0.1.0",
                clockAhead: ahead))
    }

    private static func action(
        _ parcours: Parcours, _ code: String, _ count: Int64, _ thousandths: Int64,
        _ unit: ActionUnit?, _ label: String?
    ) -> ActionFigure {
        ActionFigure(
            volume: ActionVolume(
                parcours: parcours, code: code, count: count, thousandths: thousandths),
            unit: unit, labels: label.map { ["fr": $0] } ?? [:])
    }
}
