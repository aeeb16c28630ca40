import Foundation
import Journal
import LedgerMessages
import Operations
import Screen
import Terminal
import Testing
import WebDriver

/// Everything beside paying, by hands and by the keypad alone.
@Suite(.serialized, .enabled(if: Browser.isInstalled)) struct PageOperationTests {
    private func has(_ page: PageSession, _ order: Terminal.Order) -> Bool {
        page.service.checkout.wait { $0.orders.contains(order) ? true : nil } == true
    }

    @Test func `An action is chosen, weighed and thanked for`() throws {
        let page = try PageSession()
        try page.openPanel("actions", from: ".ready [data-act='actions']")
        #expect(try page.words().contains("Légumes sauvés du marché"))
        try page.browser.press(["1"])
        try #require(try page.browser.waitUntil("document.body.dataset.panel == 'quantity'"))
        try #require(try page.waitForPage())
        try page.browser.press(["2", "5", "0", "0"])
        #expect(try page.words().contains("Valider 2,500\u{A0}kg"))
        try page.browser.press([Key.enter])
        #expect(has(page, .act(code: "legumes-sauves", quantity: 2_500)))
        try #require(try page.waitForPage())
        #expect(try page.words().contains("Légumes sauvés"))
        try page.show(Samples.completed(.action(code: "legumes-sauves", quantity: 2_500)))
        let words = try page.words()
        #expect(words.contains("Merci") && words.contains("Chaque geste compte"))
        // The mode stays: the next action is one touch away.
        try page.show(.amountEntry)
        #expect(try page.browser.waitUntil("document.body.dataset.panel == 'actions'"))
        try #require(try page.waitForPage())
        try page.browser.touch("#tiles-modes [data-act='pay']")
        #expect(try page.browser.waitUntil("document.body.dataset.shown == 'ready'"))
    }

    @Test func `Every action of a long catalogue can be reached by number`() throws {
        let page = try PageSession()
        try page.openPanel("actions", from: ".ready [data-act='actions']")
        #expect(try !page.words().contains("Bocaux rendus"))
        try page.browser.press(["6"])
        #expect(try page.browser.waitUntil("document.body.innerText.includes('Bocaux rendus')"))
        try page.browser.press(["3"])
        #expect(try page.browser.waitUntil("document.body.innerText.includes('Légumes sauvés')"))
        try page.browser.touch("[data-value='textile']")
        #expect(try page.browser.waitUntil("document.body.innerText.includes('Vêtement réparé')"))
    }

    @Test func `A limit is told in words where the action is`() throws {
        let page = try PageSession()
        page.service.checkout.change { $0.refusal = .rule(.actionLimitReached(left: 1_500)) }
        try page.openPanel("actions", from: ".ready [data-act='actions']")
        try page.openPanel("quantity", from: "#tiles-grid button")
        try page.browser.press(["9", "0", "0", "0", Key.enter])
        #expect(
            try page.browser.waitUntil(
                "document.querySelector('#form-note').innerText.includes('1,500')"))
        let faults = try PageChecks.faults(page.browser)
        #expect(faults == [])
        try page.browser.record("limit-fr-800x480")
    }

    @Test func `One card pays a part and another one the rest`() throws {
        let page = try PageSession()
        let refusal = Refusal.insufficient(missing: Samples.eco(320))
        try page.show(.refused(id: Samples.id, amount: Samples.eco(1250), refusal))
        let words = try page.words()
        #expect(words.contains("Il manque 3,20") && words.contains("Encaisser 9,30"))
        try page.browser.press([Key.enter])
        #expect(has(page, .payPart))
        page.service.checkout.change { state in
            state.snapshot.rest = Rest(first: Samples.id, missing: Samples.eco(320))
        }
        try page.show(Samples.accepted(930, offline: false, cardPresent: false))
        #expect(try page.words().contains("Il reste 3,20"))
        // Where "later" was, the rest is given up now: a tap for the one is none for the other.
        try page.browser.run(
            """
            window.guarded = 0;
            new MutationObserver(() => {
              if (!("settled" in document.body.dataset)) window.guarded += 1;
            }).observe(document.body, { attributeFilter: ["data-settled"] });
            """, [])
        try page.show(.amountEntry)
        #expect(try page.browser.text("String(window.guarded)") == "1")
        #expect(try page.words().contains("3,20"))
        try page.browser.record("rest-fr-800x480")
        try page.browser.press([Key.enter])
        #expect(has(page, .payRest))
        #expect(page.service.checkout.armed?.amount == Samples.eco(320))
    }

    @Test func `A rest may be given up, but not by a tap beside the buttons`() throws {
        let page = try PageSession()
        page.service.checkout.change { state in
            state.snapshot.rest = Rest(first: Samples.id, missing: Samples.eco(320))
        }
        try #require(try page.waitForPage())
        try page.browser.touch("#result-what")
        #expect(page.service.checkout.snapshot.rest != nil)
        try page.browser.touch("[data-act='dropRest']")
        #expect(has(page, .dropRest))
        #expect(try page.browser.waitUntil("document.body.dataset.shown == 'ready'"))
    }

    @Test func `A card is read, and reported lost after a second question`() throws {
        let page = try PageSession()
        try page.openPanel("menu", from: ".ready [data-act='menu']")
        try page.browser.press(["1"])
        #expect(has(page, .checkCard))
        try page.show(Samples.completed(.cardCheck, report: Samples.report()))
        let words = try page.words()
        for word in ["4821", "Carte de membre", "Valable", "37,50"] {
            #expect(words.contains(word), "\(word)")
        }
        // It stays readable when the terminal has gone back to rest.
        try page.show(.amountEntry)
        #expect(try page.words().contains("37,50"))
        try page.openPanel("report", from: "[data-act='openPanel'][data-value='report']")
        #expect(page.service.checkout.state.orders == [.checkCard])
        try page.browser.press([Key.enter])
        #expect(has(page, .report(Samples.card("4821"), .lost, by: .holder)))
        #expect(
            try page.browser.waitUntil(
                "document.querySelector('#facts-note').innerText.includes('signalée')"))
    }

    private func openFirst(_ page: PageSession) throws {
        try page.browser.press(["*"])
        try #require(try page.browser.waitUntil("document.querySelector('button.line')"))
        try #require(try page.waitForPage())
        try page.openPanel("operation", from: "button.line")
    }

    /// A payment that was recovered from an old journal, held, and decided.
    private func decided(isReleased: Bool?) -> JournalLine {
        let made = Samples.line(
            OperationLine(
                sequence: 1_044, id: Samples.id, time: 1_764_000_000_000,
                amount: Samples.eco(400), lastFour: "4821", authorised: false,
                status: .rejected(code: "recovered-lower")))
        let entry = Entry(
            sequence: 1_044, id: made.entry.id, previous: made.entry.previous,
            time: 1_764_000_000_000 + 3 * 86_400_000, clockTrust: .untrusted,
            body: made.entry.body,
            setAside: SetAside(
                sequence: 1_001, hash: made.entry.previous, time: 1_764_000_000_000,
                clockTrust: .untrusted))
        var line = JournalLine(entry: entry, outcome: made.outcome, standing: made.standing)
        line.verdict = isReleased.map {
            Verdict(sequence: 1_044, isReleased: $0, time: 1_764_000_000_000)
        }
        return line
    }

    @Test(
        arguments: [
            (nil, "Rejeté", "Appelez-la"), (true, "Validé", "a validé cette opération"),
            (false, "Refusé", "a refusé cette opération, pour de bon"),
        ] as [(Bool?, String, String)])
    func `A recovered payment says when it was, and what the association decided`(
        isReleased: Bool?, word: String, sentence: String
    ) throws {
        let page = try PageSession()
        page.service.checkout.change { $0.others = [decided(isReleased: isReleased)] }
        try page.browser.press(["*"])
        try #require(try page.browser.waitUntil("document.querySelector('button.line')"))
        try #require(try page.waitForPage())
        #expect(try page.words().contains(word))
        try page.browser.record("recovered-list-\(word)")
        #expect(try page.words().contains("appelez l’association") == (isReleased == nil))
        try page.openPanel("operation", from: "button.line")
        let words = try page.words()
        #expect(words.contains(sentence) && words.contains("Repris le"), "\(words)")
        #expect(words.contains("24 nov") && words.contains("27 nov"), "\(words)")
        let kind = isReleased.map { $0 ? "good" : "bad" } ?? "warn"
        #expect(
            try page.browser.waitUntil(
                "document.getElementById('facts-note').dataset.kind === '\(kind)'"))
        try page.browser.record("recovered-\(word)")
        #expect(try PageChecks.faults(page.browser) == [])
    }

    @Test func `A payment of the list is refunded`() throws {
        let page = try PageSession()
        page.service.checkout.change { $0.operations = Samples.operations }
        try openFirst(page)
        try page.openPanel("refund", from: "[data-value='refund']")
        try page.browser.press([Key.enter])
        #expect(page.service.checkout.wait { $0.orders.count == 1 ? true : nil } == true)
        #expect(page.service.checkout.armed?.amount == Samples.eco(1250))
    }

    @Test func `A payment of the list is reversed, and then no longer refundable`() throws {
        let page = try PageSession()
        page.service.checkout.change { $0.operations = Samples.operations }
        try openFirst(page)
        try #require(try page.browser.waitUntil("document.querySelector('[data-value=refund]')"))
        try page.openPanel("reverse", from: "[data-value='reverse']")
        try page.browser.press(["3"])
        try #require(
            try page.browser.waitUntil("!document.querySelector('#facts-acts .primary').disabled"))
        try page.browser.press([Key.enter])
        let reversed = page.service.checkout.wait { state -> ReversalReason? in
            if case .reverse(_, let reason)? = state.orders.first { reason } else { nil }
        }
        #expect(reversed == .doubled)
        #expect(
            try page.browser.waitUntil(
                "document.querySelector('#facts-note').innerText.includes('annulée')"))
        #expect(try page.browser.waitUntil("!document.querySelector('[data-value=refund]')"))
    }

    /// The day of the rule is that of UTC; in Paris it ends at one or two in the morning.
    @Test(arguments: [
        // Paid at ten to twelve in Paris, and looked at twenty minutes later: one day of the rule.
        (paid: 1_795_819_800, seen: 1_795_821_000, isOffered: true),
        // Paid at ten to one, looked at at ten past: the rule's midnight lies between.
        (paid: 1_795_823_400, seen: 1_795_824_600, isOffered: false),
    ])
    func `Midnight where the stall stands is not the rule's`(
        paid: UInt64, seen: UInt64, isOffered: Bool
    ) throws {
        let page = try PageSession()
        page.service.checkout.change { state in
            state.operations = [Samples.operation(at: paid * 1_000)]
        }
        try page.browser.setClock("Europe/Paris", milliseconds: seen * 1_000)
        try page.browser.reload()
        try #require(try page.waitForPage())
        try openFirst(page)
        try #require(try page.browser.waitUntil("document.querySelector('[data-value=refund]')"))
        let offered = try page.browser.text("document.querySelector('[data-value=reverse]')")
        #expect(offered.isEmpty != isOffered)
    }

    @Test func `A role that is needed signs in, and the order goes on`() throws {
        let page = try PageSession()
        page.service.checkout.change { $0.neededRole = .manager }
        try page.openPanel("menu", from: ".ready [data-act='menu']")
        try page.openPanel("topUp", from: "[data-value='topUp']")
        try page.browser.press(["2", "0", "0", "0", Key.enter])
        try #require(try page.browser.waitUntil("document.body.dataset.panel == 'role'"))
        try #require(try page.waitForPage())
        try page.browser.press(["1", "3", "5", "7"])
        #expect(try !page.browser.text("document.body.innerHTML").contains("1357"))
        try page.browser.press([Key.enter])
        let note = "document.querySelector('#form-note').innerText"
        #expect(try page.browser.waitUntil("\(note).includes('9 essais')"))
        try page.browser.record("role-wrong-fr-800x480")
        try page.browser.press(["2", "4", "6", "8", Key.enter])
        #expect(has(page, .topUp(amount: Samples.eco(2000), means: .cash)))
        try #require(try page.browser.waitUntil("document.body.dataset.shown == 'pay'"))
        try page.show(.amountEntry)
        page.service.checkout.change { state in
            state.snapshot.session = nil
            state.wrongPINs = 5
        }
        try #require(try page.waitForPage())
        try page.openPanel("menu", from: ".ready [data-act='menu']")
        try page.openPanel("role", from: "[data-value='role']")
        try page.browser.press(["1", "1", "1", "1", Key.enter])
        #expect(try page.browser.waitUntil("\(note).includes('2\u{A0}minutes')"))
    }

    @Test func `An order that was given up is not given by a later sign-in`() throws {
        let page = try PageSession()
        page.service.checkout.change { $0.neededRole = .manager }
        try page.openPanel("menu", from: ".ready [data-act='menu']")
        try page.openPanel("topUp", from: "[data-value='topUp']")
        try page.browser.press(["2", "0", "0", "0", Key.enter])
        for panel in ["role", "topUp", "menu"] {
            try #require(try page.browser.waitUntil("document.body.dataset.panel == '\(panel)'"))
            try #require(try page.waitForPage())
            if panel != "menu" { try page.browser.press([Key.escape]) }
        }
        try page.openPanel("role", from: "[data-value='role']")
        try page.browser.press(["2", "4", "6", "8", Key.enter])
        try #require(try page.browser.waitUntil("document.body.dataset.panel == 'menu'"))
        try #require(try page.waitForPage())
        #expect(page.service.checkout.snapshot.session?.role == .manager)
        #expect(page.service.checkout.state.orders == [])
    }

    @Test func `A day is closed although entries wait, and says its number`() throws {
        let page = try PageSession()
        page.crowdTheStrip()
        try #require(try page.waitForPage())
        try page.openPanel("menu", from: ".ready [data-act='menu']")
        try page.openPanel("closures", from: "[data-value='closures']")
        try page.openPanel("closure", from: "[data-value='day']")
        let close = "document.querySelector('[data-act=close]')"
        #expect(try page.browser.waitUntil("\(close)?.innerText == 'Clôturer quand même'"))
        let words = try page.words()
        for word in [
            "Clôture du jour", "n°\u{A0}42", "75 opérations", "12\u{202F}345,67",
            "98\u{202F}765,43", "a7a7a7a7a7a7a7a7",
        ] {
            #expect(words.contains(word), "\(word)")
        }
        try page.browser.press([Key.enter])
        #expect(has(page, .close(.day)))
        #expect(
            try page.browser.waitUntil(
                "document.querySelector('#facts-title').innerText.includes('41')"))
    }

    @Test func `Training says so on every screen`() throws {
        let page = try PageSession()
        try page.openPanel("menu", from: ".ready [data-act='menu']")
        try page.openPanel("training", from: "[data-value='training']")
        try page.browser.press([Key.enter])
        #expect(has(page, .train(true)))
        page.crowdTheStrip()
        for (name, stage) in Samples.stages + Samples.otherStages {
            try page.show(stage)
            #expect(
                try page.browser.text("document.body.innerText").contains("FORMATION"), "\(name)")
            let faults = try PageChecks.faults(page.browser)
            #expect(faults == [], "\(name) in training")
            try page.browser.record("training-\(name)-fr-800x480")
        }
    }
}
