import Foundation
import ReaderEmulation
import TestSupport
import Testing
import Tokens
import WebDriver

/// A market day at one stall: the script, the hands that follow it, the book of what should be.
final class MarketDay {
    static let actions = [
        "portions-cuisinees", "repas-partages", "invendus-sauves", "textile-apporte",
        "vetements-repares", "vetements-reemployes",
    ]
    private static let cuisines = Set(actions.prefix(3))
    static let balance: Int64 = 20_000
    /// Whoever gives cards may not reverse large payments: the manager signs in for that.
    private static let enrollerPIN = "13579"
    let stall: Stall
    let hands: Merchant
    let script: DayScript
    private(set) var book: DayBook
    private var dice: SplitMix64
    private var deck: [Int] = []
    /// The slot the next card goes to: while a reader still sees one card leave, the next one
    /// already lies in the other slot.
    private var turn = 0
    private var isCut = false
    private var postponed: [DayScript.Errand] = []
    /// What was done by hand, of each kind.
    private(set) var byHand: [String: Int] = [:]
    /// Cards that nobody was given yet.
    private var strangers: [Int]

    init(seed: UInt64, scale: Double, cards: Int = 40) throws {
        dice = SplitMix64(seed)
        let counts = DayScript.Counts(scale: scale)
        script = DayScript(
            counts, payByHand: counts.payments / 5, actByHand: max(2, counts.actions / 5),
            dice: &dice)
        book = DayBook(balances: [Int64](repeating: Self.balance, count: cards))
        strangers = Array(book.balances.indices).shuffled(using: &dice)
        stall = try Stall(balances: book.balances)
        try stall.setPIN(Self.enrollerPIN, role: "enroller")
        hands = try Merchant(stall)
    }

    /// What was played, in words.
    var summary: String {
        let hand = byHand.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }
        return "\(book.payments.count) payments, \(book.refunds.count) refunds, "
            + "\(book.reversals.count) reversals, \(book.actions.count) actions, "
            + "\(book.enrolments.count) enrolments; \(script.counts.cuts) cuts, "
            + "\(script.counts.crashes) browsers and \(script.counts.kills) terminals killed; "
            + "by hand on the page " + hand.joined(separator: ", ") + ";"
    }

    /// Every errand, one after another.
    func run() throws {
        for errand in script.errands { try follow(errand) }
        while !postponed.isEmpty {
            let waiting = postponed
            postponed = []
            for errand in waiting { try follow(errand) }
        }
    }

    private func follow(_ errand: DayScript.Errand) throws {
        switch errand {
        case .pay(let byHand): try pay(byHand: byHand)
        case .refund: try refund()
        case .reversePayment: try reversePayment()
        case .reverseLarge: try reverseLarge()
        case .reverseAction: try reverseAction()
        case .act(let byHand): try act(byHand: byHand)
        case .enrol: try enrol()
        case .cut(let isFrozen): cut(isFrozen: isFrozen)
        case .restore: try restore()
        case .crashBrowser: try crashBrowser()
        case .killTerminal: try killTerminal()
        }
    }

    // MARK: cards

    /// The next customer: everybody comes once before anybody comes again.
    private func nextCard() -> Int {
        if deck.isEmpty { deck = Array(book.balances.indices).shuffled(using: &dice) }
        return deck.removeLast()
    }

    private func lay(_ card: Int) throws -> VirtualReaderSlot {
        defer { turn = 1 - turn }
        try stall.lay(card, slot: turn)
        return stall.slots[turn]
    }

    private func note(_ kind: String) { byHand[kind, default: 0] += 1 }

    // MARK: money

    private func pay(byHand: Bool) throws {
        try pay(.random(in: 1...1_500, using: &dice), byHand: byHand)
    }

    @discardableResult
    private func pay(_ cents: Int64, byHand: Bool) throws -> String {
        let card = nextCard()
        if byHand { try hands.rest() }
        let slot = try lay(card)
        defer { slot.remove() }
        let id: String
        if byHand {
            try hands.press("\(cents)")
            try hands.press(key: Key.enter)
            try hands.sees(.result("accepted"))
            id = try #require(try stall.page.lines("kind=payment&limit=1").first?.id)
            note("payments")
        } else {
            let armed = try stall.page.order("arm", ["amountCents": cents])
            try #require(armed.isTaken, "\(armed)")
            id = armed.id
            try expectDone("accepted")
        }
        book.pay(id, card, cents)
        return id
    }

    private func expectDone(_ name: String) throws {
        let stage = try stall.page.wait(for: ["accepted", "completed", "refused", "unknownResult"])
        try #require(stage.name == name, "\(stage)")
    }

    private func refund() throws {
        guard !isCut, let id = book.correctible(&dice), let payment = book.payments[id] else {
            return postponed.append(.refund)
        }
        let cents = Int64.random(in: 1...payment.cents, using: &dice)
        try openLine(id, of: payment.card)
        try hands.touch("#facts-acts [data-value='refund']")
        try hands.sees(.panel("refund"))
        for _ in 0..<4 { try hands.press(key: Key.backspace) }
        try hands.press("\(cents)")
        try hands.press(key: Key.enter)
        try hands.sees(.pay("presentCard"))
        let slot = try lay(payment.card)
        defer { slot.remove() }
        try hands.sees(.result("accepted"))
        book.refund(id, cents)
        note("refunds")
    }

    /// The list, filtered by the card; pages are turned until the line is there.
    private func openLine(_ id: String, of card: Int) throws {
        try hands.rest()
        try hands.press("*")
        try hands.sees(.panel("operations"))
        try hands.press(stall.cards[card].number.lastFour)
        let line = "button.line[data-value='\(id)']"
        func may(_ act: String) throws -> Bool {
            try hands.browser.text("document.querySelector('[data-act=\(act)]').disabled")
                == "false"
        }
        let isThere = try Programs.wait {
            let isThere = try hands.browser.waitUntil(
                "document.querySelector(\"\(line)\")", atMost: .seconds(1))
            if isThere { return true }
            if try may("older") {
                try hands.press("+")
            } else {
                // The answer to the question came while pages were turned.
                while try may("newer") { try hands.touch("[data-act=newer]") }
            }
            return false
        }
        try #require(isThere, "\(line)")
        try hands.touch(line)
        try hands.sees(.panel("operation"))
    }

    /// What is reversed must be of the same day (UTC): a stall that is open at midnight gives
    /// back what was paid before.
    private func reversePayment() throws {
        guard var id = book.correctible(&dice) else { return postponed.append(.reversePayment) }
        Midnight.stayClear(of: .seconds(60))
        if book.payments[id]?.day != Midnight.today {
            id = try pay(500, byHand: false)
            book.extraPayments += 1
        }
        let card = try #require(book.payments[id]?.card)
        try reverse(id, of: card, needsManager: false)
    }

    private func reverseLarge() throws {
        guard !isCut else { return postponed.append(.reverseLarge) }
        Midnight.stayClear(of: .seconds(60))
        let id = try pay(2_500, byHand: true)
        let card = try #require(book.payments[id]?.card)
        try reverse(id, of: card, needsManager: true)
    }

    private func reverseAction() throws {
        let known = book.actions.filter { !$0.value.isReversed }.keys.sorted()
        guard var id = known.randomElement(using: &dice) else {
            return postponed.append(.reverseAction)
        }
        Midnight.stayClear(of: .seconds(60))
        if book.actions[id]?.day != Midnight.today {
            id = try act(byHand: false)
            book.extraActions += 1
        }
        let card = try #require(book.actions[id]?.card)
        try reverse(id, of: card, needsManager: false)
    }

    private func reverse(_ id: String, of card: Int, needsManager: Bool) throws {
        try openLine(id, of: card)
        try hands.touch("#facts-acts [data-value='reverse']")
        try hands.sees(.panel("reverse"))
        try hands.press("1")
        try hands.press(key: Key.enter)
        if needsManager {
            try hands.sees(.panel("role"))
            try hands.press(Stall.managerPIN)
            try hands.press(key: Key.enter)
        }
        try hands.reads("Cette opération est annulée.")
        book.reverse(id)
        note("reversals")
    }

    // MARK: actions and people

    @discardableResult
    private func act(byHand: Bool) throws -> String {
        let (card, code) = (nextCard(), Self.actions.randomElement(using: &dice) ?? "")
        let quantity = Int64.random(in: 1...3, using: &dice) * 1_000
        if byHand { try hands.rest() }
        let slot = try lay(card)
        defer { slot.remove() }
        if byHand {
            try hands.touch("[data-screen='ready'] [data-act='actions']")
            try hands.sees(.panel("actions"))
            let parcours = Self.cuisines.contains(code) ? "cuisines" : "textile"
            try hands.touch("#tiles-groups [data-value='\(parcours)']")
            try hands.touch("#tiles-grid [data-value='\(code)']")
            try hands.sees(.panel("quantity"))
            let isWeighed = ["invendus-sauves", "textile-apporte"].contains(code)
            try hands.press("\(isWeighed ? quantity : quantity / 1_000)")
            try hands.press(key: Key.enter)
            try hands.sees(.result("accepted"))
            note("actions")
        } else {
            let armed = try stall.page.order("act", ["code": code, "quantity": quantity])
            try #require(armed.isTaken, "\(armed)")
            try expectDone("completed")
        }
        let id = try #require(try stall.page.lines("kind=action&limit=1").first?.id)
        book.actions[id] = DayBook.Action(card: card, code: code, quantity: quantity)
        return id
    }

    /// By the page's own orders: nobody enrols the same card twice.
    private func enrol() throws {
        let stranger = strangers.popLast()
        let card = try #require(stranger)
        let slot = try lay(card)
        defer { slot.remove() }
        let order: [String: Any] = [
            "consents": ["carte-2026-1"], "lane": false, "personal": [Int](),
        ]
        var armed = try stall.page.order("enrol", order)
        if armed.code == "role-needed" {
            let role = try stall.page.order(
                "sign-in", ["pin": Self.enrollerPIN, "role": "enroller"])
            try #require(role.isTaken, "\(role)")
            armed = try stall.page.order("enrol", order)
        }
        try #require(armed.isTaken, "\(armed)")
        try expectDone("completed")
        book.enrolments.append(card)
        _ = try stall.page.order("acknowledge")
    }

    // MARK: what goes wrong

    private func cut(isFrozen: Bool) {
        isCut = true
        if isFrozen { stall.freezeLedger() } else { stall.killLedger() }
    }

    private func restore() throws {
        if !stall.thawLedger() { try stall.startLedger() }
        isCut = false
        try stall.page.sendNow()
        let isBack = try Programs.wait { try stall.page.snapshot().network != "offline" }
        try #require(isBack)
        let waiting = postponed
        postponed = []
        for errand in waiting { try follow(errand) }
    }

    /// In the middle of a payment: the browser that comes back asks for the same card.
    private func crashBrowser() throws {
        let (card, cents) = (nextCard(), Int64.random(in: 1...1_500, using: &dice))
        try hands.rest()
        try hands.press("\(cents)")
        try hands.press(key: Key.enter)
        try hands.sees(.pay("presentCard"))
        let id = try #require(try stall.page.snapshot().armed)
        try hands.crashBrowser()
        try hands.sees(.pay("presentCard"))
        #expect(try stall.page.snapshot().armed == id)
        let slot = try lay(card)
        defer { slot.remove() }
        try hands.sees(.result("accepted"))
        book.pay(id, card, cents)
    }

    /// In the middle of a tap, at an APDU of chance: the payment stands once or not at all, and
    /// only the journal can tell.
    private func killTerminal() throws {
        let (card, cents) = (nextCard(), Int64.random(in: 1...1_500, using: &dice))
        let armed = try stall.page.order("arm", ["amountCents": cents])
        try #require(armed.isTaken, "\(armed)")
        let slot = try lay(card)
        let wanted = slot.traffic.commands + .random(in: 1...9, using: &dice)
        #expect(Programs.wait(every: 0.0005) { slot.traffic.commands >= wanted })
        stall.killTerminal()
        slot.remove()
        try stall.startTerminal()
        try #require(stall.page.waitUntilReady(network: isCut ? nil : "online"))
        if try stall.page.lines("kind=payment&limit=5").contains(where: { $0.id == armed.id }) {
            book.pay(armed.id, card, cents)
        }
        try hands.waitForNewSession()
    }
}
