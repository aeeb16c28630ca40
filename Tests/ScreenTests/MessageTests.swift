import CWebAssets
import Foundation
import Operations
import Receipts
import Terminal
import Testing

@testable import Screen

/// The message tables, checked as values so that a planted gap can be checked too.
struct MessageTables {
    var tables: [String: [String: String]]
    let page: String
    let scripts: String

    init() throws {
        let assets = Asset.embedded()
        func text(_ path: String) throws -> String {
            String(decoding: try #require(assets[path]).bytes, as: UTF8.self)
        }
        tables = [:]
        for language in ScreenConfiguration.Language.allCases {
            let data = Data(try text("/messages/\(language.rawValue).json").utf8)
            tables[language.rawValue] = try JSONDecoder().decode([String: String].self, from: data)
        }
        page = try text("/")
        scripts = try assets.keys.filter(Self.isMerchants).sorted().map(text).joined()
    }

    /// True of a script of the merchant's page; those of the customer display have other tables.
    private static func isMerchants(_ path: String) -> Bool {
        path.hasSuffix(".js") && !path.hasPrefix("/client") && !path.hasPrefix("/person")
    }

    /// Keys that a refusal, an action, the page or a script needs.
    var needed: Set<String> {
        var keys: Set<String> = []
        for refusal in Samples.refusals {
            keys.insert("refusal.\(RefusalMessage(refusal).rawValue).what")
            keys.insert("refusal.\(RefusalMessage(refusal).rawValue).do")
        }
        for action in RefusalAction.allCases { keys.insert("action.\(action.rawValue)") }
        let printer: [PrinterState] = [
            .none, .printing, .trouble(.absent), .trouble(.noPaper), .trouble(.notAnswering),
            .trouble(.full), .trouble(.notRecorded),
        ]
        for state in printer { keys.insert("printer.\(PrinterView.name(state))") }
        for period in ClosurePeriod.allCases { keys.insert("closure.title.\(period.name)") }
        for attribute in ["data-text", "data-label", "data-name"] {
            for part in page.components(separatedBy: "\(attribute)=\"").dropFirst() {
                keys.insert(String(part.prefix { $0 != "\"" }))
            }
        }
        for part in scripts.components(separatedBy: "words.get(\"").dropFirst() {
            keys.insert(String(part.prefix { $0 != "\"" }))
        }
        return keys
    }

    /// What is wrong with the tables, a sentence each.
    var faults: [String] {
        var faults: [String] = []
        let french = tables["fr"] ?? [:]
        for (language, table) in tables {
            for key in needed where table[key] == nil { faults.append("\(language) lacks \(key)") }
            for key in french.keys where table[key] == nil {
                faults.append("\(language) lacks \(key) of fr")
            }
            for (key, sentence) in table {
                if french[key] == nil { faults.append("\(language) has \(key), fr has not") }
                if sentence.isEmpty { faults.append("\(language) \(key) is empty") }
                if Self.names(sentence) != Self.names(french[key] ?? sentence) {
                    faults.append("\(language) \(key) has other values than fr")
                }
                if key.hasPrefix("refusal.") || key.hasPrefix("note.") {
                    faults += Self.style(sentence).map { "\(language) \(key) \($0)" }
                }
            }
        }
        return faults
    }

    private static func names(_ sentence: String) -> Set<String> {
        Set(
            sentence.components(separatedBy: "{").dropFirst().map {
                String($0.prefix { $0 != "}" })
            })
    }

    /// FALC: short sentences, none of the machine's words (UX.md §1.6).
    private static func style(_ sentence: String) -> [String] {
        var faults: [String] = []
        for part in sentence.split(separator: ".") where part.split(separator: " ").count > 12 {
            faults.append("has a sentence over 12 words")
        }
        for word in ["erreur", "error", "exception", "code statut", "volée", "stolen", "fraud"]
        where sentence.lowercased().contains(word) {
            faults.append("says \(word)")
        }
        return faults
    }
}

@Suite struct MessageTests {
    @Test func `Both languages hold every sentence`() throws {
        #expect(try MessageTables().faults == [])
    }

    @Test func `Every refusal is among the samples`() {
        #expect(Set(Samples.refusals.map(Samples.index)).count == Samples.refusalCount)
        let messages = Set(Samples.refusals.map { RefusalMessage($0) })
        #expect(messages == Set(RefusalMessage.allCases))
    }

    @Test func `A planted gap in a table is found`() throws {
        let whole = try MessageTables()
        for language in ["fr", "en"] {
            for key in ["refusal.blocked.do", "action.retry", "pay.present", "panel.back"] {
                var gap = whole
                gap.tables[language]?[key] = nil
                #expect(!gap.faults.isEmpty, "\(language) without \(key)")
            }
        }
        var untranslated = whole
        untranslated.tables["en"]?["action.chargeLess"] = "Charge"
        #expect(!untranslated.faults.isEmpty)
        var wordy = whole
        wordy.tables["fr"]?["refusal.blocked.do"] = "Erreur 12: exception."
        #expect(wordy.faults.count == 2)
        var strange = whole
        strange.tables["en"]?["refusal.extra.what"] = "More."
        #expect(!strange.faults.isEmpty)
    }

    @Test func `French punctuation keeps to its words`() throws {
        let table = try #require(try MessageTables().tables["fr"])
        for (key, sentence) in table where !key.hasPrefix("format.") {
            for mark in [":", ";", "!", "?"] {
                #expect(!sentence.contains(" \(mark)"), "\(key)")
            }
            #expect(!sentence.contains("'"), "\(key) has a typewriter apostrophe")
        }
    }

    @Test func `The suspicion of fraud is not told`() {
        for refusal in [
            Refusal.tokenAltered, .tokenCopied, .wrongKeys, .replayed, .evidenceMismatch,
        ] {
            #expect(RefusalMessage(refusal) == .notRecognised)
            #expect(refusal.actions(amount: Samples.eco(100)) == [.finish])
        }
    }

    @Test func `What may be charged instead is less and not nothing`() {
        let amount = Samples.eco(1250)
        #expect(
            Refusal.insufficient(missing: Samples.eco(320)).lesserAmount(than: amount)
                == Samples.eco(930))
        #expect(Refusal.insufficient(missing: amount).lesserAmount(than: amount) == nil)
        #expect(Refusal.insufficient(missing: Samples.eco(2000)).lesserAmount(than: amount) == nil)
        #expect(
            Refusal.overOfflineLimit(limit: Samples.eco(2000)).lesserAmount(than: amount) == nil)
        #expect(
            Refusal.cardLimitReached(left: Samples.eco(450)).lesserAmount(than: amount)
                == Samples.eco(450))
        #expect(Refusal.blocked.lesserAmount(than: amount) == nil)
        for refusal in Samples.refusals {
            #expect(refusal.actions(amount: nil) == [.finish])
            #expect(refusal.actions(amount: amount).last == .finish)
        }
    }
}
