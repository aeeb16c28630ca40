import Crypto
import Foundation

/// One published vector: hexadecimal in byte order as on the wire.
struct Vector: Sendable {
    let id: String
    let operation: String
    let inputs: [String: Value]
    let expected: [String: Value]
    let isUnresolved: Bool

    enum Value: Sendable {
        case text(String)
        case number(Int)
        case bool(Bool)
    }

    struct Absent: Error { let field: String }

    func has(_ field: String) -> Bool { inputs[field] != nil }

    func bytes(_ field: String) throws -> [UInt8] {
        guard case .text(let text) = inputs[field], let bytes = Hexadecimal.bytes(text) else {
            throw Absent(field: field)
        }
        return bytes
    }

    func text(_ field: String) throws -> String {
        guard case .text(let text) = inputs[field] else { throw Absent(field: field) }
        return text
    }

    func number(_ field: String) throws -> Int {
        guard case .number(let number) = inputs[field] else { throw Absent(field: field) }
        return number
    }

    func flag(_ field: String) -> Bool {
        if case .bool(let flag) = inputs[field] { flag } else { false }
    }

    /// The expected bytes, nil when the vector does not state them.
    func wanted(_ field: String) -> [UInt8]? {
        if case .text(let text) = expected[field] { Hexadecimal.bytes(text) } else { nil }
    }

    func wantedNumber(_ field: String) -> Int? {
        if case .number(let number) = expected[field] { number } else { nil }
    }

    func wantedFlag(_ field: String) -> Bool? {
        if case .bool(let flag) = expected[field] { flag } else { nil }
    }
}

/// The vectors of the repository and of the directory `ECO_VECTORS` names.
enum VectorFiles {
    static let all: [Vector] = files.flatMap { read($0) }

    static var files: [URL] {
        let own = URL(filePath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "Vectors")
        var directories = [own]
        if let extra = ProcessInfo.processInfo.environment["ECO_VECTORS"], !extra.isEmpty {
            directories.append(URL(filePath: extra))
        }
        return directories.flatMap { directory in
            let names = (try? FileManager.default.contentsOfDirectory(atPath: directory.path)) ?? []
            return names.sorted().filter { $0.hasSuffix(".json") }
                .map { directory.appending(path: $0) }
        }
    }

    private static func read(_ file: URL) -> [Vector] {
        // Another JSON file beside the vectors is not ours to judge.
        guard let data = try? Data(contentsOf: file),
            let top = try? JSONSerialization.jsonObject(with: data) as? [String: Any],
            let items = top["vectors"] as? [[String: Any]]
        else { return [] }
        return items.map { item in
            Vector(
                id: item["id"] as? String ?? "?", operation: item["operation"] as? String ?? "?",
                inputs: values(item["inputs"]), expected: values(item["expected"]),
                isUnresolved: item["known_unresolved"] as? Bool ?? false)
        }
    }

    private static func values(_ object: Any?) -> [String: Vector.Value] {
        guard let object = object as? [String: Any] else { return [:] }
        return object.compactMapValues { value in
            if let text = value as? String { return .text(text) }
            guard let number = value as? NSNumber else { return nil }
            let isBool = String(cString: number.objCType) == "c"
            return isBool ? .bool(number.boolValue) : .number(number.intValue)
        }
    }
}
