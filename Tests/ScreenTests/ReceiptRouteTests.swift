import Foundation
import Linux
import Operations
import Receipts
import Screen
import Terminal
import Testing
import WebDriver

/// Receipts, closures and help over the wire.
@Suite struct ReceiptRouteTests {
    static let id = Samples.id.description

    @Test(arguments: [
        "/api/receipt?id=\(id)&language=fr", "/api/receipt.svg?id=\(id)&language=en",
        "/api/closure?period=month", "/api/closures", "/api/help",
    ])
    func `A question is answered to the page alone`(_ path: String) throws {
        let service = try Service()
        #expect(try service.order(path, "", method: "GET").status == 200)
        #expect(try service.order(path, "", changing: ["Cookie": nil], method: "GET").status == 401)
        #expect(
            try service.order(
                path, "", changing: ["Origin": "http://evil.example"], method: "GET"
            ).status == 403)
        #expect(try service.order(path, "", method: "POST").status == 405)
    }

    @Test(arguments: [
        "/api/receipt", "/api/receipt?id=x", "/api/receipt?id=\(id)&language=de",
        "/api/receipt?id=\(id.uppercased())", "/api/receipt?id=\(id)&id=\(id)",
        "/api/receipt.svg?id=", "/api/closure", "/api/closure?period=week",
        "/api/closures?limit=1", "/api/help?all=1",
    ])
    func `A question that is spelled otherwise is refused`(_ path: String) throws {
        let service = try Service()
        let answer = try service.order(path, "", method: "GET")
        #expect(answer.status == 422 && answer.member("code") as? String == "query-invalid")
    }

    @Test func `A picture is an SVG that draws nothing but the symbol`() throws {
        let service = try Service()
        let answer = try service.order("/api/receipt.svg?id=\(Self.id)", "", method: "GET")
        #expect(answer.header("content-type") == "image/svg+xml")
        #expect(answer.text.hasPrefix("<svg ") && !answer.text.contains("<script"))
        #expect(!answer.text.contains("4821"))
    }

    @Test func `A print is ordered, or refused with what is missing`() throws {
        let service = try Service()
        let body = "{\"id\":\"\(Self.id)\",\"language\":\"fr\"}"
        let missing = try service.order("/api/print", body)
        #expect(missing.status == 409 && missing.member("code") as? String == "printer-missing")
        service.checkout.change { $0.snapshot.printer = .idle }
        #expect(try service.order("/api/print", body).status == 204)
        #expect(service.checkout.state.printed == [Samples.id])
        for header in ["X-Eco-Session", "Cookie"] {
            let answer = try service.order("/api/print", body, changing: [header: nil])
            #expect([401, 403].contains(answer.status))
        }
        for wrong in [
            "{}", "{\"id\":\"x\",\"language\":\"fr\"}",
            "{\"id\":\"\(Self.id)\",\"language\":\"de\"}",
            "{\"copies\":2,\"id\":\"\(Self.id)\",\"language\":\"fr\"}",
        ] {
            #expect(try service.order("/api/print", wrong).status == 422, "\(wrong)")
        }
        #expect(service.checkout.state.printed == [Samples.id])
    }

    @Test func `An export is a file of the folder that was set, and nothing else`() throws {
        let service = try Service()
        let unknown = EntryID(milliseconds: 1).description
        #expect(try service.order("/api/export", "{\"id\":\"\(unknown)\"}").status == 404)
        #expect(try service.order("/api/export", "{\"id\":\"../x\"}").status == 422)
        #expect(!Files.exists(service.exportDirectory))
        let answer = try service.order("/api/export", "{\"id\":\"\(Self.id)\"}")
        #expect(answer.status == 200)
        #expect(try Files.list(service.exportDirectory) == ["cloture-day-000041.csv"])
    }

    @Test func `What forbids a closure is told before it is tried`() throws {
        let service = try Service()
        service.checkout.change { $0.forbidden = .shorterPeriodOpen }
        let answer = try service.order("/api/closure?period=year", "", method: "GET")
        #expect(answer.member("forbidden") as? String == "shorterPeriodOpen")
        #expect(answer.member("perpetualCents") as? Int == 9_876_543)
        #expect(answer.member("number") as? Int == 42)
    }
}
