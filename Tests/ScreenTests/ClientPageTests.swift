import Foundation
import Operations
import Terminal
import Testing
import WebDriver

@testable import Screen

/// What hands do at the customer display, and the defects its rules find.
@Suite(.serialized, .enabled(if: Browser.isInstalled)) struct ClientPageTests {
    private static let present = ClientSamples.Scene(
        name: "", stage: .presentCard(Samples.armed()))

    @Test func `A person chooses her language by touch, and it goes after her`() throws {
        let page = try ClientSession()
        let text = "document.querySelector('#welcome').textContent"
        #expect(try page.browser.text(text) == "Bonjour")
        try page.browser.touch("#languages button[value='ta']")
        #expect(try page.browser.waitUntil("\(text) === 'வணக்கம்'"))
        try page.show(Self.present)
        #expect(try page.words().contains("உங்கள் அட்டையைக் காட்டவும்"))
        try page.browser.touch("#choose")
        #expect(try page.browser.waitUntil("document.body.dataset.shown === 'chooser'"))
        try page.browser.touch("#languages button[value='ar']")
        #expect(try page.browser.waitUntil("document.documentElement.dir === 'rtl'"))
        #expect(try page.browser.waitUntil("document.body.dataset.shown === 'scene'"))
        #expect(try page.words().contains("قرّب بطاقتك"))
        let done = Samples.accepted(offline: false, cardPresent: false)
        try page.show(ClientSamples.Scene(name: "", stage: done))
        try page.show(ClientSamples.Scene(name: "", stage: .amountEntry))
        #expect(try page.browser.text(text) == "مرحبا")
        try page.show(Self.present)
        #expect(try page.browser.waitUntil("document.documentElement.lang === 'fr'"))
        #expect(try page.browser.text("document.documentElement.dir") == "ltr")
        #expect(try page.browser.complaints() == [])
    }

    @Test func `A language under a finger stays, whatever comes meanwhile`() throws {
        let page = try ClientSession()
        try page.browser.run("window.held = document.querySelector('#languages button')")
        page.service.checkout.change { $0.snapshot.network = .offline(since: nil) }
        try #require(try page.waitForPage())
        #expect(try page.browser.text("held.isConnected") == "true")
    }

    @Test func `Only the languages of the policy are offered`() throws {
        let page = try ClientSession()
        page.service.checkout.change { $0.snapshot.languages = ["tr", "fr"] }
        try #require(try page.waitForPage())
        let shown = try page.browser.text(
            "[...document.querySelectorAll('#languages button')].map(b => b.textContent).join()")
        #expect(shown == "Français,Türkçe")
    }

    @Test func `A reload shows the same, in every scene, and with the choice open`() throws {
        let page = try ClientSession()
        try page.choose("ar")
        for scene in ClientSamples.scenes {
            try page.show(scene)
            try reload(page, scene.name)
        }
        // Thanks that outlast their stage are the server's too.
        let near = ClientSamples.completed(ClientSamples.mending, near: ClientSamples.near)
        try page.show(ClientSamples.Scene(name: "", stage: near))
        try page.show(ClientSamples.Scene(name: "", stage: .amountEntry))
        #expect(try page.browser.text("document.body.dataset.has") == "near")
        try reload(page, "farewell")
        try page.show(Self.present)
        try page.browser.touch("#choose")
        try #require(try page.browser.waitUntil("document.body.dataset.shown === 'chooser'"))
        try reload(page, "chooser")
    }

    private func reload(_ page: ClientSession, _ name: String) throws {
        let state = "document.body.innerText + JSON.stringify(document.body.dataset)"
        let before = try page.browser.text(state)
        try page.browser.reload()
        try #require(try page.waitForPage())
        #expect(try page.browser.text(state) == before, "\(name)")
    }

    @Test func `What is said follows what is shown`() throws {
        let page = try ClientSession()
        try page.show(Self.present)
        #expect(
            try page.browser.text("document.querySelector('#say').textContent")
                == "À payer. Présentez votre carte. 12 ECO 50")
        let stage = Stage.refused(
            id: Samples.id, amount: Samples.eco(1250), .insufficient(missing: Samples.eco(320)))
        try page.show(ClientSamples.Scene(name: "", stage: stage))
        #expect(try page.browser.text("document.querySelector('#say').textContent") == "")
        let alarm = try page.browser.text("document.querySelector('#alarm').textContent")
        #expect(alarm.hasPrefix("Solde insuffisant. Il manque ") && alarm.contains("3,20"))
    }

    @Test func `The four lights tell how far it is`() throws {
        let page = try ClientSession()
        let lit = "document.querySelectorAll('#lights .on').length"
        for (stage, count) in [
            (Stage.presentCard(Samples.armed()), 1), (.reading(Samples.armed(), step: 0), 1),
            (.reading(Samples.armed(), step: 2), 2), (.reading(Samples.armed(), step: 4), 4),
            (.removedTooSoon(Samples.armed()), 1),
            (Samples.accepted(offline: false, cardPresent: true), 4),
            (.refused(id: nil, amount: nil, .blocked), 0),
        ] {
            try page.show(ClientSamples.Scene(name: "", stage: stage))
            #expect(try page.browser.text(lit) == "\(count)", "\(stage)")
        }
        try page.show(ClientSamples.Scene(name: "", stage: .amountEntry))
        #expect(
            try page.browser.text("document.querySelectorAll('#idle-lights .blinks').length") == "1"
        )
    }

    @Test func `Each planted defect is found by its rule`() throws {
        let page = try ClientSession()
        let find = "const find = s => document.querySelector(s); "
        let defects: [(PageChecks.Rule, String)] = [
            (.overflow, "find('#headline').textContent = 'Kartenzahlungsaufforderung'.repeat(2)"),
            (.textSize, "find('#label').style.fontSize = '17px'"),
            (.target, "Object.assign(find('#choose').style, {minHeight: 0, height: '60px'})"),
            (.contrast, "find('#label').style.color = '#9a9a9a'"),
            (.amountContrast, "find('#amount').style.color = '#6b6b6b'"),
            (.name, "find('#choose span').textContent = ''"),
            (
                .distance,
                "const twin = find('#choose').cloneNode(true); twin.style.margin = 0; "
                    + "find('#choose').after(twin); find('#foot').style.gap = 0"
            ),
            (.focus, "find('#choose').style.outline = 'none'"),
            (.live, "find('#say').remove()"),
            (.far, "find('#headline').style.fontSize = '39px'"),
            (.direction, "document.documentElement.dir = 'rtl'"),
            (.direction, "find('#amount bdi').dir = 'rtl'"),
            (.glyph, "find('#label').textContent = '\u{10EFFF}'"),
        ]
        #expect(Set(defects.map(\.0)) == Set(PageChecks.Rule.allCases))
        for (rule, script) in defects {
            try page.show(Self.present)
            let before = try PageChecks.faults(page.browser, client: true)
            #expect(before == [], "before \(rule)")
            try page.browser.run(find + script)
            let rules = try PageChecks.faults(page.browser, client: true).map(\.rule)
            #expect(rules.contains(rule), "\(script)")
            try page.browser.reload()
            try #require(try page.waitForPage())
        }
    }
}
