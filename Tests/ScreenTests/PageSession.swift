import Foundation
import Operations
import Screen
import Terminal
import Testing
import WebDriver

/// A browser with the page of one service in it.
final class PageSession {
    let service: Service
    let browser: Browser

    init(size: PanelSize = PanelSize.all[0]) throws {
        service = try Service()
        browser = try Browser()
        try browser.resize(size)
        try browser.open(address)
        try #require(try waitForPage())
    }

    var address: String { "http://127.0.0.1:\(service.screen.port)/" }

    /// Waits until the page has drawn the checkout's present version and takes taps.
    func waitForPage() throws -> Bool {
        let version = service.checkout.snapshot.version
        return try browser.waitUntil(
            "document.body?.dataset.version == \(version) && 'settled' in document.body.dataset")
    }

    /// Puts the checkout into a stage and waits until it is drawn, even if it takes no taps yet.
    func draw(_ stage: Stage) throws {
        service.checkout.show(stage)
        let version = service.checkout.snapshot.version
        try #require(try browser.waitUntil("document.body?.dataset.version == \(version)"))
    }

    /// Puts the checkout into a stage and waits until it is drawn and takes taps.
    func show(_ stage: Stage) throws {
        service.checkout.show(stage)
        try #require(try waitForPage())
    }

    /// Touches what opens a panel and waits until it takes taps.
    func openPanel(_ name: String, from selector: String) throws {
        try browser.touch(selector)
        try #require(try browser.waitUntil("document.body.dataset.panel == '\(name)'"))
        // The catalogue comes after the snapshot.
        if name == "actions" {
            try #require(try browser.waitUntil("document.querySelector('#tiles-grid button')"))
        }
        try #require(try waitForPage())
    }

    /// The language, as a person's choice.
    func choose(language: String) throws {
        try browser.run("localStorage.setItem('eco.language', arguments[0])", [language])
        try browser.reload()
        try #require(try waitForPage())
    }

    func choose(theme: String) throws {
        try browser.run("localStorage.setItem('eco.theme', arguments[0])", [theme])
        try browser.reload()
        try #require(try waitForPage())
    }

    /// Every word that is shown, in order.
    func words() throws -> String {
        try browser.text("document.querySelector('main').innerText")
    }

    /// Everything the strip can hold at once.
    func crowdTheStrip() {
        service.checkout.change { state in
            state.snapshot.network = .offline(since: 1_764_000_000_000)
            state.snapshot.queue = Snapshot.Queue(
                count: 75, total: Samples.eco(123_450), oldest: 1_764_000_000_000, rejected: 2)
            state.snapshot.clockTrust = .untrusted
            state.snapshot.merchant = "Coopérative d’activité et de réemploi du Canal de l’Ourcq"
        }
    }
}
