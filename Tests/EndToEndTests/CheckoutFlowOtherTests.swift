import CardEmulation
import Foundation
import SQLite
import TestSupport
import Testing
import Tokens
import WebDriver

/// What is no money: checks, losses, actions, training, closures.
extension StallSuites.CheckoutFlowTests {
    @Test(.timeLimit(.minutes(20)))
    func `A card is checked, reported lost, and refused at the terminal and at the ledger`() throws
    {
        let stall = try Stall(balances: [3_750])
        let hands = try Merchant(stall)
        let card = stall.cards[0].number
        try hands.sees(.ready)
        try hands.touch("[data-screen='ready'] [data-act='menu']")
        try hands.sees(.panel("menu"))
        try hands.photograph("check-1-menu")
        try hands.press("1")
        try hands.sees(.pay("presentCard"))
        try hands.photograph("check-2-present")
        try hands.tap(until: .panel("card"))
        for word in [card.lastFour, "Carte de membre", "Valable", "37,50\u{A0}ECO"] {
            #expect(try hands.words().contains(word), "\(word)")
        }
        try hands.photograph("check-3-card")
        // A check is no operation: nothing is written down.
        #expect(try stall.booked() == [])
        try hands.touch("[data-value='report']")
        try hands.sees(.panel("report"))
        try hands.photograph("lost-1-sure")
        try hands.press(key: Key.enter)
        try hands.reads("La perte est signalée.")
        #expect(try hands.words().contains("Bloquée"))
        #expect(try hands.browser.text("document.querySelector('[data-value=report]')") == "")
        try hands.photograph("lost-2-told")
        #expect(try stall.allSent())
        let told = try #require(try stall.booked().first)
        #expect(told.kind == 7 && told.card == card.digits && told.outcome == "settled")
        let blocked = try stall.ledgerRows("SELECT blocked FROM cards")
        #expect(blocked.first?.first?.integer == 1)
        try stall.page.sendNow()
        try hands.sees(.panel("card"))
        try hands.touch("[data-act='finishCard']")
        // The ledger refuses at once (P06), where it answers in time; the deny-list, once it has
        // come, even without it (C02).
        #expect(try Programs.wait { try stall.knowsBlockedCards(1) })
        try hands.charge(500)
        try hands.tap(until: .result("refused"))
        try hands.press("-")
        try hands.sees(.ready)
        stall.killLedger()
        try hands.charge(500)
        try hands.tap(until: .result("refused"), saying: "Carte bloquée.", "Code C02")
        try hands.photograph("lost-3-refused")
        #expect(try stall.booked().count == 1)
        #expect(try stall.balances() == [3_750])
    }

    @Test(.timeLimit(.minutes(20)))
    func `What a blocked card pays before the terminal can know is held at the ledger`() throws {
        let stall = try Stall()
        let hands = try Merchant(stall)
        stall.freezeLedger()
        try stall.block(0)
        try hands.charge(500)
        try hands.tap(saying: "Accepté hors connexion.")
        try hands.photograph("lost-4-offline")
        stall.thawLedger()
        try hands.finish()
        #expect(try stall.allSent())
        let booked = try #require(try stall.booked().first)
        #expect(booked.outcome == "held" && booked.code == "card-blocked")
        #expect(try stall.balances() == [5_000])
        #expect(try stall.report().held == 1)
        try hands.press("*")
        try hands.sees(.panel("operations"))
        try hands.reads("Rejeté")
        try hands.photograph("lost-5-rejected")
        try hands.press("-")
        try hands.reads("Des opérations sont rejetées.")
    }

    @Test(.timeLimit(.minutes(20)))
    func `An action of each Parcours is recorded once, within its limits, also offline`() throws {
        let stall = try Stall()
        let hands = try Merchant(stall)
        try hands.sees(.ready)
        try hands.touch("[data-screen='ready'] [data-act='actions']")
        try hands.sees(.panel("actions"))
        try hands.photograph("action-1-choose")
        try hands.touch("#tiles-grid [data-value='invendus-sauves']")
        try hands.sees(.panel("quantity"))
        try hands.touchKeys("2500", on: "form")
        try hands.photograph("action-2-quantity")
        try hands.touch("#form-go")
        try hands.sees(.pay("presentCard"))
        try hands.photograph("action-3-present")
        try hands.tap(saying: "C’est compté.", "2,500")
        try hands.photograph("action-4-thanks")
        try hands.press(key: Key.enter)
        // The mode stays; now the other Parcours, by touch and keys, without the network.
        try hands.sees(.panel("actions"))
        #expect(try stall.allSent())
        stall.killLedger()
        try hands.touch("[data-value='textile']")
        try hands.sees(.panel("actions"))
        try hands.press("2")
        try hands.sees(.panel("quantity"))
        try hands.press("7")
        try hands.press(key: Key.enter)
        try hands.sees(.pay("presentCard"))
        try hands.tap(saying: "C’est compté.")
        try hands.press(key: Key.enter)
        // Two garments a day over the limit of twenty: 7 + 10 + 4.
        for (quantity, sight) in [
            ("10", Merchant.Sight.result("accepted")),
            ("4", .result("refused")),
        ] {
            try hands.sees(.panel("actions"))
            try hands.press("2")
            try hands.sees(.panel("quantity"))
            try hands.press(quantity)
            try hands.press(key: Key.enter)
            try hands.sees(.pay("presentCard"))
            try hands.tap(until: sight)
            if quantity == "10" { try hands.press(key: Key.enter) }
        }
        try hands.reads("Limite du jour dépassée")
        try hands.photograph("action-5-limit")
        try stall.startLedger()
        try stall.page.sendNow()
        #expect(try stall.allSent())
        let actions = try stall.ledgerRows(
            "SELECT code, parcours, thousandths FROM actions ORDER BY entry")
        #expect(
            actions.map { "\($0[0].text ?? "") \($0[1].integer ?? 0) \($0[2].integer ?? 0)" } == [
                "invendus-sauves 1 2500", "vetements-repares 2 7000", "vetements-repares 2 10000",
            ])
        let report = try stall.report()
        #expect(report.others["action invendus-sauves"]?.sum == 2_500)
        #expect(report.others["action vetements-repares"]?.count == 2)
        #expect(try stall.balances() == [5_000] && report.held == 0)
    }

    @Test(.timeLimit(.minutes(20)))
    func `Training is seen on every screen and counts nowhere`() throws {
        let stall = try Stall()
        let hands = try Merchant(stall)
        try hands.charge(1_000)
        try hands.tap()
        try hands.finish()
        try hands.openMenu("training")
        try hands.photograph("training-1-panel")
        try hands.press(key: Key.enter)
        try hands.sees(.ready)
        try hands.reads("FORMATION")
        try hands.photograph("training-2-ready")
        try hands.charge(4_000)
        try hands.reads("FORMATION")
        try hands.tap(saying: "FORMATION")
        #expect(try !hands.words().contains("hors connexion"))
        try hands.photograph("training-3-accepted")
        try hands.finish()
        try hands.press("*")
        try hands.sees(.panel("operations"))
        try hands.reads("1 aujourd’hui · 10,00")
        try hands.photograph("training-4-list")
        try hands.press("-")
        try hands.openMenu("training")
        try hands.press(key: Key.enter)
        try hands.sees(.ready)
        #expect(try !hands.words().contains("FORMATION"))
        #expect(try stall.allSent())
        let lines = try stall.page.lines("kind=payment&limit=10")
        #expect(lines.map(\.isTraining) == [true, false])
        let day = try stall.page.day()["totals"] as? [String: Any]
        let payments = day?["payments"] as? [String: Int]
        #expect(payments?["count"] == 1 && payments?["cents"] == 1_000)
        // At the ledger: in the chain, in no balance and no total.
        #expect(try stall.balances() == [4_000])
        let report = try stall.report()
        #expect(report.payments == 1 && report.cents == 1_000)
        let proof = try stall.proof()
        #expect(proof.faults == [] && proof.acknowledged == proof.entries)
        #expect(try stall.auditFaults() == [])
    }

    @Test(.timeLimit(.minutes(20)))
    func `A day is closed offline with its totals, and the next one begins at zero`() throws {
        let stall = try Stall()
        let hands = try Merchant(stall)
        for cents in [1_250, 750] as [Int64] {
            try hands.charge(cents)
            try hands.tap()
            try hands.finish()
        }
        #expect(try stall.allSent())
        stall.killLedger()
        try hands.charge(500)
        try hands.tap()
        try hands.finish()
        try hands.openClosure()
        try hands.reads("Clôturer quand même")
        try hands.reads("1 opération à envoyer")
        for word in ["n°\u{A0}1", "3 · 25,00\u{A0}ECO"] {
            #expect(try hands.words().contains(word), "\(word)")
        }
        try hands.photograph("closure-1-offline")
        try hands.touch("#facts-acts [data-act='close']")
        try hands.reads("Clôture faite")
        try hands.photograph("closure-2-done")
        try hands.sees(.panel("closed"))
        try hands.press(key: Key.enter)
        for panel in ["closuresBefore", "closures", "menu"] {
            try hands.sees(.panel(panel))
            try hands.press("-")
        }
        try hands.sees(.ready)
        try stall.startLedger()
        try stall.page.sendNow()
        #expect(try stall.allSent())
        let closures = try stall.ledgerRows("SELECT period, number, upto, perpetual FROM closures")
        #expect(closures.count == 1)
        #expect(closures.first?.map { $0.integer ?? -1 }[0...1] == [1, 1])
        #expect(closures.first?[3].integer == 2_500)
        #expect(
            try stall.booked().last
                == Stall.Booked(
                    kind: 8, card: "", cents: 0, outcome: "settled", code: ""))
        // What is closed can no longer be reversed, and nothing is left to close.
        let payment = try #require(try stall.page.lines("kind=payment&limit=10").first)
        let reversal = try stall.page.order("reverse", ["id": payment.id, "reason": "other"])
        #expect(reversal.object["refusal"] as? String == "O08")
        try hands.openClosure()
        try hands.reads("n°\u{A0}2")
        try hands.reads("Rien à clôturer.")
        try hands.photograph("closure-3-nothing")
        #expect(try stall.proof().faults == [])
        #expect(try stall.auditFaults() == [])
    }
}
