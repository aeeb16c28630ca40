import Foundation
import Journal
import Operations
import Screen
import Terminal
import Testing
import Tokens
import WebDriver

/// Orders beside selling, over the wire: what reaches the terminal, what comes back.
@Suite struct OperationOrderTests {
    static let identifier = Samples.id.description

    static let orders: [(path: String, body: String, order: Terminal.Order)] = [
        (
            "/api/refund", "{\"amountCents\":500,\"id\":\"\(identifier)\"}",
            .refund(of: Samples.id, amount: Samples.eco(500))
        ),
        (
            "/api/reverse", "{\"id\":\"\(identifier)\",\"reason\":\"doubled\"}",
            .reverse(Samples.id, reason: .doubled)
        ),
        (
            "/api/top-up", #"{"amountCents":2000,"means":"cash"}"#,
            .topUp(amount: Samples.eco(2000), means: .cash)
        ),
        ("/api/check", "{}", .checkCard),
        (
            "/api/act", #"{"code":"compost","quantity":2500}"#,
            .act(code: "compost", quantity: 2500)
        ),
        (
            "/api/report",
            "{\"card\":\"\(Samples.card("4821").digits)\","
                + #""reporter":"holder","what":"lost"}"#,
            .report(Samples.card("4821"), .lost, by: .holder)
        ),
        ("/api/drop-rest", "{}", .dropRest),
        ("/api/close", #"{"period":"day"}"#, .close(.day)),
        ("/api/train", #"{"on":true}"#, .train(true)),
        ("/api/sign-out", "{}", .signOut),
    ]

    @Test func `Each order reaches the terminal as it was spelled`() throws {
        for (path, body, order) in Self.orders {
            let service = try Service()
            let answer = try service.order(path, body)
            #expect([200, 204].contains(answer.status), "\(path)")
            #expect(service.checkout.state.orders == [order], "\(path)")
        }
    }

    @Test func `Each order is kept from strangers like a payment`() throws {
        let service = try Service()
        for (path, body, _) in Self.orders {
            for (header, status) in [("X-Eco-Session", 403), ("Cookie", 401)] {
                #expect(
                    try service.order(path, body, changing: [header: nil]).status == status,
                    "\(path) without \(header)")
            }
            #expect(
                try service.order(path, body, changing: ["Origin": "http://evil.example"]).status
                    == 403)
            #expect(try service.order(path, body, host: "evil.example").status == 403)
            #expect(try service.order(path, "", method: "GET").status == 405)
            let long = body + String(repeating: " ", count: 4096)
            #expect(try service.order(path, long).status == 413)
        }
        for path in ["/api/journal", "/api/catalogue", "/api/closure?period=day"] {
            #expect(
                try service.order(path, "", changing: ["Cookie": nil], method: "GET").status
                    == 401)
        }
        #expect(service.checkout.state.orders == [])
    }

    @Test(arguments: [
        ("/api/refund", "{\"id\":\"\(identifier)\",\"amountCents\":500}"),
        ("/api/refund", "{\"amountCents\":500,\"id\":\"x\"}"),
        ("/api/reverse", "{\"id\":\"\(identifier)\",\"reason\":\"bored\"}"),
        ("/api/top-up", #"{"amountCents":2000,"means":"gold"}"#),
        ("/api/top-up", #"{"amountCents":2000,"means":"cash","role":"manager"}"#),
        ("/api/act", #"{"code":"compost","quantity":2.5}"#),
        ("/api/report", #"{"card":"123456789012","reporter":"holder","what":"lost"}"#),
        ("/api/report", #"{"card":"1234","reporter":"holder","what":"lost"}"#),
        ("/api/close", #"{"period":"week"}"#), ("/api/train", #"{"on":1}"#),
        ("/api/sign-in", #"{"pin":"2468","role":"king"}"#), ("/api/check", #"{"x":1}"#),
    ])
    func `What is spelled otherwise is refused`(_ path: String, _ body: String) throws {
        let service = try Service()
        let answer = try service.order(path, body)
        #expect(answer.status == 422)
        #expect(answer.member("code") as? String == "body-invalid")
        #expect(service.checkout.state.orders == [])
    }

    @Test func `A refund that is asked for again is a refund, never a payment`() throws {
        let service = try Service()
        let body = "{\"amountCents\":500,\"id\":\"\(Self.identifier)\"}"
        #expect(try service.order("/api/again", "{}").status == 404)
        _ = try service.order("/api/refund", body)
        let armed = try #require(service.checkout.armed)
        service.checkout.show(.refused(id: armed.id, amount: armed.amount, .timedOut))
        let shown = try service.refusal()
        #expect(shown["repeats"] as? Bool == true)
        #expect(shown["actions"] as? [String] == ["retry", "finish"])
        #expect(try service.order("/api/again", "{}").status == 200)
        let again = try #require(service.checkout.armed)
        #expect(again.purpose == .refund(of: Samples.id))
        #expect(again.amount == Samples.eco(500))
        // Money is not asked for: nothing less is charged either.
        service.checkout.show(
            .refused(
                id: again.id, amount: again.amount, .insufficient(missing: Samples.eco(100))))
        #expect(try service.refusal()["actions"] as? [String] == ["otherCard", "finish"])
    }

    @Test func `A part that fails is asked for again as the whole`() throws {
        let service = try Service()
        _ = try service.order("/api/arm", #"{"amountCents":1250}"#)
        let whole = try #require(service.checkout.armed)
        let missing = Refusal.insufficient(missing: Samples.eco(320))
        service.checkout.show(.refused(id: whole.id, amount: whole.amount, missing))
        #expect(
            try service.refusal()["actions"] as? [String] == ["payPart", "otherCard", "finish"])
        _ = try service.order("/api/pay-part", "{}")
        let part = try #require(service.checkout.armed)
        #expect(part.amount == Samples.eco(930))
        service.checkout.show(.refused(id: part.id, amount: part.amount, .timedOut))
        _ = try service.order("/api/again", "{}")
        #expect(service.checkout.armed?.amount == Samples.eco(1250))
    }

    @Test func `A rule is told by its message and what it leaves`() throws {
        let service = try Service()
        service.checkout.change { $0.refusal = .rule(.actionLimitReached(left: 2_500)) }
        let answer = try service.order("/api/act", #"{"code":"compost","quantity":5000}"#)
        #expect(answer.status == 409)
        #expect(answer.member("message") as? String == "actionLimitLeft")
        #expect(answer.member("left") as? Int == 2_500)
        #expect(answer.member("refusal") as? String == "A03")
        service.checkout.change { $0.refusal = nil }
        service.checkout.change { $0.neededRole = .manager }
        let needed = try service.order("/api/top-up", #"{"amountCents":2000,"means":"cash"}"#)
        #expect(needed.status == 403)
        #expect(needed.member("role") as? String == "manager")
    }

    @Test func `A role signs in by its PIN, and the digits come back nowhere`() throws {
        let service = try Service()
        let wrong = try service.order("/api/sign-in", #"{"pin":"1357","role":"manager"}"#)
        #expect(wrong.status == 403)
        #expect(wrong.member("triesLeft") as? Int == 9)
        #expect(!wrong.text.contains("1357"))
        let right = try service.order("/api/sign-in", #"{"pin":"2468","role":"manager"}"#)
        #expect(right.member("role") as? String == "manager")
        #expect(!right.text.contains("2468"))
        _ = try service.order("/api/sign-in", #"{"pin":"0000","role":"manager"}"#)
        let locked = try service.order("/api/sign-in", #"{"pin":"0000","role":"manager"}"#)
        #expect(locked.status == 429)
        #expect(locked.member("waitSeconds") as? Int == 95)
    }

    @Test func `Catalogue, day and journal are told whole`() throws {
        let service = try Service()
        service.checkout.change { $0.operations = Samples.operations }
        let catalogue = try service.order("/api/catalogue", "", method: "GET")
        let actions = try #require(catalogue.member("actions") as? [[String: Any]])
        #expect(actions.count == Samples.catalogue.count)
        #expect((actions[0]["labels"] as? [String: String])?.keys.sorted() == ["en", "fr"])
        let day = try service.order("/api/closure?period=day", "", method: "GET")
        #expect(day.member("number") as? Int == 42)
        let totals = try #require(day.member("totals") as? [String: Any])
        #expect(totals["takingsCents"] as? Int == 1_234_567 - 2_450 - 1_250)
        let journal = try service.order("/api/journal?limit=3&card=4855", "", method: "GET")
        let lines = try #require(journal.member("lines") as? [[String: Any]])
        #expect(lines.map { $0["lastFour"] as? String } == ["4855", "4855", "4855"])
        #expect(lines.first?["refundableCents"] as? Int == 123_450)
        let closed = try service.order("/api/close", #"{"period":"day"}"#)
        #expect(closed.member("number") as? Int == 41)
    }

    @Test(arguments: [
        "limit=0", "limit=501", "card=48", "card=48x1", "kind=gift", "status=lost", "before=-1",
        "before=01", "limit=1&limit=2", "all=1",
    ])
    func `An unknown filter is refused`(_ query: String) throws {
        let service = try Service()
        let answer = try service.order("/api/journal?\(query)", "", method: "GET")
        #expect(answer.status == 422)
    }
}

extension ScriptedCheckout {
    /// The operation that waits for a card.
    var armed: Armed? {
        if case .presentCard(let armed) = snapshot.stage { armed } else { nil }
    }
}

extension Service {
    /// The refusal on the screen.
    func refusal() throws -> [String: Any] {
        let snapshot = try order("/api/snapshot", "", method: "GET")
        let stage = try #require(snapshot.member("stage") as? [String: Any])
        return try #require(stage["refusal"] as? [String: Any])
    }
}
