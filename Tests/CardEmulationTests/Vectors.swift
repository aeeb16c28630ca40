import Crypto
import Foundation
import Testing

/// One published example of Tests/Vectors/cards.json.
struct Vector: Sendable, CustomTestStringConvertible {
    let id: String
    let group: String
    let operation: String
    private let fields: [String: String]
    private let numbers: [String: Int]

    var testDescription: String { id }

    /// Bytes of a field of `inputs`, `expected` or `derived`; nil when it is not there.
    func bytes(_ name: String) -> [UInt8]? { fields[name].flatMap { Hexadecimal.bytes($0) } }
    func text(_ name: String) -> String? { fields[name] }
    func number(_ name: String) -> Int? { numbers[name] }

    static let all: [Vector] = {
        let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("Vectors/cards.json")
        guard let data = try? Data(contentsOf: path),
            let root = try? JSONSerialization.jsonObject(with: data) as? [String: Any],
            let rows = root["vectors"] as? [[String: Any]]
        else { return [] }
        return rows.compactMap { Vector($0) }
    }()

    static func of(_ groups: String...) -> [Vector] {
        all.filter { groups.contains($0.group) }
    }

    static func named(_ id: String) -> Vector? { all.first { $0.id == id } }

    private init?(_ row: [String: Any]) {
        guard let id = row["id"] as? String, let group = row["group"] as? String,
            let operation = row["operation"] as? String
        else { return nil }
        self.id = id
        self.group = group
        self.operation = operation
        var fields: [String: String] = [:]
        var numbers: [String: Int] = [:]
        for part in ["derived", "expected", "inputs"] {
            for (name, value) in row[part] as? [String: Any] ?? [:] {
                if let text = value as? String { fields[name] = text }
                if let number = value as? Int { numbers[name] = number }
            }
        }
        fields["published_response"] = row["published_response"] as? String
        self.fields = fields
        self.numbers = numbers
    }
}
