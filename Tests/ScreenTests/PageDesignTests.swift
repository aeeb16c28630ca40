import Foundation
import Operations
import Terminal
import Testing
import WebDriver

/// Every stage at every size in both languages, by the rules of UX.md §1.5.
@Suite(.serialized, .enabled(if: Browser.isInstalled)) struct PageDesignTests {
    @Test(arguments: PanelSize.all)
    func `Every stage fits, is large, dark and near enough`(_ size: PanelSize) throws {
        let page = try PageSession(size: size)
        for language in ["fr", "en"] {
            try page.choose(language: language)
            for (name, stage) in Samples.stages {
                try page.draw(stage)
                try check(page, "\(name)-\(language)-\(size)")
            }
            #expect(try page.browser.complaints() == [])
        }
    }

    @Test(arguments: PanelSize.all)
    func `Every refusal's sentences fit, as a result and out of service`(
        _ size: PanelSize
    ) throws {
        let page = try PageSession(size: size)
        for language in ["fr", "en"] {
            try page.choose(language: language)
            var sentences: Set<String> = []
            for refusal in Samples.refusals {
                try page.draw(.refused(id: Samples.id, amount: Samples.eco(1_234_50), refusal))
                try check(page, "\(refusal.code)-\(language)-\(size)")
                let words = try page.words()
                #expect(words.contains(refusal.code))
                #expect(!words.contains("refusal."))
                #expect(!words.contains("{"))
                sentences.insert(words)
            }
            for refusal in Samples.refusals {
                try page.draw(.outOfService(refusal))
                try check(page, "service-\(refusal.code)-\(language)-\(size)")
            }
            #expect(sentences.count == Samples.refusals.count)
        }
    }

    private func check(_ page: PageSession, _ name: String) throws {
        let faults = try PageChecks.faults(page.browser, picture: name)
        #expect(faults == [], "\(name)")
    }

    @Test(arguments: PanelSize.all, ["fr", "en"])
    func `Panels, a crowded strip and a long amount fit`(
        _ size: PanelSize, _ language: String
    ) throws {
        let page = try PageSession(size: size)
        try page.choose(language: language)
        page.service.checkout.change { $0.operations = Samples.operations }
        page.crowdTheStrip()
        try #require(try page.waitForPage())
        for theme in ["indoor", "outdoor"] {
            try page.choose(theme: theme)
            let suffix = "\(theme)-\(language)-\(size)"
            try page.browser.press(Array("12345678").map(String.init))
            #expect(try page.browser.waitUntil("!document.querySelector('#charge').disabled"))
            try check(page, "m0-crowded-\(suffix)")
            for panel in ["operations", "settings"] {
                if panel == "settings" {
                    try page.openPanel("menu", from: "[data-screen='ready'] [data-act='menu']")
                    try page.browser.touch("[data-screen='tiles'] [data-act='settings']")
                } else {
                    try page.browser.touch("[data-screen='ready'] [data-act='\(panel)']")
                }
                let isOpen = "document.body.dataset.shown == '\(panel)'"
                try #require(try page.browser.waitUntil(isOpen))
                try #require(try page.waitForPage())
                try check(page, "\(panel)-\(suffix)")
                if panel == "operations" { try turnPages(page) }
                try page.browser.touch("[data-screen='\(panel)'] [data-act='back']")
                try #require(try page.browser.waitUntil("document.body.dataset.shown == 'ready'"))
                try #require(try page.waitForPage())
            }
            for (name, stage) in Samples.stages where theme == "outdoor" {
                try page.draw(stage)
                try check(page, "\(name)-\(suffix)")
            }
            try page.show(.amountEntry)
        }
    }

    @Test(arguments: PanelSize.all, [("fr", "L’horloge est fausse"), ("en", "The clock is wrong")])
    func `A wrong clock is told where the amount is entered, and no longer once it is mended`(
        _ size: PanelSize, _ told: (language: String, sentence: String)
    ) throws {
        let page = try PageSession(size: size)
        try page.choose(language: told.language)
        page.service.checkout.change { state in
            state.snapshot.network = .offline(since: 1_764_000_000_000)
            state.snapshot.clockTrust = .untrusted
            state.snapshot.clockFault = .clockBehind
        }
        try #require(try page.waitForPage())
        #expect(try page.words().contains(told.sentence))
        try page.browser.photograph("m0-clock-\(told.language)-\(size)")
        #expect(try PageChecks.faults(page.browser) == [])
        page.service.checkout.change { $0.snapshot.clockFault = nil }
        try #require(try page.waitForPage())
        #expect(try !page.words().contains(told.sentence))
    }

    /// Every page of the list, to the last.
    private func turnPages(_ page: PageSession) throws {
        try #require(try page.browser.waitUntil("document.querySelector('.line')"))
        var lines = 0
        for _ in 0..<Samples.operations.count {
            let faults = try PageChecks.faults(page.browser)
            #expect(faults == [], "a page of the list")
            lines += Int(try page.browser.text("document.querySelectorAll('.line').length")) ?? 0
            let isLast = try page.browser.text(
                "document.querySelector('[data-act=older]').disabled")
            if isLast == "true" { break }
            try page.browser.press(["+"])
        }
        #expect(lines == Samples.operations.count)
    }

    @Test func `What the customer reads is at least 40 px`() throws {
        let page = try PageSession()
        for (stage, selectors) in [
            (Samples.stages[1].stage, ["#pay-amount bdi", "#pay-headline"]),
            (Samples.stages[3].stage, ["#pay-amount bdi", "#pay-headline"]),
            (Samples.stages[6].stage, ["#result-amount bdi", "#result-what", "#take span"]),
        ] {
            try page.show(stage)
            for selector in selectors {
                let size = try page.browser.text(
                    "parseFloat(getComputedStyle(document.querySelector('\(selector)')).fontSize)")
                #expect(Double(size) ?? 0 >= 40, "\(selector)")
            }
        }
    }

    @Test(arguments: ["left", "right", "below"])
    func `The card moves to where the reader is`(_ place: String) throws {
        let page = try PageSession()
        try page.show(.presentCard(Samples.armed()))
        try page.browser.run("document.documentElement.dataset.reader = arguments[0]", [place])
        let faults = try PageChecks.faults(page.browser)
        #expect(faults == [])
        try page.browser.record("m1-reader-\(place)")
        let zone = try #require(
            try page.browser.run(
                "return document.querySelector('#zone').getBoundingClientRect().x") as? Double)
        #expect((zone < 100) == (place == "left"))
    }
}
