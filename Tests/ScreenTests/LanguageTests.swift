import Foundation
import Operations
import Terminal
import TestSupport
import Testing
import WebDriver

@testable import Screen

/// The tables as the build checks them: the very tool, over a copy with one defect planted.
@Suite struct LanguageTableTests {
    private let folder: URL

    init() throws {
        folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
        let tables = URL(filePath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "Sources/CLibraries/CWebAssets/web/messages")
        try FileManager.default.copyItem(at: tables, to: folder)
    }

    /// What the tool says, and whether it wrote anything.
    private func check() throws -> (code: Int32, said: String, wrote: String?) {
        let output = folder.appending(path: "Languages.swift")
        let result = try Programs.run("eco-messages", [folder.path, output.path])
        return (
            result.code, result.error.trimmingCharacters(in: .whitespacesAndNewlines),
            try? String(contentsOf: output, encoding: .utf8)
        )
    }

    private func change(_ name: String, _ body: (inout [String: String]) -> Void) throws {
        let file = folder.appending(path: name)
        var table = try JSONDecoder().decode([String: String].self, from: Data(contentsOf: file))
        body(&table)
        try JSONEncoder().encode(table).write(to: file)
    }

    @Test func `Whole tables become the list of languages`() throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        let (code, said, wrote) = try check()
        #expect(code == 0 && said == "")
        #expect(wrote?.contains(#"static let merchant = ["fr", "en"]"#) == true)
        #expect(
            Languages.person == ["fr", "fr-x-falc", "en", "ar", "pt", "tr", "ta", "zh", "ro"])
    }

    @Test(arguments: [
        ("person/tr.json", "done.thanks", nil, "messages/person/tr.json lacks done.thanks"),
        ("en.json", "panel.back", nil, "messages/en.json lacks panel.back"),
        (
            "person/ro.json", "more", "Mai mult",
            "messages/person/ro.json has more, which messages/person/fr.json has not"
        ),
        ("person/pt.json", "welcome", " ", "messages/person/pt.json welcome is empty"),
        (
            "person/tr.json", "state.present", "Présentez votre carte",
            "messages/person/tr.json state.present is not translated"
        ),
        (
            "person/ro.json", "state.present", "Present your card",
            "messages/person/ro.json state.present is not translated"
        ),
        (
            "person/ta.json", "welcome", "Bonjour",
            "messages/person/ta.json welcome is not translated"
        ),
        (
            "person/zh.json", "rest.left", "还需支付。",
            "messages/person/zh.json rest.left has other {values} than the first language"
        ),
        (
            "person/fr-x-falc.json", "lost.do",
            "Vous devez attendre un peu, parce que la machine ne nous répond plus du tout.",
            "messages/person/fr-x-falc.json lost.do is not plain"
        ),
    ])
    func `A planted gap is one line and no Swift`(
        _ file: String, _ key: String, _ sentence: String?, _ line: String
    ) throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        try change(file) { $0[key] = sentence }
        let (code, said, wrote) = try check()
        #expect(code == 1)
        #expect(said == line)
        #expect(wrote == nil)
    }

    @Test func `A table that is missing, unknown, doubled or no table is named`() throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        let turkish = folder.appending(path: "person/tr.json")
        let whole = try String(contentsOf: turkish, encoding: .utf8)
        try FileManager.default.removeItem(at: turkish)
        #expect(try check().said == "messages/person/tr.json is missing")
        try Data("[]".utf8).write(to: turkish)
        #expect(try check().said == "messages/person/tr.json is not an object of strings")
        let twice = whole.replacing(
            "{\n", with: "{\n  \"welcome\": \"Selam\",\n", maxReplacements: 1)
        try Data(twice.utf8).write(to: turkish)
        #expect(try check().said == "messages/person/tr.json has welcome twice")
        try Data(whole.utf8).write(to: turkish)
        try Data(whole.utf8).write(to: folder.appending(path: "person/xx.json"))
        #expect(try check().said == "messages/person/xx.json is not in languages.json")
    }
}

/// The language of the person before the terminal.
@Suite struct PersonTests {
    private func snapshot(_ stage: Stage, rest: Rest? = nil) -> Snapshot {
        var snapshot = ScriptedCheckout().snapshot
        snapshot.stage = stage
        snapshot.rest = rest
        return snapshot
    }

    /// Takes stages one second apart; the language after each.
    private func walk(_ person: inout Person, _ stages: [Stage], rest: Rest? = nil) -> [String] {
        stages.enumerated().map { index, stage in
            person.see(snapshot(stage, rest: rest), at: 1_000 * UInt64(index + 1))
            return person.language
        }
    }

    private func arabic() -> Person {
        var person = Person(usual: "fr")
        let isChosen = person.choose("ar", of: Languages.person, at: 500)
        #expect(isChosen)
        return person
    }

    @Test func `It goes with the person, after her result, at the next operation`() {
        for result in [
            Samples.accepted(offline: false, cardPresent: false),
            .refused(id: Samples.id, amount: Samples.eco(5), .blocked),
        ] {
            var person = arabic()
            let armed = Stage.presentCard(Samples.armed())
            let shown = walk(
                &person,
                [
                    .amountEntry, armed, .reading(Samples.armed(), step: 2), result, .amountEntry,
                    armed,
                ])
            #expect(shown == ["ar", "ar", "ar", "ar", "ar", "fr"])
        }
    }

    @Test func `It goes when the last thanks are over`() {
        var person = arabic()
        _ = walk(&person, [Samples.accepted(offline: false, cardPresent: false), .amountEntry])
        person.see(snapshot(.amountEntry), at: 2_000 + Person.farewellFor - 1)
        #expect(person.language == "ar")
        person.see(snapshot(.amountEntry), at: 2_000 + Person.farewellFor)
        #expect(person.language == "fr")
    }

    @Test func `It stays while she is there: corrected amount, another try, a rest to pay`() {
        let armed = Stage.presentCard(Samples.armed())
        var person = arabic()
        #expect(walk(&person, [armed, .amountEntry, armed]) == ["ar", "ar", "ar"])
        let refused = Stage.refused(id: Samples.id, amount: Samples.eco(5), .cardFault)
        #expect(walk(&person, [armed, refused, armed]) == ["ar", "ar", "ar"])
        let rest = Rest(first: Samples.id, missing: Samples.eco(100))
        let accepted = Samples.accepted(offline: false, cardPresent: false)
        #expect(walk(&person, [accepted, .amountEntry, armed], rest: rest) == ["ar", "ar", "ar"])
    }

    @Test func `A choice nothing follows lapses; one during the thanks is the next person's`() {
        var person = arabic()
        person.see(snapshot(.amountEntry), at: 500 + Person.idle - 1)
        #expect(person.language == "ar")
        person.see(snapshot(.amountEntry), at: 500 + Person.idle)
        #expect(person.language == "fr")
        _ = walk(&person, [Samples.accepted(offline: false, cardPresent: false), .amountEntry])
        let isChosen = person.choose("ta", of: Languages.person, at: 3_000)
        #expect(isChosen)
        person.see(snapshot(.presentCard(Samples.armed())), at: 4_000)
        #expect(person.language == "ta")
    }

    @Test func `The policy names what may be chosen, as far as there are tables`() {
        #expect(Person.offered(by: ["ar", "fr", "xx"]) == ["fr", "ar"])
        #expect(Person.offered(by: []) == Languages.person)
        var person = Person(usual: "fr")
        let isChosen = person.choose("zh", of: Person.offered(by: ["fr", "ar"]), at: 0)
        #expect(!isChosen)
        #expect(person.language == "fr")
    }
}

/// The order over the wire.
@Suite struct LanguageOrderTests {
    @Test func `A choice is published and any other refused`() throws {
        let service = try Service()
        service.checkout.change { $0.snapshot.languages = ["fr", "ar", "en"] }
        let listener = try Listener(service)
        // What is seen first may be what was before: a change takes its time to the wire.
        func see(_ holds: ([String: Any]) -> Bool) throws {
            while true {
                let seen = try listener.next("snapshot")
                if holds(try #require(seen["person"] as? [String: Any])) { return }
            }
        }
        try see {
            $0["language"] as? String == "fr" && $0["languages"] as? [String] == ["fr", "en", "ar"]
        }
        #expect(try service.order("/api/language", #"{"language":"ar"}"#).status == 204)
        try see { $0["language"] as? String == "ar" }
        for (body, code) in [
            (#"{"language":"zh"}"#, "language-unknown"),
            (#"{"language":"AR"}"#, "language-unknown"),
            (#"{"language":7}"#, "body-invalid"), (#"{"language":"ar","more":1}"#, "body-invalid"),
            ("{", "malformed-json"),
        ] {
            let answer = try service.order("/api/language", body)
            #expect(answer.member("code") as? String == code, "\(body)")
        }
        let bare = try service.order(
            "/api/language", #"{"language":"en"}"#, changing: ["X-Eco-Session": nil])
        #expect(bare.status == 403)
        let shown = try service.client.send("GET", "/api/snapshot", [("Cookie", service.cookie)])
        #expect(((shown.member("person") as? [String: Any])?["language"] as? String) == "ar")
    }
}
