import Foundation
import Linux
import Operations
import Terminal
import Testing
import Tokens
import WebDriver

@testable import Screen

/// What reaches the customer display, read as bytes.
@Suite struct ClientViewTests {
    /// Everything a merchant knows, in one snapshot.
    private func full(_ checkout: ScriptedCheckout, _ stage: Stage) {
        checkout.change { state in
            state.catalogue = ClientSamples.catalogue
            state.snapshot.merchant = "Épicerie secrète"
            state.snapshot.queue = Snapshot.Queue(
                count: 7_531, total: Samples.eco(987_654), oldest: 1_764_000_000_123,
                rejected: 8_642)
            state.snapshot.network = .offline(since: 1_764_000_000_456)
            state.snapshot.session = RoleSession(role: .manager, until: UInt64.max)
            state.snapshot.offlineLimit = Samples.eco(7_777)
            state.snapshot.stage = stage
        }
    }

    private static let secrets = [
        "secrète", "7531", "987654", "1764000000", "8642", "7777", "manager", "queue", "merchant",
        "session", "lastFour", "4821", Samples.card("4821").digits, Samples.id.description,
        "balance", "3750", "spent", "1200", "code", "expires", "1900000000", "rejected", "policy",
        "reader", "clock",
    ]

    @Test func `The raw stream of every scene holds nothing of the merchant's`() throws {
        let service = try Service()
        let page = try service.clientPage()
        let stages =
            ClientSamples.scenes.map(\.stage) + Samples.stages.map(\.stage)
            + Samples.otherStages.map(\.stage)
            + Samples.refusals.map { .refused(id: Samples.id, amount: Samples.eco(1250), $0) }
        full(service.checkout, .amountEntry)
        let stream = try RawStream(service, page)
        _ = try stream.event()
        for stage in stages {
            full(service.checkout, stage)
            var text = ""
            repeat {
                text = try stream.event()
            } while !text.contains(
                "\"version\":\(service.checkout.snapshot.version),")
            for secret in Self.secrets {
                #expect(!text.contains(secret), "\(secret) in \(text)")
            }
        }
        // The same words are found where they belong: the list of secrets is no list of nothing.
        let merchant = try service.client.send(
            "GET", "/api/snapshot", [("Cookie", service.cookie)])
        for secret in ["secrète", "7531", "987654", "manager", "7777"] {
            #expect(merchant.text.contains(secret))
        }
    }

    @Test func `Its session opens nothing of the merchant's, nor the merchant's its own`() throws {
        let service = try Service()
        let page = try service.clientPage()
        for path in [
            "/events", "/api/snapshot", "/api/operations", "/api/closure?period=day",
            "/api/journal",
        ] {
            let answer = try service.client.send("GET", path, [("Cookie", page.cookie)])
            #expect(answer.status == 401, "\(path)")
        }
        for path in ["/client/events", "/client/view"] {
            let answer = try service.client.send("GET", path, [("Cookie", service.cookie)])
            #expect(answer.status == 401, "\(path)")
        }
        func post(_ path: String, _ cookie: String, _ token: String, _ body: String) throws -> Int {
            try service.client.send(
                "POST", path,
                [
                    ("Cookie", cookie), ("X-Eco-Session", token),
                    ("Content-Type", "application/json"),
                ], body: Array(body.utf8)
            ).status
        }
        let language = #"{"language":"ar"}"#
        #expect(try post("/api/arm", page.cookie, page.token, #"{"amountCents":5}"#) == 401)
        #expect(try post("/api/arm", service.cookie, page.token, #"{"amountCents":5}"#) == 403)
        #expect(try post("/api/language", page.cookie, page.token, language) == 204)
        #expect(try post("/api/language", page.cookie, service.token, language) >= 401)
        #expect(try post("/api/language", page.cookie, "", language) >= 401)
        #expect(
            try service.client.send("POST", "/client/view", [("Cookie", page.cookie)]).status == 405
        )
        let stranger = try service.client.send(
            "GET", "/client/events",
            [("Cookie", page.cookie), ("Origin", "http://evil.example")])
        #expect(stranger.status == 403)
        let rebound = try service.client.send("GET", "/client", host: "evil.example")
        #expect(rebound.status == 403)
        #expect(service.checkout.snapshot.stage == .amountEntry)
    }

    @Test func `The last thanks stay until the next operation, without the card`() throws {
        let service = try Service()
        let page = try service.clientPage()
        service.checkout.change { $0.catalogue = ClientSamples.catalogue }
        let stream = try RawStream(service, page)
        func scene(_ stage: Stage) throws -> [String: Any] {
            service.checkout.show(stage)
            let version = service.checkout.snapshot.version
            while true {
                let view = try stream.view()
                if view["version"] as? Int == Int(version) { return view }
            }
        }
        let done = ClientSamples.completed(
            ClientSamples.mending, present: true, near: ClientSamples.near)
        #expect(try scene(done)["takeCard"] as? Bool == true)
        let kept = try scene(.amountEntry)
        #expect(kept["scene"] as? String == "done" && kept["takeCard"] as? Bool == false)
        #expect((kept["opportunities"] as? [Any])?.count == 3)
        #expect(kept["label"] as? String == "Vêtements réparés")
        let next = try scene(.presentCard(Samples.armed()))
        #expect(next["scene"] as? String == "present" && next["label"] == nil)
        #expect(try scene(.amountEntry)["scene"] as? String == "welcome")
        // A payment leaves no thanks behind.
        _ = try scene(Samples.accepted(offline: false, cardPresent: false))
        #expect(try scene(.amountEntry)["scene"] as? String == "welcome")
    }

    @Test func `Every refusal of a person has its two sentences, and fraud has none`() throws {
        for refusal in [
            Refusal.tokenAltered, .tokenCopied, .wrongKeys, .replayed, .evidenceMismatch,
        ] {
            #expect(PersonRefusal(RefusalMessage(refusal)) == .notRecognised)
        }
        let assets = Asset.embedded()
        for language in Languages.person {
            let data = Data(try #require(assets["/messages/person/\(language).json"]).bytes)
            let table = try JSONDecoder().decode([String: String].self, from: data)
            for refusal in PersonRefusal.allCases {
                #expect(table["refusal.\(refusal.rawValue).what"] != nil, "\(language) \(refusal)")
                #expect(table["refusal.\(refusal.rawValue).do"] != nil, "\(language) \(refusal)")
            }
            // Keys the page's scripts and its markup ask for.
            for path in ["/client", "/client-draw.js", "/person-words.js"] {
                let text = String(decoding: try #require(assets[path]).bytes, as: UTF8.self)
                for mark in ["words.get(\"", "data-person-text=\"", "data-person-label=\""] {
                    for part in text.components(separatedBy: mark).dropFirst() {
                        let key = String(part.prefix { $0 != "\"" })
                        #expect(table[key] != nil, "\(language) lacks \(key) of \(path)")
                    }
                }
            }
        }
    }
}

/// Events of the customer display as they come over the wire.
private final class RawStream {
    private let connection: TCPConnection

    init(_ service: Service, _ page: (cookie: String, token: String)) throws {
        let port = service.screen.port
        let connection = try TCPConnection.connect(
            host: "127.0.0.1", port: port, timeout: .seconds(60))
        let request =
            "GET /client/events HTTP/1.1\r\nHost: 127.0.0.1:\(port)\r\n"
            + "Cookie: \(page.cookie)\r\n\r\n"
        try connection.write(Array(request.utf8))
        try #require(try WireClient.head(connection).status == 200)
        self.connection = connection
    }

    /// The text of the next snapshot.
    func event() throws -> String {
        for _ in 0..<400 {
            guard try WireClient.line(connection) == "event: snapshot" else { continue }
            return try WireClient.line(connection)
        }
        throw Browser.Failure(text: "no snapshot came")
    }

    func view() throws -> [String: Any] {
        let data = Data(try event().dropFirst(6).utf8)
        return try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
    }
}

extension Service {
    /// The secrets of a customer display that was loaded.
    func clientPage() throws -> (cookie: String, token: String) {
        let page = try client.send("GET", "/client")
        let header = try #require(page.header("set-cookie"))
        let marker = "name=\"eco-session\" content=\""
        let start = try #require(page.text.range(of: marker)).upperBound
        return (
            String(header.prefix { $0 != ";" }), String(page.text[start...].prefix { $0 != "\"" })
        )
    }
}
