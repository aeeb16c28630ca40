import Foundation
import Testing
import WebDriver

/// Pictures of a guide, taken while what it says is done.
struct Album {
    /// Where they go: `ECO_PICTURES`, as `Hardware/pictures` says, or Tests/Artifacts/guide.
    static let folder =
        ProcessInfo.processInfo.environment["ECO_PICTURES"] ?? Artifacts.folder + "/guide"
    private(set) var names: [String] = []

    /// One of what this browser shows now, which keeps to the rules of the design.
    mutating func take(
        _ name: String, _ browser: Browser, client: Bool = false,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        // A decision flashes, and a screen that has just come takes no taps.
        let rests =
            "!document.querySelector('#flash.on')"
            + (client ? "" : " && 'settled' in document.body.dataset")
        try #require(try browser.waitUntil(rests))
        let faults = try PageChecks.faults(browser, client: client)
        #expect(faults == [], "\(name)", sourceLocation: sourceLocation)
        // The check has walked through the buttons.
        try browser.run("document.activeElement?.blur()")
        try browser.photograph(name, into: Self.folder)
        names.append(name)
    }

    /// One of a page that has no script, as it is while the checkout cannot open.
    mutating func takePlain(_ name: String, _ browser: Browser) throws {
        try browser.photograph(name, into: Self.folder)
        names.append(name)
    }

    /// Pictures that a guide shows, in its order.
    static func shown(in guide: String) throws -> [String] {
        let hardware = URL(filePath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent().appending(path: "Hardware")
        let text = try String(contentsOf: hardware.appending(path: guide), encoding: .utf8)
        return text.matches(of: /\(guide\/([a-z-]+)\.png\)/).map { String($0.1) }
    }
}

extension StallSuites {
    /// The guides of merchants and volunteers, done step by step on the page with real programs and
    /// cards in software; the pictures are those the guides show.
    @Suite(.enabled(if: Browser.isInstalled, "needs chromium-driver"))
    struct GuideTests {
        @Test(.timeLimit(.minutes(20)))
        func `What the merchant's guide says is done, and each of its pictures taken`() throws {
            let stall = try Stall(balances: [5_000, 930, 5_000])
            var story = try MerchantStory(stall)
            try story.pay()
            try story.split()
            try story.giveBack()
            try story.topUpAndCheck()
            try story.block()
            try story.offline()
            try story.close()
            try story.fault()
            #expect(
                try Set(story.album.names) == Set(Album.shown(in: "GUIDE-COMMERCANT.md")))
        }

        @Test(.timeLimit(.minutes(20)))
        func `What the volunteer's guide says is done, and each of its pictures taken`() throws {
            let stall = try Stall(
                balances: [5_000, 0, 0, 0], application: "https://app.carte-eco.example")
            try stall.setPIN(VolunteerStory.pin, role: "enroller")
            var story = try VolunteerStory(stall)
            try story.count()
            try story.give()
            try story.row()
            try story.replace()
            #expect(try Set(story.album.names) == Set(Album.shown(in: "GUIDE-BENEVOLE.md")))
        }
    }
}
