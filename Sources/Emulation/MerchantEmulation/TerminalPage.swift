import FoundationEssentials
import HTTPClient
import Linux

/// The terminal's page as a browser uses it: cookie, token, orders.
public final class TerminalPage {
    /// A line of the list of operations.
    public struct Operation: Decodable, Equatable {
        /// The operation's id.
        public let id: String
        /// Cents.
        public let amountCents: Int64
        /// "pending", "settled" or "rejected".
        public let status: String
        /// Why it was rejected.
        public var code: String?
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

    /// The page of the terminal at this port of this machine; nothing is asked yet.
    public init(port: UInt16) { origin = "http://127.0.0.1:\(port)" }

    /// Where the checkout stands: the stage's name, and the code of a refusal.
    public struct Standing: Equatable {
        /// The stage's name, e.g. "amountEntry".
        public let stage: String
        /// The code of a refusal.
        public let code: String?
        /// A reader is there.
        public let isReaderReady: Bool
        /// The ledger answers.
        public let isOnline: Bool
    }

    /// Opens the page; false while nobody serves it.
    public func open() -> Bool {
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
    public func waitUntilReady(atMost limit: Duration) -> Bool {
        wait(atMost: limit) {
            guard self.token != "" || self.open(), let standing = self.standing() else {
                return false
            }
            return standing.stage == "amountEntry" && standing.isReaderReady && standing.isOnline
        }
    }

    /// Asks again, ten times a second, until it holds.
    public func wait(
        atMost limit: Duration, every pause: Duration = .milliseconds(100), _ holds: () -> Bool
    ) -> Bool {
        let end = ContinuousClock.now + limit
        while ContinuousClock.now < end {
            if holds() { return true }
            Clock.sleep(pause)
        }
        return false
    }

    /// The present snapshot, from the first event of the stream.
    public func standing() -> Standing? {
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
    public func arm(cents: Int64) -> Bool { order("arm", "{\"amountCents\":\(cents)}") }

    /// Puts a result away.
    @discardableResult
    public func acknowledge() -> Bool { order("acknowledge", "{}") }

    private func order(_ name: String, _ body: String) -> Bool {
        let answer = try? client.send(
            method: "POST", url: origin + "/api/" + name,
            headers: [
                ("Cookie", cookie), ("X-Eco-Session", token), ("Origin", origin),
                ("Content-Type", "application/json"),
            ], body: Array(body.utf8))
        return (200...204).contains(answer?.status ?? 0)
    }

    /// The newest operation.
    public func newest() -> Operation? {
        guard
            let answer = try? client.send(
                method: "GET", url: origin + "/api/operations?limit=1",
                headers: [("Cookie", cookie)], body: nil), answer.status == 200
        else { return nil }
        return try? JSONDecoder().decode(Operations.self, from: Data(answer.body)).operations.first
    }
}
