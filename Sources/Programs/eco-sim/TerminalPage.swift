import FoundationEssentials
import HTTPClient
import Linux

/// The terminal's page as a browser uses it: cookie, token, orders.
final class TerminalPage {
    struct Operation: Decodable, Equatable {
        let id: String
        let amountCents: Int64
        let status: String
        var code: String?
    }

    private struct Operations: Decodable { let operations: [Operation] }
    private struct Snapshot: Decodable {
        struct Stage: Decodable {
            struct Refusal: Decodable { let code: String }
            let name: String
            var refusal: Refusal?
        }
        struct Network: Decodable { let state: String }
        let stage: Stage
        let reader: String
        let network: Network
    }

    private let client = HTTPClient(
        timeout: .seconds(5), connectTimeout: .seconds(1), answerLimit: 1 << 20)
    private let origin: String
    private var cookie = ""
    private var token = ""

    init(port: UInt16) { origin = "http://127.0.0.1:\(port)" }

    /// Where the checkout stands: the stage's name, and the code of a refusal.
    struct Standing: Equatable {
        let stage: String
        let code: String?
        let isReaderReady: Bool
        let isOnline: Bool
    }

    /// Opens the page.
    private func open() -> Bool {
        guard let page = try? client.send(method: "GET", url: origin + "/", headers: [], body: nil),
            page.status == 200,
            let set = page.headers.first(where: { $0.name == "set-cookie" })?.value
        else { return false }
        cookie = String(set.prefix { $0 != ";" })
        let mark = "name=\"eco-session\" content=\""
        let text = String(decoding: page.body, as: UTF8.self)
        let parts = text.components(separatedBy: mark)
        guard parts.count == 2 else { return false }
        token = String(parts[1].prefix { $0 != "\"" })
        return true
    }

    /// Waits until the page is served, the reader there and the ledger reached.
    func waitUntilReady(atMost limit: Duration) -> Bool {
        wait(atMost: limit) {
            guard self.token != "" || self.open(), let standing = self.standing() else {
                return false
            }
            return standing.stage == "amountEntry" && standing.isReaderReady && standing.isOnline
        }
    }

    /// Asks again, ten times a second, until it holds.
    func wait(atMost limit: Duration, _ holds: () -> Bool) -> Bool {
        let end = ContinuousClock.now + limit
        while ContinuousClock.now < end {
            if holds() { return true }
            Clock.sleep(.milliseconds(100))
        }
        return false
    }

    /// The present snapshot, from the first event of the stream.
    func standing() -> Standing? {
        guard
            let answer = try? client.send(
                method: "GET", url: origin + "/api/snapshot", headers: [("Cookie", cookie)],
                body: nil), answer.status == 200,
            let snapshot = try? JSONDecoder().decode(Snapshot.self, from: Data(answer.body))
        else { return nil }
        return Standing(
            stage: snapshot.stage.name, code: snapshot.stage.refusal?.code,
            isReaderReady: snapshot.reader == "ready",
            isOnline: snapshot.network.state != "offline")
    }

    /// Arms a payment; false when the terminal refuses.
    func arm(cents: Int64) -> Bool {
        let body = Array("{\"amountCents\":\(cents)}".utf8)
        let answer = try? client.send(
            method: "POST", url: origin + "/api/arm",
            headers: [
                ("Cookie", cookie), ("X-Eco-Session", token), ("Origin", origin),
                ("Content-Type", "application/json"),
            ], body: body)
        return answer?.status == 200
    }

    /// The newest operation.
    func newest() -> Operation? {
        guard
            let answer = try? client.send(
                method: "GET", url: origin + "/api/operations?limit=1",
                headers: [("Cookie", cookie)], body: nil), answer.status == 200
        else { return nil }
        return try? JSONDecoder().decode(Operations.self, from: Data(answer.body)).operations.first
    }
}
