import Foundation
import HTTPClient
import TestSupport

/// The merchant's page without its looks: its own HTTP orders, with its cookie and its token.
final class Page {
    struct Stage: Equatable {
        let name: String
        let code: String?
    }

    struct Snapshot {
        let version: Int
        let stage: Stage
        /// Of the operation that is armed.
        let armed: String?
        let network: String
        let reader: String
        let queue: Int
        /// A person signed in.
        let hasSession: Bool
    }

    /// What an order came to.
    struct Answer {
        let status: Int
        let object: [String: Any]
        var isTaken: Bool { (200...204).contains(status) }
        var code: String { object["code"] as? String ?? "" }
        var id: String { object["id"] as? String ?? "" }
    }

    private let client = HTTPClient(
        timeout: .seconds(60), connectTimeout: .seconds(20), answerLimit: 1 << 22)
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

    /// The token of the terminal's run when the page was opened last.
    var sessionToken: String { token }

    /// What the terminal answers to a question, whole.
    func text(_ path: String) throws -> String {
        let answer = try client.send(
            method: "GET", url: origin + path, headers: [("Cookie", cookie)], body: nil)
        return String(decoding: answer.body, as: UTF8.self)
    }

    private func object(_ path: String) throws -> [String: Any] {
        let object = try JSONSerialization.jsonObject(with: Data(try text(path).utf8))
        return object as? [String: Any] ?? [:]
    }

    func snapshot() throws -> Snapshot {
        let object = try object("/api/snapshot")
        let stage = object["stage"] as? [String: Any] ?? [:]
        let refusal = stage["refusal"] as? [String: Any]
        let network = object["network"] as? [String: Any]
        let queue = object["queue"] as? [String: Any]
        return Snapshot(
            version: object["version"] as? Int ?? 0,
            stage: Stage(name: stage["name"] as? String ?? "", code: refusal?["code"] as? String),
            armed: (stage["armed"] as? [String: Any])?["id"] as? String,
            network: network?["state"] as? String ?? "", reader: object["reader"] as? String ?? "",
            queue: queue?["count"] as? Int ?? -1, hasSession: object["session"] is [String: Any])
    }

    func stage() throws -> Stage { try snapshot().stage }

    /// Waits until the terminal may sell, in this state of the network (nil: whatever it is).
    func waitUntilReady(network: String?) -> Bool {
        Programs.wait {
            guard open(), let snapshot = try? snapshot() else { return false }
            let rests = ["amountEntry", "accepted", "refused"].contains(snapshot.stage.name)
            return rests && snapshot.reader == "ready"
                && (network ?? snapshot.network)
                    == snapshot.network
        }
    }

    /// Waits until the stage is one of these; gives the last one seen.
    func wait(for stages: Set<String>) throws -> Stage {
        var last = Stage(name: "", code: nil)
        _ = try Programs.wait(every: 0.01) {
            last = try stage()
            return stages.contains(last.name)
        }
        return last
    }

    /// One order of the page, as the page gives it.
    func order(_ name: String, _ body: [String: Any] = [:]) throws -> Answer {
        let bytes = try JSONSerialization.data(
            withJSONObject: body, options: [.sortedKeys, .withoutEscapingSlashes])
        let answer = try client.send(
            method: "POST", url: origin + "/api/" + name,
            headers: [
                ("Cookie", cookie), ("X-Eco-Session", token), ("Origin", origin),
                ("Content-Type", "application/json"),
            ], body: Array(bytes))
        let object = try? JSONSerialization.jsonObject(with: Data(answer.body))
        return Answer(status: answer.status, object: object as? [String: Any] ?? [:])
    }

    func arm(_ cents: Int64) throws -> Bool { try order("arm", ["amountCents": cents]).isTaken }

    func sendNow() throws { _ = try order("send") }

    /// How many entries the page asks a person to call about.
    func rejected() throws -> Int? {
        (try object("/api/snapshot")["queue"] as? [String: Any])?["rejected"] as? Int
    }

    /// Status of each payment, newest first.
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
        try order("print", ["id": id, "language": "fr"]).status
    }

    /// One line of the list.
    struct Line {
        let id: String
        let kind: String
        let cents: Int64
        let lastFour: String
        let status: String
        let refundable: Int64
        let isReversed: Bool
        let isTraining: Bool
    }

    /// The newest lines of the list, at most 500.
    func lines(_ query: String = "limit=500") throws -> [Line] {
        let lines = try object("/api/journal?" + query)["lines"] as? [[String: Any]] ?? []
        return lines.map { line in
            Line(
                id: line["id"] as? String ?? "", kind: line["kind"] as? String ?? "",
                cents: Int64(line["amountCents"] as? Int ?? 0),
                lastFour: line["lastFour"] as? String ?? "",
                status: line["status"] as? String ?? "",
                refundable: Int64(line["refundableCents"] as? Int ?? 0),
                isReversed: line["reversed"] as? Bool ?? false,
                isTraining: line["training"] as? Bool ?? false)
        }
    }

    /// What a closure of the day would say now.
    func day() throws -> [String: Any] { try object("/api/closure?period=day") }
}
