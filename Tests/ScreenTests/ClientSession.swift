import Foundation
import Operations
import Screen
import Terminal
import Testing
import WebDriver

/// A browser with the customer display of one service in it.
final class ClientSession {
    let service: Service
    let browser: Browser

    init(size: PanelSize = PanelSize.all[0], _ service: Service? = nil) throws {
        self.service = try service ?? Service()
        browser = try Browser()
        try browser.resize(size)
        self.service.checkout.change { state in
            state.catalogue = ClientSamples.catalogue
            state.snapshot.languages = []
        }
        try browser.open("http://127.0.0.1:\(self.service.screen.port)/client")
        try #require(try waitForPage())
    }

    /// Waits until the page has drawn the checkout's present version.
    func waitForPage() throws -> Bool {
        let version = service.checkout.snapshot.version
        return try browser.waitUntil("document.body?.dataset.version == \(version)")
    }

    func show(_ scene: ClientSamples.Scene) throws {
        service.checkout.change { state in
            state.snapshot.isTraining = false
            state.snapshot.network = .online
            state.snapshot.rest = nil
            state.snapshot.isPresentedAgain = false
            state.snapshot.stage = scene.stage
            scene.change(&state.snapshot)
        }
        try #require(try waitForPage())
    }

    /// The language, chosen as the merchant's page does it.
    func choose(_ language: String) throws {
        let answer = try service.order("/api/language", #"{"language":"\#(language)"}"#)
        try #require(answer.status == 204)
        try #require(try browser.waitUntil("document.documentElement.lang == '\(language)'"))
    }

    /// Every word that is shown, in order.
    func words() throws -> String { try browser.text("document.body.innerText") }
}
