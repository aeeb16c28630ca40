import Foundation
import Operations
import Screen
import Terminal
import Testing
import WebDriver

@Suite struct OrderTests {
    /// Milliseconds that the armed operation has left by now.
    private func left(_ service: Service) throws -> Int {
        guard case .presentCard(let armed) = service.checkout.snapshot.stage else {
            throw CocoaError(.featureUnsupported)
        }
        return Int(armed.deadline) - Int(ScriptedCheckout.now())
    }

    @Test func `An operation is armed, extended and cancelled by its id`() throws {
        let service = try Service()
        let armed = try service.order("/api/arm", " { \"amountCents\" : 1250 }\n")
        #expect(armed.status == 200)
        let id = try #require(armed.member("id") as? String)
        #expect(armed.member("amountCents") as? Int == 1250)
        let remaining = try #require(armed.member("remainingMilliseconds") as? Int)
        #expect((try left(service)...60_000).contains(remaining))

        let extended = try service.order("/api/extend", "{\"id\":\"\(id)\"}")
        let longer = try #require(extended.member("remainingMilliseconds") as? Int)
        #expect((try left(service)...90_000).contains(longer))
        #expect(longer > remaining)

        let other = EntryID(milliseconds: 1).description
        let wrong = try service.order("/api/cancel", "{\"id\":\"\(other)\"}")
        #expect(wrong.status == 404)
        #expect(wrong.member("code") as? String == "no-such-operation")
        #expect(try service.order("/api/cancel", "{\"id\":\"\(id)\"}").status == 204)
        #expect(service.checkout.snapshot.stage == .amountEntry)
    }

    @Test func `A second operation while one runs is a conflict`() throws {
        let service = try Service()
        #expect(try service.order("/api/arm", #"{"amountCents":1}"#).status == 200)
        let second = try service.order("/api/arm", #"{"amountCents":2}"#)
        #expect(second.status == 409)
        #expect(second.member("code") as? String == "busy")
    }

    @Test func `Out of service says why`() throws {
        let service = try Service()
        service.checkout.show(.outOfService(.clockUntrusted))
        let answer = try service.order("/api/arm", #"{"amountCents":1}"#)
        #expect(answer.status == 409)
        #expect(answer.member("code") as? String == "out-of-service")
        #expect(answer.member("refusal") as? String == "T01")
    }

    @Test func `Acknowledge, verify and send reach the terminal`() throws {
        let service = try Service()
        service.checkout.show(Samples.accepted(offline: false, cardPresent: false))
        #expect(try service.order("/api/acknowledge", "{}").status == 204)
        #expect(service.checkout.snapshot.stage == .amountEntry)
        service.checkout.show(.unknownResult(Samples.armed()))
        #expect(try service.order("/api/acknowledge", "{}").status == 409)
        let id = "{\"id\":\"\(Samples.id)\"}"
        #expect(try service.order("/api/verify", id).status == 204)
        #expect(service.checkout.state.verified == [Samples.id])
        #expect(try service.order("/api/send", "{}").status == 204)
        #expect(service.checkout.state.sendCount == 1)
    }

    @Test func `Operations come newest first, as many as asked`() throws {
        let service = try Service()
        service.checkout.change { $0.operations = Samples.operations }
        let answer = try service.order("/api/operations?limit=5", "", method: "GET")
        let lines = try #require(answer.member("operations") as? [[String: Any]])
        #expect(lines.count == 5)
        #expect(lines.first?["lastFour"] as? String == "4821")
        #expect(
            lines.map { $0["status"] as? String } == [
                "pending", "pending", "settled", "settled", "rejected",
            ])
        #expect(lines.last?["code"] as? String == "insufficient")
    }

    @Test(arguments: [
        ("/", "text/html; charset=utf-8"), ("/app.js", "text/javascript; charset=utf-8"),
        ("/base.css", "text/css; charset=utf-8"), ("/messages/fr.json", "application/json"),
        ("/icon.svg", "image/svg+xml"), ("/nothing", "application/problem+json"),
    ])
    func `Every answer carries the security headers`(_ path: String, _ type: String) throws {
        let service = try Service()
        let answer = try service.client.send("GET", path)
        #expect(answer.header("content-type") == type)
        let policy = try #require(answer.header("content-security-policy"))
        for part in [
            "default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'",
            "form-action 'none'", "trusted-types 'none'",
        ] {
            #expect(policy.contains(part))
        }
        #expect(!policy.contains("unsafe"))
        #expect(!policy.contains("http"))
        #expect(answer.header("x-content-type-options") == "nosniff")
        #expect(answer.header("referrer-policy") == "no-referrer")
        #expect(answer.header("x-frame-options") == "DENY")
        #expect(answer.header("cross-origin-resource-policy") == "same-origin")
        #expect(answer.header("cache-control") == "no-store")
        #expect(answer.headers.allSatisfy { !$0.name.hasPrefix("access-control") })
    }

    @Test func `The cookie is for this machine's page alone`() throws {
        let service = try Service()
        let page = try service.client.send("GET", "/")
        let cookie = try #require(page.header("set-cookie"))
        #expect(cookie.hasSuffix("; Path=/; HttpOnly; SameSite=Strict"))
        #expect(!cookie.contains(service.token))
        #expect(
            try service.client.send("GET", "/", host: "localhost:\(service.screen.port)").status
                == 200)
        #expect(!page.text.contains("{session}"))
        #expect(!page.text.contains("{reader}"))
        #expect(!page.text.contains("{language}"))
    }
}
