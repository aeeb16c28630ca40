import CardEmulation
import Foundation
import ReaderEmulation
import SQLite
import Testing
import Tokens
import WebDriver

extension StallSuites {
    /// Each flow from touch to ledger: fingers and keys on the page in Chromium, software cards on
    /// the real pcscd, real programs; what is asked at the end is the ledger's own book.
    @Suite(.enabled(if: Browser.isInstalled, "needs chromium-driver"))
    struct CheckoutFlowTests {}
}

/// Money.
extension StallSuites.CheckoutFlowTests {
    @Test(.timeLimit(.minutes(20)))
    func `A payment by touch and one by the keypad alone reach the ledger to the cent`() throws {
        let stall = try Stall()
        let hands = try Merchant(stall)
        try hands.charge(1_250)
        try hands.photograph("payment-1-present")
        try stall.lay()
        try hands.sees(
            .result("accepted"), saying: "Paiement accepté", "12,50",
            "•••• " + stall.cards[0].number.lastFour)
        try hands.photograph("payment-2-accepted")
        stall.slot.remove()
        try hands.finish()

        try hands.press("700")
        try hands.press(key: Key.enter)
        try hands.sees(.pay("presentCard"))
        try hands.tap()
        try hands.finish()
        #expect(try stall.allSent())
        let card = stall.cards[0].number.digits
        #expect(
            try stall.booked() == [
                Stall.Booked(kind: 1, card: card, cents: 1_250, outcome: "settled", code: ""),
                Stall.Booked(kind: 1, card: card, cents: 700, outcome: "settled", code: ""),
            ])
        #expect(try stall.balances() == [5_000 - 1_950])
        let proof = try stall.proof()
        #expect(proof.payments == 2 && proof.cents == 1_950 && proof.faults == [])
        #expect(proof.acknowledged == proof.entries)
        #expect(try stall.report().cents == 1_950)
        #expect(try hands.complaints() == [])
    }

    @Test(.timeLimit(.minutes(20)))
    func `One card pays what it has, a second one the rest`() throws {
        let stall = try Stall(balances: [930, 5_000])
        let hands = try Merchant(stall)
        try hands.charge(1_250)
        try hands.tap(0, until: .result("refused"), saying: "Il manque 3,20")
        try hands.photograph("split-1-missing")
        try hands.touch("#result-acts [data-act='payPart']")
        try hands.sees(.pay("presentCard"))
        try hands.tap(0, saying: "Il reste 3,20")
        try hands.photograph("split-2-part-paid")
        // After the result, what is left stays on the screen.
        try hands.sees(.result("rest"))
        try hands.touch("#result-acts [data-act='payRest']")
        try hands.sees(.pay("presentCard"))
        try hands.tap(1, saying: "3,20")
        try hands.finish()
        #expect(try stall.allSent())
        #expect(try stall.balances() == [0, 4_680])
        #expect(try stall.booked().map(\.cents) == [930, 320])
        #expect(try stall.booked().allSatisfy { $0.kind == 1 && $0.outcome == "settled" })
        #expect(try stall.auditFaults() == [])
    }

    @Test(.timeLimit(.minutes(20)))
    func `A payment of the list is refunded to its own card only`() throws {
        let stall = try Stall(balances: [5_000, 5_000])
        let hands = try Merchant(stall)
        try hands.charge(1_800)
        try hands.tap(0)
        try hands.finish()
        #expect(try stall.allSent())
        try hands.touch("[data-screen='ready'] [data-act='operations']")
        try hands.sees(.panel("operations"))
        try hands.photograph("refund-1-list")
        try hands.touch("button.line")
        try hands.sees(.panel("operation"))
        try hands.photograph("refund-2-operation")
        try hands.touch("#facts-acts [data-value='refund']")
        try hands.sees(.panel("refund"))
        // 5,00 of 18,00.
        for _ in 0..<4 { try hands.touch("[data-screen='form'] [data-key='erase']") }
        try hands.touchKeys("500", on: "form")
        try hands.photograph("refund-3-amount")
        try hands.touch("#form-go")
        try hands.sees(.pay("presentCard"))
        try hands.tap(1, until: .result("refused"), saying: "Ce n’est pas la carte du paiement.")
        try hands.photograph("refund-4-other-card")
        #expect(try stall.balances() == [3_200, 5_000])
        // The same order once more, for the right card.
        try hands.touch("#result-acts .primary")
        try hands.sees(.pay("presentCard"))
        try hands.tap(0, saying: "Remboursement fait")
        try hands.photograph("refund-5-done")
        try hands.finish()
        #expect(try stall.allSent())
        #expect(try stall.balances() == [3_700, 5_000])
        let refund = try #require(try stall.booked().last)
        #expect(refund.kind == 2 && refund.cents == 500 && refund.outcome == "settled")
        #expect(refund.card == stall.cards[0].number.digits)
        let line = try #require(try stall.page.lines("kind=payment&limit=10").first)
        #expect(line.refundable == 1_300)
    }

    @Test(.timeLimit(.minutes(20)))
    func `A large payment is reversed once the manager has signed in`() throws {
        let stall = try Stall()
        let hands = try Merchant(stall)
        try hands.charge(2_500)
        try hands.tap()
        try hands.finish()
        // By the keypad alone: the list, its only line by Tab, the reason by number.
        try hands.press("*")
        try hands.sees(.panel("operations"))
        try #require(try hands.browser.waitUntil("document.querySelector('button.line')"))
        try hands.touch("button.line")
        try hands.sees(.panel("operation"))
        try hands.touch("#facts-acts [data-value='reverse']")
        try hands.sees(.panel("reverse"))
        try hands.press("3")
        try hands.photograph("reversal-1-reason")
        try hands.press(key: Key.enter)
        try hands.sees(.panel("role"))
        try hands.photograph("reversal-2-role")
        #expect(try stall.page.lines("kind=reversal&limit=10").isEmpty, "not before the PIN")
        try hands.press(Stall.managerPIN)
        try hands.press(key: Key.enter)
        try hands.reads("Cette opération est annulée.")
        try hands.photograph("reversal-3-done")
        #expect(try stall.allSent())
        #expect(try stall.balances() == [5_000])
        #expect(try stall.booked().map(\.kind) == [1, 3])
        #expect(try stall.booked().last?.outcome == "settled")
        // Once: the page offers neither that nor a refund any more, and the order is refused.
        let offers = "document.querySelector('[data-value=reverse], [data-value=refund]')"
        #expect(try hands.browser.text(offers) == "")
        let line = try #require(try stall.page.lines("kind=payment&limit=10").first)
        #expect(line.isReversed)
        let again = try stall.page.order("reverse", ["id": line.id, "reason": "doubled"])
        #expect(again.code == "rule" && again.object["refusal"] as? String == "O06")
        #expect(try stall.auditFaults() == [])
    }

    @Test(.timeLimit(.minutes(20)))
    func `Cash becomes money on a card, by the manager, within the policy's limit`() throws {
        let stall = try Stall(balances: [100])
        let hands = try Merchant(stall)
        try hands.openMenu("topUp")
        try hands.touchKeys("10001", on: "form")
        try hands.touch("#form-go")
        try hands.enterPIN(Stall.managerPIN)
        try hands.sees(.panel("topUp"))
        try hands.reads("Recharge trop élevée. Maximum 100,00")
        try hands.photograph("top-up-1-over-limit")
        for _ in 0..<5 { try hands.touch("[data-screen='form'] [data-key='erase']") }
        try hands.touchKeys("2000", on: "form")
        try hands.touch("#form-go")
        try hands.sees(.pay("presentCard"))
        try hands.photograph("top-up-2-present")
        try hands.tap(saying: "Carte rechargée")
        try hands.photograph("top-up-3-done")
        try hands.finish()
        #expect(try stall.allSent())
        #expect(try stall.balances() == [2_100])
        let booked = try #require(try stall.booked().first)
        #expect(booked.kind == 4 && booked.cents == 2_000 && booked.outcome == "settled")
        let means = try stall.ledgerRows(
            "SELECT sum(cents) FROM postings WHERE account GLOB 'means:*'")
        #expect(means.first?.first?.integer == -2_000, "cash taken is owed by the merchant")
        #expect(try stall.auditFaults() == [])
    }
}
