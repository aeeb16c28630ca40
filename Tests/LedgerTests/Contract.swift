import Foundation
import HTTPClient
import Testing

/// openapi.json, read as a stranger reads it. Every answer a test of this suite gets is held
/// against it.
struct Contract: @unchecked Sendable {  // because nothing in it changes
    static let file = URL(filePath: Deployment.seeds).deletingLastPathComponent()
        .appending(path: "Sources/CLibraries/CLedgerAssets/files")
    static let shared = Contract()

    let document: [String: Any]
    private let paths: [String: [String: Any]]

    private init() {
        let data = try? Data(contentsOf: Self.file.appending(path: "openapi.json"))
        let object = data.flatMap { try? JSONSerialization.jsonObject(with: $0) }
        document = object as? [String: Any] ?? [:]
        paths = document["paths"] as? [String: [String: Any]] ?? [:]
    }

    private static let methods = ["get", "put", "post", "delete", "head", "options", "patch"]

    /// "POST /v1/terminals 201", every one there is.
    var all: Set<String> {
        var found: Set<String> = []
        for (path, item) in paths {
            for method in Self.methods {
                guard let call = item[method] as? [String: Any] else { continue }
                for status in (call["responses"] as? [String: Any] ?? [:]).keys {
                    found.insert("\(method.uppercased()) \(path) \(status)")
                }
            }
        }
        return found
    }

    var templates: Set<String> { Set(paths.keys) }

    /// The path of the file that an address falls under.
    func template(_ path: String) -> String? {
        let parts = path.prefix { $0 != "?" }.split(
            separator: "/", omittingEmptySubsequences: false)
        return paths.keys.first { template in
            let places = template.split(separator: "/", omittingEmptySubsequences: false)
            return places.count == parts.count
                && zip(places, parts).allSatisfy { $0.hasPrefix("{") || $0 == $1 }
        }
    }

    private func resolve(_ any: Any?) -> [String: Any] {
        guard let object = any as? [String: Any] else { return [:] }
        guard let reference = object["$ref"] as? String else { return object }
        let names = reference.split(separator: "/").dropFirst().map(String.init)
        return resolve(names.reduce(document as Any?) { ($0 as? [String: Any])?[$1] })
    }

    /// What is wrong with an answer; nil when the file says that it may be given.
    func fault(_ method: String, _ path: String, _ answer: HTTPExchange) -> String? {
        let place = "\(method) \(path): \(answer.status)"
        guard let template = template(path) else {
            return answer.status == 404 && code(answer) == "not-found"
                ? nil : "\(place): no such path is documented"
        }
        let item = paths[template] ?? [:]
        guard let call = item[method.lowercased()] as? [String: Any] else {
            let allowed = Self.methods.filter { item[$0] != nil }.map { $0.uppercased() }
            return answer.status == 405 && code(answer) == "method"
                && header(answer, "allow") == allowed.joined(separator: ", ")
                ? nil : "\(place): no such method is documented"
        }
        let responses = call["responses"] as? [String: Any] ?? [:]
        guard let stated = responses["\(answer.status)"].map({ resolve($0) }) else {
            return "\(place): the status is not documented"
        }
        for (name, value) in stated["headers"] as? [String: [String: Any]] ?? [:]
        where value["required"] as? Bool == true && header(answer, name.lowercased()) == nil {
            return "\(place): without its header \(name)"
        }
        return content(stated["content"] as? [String: Any] ?? [:], answer).map { "\(place): \($0)" }
    }

    private func content(_ content: [String: Any], _ answer: HTTPExchange) -> String? {
        if content.isEmpty { return answer.body.isEmpty ? nil : "has a body" }
        guard let type = header(answer, "content-type"), let stated = content[type] else {
            return "of type \(header(answer, "content-type") ?? "none")"
        }
        let schema = resolve((stated as? [String: Any])?["schema"])
        guard type.contains("json"), schema["type"] as? String != "string" else { return nil }
        guard
            let body = try? JSONSerialization.jsonObject(with: Data(answer.body)),
            let object = body as? [String: Any]
        else { return "is no JSON object" }
        let parts = [schema] + (schema["allOf"] as? [Any] ?? []).map { resolve($0) }
        for part in parts {
            if let fault = check(object, part) { return fault }
        }
        if type == "application/problem+json", object["status"] as? Int != answer.status {
            return "says another status"
        }
        return nil
    }

    /// Required members, types, constants and enumerations: what the file uses of JSON Schema.
    private func check(_ object: [String: Any], _ schema: [String: Any]) -> String? {
        for name in schema["required"] as? [String] ?? [] where object[name] == nil {
            return "has no \(name)"
        }
        let properties = schema["properties"] as? [String: Any] ?? [:]
        if schema["additionalProperties"] as? Bool == false,
            let other = object.keys.first(where: { properties[$0] == nil })
        {
            return "says \(other), which is not documented"
        }
        for (name, value) in object {
            guard let stated = properties[name].map({ resolve($0) }) else { continue }
            if let values = stated["enum"] as? [String], !values.contains(value as? String ?? "") {
                return "\(name) is '\(value)', which is not documented"
            }
            if let only = stated["const"] as? String, only != value as? String {
                return "\(name) is '\(value)'"
            }
            switch stated["type"] as? String {
            case "string" where !(value is String), "boolean" where !(value is Bool),
                "integer" where !(value is Int):
                return "\(name) is '\(value)'"
            default: break
            }
        }
        return nil
    }

    /// The CDDL rule of an answer's body, or of a request's.
    func rule(_ method: String, _ path: String, status: Int?) -> String? {
        guard let template = template(path),
            let call = paths[template]?[method.lowercased()] as? [String: Any]
        else { return nil }
        let part =
            status.map { resolve((call["responses"] as? [String: Any])?["\($0)"]) }
            ?? resolve(call["requestBody"])
        let contents = (part["content"] as? [String: [String: Any]] ?? [:]).values
        return contents.compactMap { $0["x-cddl"] as? String }.first
    }

    private func header(_ answer: HTTPExchange, _ name: String) -> String? {
        answer.headers.first { $0.name == name }?.value
    }

    private func code(_ answer: HTTPExchange) -> String? {
        guard header(answer, "content-type") == "application/problem+json" else { return nil }
        let body = try? JSONSerialization.jsonObject(with: Data(answer.body))
        return (body as? [String: Any])?["code"] as? String
    }
}
