import Foundation
import Operations
import Receipts
import Terminal
import Testing
import WebDriver

/// Every screen beside paying at every size in both languages, by the rules of UX.md §1.5.
@Suite(.serialized, .enabled(if: Browser.isInstalled)) struct PanelDesignTests {
    private func check(_ page: PageSession, _ name: String, _ suffix: String) throws {
        try #require(try page.waitForPage())
        let faults = try PageChecks.faults(page.browser, picture: "\(name)-\(suffix)")
        #expect(faults == [], "\(name) \(suffix)")
        let covered = try page.browser.text(Self.covered)
        #expect(covered == "", "\(name) \(suffix)")
        let words = try page.words()
        #expect(!words.contains("{") && !words.contains("undefined"), "\(name)")
    }

    /// Words of a screen that lie under what comes after them.
    private static let covered = """
        (() => {
          const screen = document.querySelector('section[data-screen]:not([hidden])');
          const seen = [...screen.querySelectorAll('.fact, .note, button, img, .total')].filter(
            one => one.checkVisibility() && !one.closest('.keypad'));
          const box = one => one.getBoundingClientRect();
          return seen.flatMap((one, index) => seen.slice(index + 1).filter(other => {
            const [a, b] = [box(one), box(other)];
            return a.left < b.right - 1 && b.left < a.right - 1 &&
              a.top < b.bottom - 1 && b.top < a.bottom - 1;
          }).map(other => `${one.textContent.slice(0, 20)} / ${other.textContent.slice(0, 20)}`))
            .join('; ');
        })()
        """

    private func home(_ page: PageSession) throws {
        for _ in 0..<4 {
            if try page.browser.text("document.body.dataset.shown") == "ready" { return }
            try page.browser.press([Key.escape])
            try #require(try page.waitForPage())
        }
    }

    @Test func `Words under a button are found`() throws {
        let page = try PageSession()
        try page.openPanel("menu", from: ".ready [data-act='menu']")
        try page.openPanel("help", from: "#tiles-grid [data-value='help']")
        try #require(try page.browser.waitUntil("document.querySelector('#facts-rows li')"))
        #expect(try page.browser.text(Self.covered) == "")
        try page.browser.run("document.querySelector('#facts-acts').style.translate = '0 -10rem'")
        #expect(try page.browser.text(Self.covered) != "")
    }

    @Test(arguments: PanelSize.all, ["fr", "en"])
    func `Every panel fits, is large, dark and near enough`(
        _ size: PanelSize, _ language: String
    ) throws {
        let page = try PageSession(size: size)
        try page.choose(language: language)
        page.service.checkout.change { $0.operations = Samples.operations }
        page.crowdTheStrip()
        for theme in ["indoor", "outdoor"] {
            try page.choose(theme: theme)
            let suffix = "\(theme)-\(language)-\(size)"
            try page.openPanel("menu", from: ".ready [data-act='menu']")
            try check(page, "menu", suffix)
            for panel in ["topUp", "closures", "training", "role", "cardNumber", "help"] {
                try page.openPanel(panel, from: "#tiles-grid [data-value='\(panel)']")
                if panel == "help" {
                    try #require(
                        try page.browser.waitUntil("document.querySelector('#facts-rows li')"))
                }
                if panel == "cardNumber" {
                    try page.browser.press(Array("100000000025").map(String.init))
                }
                if panel == "topUp" { try page.browser.press(["1", "2", "3", "4", "5"]) }
                if panel == "role" { try page.browser.press(["1", "2", "3", "4", "5", "6"]) }
                try check(page, panel, suffix)
                try page.browser.press([Key.escape])
                try #require(
                    try page.browser.waitUntil("document.body.dataset.panel == 'menu'"))
                try #require(try page.waitForPage())
            }
            try checkClosures(page, suffix)
            try checkActions(page, suffix)
            try checkList(page, suffix)
            try checkStages(page, suffix)
        }
        #expect(try page.browser.complaints() == [])
    }

    private func checkClosures(_ page: PageSession, _ suffix: String) throws {
        try home(page)
        page.service.checkout.change { state in
            state.closures = Samples.closures
            state.forbidden = .shorterPeriodOpen
            state.snapshot.printer = .trouble(.notAnswering)
        }
        try page.openPanel("menu", from: ".ready [data-act='menu']")
        try page.openPanel("closures", from: "#tiles-grid [data-value='closures']")
        try page.openPanel("closure", from: "#tiles-grid [data-value='year']")
        try #require(try page.browser.waitUntil("document.querySelector('[data-act=close]')"))
        try check(page, "closure", suffix)
        try page.browser.press([Key.escape])
        try #require(try page.browser.waitUntil("document.body.dataset.panel == 'closures'"))
        try #require(try page.waitForPage())
        try page.openPanel("closuresBefore", from: "#tiles-grid [data-value='closuresBefore']")
        try #require(try page.browser.waitUntil("document.querySelectorAll('.tile').length == 6"))
        try check(page, "closures-before", suffix)
        try page.openPanel("closed", from: "#tiles-grid button")
        try check(page, "closed", suffix)
        try page.openPanel("closureCode", from: "#facts-acts [data-value='closureCode']")
        try waitForImage(page)
        try check(page, "closure-code", suffix)
        for panel in ["closed", "closuresBefore", "closures", "menu"] {
            try page.browser.press([Key.escape])
            try #require(try page.browser.waitUntil("document.body.dataset.panel == '\(panel)'"))
            try #require(try page.waitForPage())
        }
        page.service.checkout.change { state in
            state.forbidden = nil
            state.snapshot.printer = .idle
        }
        try #require(try page.waitForPage())
    }

    private func waitForImage(_ page: PageSession) throws {
        try #require(
            try page.browser.waitUntil(
                "document.querySelector('#code-image').naturalWidth > 0 && "
                    + "document.querySelectorAll('#code-rows li').length > 0"))
    }

    private func checkActions(_ page: PageSession, _ suffix: String) throws {
        try home(page)
        try page.openPanel("actions", from: ".ready [data-act='actions']")
        try check(page, "actions", suffix)
        try page.openPanel("quantity", from: "#tiles-grid button")
        try page.browser.press(["1", "2", "3", "4", "5"])
        try check(page, "quantity", suffix)
        try page.browser.press([Key.escape])
        try #require(try page.browser.waitUntil("document.body.dataset.panel == 'actions'"))
        try #require(try page.waitForPage())
    }

    private func checkList(_ page: PageSession, _ suffix: String) throws {
        try home(page)
        try page.browser.press(["*"])
        try #require(try page.browser.waitUntil("document.querySelector('button.line')"))
        try #require(try page.waitForPage())
        try page.openPanel("operation", from: "button.line")
        try check(page, "operation", suffix)
        try page.openPanel("receipt", from: "#facts-acts [data-act='showReceipt']")
        try waitForImage(page)
        try check(page, "receipt", suffix)
        try page.browser.press([Key.escape])
        try #require(try page.browser.waitUntil("document.body.dataset.panel == 'operation'"))
        try #require(try page.waitForPage())
        for panel in ["refund", "reverse"] {
            try page.openPanel(panel, from: "#facts-acts [data-value='\(panel)']")
            try check(page, panel, suffix)
            try page.browser.press([Key.escape])
            try #require(
                try page.browser.waitUntil("document.body.dataset.panel == 'operation'"))
            try #require(try page.waitForPage())
        }
        try page.browser.press([Key.escape])
        try #require(
            try page.browser.waitUntil("document.body.dataset.panel == 'operations'"))
        try #require(try page.waitForPage())
    }

    private func checkStages(_ page: PageSession, _ suffix: String) throws {
        try home(page)
        for (name, stage) in Samples.otherStages {
            try page.show(stage)
            try check(page, name, suffix)
        }
        // A blocked card needs no report: the one that pays has the button.
        let valid = try #require(Samples.otherStages.first { $0.0 == "check-valid" })
        try page.show(valid.1)
        try page.openPanel("report", from: "[data-value='report']")
        try check(page, "report", suffix)
        try page.show(.amountEntry)
        try page.browser.press([Key.escape])
        try #require(try page.browser.waitUntil("document.body.dataset.panel == 'card'"))
        try #require(try page.waitForPage())
        try home(page)
    }
}
