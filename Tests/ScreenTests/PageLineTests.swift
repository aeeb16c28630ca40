import Foundation
import Linux
import Operations
import Screen
import Terminal
import TestSupport
import Testing
import WebDriver

/// The line between page and terminal: lost, found again, and found again with new secrets.
@Suite(.serialized, .enabled(if: Browser.isInstalled)) struct PageLineTests {
    @Test func `A page that lost its terminal says so, and works again after a restart`() throws {
        let page = try PageSession()
        let checkout = page.service.checkout
        try page.show(.presentCard(Samples.armed()))
        let port = page.service.screen.port
        page.service.screen.stop()
        let isLost = "document.body.dataset.shown == 'lost'"
        try #require(try page.browser.waitUntil(isLost))
        #expect(try page.words().contains("Le terminal ne répond pas"))
        let faults = try PageChecks.faults(page.browser)
        #expect(faults == [])
        try page.browser.record("lost-fr-800x480")

        // Nothing may be ordered from a page that does not know where the terminal stands.
        try page.browser.press(["7", Key.enter])
        checkout.show(.amountEntry)
        let again = try Ports.again {
            try Screen(
                control: checkout, configuration: ScreenConfiguration(port: port),
                monotonicMilliseconds: ScriptedCheckout.now)
        }
        defer { again.stop() }
        try #require(try page.browser.waitUntil("document.body?.dataset.shown == 'ready'"))
        try #require(try page.waitForPage())
        try page.browser.press(["9", "0", Key.enter])
        let amount = checkout.wait { state in
            if case .presentCard(let armed) = state.snapshot.stage { armed.amount } else { nil }
        }
        #expect(amount == Samples.eco(90))
    }

    /// Both pages; a kiosk may be on for days without its terminal.
    @Test(arguments: ["/", "/client"])
    func `A terminal that is away is looked for once a second, however long`(path: String) throws {
        let page = try PageSession()
        let port = page.service.screen.port
        try page.browser.open("http://127.0.0.1:\(port)\(path)")
        try #require(try page.browser.waitUntil("document.body?.dataset.version > 0"))
        page.service.screen.stop()
        // Whoever connects is let go at once.
        let away = try Ports.again { try TCPListener(port: port) }
        var instants: [ContinuousClock.Instant] = []
        while instants.count < 20 {
            let isThere = try away.accept(timeout: .seconds(60)) != nil
            try #require(isThere, "it gave up after \(instants.count)")
            instants.append(.now)
        }
        #expect(instants[11].duration(to: instants[19]) > .seconds(4))
    }

    @Test func `While a customer looks, the queue's sums are not shown`() throws {
        let page = try PageSession()
        page.crowdTheStrip()
        try #require(try page.waitForPage())
        let strip = "document.querySelector('#strip').innerText"
        #expect(try page.browser.text(strip).contains("234,50"))
        try page.show(.presentCard(Samples.armed()))
        #expect(try !page.browser.text(strip).contains("234,50"))
        try page.show(.amountEntry)
        #expect(try page.browser.text(strip).contains("234,50"))
        try page.browser.touch("#pills")
        #expect(try page.browser.waitUntil("document.body.dataset.shown == 'operations'"))
    }

    @Test func `Two taps of one finger are one order`() throws {
        let page = try PageSession()
        try page.browser.press(["5", "00"].joined().map(String.init))
        try page.browser.run(
            """
            const charge = document.querySelector('#charge');
            const cancel = document.querySelector('.pay [data-act=cancel]');
            window.taps = 0;
            charge.click(); charge.click();
            const watch = new MutationObserver(() => {
              if (document.body.dataset.shown !== 'pay') return;
              watch.disconnect();
              setTimeout(() => { cancel.click(); taps += 1; }, 100);
            });
            watch.observe(document.body, {attributes: true});
            """)
        let armed = page.service.checkout.wait { state in
            if case .presentCard(let armed) = state.snapshot.stage { armed } else { nil }
        }
        #expect(armed?.amount == Samples.eco(500))
        // The second tap fell on the button that came under the finger: it cancelled nothing.
        try #require(try page.browser.waitUntil("taps === 1"))
        try #require(try page.waitForPage())
        #expect(try page.browser.text("document.body.dataset.shown") == "pay")
        #expect(page.service.checkout.snapshot.stage != .amountEntry)
    }

    /// What every snapshot may bring.
    private func disturb(_ page: PageSession) throws {
        page.service.checkout.change { $0.snapshot.queue.count += 1 }
        try #require(try page.waitForPage())
    }

    private func holds(
        _ page: PageSession, _ button: String, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        try page.browser.run("window.held = document.querySelector(arguments[0])", [button])
        try disturb(page)
        #expect(
            try page.browser.text("held.isConnected") == "true", "\(button)",
            sourceLocation: sourceLocation)
    }

    @Test func `A result's buttons stay while the card leaves, and those of list and stand`() throws
    {
        let page = try PageSession()
        try page.show(Samples.accepted(offline: false, cardPresent: true))
        try page.browser.run("window.held = document.querySelector('[data-act=receipt]')")
        try page.show(Samples.accepted(offline: false, cardPresent: false))
        #expect(try page.browser.text("held.isConnected") == "true")
        // Another result has buttons of its own.
        let refusal = Refusal.insufficient(missing: Samples.eco(320))
        try page.show(.refused(id: Samples.id, amount: Samples.eco(1_250), refusal))
        #expect(try page.browser.text("held.isConnected") == "false")
        try holds(page, "#result-acts button")
        try page.show(Samples.given(cardPresent: true))
        try holds(page, "#given-acts [data-act=nextCard]")
        page.service.checkout.change { state in
            state.others = Samples.operations.map { Samples.line($0) }
        }
        try page.show(.amountEntry)
        try page.browser.press(["*"])
        try #require(try page.browser.waitUntil("document.querySelector('button.line')"))
        try #require(try page.waitForPage())
        try holds(page, "button.line")
        try page.browser.press([Key.escape])
        try #require(try page.browser.waitUntil("document.body.dataset.shown == 'ready'"))
        try #require(try page.waitForPage())
        try page.openConsent()
        try holds(page, "#consent-acts button")
        try page.browser.touch("#consent-acts [data-value='yes']")
        try #require(try page.browser.waitUntil("document.body.innerText.includes('2/2')"))
        try page.go("#consent-acts [data-value='yes']", to: "contact")
        try holds(page, ".letter[data-value='a']")
    }
}
