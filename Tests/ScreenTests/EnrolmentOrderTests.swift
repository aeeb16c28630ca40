import Foundation
import Operations
import Screen
import Terminal
import Testing
import Tokens
import WebDriver

/// Giving cards, over the wire: what reaches the terminal, what comes back, what is kept nowhere.
@Suite struct EnrolmentOrderTests {
    private static let name = "Amina Benali, amina@exemple.fr"

    private static func body(
        _ told: String = "", lane: Bool = false, replaces: String? = nil,
        consents: String = #""carte-2026-1""#
    ) -> String {
        let bytes = told.utf8.map { "\($0)" }.joined(separator: ",")
        let old = replaces.map { ",\"replaces\":\"\($0)\"" } ?? ""
        return "{\"consents\":[\(consents)],\"lane\":\(lane),\"personal\":[\(bytes)]\(old)}"
    }

    @Test func `What a person agrees to and tells reaches the terminal as it was typed`() throws {
        let service = try Service()
        let both = #""carte-2026-1","contact-2026-1""#
        let answer = try service.order(
            "/api/enrol", Self.body("Zoé Ž. 张 فاطمة", consents: both))
        #expect(answer.status == 200)
        #expect((answer.member("purpose") as? [String: Any])?["kind"] as? String == "enrolment")
        let given = try #require(service.checkout.state.enrolments.first)
        #expect(given.order == EnrolmentOrder(consents: ["carte-2026-1", "contact-2026-1"]))
        #expect(String(decoding: given.told, as: UTF8.self) == "Zoé Ž. 张 فاطمة")
    }

    @Test func `A lost card and a row are told apart`() throws {
        let service = try Service()
        let old = Samples.card("0037")
        let answer = try service.order("/api/enrol", Self.body(replaces: old.digits))
        #expect(answer.status == 200)
        #expect((answer.member("purpose") as? [String: Any])?["replaces"] as? String == "0037")
        #expect(service.checkout.state.enrolments.last?.order.replaces == old)
        service.checkout.show(.amountEntry)
        #expect(try service.order("/api/enrol", Self.body(lane: true)).status == 200)
        #expect(service.checkout.state.enrolments.last?.order.isLane == true)
        let lane = try service.order("/api/snapshot", "", method: "GET").member("lane")
        #expect((lane as? [String: Any])?["count"] as? Int == 0)
        #expect(try service.order("/api/enrol-end", "{}").status == 204)
        let after = try service.order("/api/snapshot", "", method: "GET")
        #expect(after.member("lane") == nil && after.member("session") == nil)
    }

    static let hostile: [String] = [
        "{}", "[]", #"{"consents":["a"],"lane":false}"#,
        #"{"consents":["a"],"personal":[],"lane":false}"#,
        #"{"consents":["a"],"lane":0,"personal":[]}"#,
        #"{"consents":"a","lane":false,"personal":[]}"#,
        #"{"consents":["a"],"lane":false,"personal":"Amina"}"#,
        #"{"consents":["a"],"lane":false,"personal":[256]}"#,
        #"{"consents":["a"],"lane":false,"personal":[-1]}"#,
        #"{"consents":["a"],"lane":false,"personal":[65.0]}"#,
        #"{"consents":["a"],"lane":false,"personal":[065]}"#,
        #"{"consents":["a"],"lane":false,"personal":[],"name":"Amina"}"#,
        #"{"consents":["a"],"lane":false,"personal":[],"replaces":null}"#,
        #"{"consents":["a"],"lane":false,"personal":[],"replaces":"123456789012"}"#,
        #"{"consents":["a"],"lane":false,"personal":[],"replaces":"1234"}"#,
        #"{"consents":[""],"lane":false,"personal":[]}"#,
        // Bytes that are no text, that steer a terminal, that turn the writing round.
        #"{"consents":["a"],"lane":false,"personal":[255]}"#,
        #"{"consents":["a"],"lane":false,"personal":[195]}"#,
        #"{"consents":["a"],"lane":false,"personal":[27,91]}"#,
        #"{"consents":["a"],"lane":false,"personal":[10]}"#,
        #"{"consents":["a"],"lane":false,"personal":[194,155]}"#,
        #"{"consents":["a"],"lane":false,"personal":[226,128,174]}"#,
        // A row is for everybody: nobody's words, nobody's lost card.
        #"{"consents":["a"],"lane":true,"personal":[65]}"#,
        "{\"consents\":[\"a\"],\"lane\":true,\"personal\":[],\"replaces\":\""
            + Samples.card("0037").digits + "\"}",
        "{\"consents\":[\(Array(repeating: "\"a\"", count: 9).joined(separator: ","))],"
            + "\"lane\":false,\"personal\":[]}",
        "{\"consents\":[\"a\"],\"lane\":false,\"personal\":["
            + Array(repeating: "65", count: 513).joined(separator: ",") + "]}",
    ]

    @Test(arguments: hostile)
    func `A body that is spelled otherwise is refused and told nobody`(_ body: String) throws {
        let service = try Service()
        let answer = try service.order("/api/enrol", body)
        #expect(answer.status == 422)
        #expect(answer.member("code") as? String == "body-invalid")
        #expect(!answer.text.contains("Amina"))
        #expect(service.checkout.state.enrolments.isEmpty)
    }

    @Test func `Giving cards is kept from strangers like a payment`() throws {
        let service = try Service()
        let bodies = [
            ("/api/enrol", Self.body(Self.name)), ("/api/enrol-begin", "{}"),
            ("/api/enrol-again", "{}"), ("/api/enrol-end", "{}"),
        ]
        for (path, body) in bodies {
            for (header, status) in [("X-Eco-Session", 403), ("Cookie", 401)] {
                #expect(
                    try service.order(path, body, changing: [header: nil]).status == status)
            }
            #expect(
                try service.order(path, body, changing: ["Origin": "http://evil.example"]).status
                    == 403)
            #expect(try service.order(path, "", method: "GET").status == 405)
            let long = body + String(repeating: " ", count: 4096)
            #expect(try service.order(path, long).status == 413)
        }
        let paths = ["/api/consents", "/qr/enrolment.svg?id=\(Samples.id)"]
        for path in paths {
            let bare = try service.order(path, "", changing: ["Cookie": nil], method: "GET")
            #expect(bare.status == 401)
            #expect(try service.order(path, "{}").status == 405)
        }
        #expect(service.checkout.state.enrolments.isEmpty)
        #expect(service.checkout.state.orders == [])
    }

    @Test func `What was told is given again by nothing`() throws {
        let service = try Service()
        _ = try service.order("/api/enrol", Self.body(Self.name))
        let armed = try #require(service.checkout.armed)
        for refusal in [RuleRefusal.alreadyGiven, .otherNetwork, .cardUnfit, .oldCard] {
            service.checkout.show(.refused(id: armed.id, amount: .zero, .rule(refusal)))
            let shown = try service.refusal()
            #expect(shown["repeats"] as? Bool == false)
            #expect(shown["actions"] as? [String] == ["giveOther", "finish"])
            #expect(shown["code"] as? String == refusal.code)
        }
        service.checkout.show(.refused(id: armed.id, amount: .zero, .journalUnavailable))
        #expect(try service.refusal()["actions"] as? [String] == ["finish"])
        #expect(try service.order("/api/again", "{}").status == 404)
        #expect(service.checkout.state.enrolments.count == 1)
        // The terminal knows what to do without being told anew.
        #expect(try service.order("/api/enrol-again", "{}").status == 200)
        #expect(service.checkout.state.orders == [.enrolAgain])
        #expect(try service.order("/api/again", "{}").status == 404)
        for path in ["/api/snapshot", "/api/journal", "/api/consents"] {
            #expect(try !service.order(path, "", method: "GET").text.contains("Amina"))
        }
    }

    @Test func `The texts are told whole, and the roles they need`() throws {
        let service = try Service()
        let answer = try service.order("/api/consents", "", method: "GET")
        let texts = try #require(answer.member("consents") as? [[String: Any]])
        #expect(texts.map { $0["version"] as? String } == ["carte-2026-1", "contact-2026-1"])
        #expect(texts.map { $0["required"] as? Bool } == [true, false])
        service.checkout.change { $0.neededRole = .enroller }
        let needed = try service.order("/api/enrol-begin", "{}")
        #expect(needed.status == 403 && needed.member("role") as? String == "enroller")
    }

    @Test func `A card that was given has a symbol, another entry has none`() throws {
        let service = try Service()
        let path = "/qr/enrolment.svg?id="
        let answer = try service.order(path + Samples.id.description, "", method: "GET")
        #expect(answer.status == 200)
        #expect(answer.header("content-type") == "image/svg+xml")
        #expect(answer.header("content-security-policy")?.contains("default-src 'none'") == true)
        #expect(answer.text.hasPrefix("<svg ") && !answer.text.contains("script"))
        for query in ["", "?id=x", "?id=\(Samples.id)&id=\(Samples.id)", "?n=1"] {
            let wrong = try service.order("/qr/enrolment.svg" + query, "", method: "GET")
            #expect(wrong.status == 422, "\(query)")
        }
        service.checkout.change { $0.link = nil }
        #expect(
            try service.order(path + Samples.id.description, "", method: "GET").status == 404)
    }
}
