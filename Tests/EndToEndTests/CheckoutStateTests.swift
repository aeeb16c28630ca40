import COSE
import CardEmulation
import Foundation
import Linux
import ReaderEmulation
import SQLite
import TestSupport
import Testing
import Tokens
import WebDriver

/// What goes wrong at a stall, seen on the page: PINs, reloads, cards that leave, disks that fail.
extension StallSuites.CheckoutFlowTests {
    private static let wrongPIN = "1111"
    private static let hour: UInt64 = 3_600_000

    @Test(.timeLimit(.minutes(20)))
    func `Wrong PINs cost waits, then lock the role, also over a restart of the terminal`() throws {
        let stall = try Stall()
        let hands = try Merchant(stall)
        try hands.openMenu("role")
        for left in [9, 8, 7] {
            try hands.enterPIN(Self.wrongPIN)
            try hands.reads("Il reste \(left) essais")
        }
        try hands.enterPIN(Stall.managerPIN)
        try hands.reads("Trop d’essais. Attendez")
        try hands.photograph("pin-1-wait")
        try restart(hands)
        try hands.sees(.panel("role"))
        try hands.enterPIN(Stall.managerPIN)
        try hands.reads("Trop d’essais. Attendez")
        // Waits double up to an hour: the clock of the tries is set back instead of waiting.
        for left in [6, 5, 4, 3, 2] {
            try setTriesBack(stall, count: UInt64(10 - left - 1))
            try hands.enterPIN(Self.wrongPIN)
            try hands.reads("Il reste \(left) essais")
        }
        try setTriesBack(stall, count: 8)
        try hands.enterPIN(Self.wrongPIN)
        try hands.reads("Il reste 1 essai.")
        try setTriesBack(stall, count: 9)
        try hands.enterPIN(Self.wrongPIN)
        try hands.reads("Il reste 0 essai")
        try setTriesBack(stall, count: 10)
        try hands.enterPIN(Stall.managerPIN)
        try hands.reads("Trop d’essais. Demandez un nouveau code.")
        try hands.photograph("pin-2-locked")
        try restart(hands)
        try hands.sees(.panel("role"))
        try hands.enterPIN(Stall.managerPIN)
        try hands.reads("Trop d’essais. Demandez un nouveau code.")
        #expect(try !stall.page.snapshot().hasSession)
        // A person with the machine's own rights gives a new one.
        try stall.setPIN("97531", role: "manager")
        try hands.enterPIN("97531")
        try hands.sees(.panel("menu"))
        #expect(try stall.page.snapshot().hasSession)
        #expect(try stall.allSent())
        let failures = try stall.journalEvents().filter { $0 == "event pin-failed" }
        #expect(failures.count == 10, "each wrong PIN is a technical event")
    }

    private func restart(_ hands: Merchant) throws {
        hands.stall.killTerminal()
        try hands.stall.startTerminal()
        #expect(hands.stall.page.waitUntilReady(network: "online"))
        try hands.waitForNewSession()
    }

    /// Writes `roles.tries` as it would be an hour and more after so many wrong tries.
    private func setTriesBack(_ stall: Stall, count: UInt64) throws {
        let last = CalendarClock.now - 2 * Self.hour
        let tries = CBOR.map([
            CBOR.Pair(.unsigned(2), .array([.unsigned(count), .unsigned(last)]))
        ])
        let path = stall.terminalFolder + "/roles.tries"
        let before = try CBOR.decode(try Files.read(path, atMost: 4_096), limit: 4_096)
        #expect(before.map?.first?.value.array?.first?.unsigned == count, "tries are on disk")
        try Files.writeAtomically(tries.encoded, to: path)
    }

    @Test(.timeLimit(.minutes(20)))
    func `A page loaded again at any stage shows the very same state`() throws {
        let stall = try Stall(balances: [900])
        let hands = try Merchant(stall)
        try hands.charge(1_250)
        try reloads(hands, .pay("presentCard"))
        try stall.lay(plan: try FaultPlan("lost@2"))
        try hands.sees(.pay("removedTooSoon"))
        try reloads(hands, .pay("removedTooSoon"))
        stall.slot.remove()
        try hands.tap(until: .result("refused"))
        try reloads(hands, .result("refused"))
        try hands.touch("#result-acts [data-act='payPart']")
        try hands.sees(.pay("presentCard"))
        try stall.lay()
        try hands.sees(.result("accepted"))
        try reloads(hands, .result("accepted"))
        stall.slot.remove()
        // Unless it went by itself, after four seconds.
        try? hands.touch("#result-acts [data-act='finish']")
        try hands.sees(.result("rest"))
        try reloads(hands, .result("rest"))
        try hands.touch("#result-acts [data-act='dropRest']")
        try hands.sees(.ready)
        for panel in ["topUp", "training", "role"] {
            try hands.openMenu(panel)
            try reloads(hands, .panel(panel))
            try hands.press("-")
            try hands.sees(.panel("menu"))
            try hands.press("-")
        }
        try hands.openClosure()
        try hands.reads("1 · 9,00")
        try reloads(hands, .panel("closure"))
        try hands.reads("1 · 9,00")
        for panel in ["closures", "menu"] {
            try hands.press("-")
            try hands.sees(.panel(panel))
        }
        try hands.press("-")
        try hands.sees(.ready)
        try hands.press("*")
        try hands.sees(.panel("operations"))
        try hands.reads("9,00\u{A0}ECO")
        try reloads(hands, .panel("operations"))
        try hands.press("-")
        try hands.sees(.ready)
        try hands.touch("[data-screen='ready'] [data-act='actions']")
        try hands.sees(.panel("actions"))
        try reloads(hands, .panel("actions"))
        // All these looks changed nothing.
        #expect(try stall.allSent())
        #expect(try stall.booked().map(\.cents) == [900])
    }

    /// Loads the page again; every word but moving digits must be the same.
    private func reloads(
        _ hands: Merchant, _ sight: Merchant.Sight,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let before = try hands.stillWords()
        let stage = try hands.stall.page.stage()
        try hands.browser.reload()
        // A result goes by itself: where the machine is slower, there is nothing to compare.
        var hasGone = false
        let isThere = try Programs.wait(every: 0) {
            hasGone = try hands.stall.page.stage() != stage
            return try hasGone || hands.browser.waitUntil("\(sight)", atMost: .milliseconds(500))
        }
        if hasGone { return }
        if !isThere { try hands.sees(sight, sourceLocation: sourceLocation) }
        let isSame = try Programs.wait {
            hasGone = try hands.stall.page.stage() != stage
            return try hasGone || hands.stillWords() == before
        }
        #expect(isSame, "\(sight)", sourceLocation: sourceLocation)
        if !isSame {
            #expect(try hands.stillWords() == before, sourceLocation: sourceLocation)
        }
    }

    @Test(.timeLimit(.minutes(20)))
    func `Removed too soon, another card does not finish a payment, the same one does`() throws {
        let stall = try Stall(balances: [5_000, 5_000])
        let hands = try Merchant(stall)
        try hands.charge(1_250)
        // The answer to the write of the card's state is lost: it has counted, nobody knows.
        try hands.tap(
            0, plan: try FaultPlan("lost@6"), until: .pay("removedTooSoon"),
            saying: "Présentez la même carte.")
        try hands.photograph("torn-1-removed")
        let armed = try stall.page.snapshot().armed
        try stall.lay(1)
        // The page need not show so short a look at it: the terminal's log says it was judged.
        #expect(try Programs.wait { try stall.terminalLog().contains("outcome=refused-C07") })
        try hands.sees(.pay("removedTooSoon"))
        stall.slot.remove()
        #expect(try stall.page.snapshot().armed == armed)
        #expect(try stall.booked() == [])
        try hands.tap(0, saying: "•••• " + stall.cards[0].number.lastFour)
        try hands.finish()
        #expect(try stall.allSent())
        #expect(try stall.booked().map(\.cents) == [1_250])
        #expect(try stall.balances() == [3_750, 5_000])
        #expect(try stall.page.lines("kind=payment&limit=10").first?.id == armed)
        // Torn again, and given up: nothing is charged, and the next customer pays.
        try hands.charge(700)
        try hands.tap(0, plan: try FaultPlan("tear@7"), until: .pay("removedTooSoon"))
        try hands.touch("[data-screen='pay'] [data-act='cancel']")
        try hands.charge(800)
        try hands.tap(1)
        try hands.finish()
        #expect(try stall.allSent())
        #expect(try stall.balances() == [3_750, 4_200])
    }

    @Test(.timeLimit(.minutes(20)))
    func `An unknown result is said, never charged twice, and resolved by the same operation`()
        throws
    {
        let stall = try Stall()
        let hands = try Merchant(stall)
        try hands.charge(1_250)
        let armed = try stall.page.snapshot().armed
        let disk = try FailingDisk(stall.terminalFolder + "/journal.sqlite")
        try hands.tap(until: .result("unknownResult"), saying: "Ne refaites pas le paiement.")
        try hands.photograph("unknown-1-said")
        try reloads(hands, .result("unknownResult"))
        // Nothing else can be done from here, neither by a tap nor by a key.
        try hands.touch("#result-what")
        try hands.press("-")
        #expect(try !stall.page.arm(500))
        try hands.touch("#result-acts [data-act='verify']")
        try hands.sees(.result("unknownResult"))
        try disk.mend()
        try hands.touch("#result-acts [data-act='verify']")
        try hands.sees(.result("refused"))
        try hands.reads("Enregistrement impossible.")
        try hands.photograph("unknown-2-not-stored")
        try hands.press("-")
        try hands.charge(1_250)
        #expect(try stall.page.snapshot().armed != armed)
        try hands.tap()
        try hands.finish()
        #expect(try stall.allSent())
        #expect(try stall.booked().map(\.cents) == [1_250])
        #expect(try stall.balances() == [3_750])
        #expect(try stall.proof().faults == [])
    }
}
