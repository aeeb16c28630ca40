import Foundation
import Operations
import Terminal
import Testing
import WebDriver

@testable import Screen

/// Every scene of the customer display, at every size, in every language. One browser a size: to
/// start one costs more than a hundred scenes.
@Suite(.serialized, .enabled(if: Browser.isInstalled)) struct ClientDesignTests {
    @Test(arguments: PanelSize.all)
    func `Every scene fits, is large, dark, written and near enough`(_ size: PanelSize) throws {
        let page = try ClientSession(size: size)
        for language in Languages.person {
            try greet(page, language)
            for scene in ClientSamples.scenes {
                try page.show(scene)
                try check(page, scene.name, language, size)
            }
            // The choice over an operation.
            try page.show(ClientSamples.Scene(name: "", stage: .presentCard(Samples.armed())))
            try page.browser.touch("#choose")
            try #require(try page.browser.waitUntil("document.body.dataset.shown == 'chooser'"))
            try check(page, "chooser", language, size)
            #expect(try page.browser.complaints() == [])
        }
    }

    @Test(arguments: PanelSize.all)
    func `Every refusal's sentences fit`(_ size: PanelSize) throws {
        let page = try ClientSession(size: size)
        for language in Languages.person {
            try greet(page, language)
            var seen: Set<String> = []
            for refusal in Samples.refusals {
                let told = PersonRefusal(RefusalMessage(refusal))
                guard seen.insert(told.rawValue).inserted else { continue }
                let stage = Stage.refused(id: Samples.id, amount: Samples.eco(1_234_50), refusal)
                try page.show(ClientSamples.Scene(name: told.rawValue, stage: stage))
                try check(page, "refused-\(told.rawValue)", language, size)
            }
            #expect(seen.count == PersonRefusal.allCases.count)
        }
    }

    /// Nobody is there; then somebody who reads this language.
    private func greet(_ page: ClientSession, _ language: String) throws {
        try page.show(ClientSamples.Scene(name: "", stage: .amountEntry))
        try page.choose(language)
    }

    private func check(
        _ page: ClientSession, _ scene: String, _ language: String, _ size: PanelSize
    ) throws {
        let name = "client-\(scene)-\(language)-\(size)"
        #expect(try page.browser.text("document.documentElement.lang") == language, "\(name)")
        let faults = try PageChecks.faults(page.browser, client: true, picture: name)
        #expect(faults == [], "\(name)")
        let words = try page.words()
        #expect(!words.contains("{") && !words.contains("undefined"), "\(name)")
        #expect(!words.contains("refusal.") && !words.contains("done."), "\(name)")
    }
}
