import Foundation
import Operations
import Terminal
import Testing
import WebDriver

/// The screens of the stand at every size, by the rules of UX.md §1.5; the text in every language.
@Suite(.serialized, .enabled(if: Browser.isInstalled)) struct StandDesignTests {
    private static let languages = ["fr", "fr-x-falc", "en", "ar", "pt", "tr", "ta", "zh", "ro"]

    private func check(_ page: PageSession, _ name: String, _ suffix: String) throws {
        try #require(try page.waitForPage())
        let faults = try PageChecks.faults(page.browser, picture: "stand-\(name)-\(suffix)")
        #expect(faults == [], "\(name) \(suffix)")
        let words = try page.words()
        #expect(!words.contains("{") && !words.contains("undefined"), "\(name)")
        #expect(!words.contains("consent.") && !words.contains("contact."), "\(name)")
    }

    private func home(_ page: PageSession) throws {
        page.service.checkout.show(.amountEntry)
        for _ in 0..<6 {
            try #require(try page.waitForPage())
            if try page.browser.text("document.body.dataset.shown") == "ready" { return }
            try page.browser.press([Key.escape])
        }
    }

    @Test(arguments: PanelSize.all)
    func `A person's texts fit in each language she may read`(_ size: PanelSize) throws {
        let page = try PageSession(size: size)
        page.crowdTheStrip()
        for language in Self.languages {
            let suffix = "\(language)-\(size)"
            try page.openConsent()
            try page.go("[data-act='tongues']", to: "tongues")
            try check(page, "tongues", suffix)
            try page.go(".tile[data-value='\(language)']", to: "consent")
            try check(page, "consent", suffix)
            try page.browser.press(["1"])
            try #require(
                try page.browser.waitUntil("document.querySelector('[data-act=consentAgain]')"))
            try check(page, "without", suffix)
            try page.browser.press(["1"])
            try #require(try page.browser.waitUntil("document.body.innerText.includes('1/2')"))
            try page.browser.press(["2"])
            try #require(try page.browser.waitUntil("document.body.innerText.includes('2/2')"))
            try check(page, "consent-2", suffix)
            try page.go("#consent-acts [data-value='yes']", to: "contact")
            try check(page, "contact", suffix)
            try page.browser.touch(".letter[data-value='layer']")
            try page.letters("é")
            try check(page, "contact-others", suffix)
            try page.go("#contact-go", to: "")
            for (name, held) in [("held", false), ("moved", true)] {
                page.service.checkout.change { $0.snapshot.rules.replacementAtOnce = held }
                try page.show(
                    Samples.given(
                        replaces: Samples.card("0037"), offline: true, cardPresent: true))
                try #require(
                    try page.browser.waitUntil(
                        "document.getElementById('given-qr').naturalWidth > 0"))
                try check(page, name, suffix)
            }
            try home(page)
        }
        #expect(try page.browser.complaints() == [])
    }

    @Test(arguments: PanelSize.all, ["fr", "en"])
    func `The volunteer's screens fit, indoors and in full sun`(
        _ size: PanelSize, _ language: String
    ) throws {
        let page = try PageSession(size: size)
        try page.choose(language: language)
        for theme in ["indoor", "outdoor"] {
            try page.choose(theme: theme)
            let suffix = "\(theme)-\(language)-\(size)"
            try page.openPanel("menu", from: ".ready [data-act='menu']")
            try check(page, "menu", suffix)
            try page.go("[data-act='enrol']", to: "stand")
            try check(page, "stand", suffix)
            try page.go("[data-value='lost']", to: "replace")
            try page.browser.press(Array("123456789012").map(String.init))
            try check(page, "replace", suffix)
            try page.browser.press([Key.escape])
            try #require(try page.browser.waitUntil("document.body.dataset.panel == 'stand'"))
            try #require(try page.waitForPage())
            try page.go("[data-value='one']", to: "consent")
            try check(page, "consent", suffix)
            try page.browser.press(["2"])
            try #require(try page.browser.waitUntil("document.body.innerText.includes('2/2')"))
            try page.go("#consent-acts [data-value='yes']", to: "contact")
            try check(page, "contact", suffix)
            try page.go("#contact-go", to: "")
            try check(page, "lay", suffix)
            let armed = try #require(page.service.checkout.armed)
            for (name, count) in [("given", UInt64(1)), ("given-many", 1_234)] {
                try page.show(Samples.given(count: count))
                try #require(
                    try page.browser.waitUntil(
                        "document.getElementById('given-qr').naturalWidth > 0"))
                try check(page, name, suffix)
            }
            page.service.checkout.change { state in
                state.snapshot.lane = Lane(
                    count: 1_234, lastFour: "4821", purpose: armed.purpose, role: .enroller)
            }
            try page.show(.presentCard(armed))
            try check(page, "row", suffix)
            try page.show(Samples.given(offline: true, cardPresent: true))
            try check(page, "row-given", suffix)
            try page.show(.refused(id: nil, amount: .zero, .rule(.cardUnfit)))
            try check(page, "row-refused", suffix)
            try page.show(.removedTooSoon(armed))
            try check(page, "row-removed", suffix)
            page.service.checkout.change { $0.snapshot.lane = nil }
            try home(page)
        }
        #expect(try page.browser.complaints() == [])
    }
}
