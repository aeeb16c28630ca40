import Foundation
import Operations
import Screen
import Terminal
import TestSupport
import Testing
import WebDriver

/// What hands do: the numeric keypad alone, fingers, reloads, a terminal that goes away.
@Suite(.serialized, .enabled(if: Browser.isInstalled)) struct PageFlowTests {
    static func armed(_ stage: Stage) -> Armed? {
        if case .presentCard(let armed) = stage { armed } else { nil }
    }

    @Test func `A payment needs nothing but a numeric keypad`() throws {
        let page = try PageSession()
        let checkout = page.service.checkout
        try page.browser.press(["1", "2", "5", "9", Key.backspace, "0", "7", Key.delete, Key.enter])
        let armed = try #require(checkout.wait { Self.armed($0.snapshot.stage) })
        #expect(armed.amount == Samples.eco(1250))

        try #require(try page.waitForPage())
        try page.browser.press(["+"])
        let longer = checkout.wait { state in
            Self.armed(state.snapshot.stage).flatMap { $0.deadline > armed.deadline ? $0 : nil }
        }
        #expect(longer?.deadline == armed.deadline + 30_000)
        try #require(try page.waitForPage())
        try page.browser.press([Key.escape])
        #expect(checkout.wait { $0.snapshot.stage == .amountEntry ? true : nil } == true)

        try #require(try page.waitForPage())
        #expect(try page.browser.text("document.querySelector('#charge').disabled") == "true")
        try page.browser.press(["1", "2", ",", "5", Key.enter])
        #expect(checkout.wait { Self.armed($0.snapshot.stage) }?.amount == Samples.eco(1250))
        try page.show(.reading(Samples.armed(), step: 3))
        try page.show(Samples.accepted(offline: false, cardPresent: true))
        try page.browser.press([Key.enter])
        #expect(checkout.wait { $0.snapshot.stage == .amountEntry ? true : nil } == true)
    }

    @Test func `A refusal's first act is Enter, its way back is minus`() throws {
        let page = try PageSession()
        let checkout = page.service.checkout
        let refusal = Refusal.insufficient(missing: Samples.eco(320))
        try page.show(.refused(id: Samples.id, amount: Samples.eco(1250), refusal))
        try page.browser.press([Key.enter])
        #expect(checkout.wait { Self.armed($0.snapshot.stage) }?.amount == Samples.eco(930))
        try page.show(.refused(id: Samples.id, amount: Samples.eco(1250), refusal))
        try page.browser.press(["-"])
        #expect(checkout.wait { $0.snapshot.stage == .amountEntry ? true : nil } == true)
        try page.show(.unknownResult(Samples.armed()))
        try page.browser.press([Key.enter])
        #expect(checkout.wait { $0.verified.first } == Samples.id)
    }

    @Test func `A finger acts on release, and sliding off cancels`() throws {
        let page = try PageSession()
        try page.browser.touch(".ready [data-key='5']", liftingOver: "#draft")
        try page.browser.touch(".ready [data-key='7']")
        try page.browser.touch(".ready [data-key='00']")
        try page.browser.touch(".ready [data-key='3']")
        try page.browser.touch(".ready [data-key='erase']")
        let shown = "document.querySelector('#draft bdi').textContent"
        #expect(try page.browser.waitUntil("\(shown) === '7,00'"))
        // The page is settled and drawn: an act of the first key would show as 57,00 by now.
        #expect(try page.browser.text(shown) == "7,00")
        try page.browser.touch("#charge")
        let checkout = page.service.checkout
        #expect(checkout.wait { Self.armed($0.snapshot.stage) }?.amount == Samples.eco(700))
        try #require(try page.waitForPage())
        try page.browser.touch(".pay [data-act='cancel']")
        #expect(checkout.wait { $0.snapshot.stage == .amountEntry ? true : nil } == true)
    }

    @Test func `A button that a finger is on stays, whatever snapshot comes meanwhile`() throws {
        let page = try PageSession()
        for (panel, button) in [
            ("menu", "#tiles-grid button"), ("training", "#facts-acts button"),
            ("role", "#form-choices button"),
        ] {
            if panel == "menu" {
                try page.openPanel(panel, from: ".ready [data-act='menu']")
            } else {
                try page.openPanel(panel, from: "[data-value='\(panel)']")
            }
            try page.browser.run("window.held = document.querySelector(arguments[0])", [button])
            page.service.checkout.change { state in
                state.snapshot.queue.count += 1
            }
            try #require(try page.waitForPage())
            #expect(try page.browser.text("held.isConnected") == "true", "\(panel)")
            if panel != "menu" {
                try page.browser.press([Key.escape])
                try #require(try page.browser.waitUntil("document.body.dataset.panel == 'menu'"))
                try #require(try page.waitForPage())
            }
        }
    }

    @Test func `A reload shows the same screen at every stage`() throws {
        let page = try PageSession()
        for (name, stage) in Samples.stages {
            try page.show(stage)
            let before = try page.words().filter { !$0.isNumber }
            try page.browser.reload()
            try #require(try page.waitForPage())
            #expect(try page.words().filter { !$0.isNumber } == before, "\(name)")
            #expect(
                try page.browser.text("document.documentElement.dataset.sound") == "", "\(name)")
        }
    }

    @Test func `A decision sounds once, by its own rhythm`() throws {
        let page = try PageSession()
        let sound = "document.documentElement.dataset.sound"
        let reading = { (step: Int) in Stage.reading(Samples.armed(), step: step) }
        for (stage, name) in [
            (reading(4), "readOK"),
            (Samples.accepted(offline: false, cardPresent: true), "accepted"),
            (.refused(id: nil, amount: nil, .blocked), "refused"),
            (.removedTooSoon(Samples.armed()), "removed"),
        ] {
            try page.show(stage)
            #expect(try page.browser.text(sound) == name)
        }
        try page.show(Samples.accepted(offline: false, cardPresent: true))
        try page.browser.run("delete \(sound)")
        try page.show(Samples.accepted(offline: false, cardPresent: false))
        #expect(try page.browser.text(sound) == "")
    }

    @Test func `A reading under 150 ms is not shown`() throws {
        let page = try PageSession()
        // When each snapshot came, before the page knows of it.
        try page.browser.prepare(
            """
            window.times = [];
            const Source = EventSource;
            window.EventSource = class extends Source {
              constructor(...parts) {
                super(...parts);
                this.addEventListener("snapshot", () => times.push(performance.now()));
              }
            };
            """)
        try page.browser.reload()
        // A machine that is busy may be longer between the two; then it is shown, and rightly.
        let wasBrief = try Programs.wait {
            try page.show(.presentCard(Samples.armed()))
            try page.browser.run(
                """
                window.modes = [];
                new MutationObserver(() => modes.push(document.querySelector('.pay').dataset.mode))
                  .observe(document.querySelector('.pay'), {attributes: true});
                times.length = 0;
                """)
            page.service.checkout.show(.reading(Samples.armed(), step: 1))
            try #require(try page.browser.waitUntil("times.length === 1"))
            try page.show(Samples.accepted(offline: false, cardPresent: true))
            return try page.browser.text("times[1] - times[0] < 150") == "true"
        }
        #expect(wasBrief)
        #expect(try page.browser.text("modes.includes('reading')") == "false")
        try page.show(.presentCard(Samples.armed()))
        try page.show(.reading(Samples.armed(), step: 2))
        #expect(try page.browser.text("document.querySelectorAll('.pay .dots .on').length") == "2")
    }

    @Test(arguments: PanelSize.all)
    func `A list that was empty is measured without its note`(_ size: PanelSize) throws {
        let page = try PageSession(size: size)
        try page.browser.press(["*"])
        let note = "document.querySelector('#list-empty')"
        try #require(try page.browser.waitUntil("\(note).checkVisibility()"))
        try #require(try page.waitForPage())
        try page.browser.run(
            """
            window.counts = new Set();
            const list = document.querySelector('#list');
            new MutationObserver(() => counts.add(list.children.length))
              .observe(list, {childList: true});
            """)
        page.service.checkout.change { state in
            state.operations = Samples.operations
            state.snapshot.queue.count = 2
        }
        try #require(try page.browser.waitUntil("document.querySelector('.line')"))
        try page.browser.run(
            "requestAnimationFrame(() => requestAnimationFrame(() => { window.isDrawn = true; }))")
        try #require(try page.browser.waitUntil("window.isDrawn"))
        #expect(try page.browser.text("counts.size") == "1", "drawn once, with all that fits")
    }

    @Test func `The list is filtered, turned and sent from a keypad`() throws {
        let page = try PageSession()
        page.service.checkout.change { state in
            state.operations = Samples.operations
            state.snapshot.queue.count = 2
            state.snapshot.queue.total = Samples.eco(1595)
        }
        try #require(try page.waitForPage())
        try page.browser.press(["*"])
        let first = "document.querySelector('.line-detail')?.textContent"
        try #require(try page.browser.waitUntil("\(first)?.includes('4821')"))
        try #require(try page.waitForPage())
        try page.browser.press(["+"])
        #expect(try page.browser.waitUntil("!document.querySelector('[data-act=newer]').disabled"))
        try page.browser.press(["4", "8", "5", "5"])
        #expect(try page.browser.waitUntil("\(first)?.includes('4855')"))
        try page.browser.press([Key.enter])
        #expect(page.service.checkout.wait { $0.sendCount == 1 ? true : nil } == true)
        try page.browser.reload()
        try #require(try page.waitForPage())
        #expect(try page.browser.text("document.body.dataset.shown") == "operations")
        try page.show(.presentCard(Samples.armed()))
        #expect(try page.browser.text("document.body.dataset.shown") == "pay")
    }

    @Test func `The language is one key away, by its own name`() throws {
        let page = try PageSession()
        #expect(try page.words().contains("English"))
        try page.browser.press(["/"])
        #expect(try page.browser.waitUntil("document.documentElement.lang === 'en'"))
        #expect(try page.words().contains("Français"))
        #expect(try page.words().contains("Amount"))
        #expect(
            try page.browser.text("document.querySelector('#draft .unseen').textContent")
                == "0 ECO 00")
    }

    @Test func `Focus is seen, and a voice hears each stage`() throws {
        let page = try PageSession()
        try page.browser.press([Key.tab])
        let ring = "getComputedStyle(document.activeElement).outlineWidth"
        #expect(try page.browser.text("document.activeElement.tagName") == "BUTTON")
        #expect(try page.browser.text(ring) == "4px")
        for (name, stage) in Samples.stages.dropFirst() {
            try page.show(stage)
            let said = try page.browser.text(
                "document.querySelector('#say').textContent + "
                    + "document.querySelector('#alarm').textContent")
            #expect(!said.isEmpty, "\(name)")
        }
        try page.show(Samples.accepted(offline: true, cardPresent: true))
        #expect(
            try page.browser.text("document.querySelector('#say').textContent")
                .hasPrefix("Paiement accepté. 12 ECO 50."))
    }

    @Test func `The policy stops what is not ours`() throws {
        let page = try PageSession()
        try page.browser.run(
            """
            window.blocked = [];
            document.addEventListener('securitypolicyviolation',
              event => blocked.push(event.effectiveDirective));
            fetch('http://127.0.0.1:1/').catch(() => {});
            document.body.append(Object.assign(document.createElement('img'),
              {src: 'http://127.0.0.1:1/x.png'}));
            document.body.setAttribute('style', 'color: red');
            """)
        #expect(try page.browser.waitUntil("blocked.length >= 3"))
        let foreign = try page.browser.text(
            """
            performance.getEntriesByType('resource').filter(
              entry => entry.responseStatus && !entry.name.startsWith(location.origin)).length
            """)
        #expect(foreign == "0")
    }
}
