import Foundation
import Operations
import Screen
import Terminal
import Testing
import Tokens
import WebDriver

extension PageSession {
    /// Touches and waits for a panel (or, "", for the stage) that takes taps.
    func go(_ selector: String, to panel: String) throws {
        try browser.touch(selector)
        try #require(
            try browser.waitUntil("document.body.dataset.panel == '\(panel)'"),
            "\(selector) leads to \(panel)")
        try #require(try waitForPage())
    }

    /// From rest to the first text of a person.
    func openConsent() throws {
        try openPanel("menu", from: ".ready [data-act='menu']")
        try go("[data-act='enrol']", to: "stand")
        try go("[data-value='one']", to: "consent")
    }

    /// Types on the screen's own keyboard.
    func letters(_ text: String) throws {
        let wanted = try typed + text
        for letter in text { try browser.touch(".letter[data-value='\(letter)']") }
        try #require(
            try browser.waitUntil("document.getElementById('contact').value === '\(wanted)'"))
    }

    /// What stands in the input.
    var typed: String {
        get throws { try browser.text("document.getElementById('contact').value") }
    }
}

/// The stand, by hands.
@Suite(.serialized, .enabled(if: Browser.isInstalled)) struct PageEnrolTests {
    private static let agree = "#consent-acts [data-value='yes']"
    private static let decline = "#consent-acts [data-value='no']"

    private func order(_ page: PageSession) -> (order: EnrolmentOrder, told: [UInt8])? {
        page.service.checkout.wait { $0.enrolments.last }
    }

    @Test func `A person agrees, tells, and gets a card with its link`() throws {
        let page = try PageSession()
        page.service.checkout.change { $0.neededRole = .enroller }
        try page.openPanel("menu", from: ".ready [data-act='menu']")
        // Whoever gives cards signs in before anybody tells anything.
        try page.go("[data-act='enrol']", to: "role")
        try page.browser.press(["2", "4", "6", "8", Key.enter])
        try #require(try page.browser.waitUntil("document.body.dataset.panel == 'stand'"))
        try #require(try page.waitForPage())
        try page.go("[data-value='one']", to: "consent")
        #expect(try page.words().contains("Nécessaire pour la carte"))
        // Nothing is chosen beforehand, and Enter chooses nothing.
        try page.browser.press([Key.enter])
        #expect(try page.words().contains("1/2"))
        try page.browser.touch(Self.agree)
        try #require(
            try page.browser.waitUntil("document.body.innerText.includes('2/2 · Au choix')"))
        try page.go(Self.agree, to: "contact")
        // By touch, then on a real keyboard, accents and all.
        try page.letters("zo")
        try page.browser.touch(".letter[data-value='layer']")
        try page.letters("é")
        try page.browser.touch(".letter[data-value='layer']")
        try page.letters("@")
        try page.browser.press(["a", "b", Key.backspace, "x", ".", "f", "r"])
        #expect(
            try page.browser.waitUntil("document.getElementById('contact').value === 'zoé@ax.fr'"))
        try page.browser.record("enrol-contact-fr-800x480")
        try page.browser.press([Key.enter])
        let ordered = try #require(order(page))
        #expect(ordered.order.consents == ["carte-2026-1", "contact-2026-1"])
        #expect(String(decoding: ordered.told, as: UTF8.self) == "zoé@ax.fr")
        try #require(try page.browser.waitUntil("document.body.dataset.shown == 'pay'"))
        #expect(try page.words().contains("Posez la carte à remettre"))
        #expect(try !page.words().contains("ECO"), "no amount is shown")
        try page.browser.record("enrol-lay-fr-800x480")
        try page.show(Samples.given())
        let words = try page.words()
        #expect(words.contains("Carte prête") && words.contains("12 cartes remises aujourd’hui"))
        try #require(
            try page.browser.waitUntil("document.getElementById('given-qr').naturalWidth > 0"))
        try page.browser.record("enrol-given-fr-800x480")
        try page.browser.reload()
        try #require(try page.waitForPage())
        #expect(try page.words() == words, "a reload finds the card that was given")
        // The next person begins with her own text.
        try page.go("[data-act='nextCard']", to: "consent")
        #expect(try page.words().contains("1/2"))
    }

    @Test func `What was typed is nowhere once its panel is left`() throws {
        let page = try PageSession()
        func nowhere(_ place: Comment) throws {
            #expect(try page.typed == "", place)
            let kept = """
                JSON.stringify([document.documentElement.outerHTML, {...localStorage},
                  {...sessionStorage}, history.state, location.href])
                """
            #expect(try !page.browser.text(kept).contains("amina"), place)
        }
        try page.openConsent()
        try page.browser.touch(Self.agree)
        try #require(try page.browser.waitUntil("document.body.innerText.includes('2/2')"))
        try page.go(Self.agree, to: "contact")
        try page.letters("amina")
        #expect(try page.typed == "amina")
        try page.browser.press([Key.escape])
        try #require(try page.browser.waitUntil("document.body.dataset.panel == 'consent'"))
        try #require(try page.waitForPage())
        try nowhere("back")
        try page.go(Self.agree, to: "contact")
        try page.letters("amina")
        try page.browser.reload()
        try #require(try page.browser.waitUntil("document.body.dataset.shown == 'ready'"))
        try #require(try page.waitForPage())
        try nowhere("reload")
        #expect(page.service.checkout.state.enrolments.isEmpty)
        try page.openConsent()
        try page.browser.touch(Self.agree)
        try #require(try page.browser.waitUntil("document.body.innerText.includes('2/2')"))
        try page.go(Self.agree, to: "contact")
        try page.letters("amina")
        try page.go("#contact-go", to: "")
        #expect(order(page).map { String(decoding: $0.told, as: UTF8.self) } == "amina")
        try nowhere("ordered")
        let input = "document.getElementById('contact')"
        for (name, value) in [("autocomplete", "off"), ("spellcheck", "false")] {
            #expect(try page.browser.text("\(input).getAttribute('\(name)')") == value)
        }
    }

    @Test func `Refusing is as easy as agreeing, and nothing is asked then`() throws {
        let page = try PageSession()
        try page.openConsent()
        let sizes = try page.browser.text(
            """
            [...document.querySelectorAll('#consent-acts button')].map(button => {
              const {width, height} = button.getBoundingClientRect();
              return [Math.round(width), Math.round(height),
                getComputedStyle(button).backgroundColor, getComputedStyle(button).fontSize];
            }).map(String).join(';')
            """
        ).split(separator: ";")
        #expect(sizes.count == 2 && sizes[0] == sizes[1])
        // Declining what is needed says what follows, and goes back or ends.
        try page.browser.touch(Self.decline)
        try #require(
            try page.browser.waitUntil("document.body.innerText.includes('Sans cet accord')"))
        try page.browser.record("enrol-without-fr-800x480")
        try page.browser.press(["1"])
        try #require(try page.browser.waitUntil("document.body.innerText.includes('1/2')"))
        try page.browser.press(["2"])
        try #require(try page.browser.waitUntil("document.body.innerText.includes('2/2')"))
        try page.go(Self.decline, to: "")
        let ordered = try #require(order(page))
        #expect(ordered.order == EnrolmentOrder(consents: ["carte-2026-1"]))
        #expect(ordered.told == [])
    }

    @Test func `She reads in her own language, the volunteer in his`() throws {
        let page = try PageSession()
        try page.openConsent()
        try page.go("[data-act='tongues']", to: "tongues")
        #expect(try page.browser.text("document.querySelectorAll('.tile').length") == "9")
        try page.browser.record("enrol-tongues-fr-800x480")
        try page.go("[data-value='ar']", to: "consent")
        #expect(try page.browser.text("document.getElementById('consent-person').dir") == "rtl")
        #expect(try page.words().contains("موافقتك"))
        #expect(try page.browser.text("document.documentElement.lang") == "fr")
        try page.browser.touch(Self.agree)
        try #require(try page.browser.waitUntil("document.body.innerText.includes('2/2')"))
        try page.go(Self.decline, to: "")
        #expect(order(page) != nil)
        try page.show(Samples.given())
        #expect(try page.words().contains("Carte prête"))
        #expect(try page.browser.text("document.getElementById('given-person').dir") == "rtl")
    }

    @Test func `A card that cannot be given says so, and the next one needs no telling`() throws {
        let page = try PageSession()
        try page.openConsent()
        try page.browser.touch(Self.agree)
        try #require(try page.browser.waitUntil("document.body.innerText.includes('2/2')"))
        try page.go(Self.decline, to: "")
        let armed = try #require(page.service.checkout.armed)
        for (refusal, sentence) in [
            (RuleRefusal.alreadyGiven, "déjà attribuée"), (.otherNetwork, "autre réseau"),
            (.cardUnfit, "défectueuse"), (.oldCard, "l’ancienne carte"),
        ] {
            try page.show(.refused(id: armed.id, amount: .zero, .rule(refusal)))
            let words = try page.words()
            #expect(words.contains(sentence) && words.contains(refusal.code))
            try page.browser.record("enrol-\(refusal.code)-fr-800x480")
        }
        try page.browser.press([Key.enter])
        #expect(page.service.checkout.wait { $0.orders.contains(.enrolAgain) ? true : nil } == true)
        #expect(page.service.checkout.state.enrolments.count == 1)
    }

    @Test func `A row of cards counts by itself and ends by one touch`() throws {
        let page = try PageSession()
        try page.openPanel("menu", from: ".ready [data-act='menu']")
        try page.go("[data-act='enrol']", to: "stand")
        try page.go("[data-value='lane']", to: "consent")
        try page.browser.touch(Self.agree)
        try #require(try page.browser.waitUntil("document.body.innerText.includes('2/2')"))
        try page.go(Self.agree, to: "")
        let ordered = try #require(order(page))
        #expect(ordered.order.isLane && ordered.told == [], "a row asks nobody anything")
        #expect(try page.words().contains("Aucune carte remise"))
        let purpose = Samples.enrolment(ordered.order)
        page.service.checkout.change { state in
            state.snapshot.lane = Lane(
                count: 7, lastFour: "4821", purpose: purpose, role: .enroller)
        }
        try #require(try page.waitForPage())
        #expect(try page.words().contains("7 cartes remises"))
        try page.browser.record("enrol-row-fr-800x480")
        let armed = try #require(page.service.checkout.armed)
        try page.show(.reading(armed, step: 4))
        try page.show(Samples.given(cardPresent: true))
        #expect(try page.browser.text("document.documentElement.dataset.sound") == "accepted")
        #expect(try page.words().contains("7 cartes remises"))
        #expect(
            try page.browser.text("document.getElementById('given-qr').checkVisibility()")
                == "false")
        try page.show(.refused(id: nil, amount: .zero, .rule(.alreadyGiven)))
        #expect(try page.words().contains("déjà attribuée"))
        #expect(try page.browser.text("document.documentElement.dataset.sound") == "refused")
        #expect(
            try page.browser.text("document.querySelectorAll('#result-acts button').length")
                == "1")
        try page.browser.record("enrol-row-refused-fr-800x480")
        try page.show(.presentCard(armed))
        try page.browser.touch(".pay [data-act='endLane']")
        #expect(page.service.checkout.wait { $0.orders.contains(.endLane) ? true : nil } == true)
        try #require(try page.browser.waitUntil("document.body.dataset.shown == 'ready'"))
    }

    @Test func `A lost card's number is checked before anybody reads a text`() throws {
        let page = try PageSession()
        let old = Samples.card("0037").digits
        try page.openPanel("menu", from: ".ready [data-act='menu']")
        try page.go("[data-act='enrol']", to: "stand")
        try page.go("[data-value='lost']", to: "replace")
        let wrong = old.dropLast() + (old.last == "7" ? "8" : "7")
        try page.browser.press(wrong.map(String.init))
        #expect(
            try page.browser.waitUntil(
                "document.querySelector('#form-note').innerText.includes('est faux')"))
        #expect(try page.browser.text("document.getElementById('form-go').disabled") == "true")
        try page.browser.record("enrol-replace-fr-800x480")
        try page.browser.press([Key.backspace, String(old.suffix(1))])
        try page.browser.press([Key.enter])
        try #require(try page.browser.waitUntil("document.body.dataset.panel == 'consent'"))
        try #require(try page.waitForPage())
        try page.browser.press(["2"])
        try #require(try page.browser.waitUntil("document.body.innerText.includes('2/2')"))
        try page.browser.press(["1"])
        let ordered = try #require(order(page))
        #expect(ordered.order.replaces?.digits == old)
        try page.show(Samples.given(replaces: Samples.card("0037")))
        #expect(try page.words().contains("L’association vérifie"))
        try page.browser.record("enrol-replaced-fr-800x480")
        page.service.checkout.change { $0.snapshot.rules.replacementAtOnce = true }
        try #require(try page.waitForPage())
        #expect(try !page.words().contains("L’association vérifie"))
    }

    @Test func `An old card that still reads is replaced from what it says`() throws {
        let page = try PageSession()
        try page.show(Samples.completed(.cardCheck, report: Samples.report()))
        try page.go("[data-act='replaceCard']", to: "consent")
        #expect(page.service.checkout.state.orders == [.beginEnrolment])
        try page.browser.press(["2"])
        try #require(try page.browser.waitUntil("document.body.innerText.includes('2/2')"))
        try page.browser.press(["1"])
        #expect(try #require(order(page)).order.replaces == Samples.card("4821"))
    }
}
