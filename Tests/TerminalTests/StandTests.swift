import COSE
import CardEmulation
import Cards
import Crypto
import Foundation
import HTTPClient
import Journal
import KeyStore
import Linux
import Operations
import Screen
import Testing
import Threads
import Tokens

@testable import Terminal

/// A page's orders over a real socket.
private struct PageClient {
    let base: String
    let client = HTTPClient(
        timeout: .seconds(60), connectTimeout: .seconds(20), answerLimit: 1 << 20)
    var headers: [(String, String)] = [("Content-Type", "application/json")]

    init(_ screen: Screen) throws {
        base = "http://127.0.0.1:\(screen.port)"
        let page = try client.send(method: "GET", url: base + "/", headers: [], body: nil)
        let text = String(decoding: page.body, as: UTF8.self)
        let marker = try #require(text.range(of: "name=\"eco-session\" content=\""))
        headers.append(("X-Eco-Session", String(text[marker.upperBound...].prefix { $0 != "\"" })))
        let cookie = try #require(page.headers.first { $0.name.lowercased() == "set-cookie" })
        headers.append(("Cookie", String(cookie.value.prefix { $0 != ";" })))
    }

    func send(_ path: String, _ body: String? = nil) throws -> (status: Int, text: String) {
        let answer = try client.send(
            method: body == nil ? "GET" : "POST", url: base + path, headers: headers,
            body: body.map { Array($0.utf8) })
        return (answer.status, String(decoding: answer.body, as: UTF8.self))
    }
}

/// A stand: which cards it gives, to whom, and what is left of what people tell.
@Suite struct StandTests {
    private func enrol(
        _ bench: Bench, sealed: [UInt8]? = nil, replaces: CardNumber? = nil
    ) -> Armed {
        bench.arm(
            .enrolment(
                consents: [Consent(textVersion: "a", time: 1)], sealed: sealed, replaces: replaces))
    }

    @Test func `A card out of the box is ready, given already, foreign or unfit`() throws {
        let bench = try Bench.open()
        var card = try bench.card()
        let number = try #require(CardNumber(serial: 1))
        #expect(bench.tap(&card, enrol(bench, replaces: number)).code == "E06")
        bench.world.set { $0.given = [number] }
        #expect(bench.tap(&card, enrol(bench)).code == "E03")
        bench.world.set { $0.given = [] }
        bench.world.set { $0.denied = [number] }
        #expect(bench.tap(&card, enrol(bench)).code == "E05")
        #expect(bench.world.notes.last?.hasPrefix("C02") == true, "the log says why")
        bench.world.set { $0.denied = [] }
        bench.world.set { $0.policy?.classes = [.anonymous] }
        #expect(bench.tap(&card, enrol(bench)).code == "E04")
        bench.world.set { $0.policy?.classes = CardClass.allCases }

        var foreign = try Bench.open().card()
        #expect(bench.tap(&foreign, enrol(bench)).code == "E04")
        var bank = SoftwareNTAG424(try .factory(uid: BenchIssuer.uid(9)))
        #expect(bench.tap(&bank, enrol(bench)).code == "E04")
        var old = try bench.card(
            bench.token(uid: BenchIssuer.uid(3), expires: Bench.now - 1))
        #expect(bench.tap(&old, enrol(bench)).code == "E05")
        // Somebody's token on a card that has not its keys.
        let token = bench.token(uid: BenchIssuer.uid(4))
        var copy = try BenchIssuer.card(
            uid: BenchIssuer.uid(5), token: try bench.issuer.sign(token: token).bytes,
            keys: bench.issuer)
        #expect(bench.tap(&copy, enrol(bench)).code == "E05")
        #expect(bench.entries == 0)
        // The same refusals keep their names where money is asked for.
        #expect(bench.tap(&old, bench.arm()).code == "C04")

        let done = enrol(bench, replaces: CardNumber(serial: 900))
        #expect(bench.tap(&card, done).isAccepted)
        guard case .enrolment(let body) = try bench.journal.entry(done.id)?.body else {
            Issue.record("no enrolment")
            return
        }
        #expect(body.replaces == CardNumber(serial: 900) && body.card == number)
        #expect(bench.tap(&card, done).isAccepted, "presented again, it is the same operation")
        #expect(bench.entries == 1)
    }

    @Test func `A card is given once, and again when it came back`() throws {
        let bench = try OrderBench()
        try bench.signIn(.enroller)
        func give() throws -> TapOutcome {
            var nothing: [UInt8] = []
            return try bench.outcome(
                of: bench.checkout.enrol(consents: ["a"], personal: &nothing).get())
        }
        // Practice gives nobody a card.
        _ = try bench.checkout.perform(.train(true)).get()
        guard case .accepted = try give() else {
            Issue.record("not given in training")
            return
        }
        #expect(try give() == .refused(.rule(.alreadyGiven)))
        _ = try bench.checkout.perform(.train(false)).get()
        guard case .accepted = try give() else {
            Issue.record("not given")
            return
        }
        #expect(try give() == .refused(.rule(.alreadyGiven)))
        let card = try #require(CardNumber(serial: 42))
        let lost = Order.report(card, .lost, by: .association)
        _ = try bench.checkout.perform(lost).get()
        #expect(try give() == .refused(.rule(.alreadyGiven)))
        let back = Order.report(card, .returned, by: .association)
        _ = try bench.checkout.perform(back).get()
        guard case .accepted = try give() else {
            Issue.record("not given again")
            return
        }
        #expect(try bench.journal.openTotals(.day).enrolments == 2)
    }

    @Test func `Who refused every optional text tells nothing`() throws {
        let bench = try OrderBench { policy in
            policy.consentTexts.append(
                ConsentText(version: "b", isRequired: false, texts: Words(["fr": "Oui"])))
        }
        try bench.signIn(.enroller)
        var told = Array("Amina".utf8)
        #expect(throws: ControlRefusal.rule(.consentMissing)) {
            try bench.checkout.enrol(consents: ["a"], personal: &told).get()
        }
        told = Array("Amina".utf8)
        _ = try bench.checkout.enrol(consents: ["a", "b"], personal: &told).get()
    }

    @Test func `What a person tells has at most four kilobytes, and more is wiped like it`() throws
    {
        let bench = try OrderBench()
        try bench.signIn(.enroller)
        var told = [UInt8](repeating: 0x61, count: Checkout.personalMax + 1)
        #expect(throws: ControlRefusal.rule(.sealingImpossible)) {
            try bench.checkout.enrol(consents: ["a"], personal: &told).get()
        }
        #expect(told.allSatisfy { $0 == 0 })
        told = [UInt8](repeating: 0x61, count: Checkout.personalMax)
        let armed = try bench.checkout.enrol(consents: ["a"], personal: &told).get()
        #expect(try bench.tap(armed))
    }

    @Test func `What was sealed is asked about again at the card, by the texts of then`() throws {
        let bench = try Bench.open()
        var card = try bench.card()
        bench.world.set {
            $0.policy?.consentTexts.append(
                ConsentText(version: "b", isRequired: false, texts: Words(["fr": "Oui"])))
        }
        #expect(bench.tap(&card, enrol(bench, sealed: [1])).code == "E01")
        #expect(bench.entries == 0)
        #expect(bench.tap(&card, enrol(bench)).isAccepted)
    }

    @Test func `A stand has ten minutes, whoever begins it must have signed in`() throws {
        let bench = try OrderBench()
        #expect(throws: ControlRefusal.roleNeeded(.enroller)) {
            try bench.checkout.perform(.beginEnrolment).get()
        }
        try bench.signIn(.enroller)
        _ = try bench.checkout.perform(.beginEnrolment).get()
        let session = try #require(bench.checkout.snapshot.session)
        #expect(session.until > Checkout.now + RoleSession.standLength - 5_000)
        // It ends by itself, whether or not somebody has looked since.
        bench.checkout.monitor.update { $0.session?.until = Checkout.now }
        #expect(throws: ControlRefusal.roleNeeded(.enroller)) {
            try bench.checkout.perform(.beginEnrolment).get()
        }
    }

    @Test func `The link names the card and what was entered, after the sign of the browser`()
        throws
    {
        let bench = try OrderBench { $0.application = "https://app.example.org/eco" }
        try bench.signIn(.enroller)
        func enrol() throws -> Armed {
            var nothing: [UInt8] = []
            return try bench.checkout.enrol(consents: ["a"], personal: &nothing).get()
        }
        _ = try bench.checkout.perform(.train(true)).get()
        let practice = try enrol()
        #expect(try bench.tap(practice))
        #expect(bench.checkout.applicationLink(of: practice.id) == nil, "practice gives no card")
        _ = try bench.checkout.perform(.train(false)).get()
        let armed = try enrol()
        #expect(bench.checkout.applicationLink(of: armed.id) == nil, "nothing is entered yet")
        #expect(try bench.tap(armed))
        let number = try #require(CardNumber(serial: 42)).digits
        #expect(
            bench.checkout.applicationLink(of: armed.id)
                == "https://app.example.org/eco/carte#n=\(number)&e=\(armed.id)")
        #expect(bench.checkout.applicationLink(of: try bench.pay(100)) == nil)
        let without = try OrderBench()
        #expect(without.checkout.applicationLink(of: armed.id) == nil)
    }

    @Test func `A name typed on the page stands nowhere: no file, no log, no answer`() throws {
        let bench = try OrderBench()
        let screen = try Screen(
            control: bench.checkout, configuration: ScreenConfiguration(port: 0),
            monotonicMilliseconds: { Checkout.now })
        defer { screen.stop() }
        let page = try PageClient(screen)
        var pin = Array("2468".utf8)
        try PINBook(directory: bench.folder).set(&pin, for: .enroller)
        let name = Array("Amina Benali".utf8)
        let bytes = name.map { "\($0)" }.joined(separator: ",")
        let body = "{\"consents\":[\"a\"],\"lane\":false,\"personal\":[\(bytes)]}"
        var answers = [try page.send("/api/enrol", body).text]
        #expect(answers[0].contains("role-needed"))
        let signIn = try page.send("/api/sign-in", #"{"pin":"2468","role":"enroller"}"#)
        #expect(signIn.status == 200)
        #expect(try page.send("/api/enrol-begin", "{}").status == 204)
        let armed = try page.send("/api/enrol", body)
        #expect(armed.status == 200)
        answers += [armed.text, try page.send("/api/snapshot").text]
        guard case .presentCard(let operation) = bench.checkout.snapshot.stage else {
            Issue.record("no card is wanted")
            return
        }
        #expect(try bench.tap(operation))
        for path in ["/api/snapshot", "/api/journal", "/api/closure?period=day"] {
            answers.append(try page.send(path).text)
        }
        bench.journal.checkpoint()
        guard case .enrolment(let entry) = try bench.journal.entry(operation.id)?.body,
            let sealed = entry.sealed
        else {
            Issue.record("nothing sealed")
            return
        }
        for word in ["Amina", "Benali", bytes] {
            #expect(try bench.files(holding: Array(word.utf8)).isEmpty, "\(word)")
            #expect(answers.allSatisfy { !$0.contains(word) })
            #expect(bench.log.read { $0 }.allSatisfy { !$0.contains(word) })
        }
        #expect(!(try bench.files(holding: Array(sealed.prefix(200))).isEmpty), "the search finds")
    }
}
