import CardEmulation
import Foundation
import ReaderEmulation
import TestSupport
import Testing
import WebDriver

/// A person behind the stall: eyes and fingers on the page in a real Chromium, cards in hand.
final class Merchant {
    // The browser goes before the stall, in whose folder its profile lies.
    private(set) var browser: Browser
    let stall: Stall

    init(_ stall: Stall, size: PanelSize = PanelSize.all[0]) throws {
        self.stall = stall
        browser = try Browser(profile: stall.folder + "/profile")
        try browser.resize(size)
        try open()
    }

    private var address: String { "http://127.0.0.1:\(stall.port)/" }

    private func open() throws {
        try #require(stall.page.waitUntilReady(network: "online"))
        try browser.open(address)
    }

    /// kill -9 of the browser; it comes back as a kiosk's does, with what the page had stored.
    func crashBrowser() throws {
        try browser.crash()
        browser = try Browser(profile: stall.folder + "/profile")
        try browser.resize(PanelSize.all[0])
        try browser.open(address)
    }

    // MARK: eyes

    /// What a screen is known by in the page.
    enum Sight: CustomStringConvertible {
        /// The amount is asked for.
        case ready
        /// A card is waited for or read: presentCard, reading, removedTooSoon.
        case pay(String)
        /// A result: accepted (also of what is no payment), refused, unknownResult, rest.
        case result(String)
        /// A panel by name.
        case panel(String)

        var description: String {
            let screen =
                switch self {
                case .ready: "document.body.dataset.shown === 'ready'"
                case .pay(let mode):
                    "document.body.dataset.shown === 'pay' && "
                        + "document.querySelector('.pay').dataset.mode === '\(mode)'"
                case .result(let kind):
                    "document.body.dataset.shown === 'result' && "
                        + "document.querySelector('.result').dataset.kind === '\(kind)'"
                case .panel(let name): "document.body.dataset.panel === '\(name)'"
                }
            return "document.body && 'settled' in document.body.dataset && \(screen)"
        }
    }

    /// Waits until a screen is there, with these words on it, and takes taps. Results go by
    /// themselves: what is asked of one is asked at once.
    func sees(
        _ sight: Sight, saying texts: String..., atMost limit: Duration = .seconds(60),
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        try sees(sight, texts, limit, sourceLocation)
    }

    private func sees(
        _ sight: Sight, _ texts: [String], _ limit: Duration, _ sourceLocation: SourceLocation
    ) throws {
        let said = try texts.map { " && document.body.innerText.includes(\(try Self.literal($0)))" }
        let isThere = try browser.waitUntil("\(sight)" + said.joined(), atMost: limit)
        try check(isThere, "\(sight) \(texts)", sourceLocation)
    }

    /// Waits until these words are on the screen.
    func reads(
        _ text: String, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let literal = try Self.literal(text)
        let isThere = try browser.waitUntil("document.body.innerText.includes(\(literal))")
        try check(isThere, text, sourceLocation)
    }

    /// Ends the test with what is shown instead.
    private func check(
        _ isThere: Bool, _ wanted: String, _ sourceLocation: SourceLocation
    ) throws {
        if isThere { return }
        try? browser.photograph("flow-missed")
        let shown = try browser.text("JSON.stringify(document.body.dataset)")
        let stage = try stall.page.snapshot().stage
        let (words, complaints) = (try words(), try complaints())
        try #require(
            isThere, "\(wanted): \(shown), \(stage), \(complaints)\n\(words)",
            sourceLocation: sourceLocation)
    }

    private static func literal(_ text: String) throws -> String {
        String(decoding: try JSONEncoder().encode(text), as: UTF8.self)
    }

    /// What the terminal's page complained of; Chromium's own pages talk too.
    func complaints() throws -> [String] {
        try browser.complaints().filter { $0.hasPrefix(address) }
    }

    /// Every word that is shown, in order.
    func words() throws -> String { try browser.text("document.body.innerText") }

    /// Every word but digits, which move with the clock.
    func stillWords() throws -> String {
        try browser.text("document.querySelector('main').innerText").filter { !$0.isNumber }
    }

    /// Looks at the three sizes, each checked by the rules of the design; back to the first.
    func photograph(
        _ name: String, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        for size in PanelSize.all.reversed() {
            try browser.resize(size)
            let faults = try PageChecks.faults(browser, picture: "flow-\(name)-\(size)")
            #expect(faults == [], "\(name) at \(size)", sourceLocation: sourceLocation)
        }
    }

    // MARK: hands

    /// Touches the middle of what a selector finds, with a finger.
    func touch(_ selector: String) throws { try browser.touch(selector) }

    /// Touches keys of the screen's own keypad, one after another.
    func touchKeys(_ text: String, on screen: String) throws {
        for key in text { try touch("[data-screen='\(screen)'] [data-key='\(key)']") }
    }

    /// Keys of the numeric keypad beside the screen, one after another.
    func press(_ text: String) throws { try browser.press(text.map { String($0) }) }

    func press(key: String) throws { try browser.press([key]) }

    /// Enters an amount by touch and charges it.
    func charge(_ cents: Int64) throws {
        try sees(.ready)
        try touchKeys("\(cents)", on: "ready")
        try touch("#charge")
        try sees(.pay("presentCard"))
    }

    /// Opens a panel of the menu by touch.
    func openMenu(_ panel: String) throws {
        try sees(.ready)
        try touch("[data-screen='ready'] [data-act='menu']")
        try sees(.panel("menu"))
        try touch("#tiles-grid [data-value='\(panel)']")
        try sees(.panel(panel))
    }

    /// Opens what closing the day would say.
    func openClosure() throws {
        try openMenu("closures")
        try touch("#facts-acts [data-value='day'], #tiles-grid [data-value='day']")
        try sees(.panel("closure"))
    }

    /// Signs in where the page asks for a role.
    func enterPIN(_ pin: String) throws {
        try sees(.panel("role"))
        try touchKeys(pin, on: "form")
        try touch("#form-go")
    }

    /// Lays a card down, waits for what the screen makes of it, takes the card away.
    func tap(
        _ card: Int = 0, plan: FaultPlan? = nil, until sight: Sight = .result("accepted"),
        saying texts: String..., sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        try stall.lay(card, plan: plan)
        defer { stall.slot.remove() }
        try sees(sight, texts, .seconds(60), sourceLocation)
    }

    /// Leaves a result for the amount.
    func finish() throws {
        try press(key: Key.enter)
        try sees(.ready)
    }

    /// Leaves whatever rests on the screen, by keys, until the amount is asked for.
    func rest() throws {
        let leaves = try Programs.wait(every: 0.02) {
            let shown = try browser.text(
                "'settled' in document.body.dataset ? document.body.dataset.shown : ''")
            let panels = ["result", "tiles", "facts", "code", "form", "operations", "given"]
            if panels.contains(shown) { try press("-") }
            return shown == "ready"
        }
        if !leaves { try sees(.ready) }
    }

    /// The page notices by itself that the terminal was started again, and loads its new secrets.
    func waitForNewSession() throws {
        let token = stall.page.sessionToken
        let isNew = "document.querySelector('meta[name=eco-session]')?.content === '\(token)'"
        try #require(try browser.waitUntil(isNew))
    }
}
