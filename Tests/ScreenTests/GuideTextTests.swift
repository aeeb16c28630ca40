import Foundation
import Operations
import Terminal
import Testing
import WebDriver

@testable import Screen

/// The guides of merchants and volunteers say what the screens say: what stands in « » is a French
/// sentence of the page, of the customer display or of the catalogue, word for word.
@Suite struct GuideTextTests {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()
    private static let guides = ["GUIDE-COMMERCANT.md", "GUIDE-BENEVOLE.md"]
    private static let reminder = "guide/aide-memoire.html"
    private static let pictures = "Hardware/guide"

    private static func text(_ path: String) throws -> String {
        try String(contentsOf: root.appending(path: path), encoding: .utf8)
    }

    private static func guide(_ name: String) throws -> String { try text("Hardware/" + name) }

    /// All spaces alike.
    private static func plain(_ text: some StringProtocol) -> String {
        text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
    }

    /// Every French sentence of the screens as a pattern: `{amount}` stands for any words.
    private static func sentences() throws -> [Regex<Substring>] {
        let web = "Sources/CLibraries/CWebAssets/web/messages/"
        var texts: [String] = []
        for path in [web + "fr.json", web + "person/fr.json"] {
            let table = try JSONSerialization.jsonObject(with: Data(text(path).utf8))
            texts += try #require(table as? [String: String]).values
        }
        texts += try actions()
        texts.append(FaultPage.title)
        return try texts.map { text in
            let parts = plain(text).split(
                separator: /\{[a-zA-Z]+\}/, omittingEmptySubsequences: false)
            let pattern = parts.map { NSRegularExpression.escapedPattern(for: String($0)) }
            return try Regex("^" + pattern.joined(separator: ".+") + "$", as: Substring.self)
        }
    }

    /// What the catalogue calls its actions in French.
    private static func actions() throws -> [String] {
        let object = try JSONSerialization.jsonObject(with: Data(text("seeds/catalogue.json").utf8))
        return try #require(object as? [[String: Any]]).compactMap {
            ($0["labels"] as? [String: String])?["fr"]
        }
    }

    private static func quotations(_ text: String) -> [String] {
        text.matches(of: /«([^»]*)»/).map { plain($0.1) }
    }

    @Test(arguments: guides + [reminder]) func `What a guide quotes is what the screens say`(
        _ name: String
    ) throws {
        let sentences = try Self.sentences()
        let quotations = Self.quotations(try Self.guide(name))
        #expect(quotations.count > 15)
        for quotation in Set(quotations) {
            let isSaid = sentences.contains { quotation.firstMatch(of: $0) != nil }
            #expect(isSaid, "\(name): « \(quotation) »")
        }
        // A sentence nobody says is found.
        #expect(!sentences.contains { "Payez maintenant".firstMatch(of: $0) != nil })
    }

    @Test func `Every code of a refusal stands in a guide's table, beside its sentence`() throws {
        let guides = try Self.guides.map {
            Self.plain(try Self.guide($0).replacing("\n", with: "⏎"))
        }
        let rows = guides.joined().split(separator: "⏎").filter { $0.hasPrefix("|") }
        let table = try JSONSerialization.jsonObject(
            with: Data(Self.text("Sources/CLibraries/CWebAssets/web/messages/fr.json").utf8))
        let words = try #require(table as? [String: String])
        for refusal in Samples.refusals {
            let key = "refusal.\(RefusalMessage(refusal).rawValue).what"
            let sentence = Self.plain(try #require(words[key]))
            let isTold = rows.contains {
                $0.contains(refusal.code) && $0.contains("« \(sentence) »")
            }
            #expect(isTold, "\(refusal.code) « \(sentence) »")
        }
        #expect(rows.contains { $0.contains("X01") && $0.contains("« Résultat inconnu »") })
        let starts = FaultPage.Code.allCases.map(\.rawValue)
        for code in starts {
            #expect(rows.contains { $0.contains(code) && $0.contains("« \(FaultPage.title) »") })
        }
        let known = Set(Samples.refusals.map(\.code) + ["X01"] + starts)
        for guide in guides + [try Self.guide(Self.reminder)] {
            for match in guide.matches(of: /\b[A-Z][0-9]{2}\b/) {
                #expect(known.contains(String(match.0)), "\(match.0)")
            }
        }
    }

    @Test func `The volunteer's guide names every action of the catalogue`() throws {
        let quotations = Set(Self.quotations(try Self.guide("GUIDE-BENEVOLE.md")))
        for label in try Self.actions() { #expect(quotations.contains(Self.plain(label))) }
    }

    @Test func `The guides show every picture there is, and each is small`() throws {
        let folder = Self.root.appending(path: Self.pictures)
        let readme = try Self.text("README.md").matches(of: /Hardware\/guide\/([a-z-]+\.png)/)
        var shown = Set(readme.map { String($0.1) })
        for name in Self.guides {
            shown.formUnion(
                try Self.guide(name).matches(of: /!\[[^\]]+\]\(guide\/([a-z-]+\.png)\)/)
                    .map { String($0.1) })
        }
        let files = try FileManager.default.contentsOfDirectory(atPath: folder.path)
            .filter { $0.hasSuffix(".png") }
        #expect(Set(files) == shown)
        var total = 0
        for name in files {
            let bytes = [UInt8](try Data(contentsOf: folder.appending(path: name)))
            // IHDR: width and height in pixels, big-endian.
            #expect(bytes.starts(with: [0x89, 0x50, 0x4E, 0x47]) && bytes.count > 24, "\(name)")
            #expect(Array(bytes[16..<24]) == [0, 0, 3, 32, 0, 0, 1, 224], "\(name) is 800x480")
            #expect(bytes.count <= 60_000, "\(name)")
            total += bytes.count
        }
        #expect(total <= 1_500_000)
    }

    @Test(.enabled(if: Browser.isInstalled)) func `The reminder fits on one page, A4`() throws {
        let browser = try Browser()
        let page = Self.root.appending(path: "Hardware/" + Self.reminder)
        try browser.resize(PanelSize(width: 794, height: 1_123))
        try browser.open(page.absoluteString)
        let rest = "document.body.clientHeight - document.body.scrollHeight"
        #expect(try browser.text("document.body.clientHeight") == "1119", "A4 but for a millimetre")
        #expect(try browser.text(rest) == "0")
        #expect(try browser.text("document.body.scrollWidth <= innerWidth") == "true")
        // One paragraph more would be cut off.
        try browser.run("document.querySelector('.never').append('mot '.repeat(400))")
        #expect(try browser.text(rest).hasPrefix("-"))
    }
}
