import Foundation
import HTTPClient

/// The merchant's page, used as a browser uses it.
final class Page {
    struct Stage {
        let name: String
        let code: String?
    }

    struct Snapshot {
        let stage: Stage
        let network: String
        let reader: String
        let queue: Int
    }

    private let client = HTTPClient(
        timeout: .seconds(10), connectTimeout: .seconds(2), answerLimit: 1 << 22)
    private let origin: String
    private var cookie = ""
    private var token = ""

    init(port: UInt16) { origin = "http://127.0.0.1:\(port)" }

    /// Opens the page anew: after a restart cookie and token are others.
    func open() -> Bool {
        guard
            let answer = try? client.send(method: "GET", url: origin + "/", headers: [], body: nil),
            let set = answer.headers.first(where: { $0.name == "set-cookie" })?.value
        else { return false }
        cookie = String(set.prefix { $0 != ";" })
        let parts = String(decoding: answer.body, as: UTF8.self)
            .components(separatedBy: "name=\"eco-session\" content=\"")
        token = String(parts.last?.prefix { $0 != "\"" } ?? "")
        return parts.count == 2
    }

    private func object(_ path: String) throws -> [String: Any] {
        let answer = try client.send(
            method: "GET", url: origin + path, headers: [("Cookie", cookie)], body: nil)
        let object = try JSONSerialization.jsonObject(with: Data(answer.body))
        return object as? [String: Any] ?? [:]
    }

    func snapshot() throws -> Snapshot {
        let object = try object("/api/snapshot")
        let stage = object["stage"] as? [String: Any] ?? [:]
        let refusal = stage["refusal"] as? [String: Any]
        let network = object["network"] as? [String: Any]
        let queue = object["queue"] as? [String: Any]
        return Snapshot(
            stage: Stage(name: stage["name"] as? String ?? "", code: refusal?["code"] as? String),
            network: network?["state"] as? String ?? "", reader: object["reader"] as? String ?? "",
            queue: queue?["count"] as? Int ?? -1)
    }

    func stage() throws -> Stage { try snapshot().stage }

    /// Waits until the terminal may sell, in this state of the network.
    func waitUntilReady(network: String) -> Bool {
        Programs.wait(40) {
            guard open(), let snapshot = try? snapshot() else { return false }
            let rests = ["amountEntry", "accepted", "refused"].contains(snapshot.stage.name)
            return rests && snapshot.reader == "ready" && snapshot.network == network
        }
    }

    func arm(_ cents: Int64) throws -> Bool {
        try order("arm", "{\"amountCents\":\(cents)}") == 200
    }

    /// Status of each operation, newest first.
    func operations() throws -> [(cents: Int, status: String)] {
        let lines = try object("/api/operations?limit=100")["operations"] as? [[String: Any]] ?? []
        return lines.map { ($0["amountCents"] as? Int ?? -1, $0["status"] as? String ?? "") }
    }

    /// Id of each operation, newest first.
    func identifiers() throws -> [String] {
        let lines = try object("/api/operations?limit=100")["operations"] as? [[String: Any]] ?? []
        return lines.compactMap { $0["id"] as? String }
    }

    /// Asks for a receipt on paper; the status of the answer.
    func print(_ id: String) throws -> Int {
        try order("print", "{\"id\":\"\(id)\",\"language\":\"fr\"}")
    }

    func sendNow() throws { _ = try order("send", "{}") }

    private func order(_ name: String, _ body: String) throws -> Int {
        try client.send(
            method: "POST", url: origin + "/api/" + name,
            headers: [
                ("Cookie", cookie), ("X-Eco-Session", token), ("Origin", origin),
                ("Content-Type", "application/json"),
            ], body: Array(body.utf8)
        ).status
    }
}
