import Foundation
import Operations
import Terminal
import Testing
import WebDriver

/// Every screen beside paying at every size in both languages, by the rules of UX.md §1.5.
@Suite(.serialized, .enabled(if: Browser.isInstalled)) struct PanelDesignTests {
    private func check(_ page: PageSession, _ name: String, _ suffix: String) throws {
        try #require(try page.waitForPage())
        try page.browser.photograph("\(name)-\(suffix)")
        let faults = try PageChecks.faults(page.browser)
        #expect(faults == [], "\(name) \(suffix)")
        let words = try page.words()
        #expect(!words.contains("{") && !words.contains("undefined"), "\(name)")
    }

    private func home(_ page: PageSession) throws {
        for _ in 0..<4 {
            if try page.browser.text("document.body.dataset.shown") == "ready" { return }
            try page.browser.press([Key.escape])
            try #require(try page.waitForPage())
        }
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
            for panel in ["topUp", "closure", "training", "role"] {
                try page.openPanel(panel, from: "#tiles-grid [data-value='\(panel)']")
                if panel == "closure" {
                    try #require(
                        try page.browser.waitUntil("document.querySelector('[data-act=close]')"))
                }
                if panel == "topUp" { try page.browser.press(["1", "2", "3", "4", "5"]) }
                if panel == "role" { try page.browser.press(["1", "2", "3", "4", "5", "6"]) }
                try check(page, panel, suffix)
                try page.browser.press([Key.escape])
                try #require(
                    try page.browser.waitUntil("document.body.dataset.panel == 'menu'"))
                try #require(try page.waitForPage())
            }
            try checkActions(page, suffix)
            try checkList(page, suffix)
            try checkStages(page, suffix)
        }
        #expect(try page.browser.complaints() == [])
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
        try page.openPanel("report", from: "[data-value='report']")
        try check(page, "report", suffix)
        try page.show(.amountEntry)
        try page.browser.press([Key.escape])
        try #require(try page.browser.waitUntil("document.body.dataset.panel == 'card'"))
        try #require(try page.waitForPage())
        try home(page)
    }
}
