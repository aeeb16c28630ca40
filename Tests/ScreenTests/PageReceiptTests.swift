import Foundation
import Linux
import Operations
import Receipts
import Screen
import Terminal
import TestSupport
import Testing
import Tokens
import WebDriver

/// Receipts, closures, the state filter, a lost card that is not here, and help, by touch.
@Suite(.serialized, .enabled(if: Browser.isInstalled)) struct PageReceiptTests {
    private func has(_ page: PageSession, _ order: Terminal.Order) -> Bool {
        page.service.checkout.wait { $0.orders.contains(order) ? true : nil } == true
    }

    private func note(_ page: PageSession, _ words: String, on screen: String) throws -> Bool {
        try page.browser.waitUntil(
            "document.querySelector('#\(screen)-note').innerText.includes(\"\(words)\")")
    }

    /// What a telephone reads on the screen.
    private func code(_ page: PageSession, _ name: String) throws -> String {
        try #require(
            try page.browser.waitUntil("document.querySelector('#code-image').naturalWidth > 0"))
        try page.browser.photograph(name)
        return try Programs.run(
            "/usr/bin/zbarimg",
            [
                "--quiet", "--raw", "-Sdisable", "-Sqrcode.enable",
                Artifacts.folder + "/\(name).png",
            ]
        ).out
    }

    @Test func `A payment's receipt is read from the screen and printed, and the page is free`()
        throws
    {
        let page = try PageSession()
        try page.show(Samples.accepted(offline: true, cardPresent: false))
        try page.openPanel("receipt", from: "#result-acts [data-act='receipt']")
        #expect(page.service.checkout.snapshot.stage == .amountEntry)
        let read = try code(page, "receipt-read-fr-800x480")
        for part in ["Épicerie du Canal", "Paiement 12,50 ECO", "4821", "sera envoyé"] {
            #expect(read.contains(part), "\(part) in \(read)")
        }
        #expect(read.contains(Samples.id.description))
        #expect(!read.contains(Samples.card("4821").digits))
        #expect(try page.words().contains("•••• 4821"))
        // Without a printer there is nothing to print with.
        #expect(
            try page.browser.text("document.querySelectorAll('[data-act=print]').length") == "0")
        page.service.checkout.change { $0.snapshot.printer = .idle }
        try #require(try page.waitForPage())
        try page.browser.touch("[data-act='print']")
        #expect(page.service.checkout.wait { $0.printed == [Samples.id] ? true : nil } == true)
        let troubles: [(PrinterTrouble, String)] = [
            (.absent, "débranchée"), (.noPaper, "papier"), (.notAnswering, "ne répond pas"),
            (.full, "Plus de place"), (.notRecorded, "pas imprimé"),
        ]
        for (trouble, words) in troubles {
            page.service.checkout.change { $0.snapshot.printer = .trouble(trouble) }
            try #require(try page.waitForPage())
            #expect(try note(page, words, on: "code"), "\(trouble)")
            let faults = try PageChecks.faults(page.browser)
            #expect(faults == [], "\(trouble)")
        }
        try page.browser.press([Key.escape])
        #expect(try page.browser.waitUntil("document.body.dataset.shown == 'ready'"))
    }

    @Test func `A receipt of the list leads back to its operation, in English too`() throws {
        let page = try PageSession()
        try page.choose(language: "en")
        page.service.checkout.change { $0.operations = Samples.operations }
        try page.browser.press(["*"])
        try #require(try page.browser.waitUntil("document.querySelector('button.line')"))
        try #require(try page.waitForPage())
        try page.openPanel("operation", from: "button.line")
        try page.openPanel("receipt", from: "[data-act='showReceipt']")
        #expect(try code(page, "receipt-read-en-800x480").contains("Payment 12.50 ECO"))
        try page.browser.press([Key.escape])
        #expect(try page.browser.waitUntil("document.body.dataset.panel == 'operation'"))
    }

    @Test func `A month is not closed while a day is open, and is closed after it`() throws {
        let page = try PageSession()
        page.service.checkout.change { $0.forbidden = .shorterPeriodOpen }
        try page.openPanel("menu", from: ".ready [data-act='menu']")
        try page.openPanel("closures", from: "[data-value='closures']")
        try page.openPanel("closure", from: "[data-value='month']")
        #expect(try note(page, "d’abord le jour", on: "facts"))
        try page.browser.press([Key.enter])
        page.service.checkout.change { $0.forbidden = nil }
        let close = "document.querySelector('[data-act=close]')"
        #expect(try page.browser.waitUntil("\(close)?.disabled === false"))
        #expect(page.service.checkout.state.orders == [])
        try #require(try page.waitForPage())
        try page.browser.press([Key.enter])
        #expect(has(page, .close(.month)))
        #expect(try page.browser.waitUntil("document.body.dataset.panel == 'closed'"))
    }

    @Test func `Past closures are looked at, read, printed and exported`() throws {
        let page = try PageSession()
        page.service.checkout.change { state in
            state.closures = Samples.closures
            state.snapshot.printer = .idle
        }
        try page.openPanel("menu", from: ".ready [data-act='menu']")
        try page.openPanel("closures", from: "[data-value='closures']")
        try page.openPanel("closuresBefore", from: "[data-value='closuresBefore']")
        try #require(try page.browser.waitUntil("document.querySelectorAll('.tile').length == 6"))
        try page.browser.press(["6"])
        #expect(try page.browser.waitUntil("document.body.innerText.includes('2/3')"))
        try page.browser.press(["6", "6"])
        try #require(try page.browser.waitUntil("document.body.innerText.includes('1/3')"))
        try page.openPanel("closed", from: "#tiles-grid button")
        let words = try page.words()
        for word in ["Clôture du jour n°\u{A0}41", "12\u{202F}345,67", "98\u{202F}765,43"] {
            #expect(words.contains(word), "\(word)")
        }
        try page.browser.touch("[data-act='print']")
        #expect(page.service.checkout.wait { $0.printed.count == 1 ? true : nil } == true)
        try page.browser.touch("[data-act='export']")
        let path = page.service.exportDirectory + "/cloture-day-000041.csv"
        #expect(try note(page, "cloture-day-000041.csv", on: "facts"))
        let table = String(decoding: try Files.read(path, atMost: 65_536), as: UTF8.self)
        #expect(table.contains("payments,128,1234567\r\n"))
        #expect(table.contains("compost,12,30500\r\n"))
        try page.openPanel("closureCode", from: "[data-value='closureCode']")
        let read = try code(page, "closure-read-fr-800x480")
        #expect(read.contains("Paiements 128 = 12 345,67 ECO") && read.contains("900-1042"))
    }

    @Test func `An export that cannot be written is told`() throws {
        let page = try PageSession()
        try Files.writeAtomically([], to: page.service.exportDirectory)
        page.service.checkout.change { $0.closures = Samples.closures }
        try page.openPanel("menu", from: ".ready [data-act='menu']")
        try page.openPanel("closures", from: "[data-value='closures']")
        try page.openPanel("closuresBefore", from: "[data-value='closuresBefore']")
        try #require(try page.browser.waitUntil("document.querySelectorAll('.tile').length == 6"))
        try page.openPanel("closed", from: "#tiles-grid button")
        try page.browser.touch("[data-act='export']")
        #expect(try note(page, "clé USB", on: "facts"))
    }

    @Test func `A card that is not here is reported by its number, a wrong one is not`() throws {
        let page = try PageSession()
        let digits = Samples.card("4821").digits
        try page.openPanel("menu", from: ".ready [data-act='menu']")
        try page.openPanel("cardNumber", from: "[data-value='cardNumber']")
        let go = "document.querySelector('#form-go').disabled"
        try page.browser.press(digits.dropLast().map(String.init))
        #expect(try page.browser.waitUntil(go))
        // Every other last digit is refused at once.
        let wrong = digits.last == "9" ? "0" : String((digits.last?.wholeNumberValue ?? 0) + 1)
        try page.browser.press([wrong])
        #expect(try note(page, "faux", on: "form"))
        try page.browser.press([Key.enter])
        #expect(try page.browser.text("document.body.dataset.panel") == "cardNumber")
        try page.browser.press([Key.delete, String(digits.suffix(1))])
        #expect(try page.browser.waitUntil("!\(go)"))
        try page.browser.press([Key.enter])
        try #require(try page.browser.waitUntil("document.body.dataset.panel == 'report'"))
        try #require(try page.waitForPage())
        #expect(try page.words().contains("4821"))
        #expect(page.service.checkout.state.orders == [])
        try page.browser.record("report-number-fr-800x480")
        try page.browser.press([Key.enter])
        #expect(has(page, .report(Samples.card("4821"), .lost, by: .holder)))
        #expect(try note(page, "signalée", on: "tiles"))
    }

    @Test func `The queue's pill opens what is rejected, which says what to do and its code`()
        throws
    {
        let page = try PageSession()
        page.service.checkout.change { $0.operations = Samples.operations }
        page.crowdTheStrip()
        try #require(try page.waitForPage())
        try page.openPanel("operations", from: "#pills")
        let count = "document.querySelectorAll('button.line').length"
        #expect(try page.browser.waitUntil("\(count) == 1"))
        #expect(try page.words().contains("Rejeté"))
        let faults = try PageChecks.faults(page.browser, picture: "operations-rejected-fr-800x480")
        #expect(faults == [])
        try page.openPanel("operation", from: "button.line")
        let words = try page.words()
        #expect(words.contains("insufficient") && words.contains("Appelez-la"))
        try page.browser.press([Key.escape])
        try #require(try page.browser.waitUntil("document.body.dataset.panel == 'operations'"))
        try #require(try page.waitForPage())
        // The button turns through the states: all, waiting, sent, rejected.
        try page.browser.touch("#status")
        #expect(try page.browser.waitUntil("\(count) > 1"))
    }

    @Test(arguments: [(5, "warn"), (25, "bad"), (1, "fresh")])
    func `The queue's pill tells its age`(_ hours: UInt64, _ age: String) throws {
        let page = try PageSession()
        let now = UInt64(Date().timeIntervalSince1970 * 1000)
        page.service.checkout.change { state in
            state.snapshot.queue = Snapshot.Queue(
                count: 3, total: Samples.eco(2_500), oldest: now - hours * 3_600_000, rejected: 0)
        }
        try #require(try page.waitForPage())
        #expect(try page.browser.text("document.querySelector('#pill-queue').dataset.age") == age)
    }

    @Test func `Help says what to read out, and tries reader and sound`() throws {
        let page = try PageSession()
        try page.openPanel("menu", from: ".ready [data-act='menu']")
        try page.openPanel("help", from: "[data-value='help']")
        #expect(
            try page.browser.waitUntil("document.querySelectorAll('#facts-rows li').length > 5"))
        let words = try page.words()
        for word in ["ECO-OK", "8a412207", "ACS ACR122U", "1.4.0", "En ligne"] {
            #expect(words.contains(word), "\(word)")
        }
        page.service.checkout.change { $0.snapshot.reader = .absent }
        #expect(try page.browser.waitUntil("document.body.innerText.includes('ECO-R01')"))
        try #require(try page.waitForPage())
        try page.browser.touch("[data-act='testSound']")
        #expect(try page.browser.waitUntil("document.documentElement.dataset.sound == 'accepted'"))
        try page.browser.touch("#facts-acts [data-act='checkCard']")
        #expect(has(page, .checkCard))
    }
}
