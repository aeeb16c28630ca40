import CardEmulation
import Foundation
import ReaderEmulation
import TestSupport
import Testing
import WebDriver

/// The merchant's guide.
struct MerchantStory {
    private let stall: Stall
    private let hands: Merchant
    private(set) var album = Album()

    init(_ stall: Stall) throws {
        self.stall = stall
        hands = try Merchant(stall)
    }

    private mutating func picture(
        _ name: String, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        try album.take(name, hands.browser, sourceLocation: sourceLocation)
    }

    mutating func pay() throws {
        try hands.sees(.ready)
        try hands.touchKeys("1250", on: "ready")
        try hands.reads("Encaisser 12,50")
        try picture("payer-montant")
        try hands.touch("#charge")
        try hands.sees(.pay("presentCard"))
        try picture("payer-presentez")
        // A card that takes its time over the last command: it has to stay.
        let gate = try stall.layHeld()
        defer { gate.open() }
        try hands.sees(.pay("reading"), saying: "Ne retirez pas la carte")
        try picture("payer-lecture")
        gate.open()
        try hands.sees(.result("accepted"), saying: "Paiement accepté")
        try picture("payer-accepte")
        stall.slot.remove()
        try hands.rest()
        try openNewest("12,50")
        try hands.touch("#facts-acts [data-act='showReceipt']")
        try hands.sees(.panel("receipt"))
        let isDrawn =
            "document.querySelector('#code-image').naturalWidth > 0"
            + " && document.querySelectorAll('#code-rows li').length > 0"
        try #require(try hands.browser.waitUntil(isDrawn))
        try picture("recu")
        try hands.rest()
        try hands.charge(1_250)
        // The card leaves in the middle; nothing is charged; the same card ends it.
        try hands.tap(
            plan: try FaultPlan("tear@4"), until: .pay("removedTooSoon"),
            saying: "Présentez la même carte.")
        try picture("payer-trop-tot")
        try hands.tap()
        try hands.finish()
    }

    /// Opens the newest operation of the list, which is of this amount.
    private func openNewest(_ amount: String) throws {
        try hands.press("*")
        try hands.sees(.panel("operations"))
        let first = "document.querySelector('button.line')?.innerText.includes('\(amount)')"
        try #require(try hands.browser.waitUntil(first))
        try hands.touch("button.line")
        try hands.sees(.panel("operation"))
    }

    mutating func split() throws {
        try hands.charge(1_250)
        try hands.tap(1, until: .result("refused"), saying: "Il manque 3,20")
        try picture("partage-il-manque")
        try hands.touch("#result-acts [data-act='payPart']")
        try hands.sees(.pay("presentCard"))
        try hands.tap(1, saying: "Il reste 3,20")
        try picture("partage-il-reste")
        // After the result, what is left stays on the screen.
        try hands.sees(.result("rest"))
        try hands.touch("#result-acts [data-act='payRest']")
        try hands.sees(.pay("presentCard"))
        try hands.tap(0, saying: "3,20")
        try hands.finish()
    }

    mutating func giveBack() throws {
        #expect(try stall.allSent())
        try hands.touch("[data-screen='ready'] [data-act='operations']")
        try hands.sees(.panel("operations"))
        try #require(
            try hands.browser.waitUntil("document.querySelectorAll('button.line').length > 2"))
        try picture("operations")
        try hands.touch("li:nth-child(3) > button.line")
        try hands.sees(.panel("operation"))
        try picture("operation")
        try hands.touch("#facts-acts [data-value='refund']")
        try hands.sees(.panel("refund"))
        for _ in 0..<4 { try hands.touch("[data-screen='form'] [data-key='erase']") }
        try hands.touchKeys("500", on: "form")
        try picture("rembourser")
        try hands.touch("#form-go")
        try hands.sees(.pay("presentCard"))
        try hands.tap(2, until: .result("refused"), saying: "Ce n’est pas la carte du paiement.")
        try picture("refus-autre-carte")
        try hands.touch("#result-acts .primary")
        try hands.sees(.pay("presentCard"))
        try hands.tap(0, saying: "Remboursement fait")
        try hands.rest()
        // 24,00 taken by mistake: undone by whoever is responsible.
        try hands.charge(2_400)
        try hands.tap(2)
        try hands.finish()
        try openNewest("24,00")
        try hands.touch("#facts-acts [data-value='reverse']")
        try hands.sees(.panel("reverse"))
        try hands.touch("[data-value='wrongEntry']")
        try picture("annuler")
        try hands.touch("#facts-acts [data-act='reverse']")
        try hands.sees(.panel("role"))
        try picture("code-responsable")
        try hands.touchKeys(Stall.managerPIN, on: "form")
        try hands.touch("#form-go")
        try hands.reads("Cette opération est annulée.")
        try hands.rest()
    }

    mutating func topUpAndCheck() throws {
        try hands.sees(.ready)
        try hands.touch("[data-screen='ready'] [data-act='menu']")
        try hands.sees(.panel("menu"))
        try picture("menu")
        try hands.touch("#tiles-grid [data-value='topUp']")
        try hands.sees(.panel("topUp"))
        try hands.touchKeys("2000", on: "form")
        try picture("recharger")
        try hands.touch("#form-go")
        try hands.sees(.pay("presentCard"))
        try hands.tap(1, saying: "Carte rechargée")
        try hands.finish()
        try hands.touch("[data-screen='ready'] [data-act='menu']")
        try hands.sees(.panel("menu"))
        try hands.press("1")
        try hands.sees(.pay("presentCard"))
        try hands.tap(1, until: .panel("card"))
        try hands.reads("20,00")
        try picture("verifier-carte")
        try hands.rest()
    }

    mutating func block() throws {
        try stall.block(2)
        try stall.page.sendNow()
        try #require(try Programs.wait { try stall.knowsBlockedCards(1) })
        try hands.charge(500)
        try hands.tap(2, until: .result("refused"), saying: "Carte bloquée.", "Code C02")
        try picture("refus-bloquee")
        try hands.rest()
    }

    mutating func offline() throws {
        try #require(try stall.allSent())
        stall.killLedger()
        try #require(stall.page.waitUntilReady(network: "offline"))
        try hands.reads("Hors connexion depuis")
        try picture("hors-connexion")
        try hands.charge(1_250)
        try hands.tap(saying: "Accepté hors connexion.")
        try picture("hors-connexion-accepte")
        try hands.finish()
        try hands.charge(2_500)
        try hands.tap(until: .result("refused"), saying: "Code P02")
        try picture("hors-connexion-refus")
        try hands.rest()
        try stall.startLedger()
        try stall.page.sendNow()
        try #require(try stall.allSent())
        try #require(stall.page.waitUntilReady(network: "online"))
    }

    mutating func close() throws {
        try hands.openClosure()
        try hands.reads("Recette")
        try picture("cloture")
        try hands.touch("#facts-acts [data-act='close']")
        try hands.sees(.panel("closed"))
        try picture("cloture-faite")
        try hands.rest()
        try hands.openMenu("training")
        try hands.touch("#facts-acts button.primary")
        try hands.sees(.ready)
        try hands.reads("FORMATION")
        try picture("formation")
        try hands.openMenu("training")
        try hands.touch("#facts-acts button.primary")
        try hands.sees(.ready)
    }

    mutating func fault() throws {
        try hands.openMenu("help")
        try #require(try hands.browser.waitUntil("document.querySelector('#facts-rows li')"))
        try picture("aide")
        try hands.rest()
        try hands.charge(1_250)
        let disk = try FailingDisk(stall.terminalFolder + "/journal.sqlite")
        try hands.tap(until: .result("unknownResult"), saying: "Ne refaites pas le paiement.")
        try picture("inconnu")
        try disk.mend()
        try hands.touch("#result-acts [data-act='verify']")
        try hands.sees(.result("refused"))
        try hands.rest()
        // A reader that is not there, then no terminal at all.
        stall.killTerminal()
        try hands.reads("Le terminal ne répond pas")
        try picture("injoignable")
        try stall.configure(reader: "Absent")
        try stall.startTerminal()
        try hands.reads("Lecteur débranché.")
        try picture("hors-service")
        stall.killTerminal()
        try stall.startTerminal(withoutSecrets: true)
        try hands.reads("La caisse ne peut pas ouvrir.")
        try hands.reads("Appelez le technicien. Code S02.")
        try album.takePlain("ne-peut-pas-ouvrir", hands.browser)
    }
}
