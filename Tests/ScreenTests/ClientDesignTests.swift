import Foundation
import Operations
import Terminal
import Testing
import WebDriver

@testable import Screen

/// Every scene of the customer display, at every size, in every language.
@Suite(.serialized, .enabled(if: Browser.isInstalled)) struct ClientDesignTests {
    @Test(arguments: PanelSize.all, Languages.person)
    func `Every scene fits, is large, dark, written and near enough`(
        _ size: PanelSize, _ language: String
    ) throws {
        let page = try ClientSession(size: size)
        try page.choose(language)
        let suffix = "\(language)-\(size.description)"
        for scene in ClientSamples.scenes {
            try page.show(scene)
            try check(page, scene.name, suffix)
        }
        // The choice over an operation.
        try page.show(ClientSamples.Scene(name: "", stage: .presentCard(Samples.armed())))
        try page.browser.touch("#choose")
        try #require(try page.browser.waitUntil("document.body.dataset.shown == 'chooser'"))
        try check(page, "chooser", suffix)
        #expect(try page.browser.complaints() == [])
    }

    @Test(arguments: PanelSize.all, Languages.person)
    func `Every refusal's sentences fit`(_ size: PanelSize, _ language: String) throws {
        let page = try ClientSession(size: size)
        try page.choose(language)
        var seen: Set<String> = []
        for refusal in Samples.refusals {
            let told = PersonRefusal(RefusalMessage(refusal))
            guard seen.insert(told.rawValue).inserted else { continue }
            let stage = Stage.refused(id: Samples.id, amount: Samples.eco(1_234_50), refusal)
            try page.show(ClientSamples.Scene(name: told.rawValue, stage: stage))
            try check(page, "refused-\(told.rawValue)", "\(language)-\(size.description)")
        }
        #expect(seen.count == PersonRefusal.allCases.count)
    }

    private func check(_ page: ClientSession, _ name: String, _ suffix: String) throws {
        // Looked at in four scripts; checked in all.
        if ["fr", "ar", "ta", "zh"].contains(where: { suffix.hasPrefix("\($0)-") }) {
            try page.browser.photograph("client-\(name)-\(suffix)")
        }
        let faults = try PageChecks.faults(page.browser, client: true)
        #expect(faults == [], "\(name) \(suffix)")
        let words = try page.words()
        #expect(!words.contains("{") && !words.contains("undefined"), "\(name) \(suffix)")
        #expect(!words.contains("refusal.") && !words.contains("done."), "\(name) \(suffix)")
    }
}
