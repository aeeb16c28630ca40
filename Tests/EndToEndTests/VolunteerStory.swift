import CardEmulation
import Foundation
import ReaderEmulation
import TestSupport
import Testing
import Tokens
import WebDriver

/// The volunteer's guide, with the customer display beside the checkout's page.
struct VolunteerStory {
    static let pin = "1357"
    private let stall: Stall
    private let hands: Merchant
    private let display: Browser
    private(set) var album = Album()

    init(_ stall: Stall) throws {
        self.stall = stall
        hands = try Merchant(stall)
        display = try Browser()
        try display.resize(PanelSize.all[0])
        try display.open("http://127.0.0.1:\(stall.port)/client")
    }

    private mutating func picture(
        _ name: String, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        try album.take(name, hands.browser, sourceLocation: sourceLocation)
    }

    /// Of the customer display, once it says these words.
    private mutating func displayed(
        _ name: String, saying text: String, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let isThere = try display.waitUntil("document.body?.innerText.includes('\(text)')")
        try #require(isThere, "\(text)", sourceLocation: sourceLocation)
        try album.take(name, display, client: true, sourceLocation: sourceLocation)
    }

    mutating func count() throws {
        try hands.sees(.ready)
        try displayed("client-bonjour", saying: "Choisissez votre langue")
        try hands.touch("[data-screen='ready'] [data-act='actions']")
        try hands.sees(.panel("actions"))
        try picture("actions-choisir")
        try hands.touch("#tiles-grid [data-value='invendus-sauves']")
        try hands.sees(.panel("quantity"))
        try hands.touchKeys("2500", on: "form")
        try picture("actions-quantite")
        try hands.touch("#form-go")
        try hands.sees(.pay("presentCard"))
        try displayed("client-presentez", saying: "Présentez votre carte")
        try stall.lay()
        try hands.sees(.result("accepted"), saying: "C’est compté.")
        stall.slot.remove()
        try picture("actions-merci")
        // The thanks stay there longer than on the checkout.
        try displayed("client-merci", saying: "Près d’ici aussi")
        try hands.press(key: Key.enter)
        try hands.sees(.panel("actions"))
        try hands.touch("[data-value='textile']")
        try hands.reads("Vêtements réparés")
        try picture("actions-textile")
        try hands.touch("#tiles-modes [data-act='pay']")
        try hands.sees(.ready)
    }

    private func openStand() throws {
        try hands.sees(.ready)
        try hands.touch("[data-screen='ready'] [data-act='menu']")
        try hands.sees(.panel("menu"))
        try hands.touch("#tiles-grid [data-act='enrol']")
    }

    private func agree() throws {
        try hands.touch("#consent-acts [data-value='yes']")
    }

    mutating func give() throws {
        try openStand()
        try hands.sees(.panel("role"))
        try hands.touchKeys(Self.pin, on: "form")
        try picture("accueil-code")
        try hands.touch("#form-go")
        try hands.sees(.panel("stand"))
        try picture("accueil-choix")
        try hands.touch("[data-value='one']")
        try hands.sees(.panel("consent"))
        try picture("accord-carte")
        try agree()
        try hands.reads("2/2")
        try picture("accord-contact")
        try agree()
        try hands.sees(.panel("contact"))
        try picture("contact")
        try hands.touch("#contact-go")
        try hands.sees(.pay("presentCard"))
        try picture("poser-carte")
        try stall.lay(1)
        try hands.reads("Carte prête")
        try #require(
            try hands.browser.waitUntil("document.getElementById('given-qr').naturalWidth > 0"))
        try picture("carte-prete")
        stall.slot.remove()
        try hands.touch("#given-acts [data-act='nextCard']")
        try hands.sees(.panel("consent"))
        try agree()
        try hands.reads("2/2")
        try hands.touch("#consent-acts [data-value='no']")
        try hands.sees(.pay("presentCard"))
        // A card that somebody has already.
        try hands.tap(1, until: .result("refused"), saying: "Cette carte est déjà attribuée.")
        try picture("carte-attribuee")
        try hands.touch("#result-acts .primary")
        try hands.sees(.pay("presentCard"))
        try hands.touch("[data-screen='pay'] [data-act='cancel']")
        try hands.rest()
    }

    mutating func row() throws {
        try openStand()
        try hands.sees(.panel("stand"))
        try hands.touch("[data-value='lane']")
        try hands.sees(.panel("consent"))
        try agree()
        try hands.reads("2/2")
        try hands.touch("#consent-acts [data-value='no']")
        try hands.sees(.pay("presentCard"))
        try stall.lay(2)
        try hands.reads("1 carte remise")
        stall.slot.remove()
        try hands.sees(.pay("presentCard"))
        try picture("plusieurs-cartes")
        try hands.touch("[data-screen='pay'] [data-act='endLane']")
        try hands.rest()
    }

    mutating func replace() throws {
        try openStand()
        try hands.enterPIN(Self.pin)
        try hands.sees(.panel("stand"))
        try hands.touch("[data-value='lost']")
        try hands.sees(.panel("replace"))
        try hands.touchKeys(stall.cards[0].number.digits, on: "form")
        try picture("carte-perdue")
        try hands.touch("#form-go")
        try hands.sees(.panel("consent"))
        try agree()
        try hands.reads("2/2")
        try hands.touch("#consent-acts [data-value='no']")
        try hands.sees(.pay("presentCard"))
        try stall.lay(3)
        try hands.reads("Carte prête")
        stall.slot.remove()
        try hands.reads("L’association vérifie.")
        try #require(
            try hands.browser.waitUntil("document.getElementById('given-qr').naturalWidth > 0"))
        try picture("carte-remplacee")
        try hands.touch("#given-acts [data-act='finish']")
        try hands.rest()
    }
}
