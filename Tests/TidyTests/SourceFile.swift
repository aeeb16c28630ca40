import Foundation

/// One Swift file of the repository, as lines.
struct SourceFile {
    let path: String
    let lines: [String]
    /// "Core", "Bindings", …; empty for tests.
    let floor: String
    /// The target's name.
    let target: String

    static let root = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    static let sources = all(under: "Sources")
    static let tests = all(under: "Tests")

    private static func all(under folder: String) -> [SourceFile] {
        let top = root.appending(path: folder)
        let files = FileManager.default.enumerator(atPath: top.path)
        var found: [SourceFile] = []
        while let name = files?.nextObject() as? String {
            guard name.hasSuffix(".swift"),
                let text = try? String(contentsOf: top.appending(path: name), encoding: .utf8)
            else { continue }
            let parts = name.split(separator: "/").map(String.init)
            let isSource = folder == "Sources"
            found.append(
                SourceFile(
                    path: "\(folder)/\(name)", lines: text.components(separatedBy: "\n"),
                    floor: isSource ? parts[0] : "",
                    target: parts.count > 1 ? parts[isSource ? 1 : 0] : ""))
        }
        return found.sorted { $0.path < $1.path }
    }

    /// Modules the file imports.
    var imports: [String] {
        lines.compactMap { line in
            let words = line.split(separator: " ").map(String.init)
            guard let at = words.firstIndex(of: "import"), at <= 2, words.count > at + 1,
                words[..<at].allSatisfy({ $0 == "public" || $0.hasPrefix("@") })
            else { return nil }
            return words[at + 1]
        }
    }

    /// Code of a line: no string contents, no comment.
    static func code(_ line: String) -> String {
        var code = ""
        var isString = false
        var previous: Character = " "
        for character in line {
            if character == "\"", previous != "\\" { isString.toggle() }
            if !isString, character == "/", previous == "/" { return String(code.dropLast()) }
            if !isString || character == "\"" { code.append(character) }
            previous = character
        }
        return code
    }

    /// Line numbers (from 1) and lengths of functions and initialisers.
    var functions: [(line: Int, count: Int)] {
        var found: [(Int, Int)] = []
        var open: [(line: Int, depth: Int)] = []
        var depth = 0
        var pending: Int?
        for (index, line) in lines.enumerated() {
            let code = Self.code(line)
            let words = code.split(whereSeparator: { " (<".contains($0) })
            if words.contains("func") || words.first == "init" || words.contains("deinit")
                || (words.contains("init") && code.contains("init("))
            {
                pending = pending ?? index
            }
            for character in code {
                if character == "{" {
                    if let line = pending {
                        open.append((line, depth))
                        pending = nil
                    }
                    depth += 1
                } else if character == "}" {
                    depth -= 1
                    if let last = open.last, last.depth == depth {
                        open.removeLast()
                        found.append((last.line + 1, index - last.line + 1))
                    }
                }
            }
            if code.trimmingCharacters(in: .whitespaces).isEmpty { pending = nil }
        }
        return found
    }
}

/// What a rule does not like, one line each, shown together.
struct Faults {
    private(set) var list: [String] = []

    mutating func unless(_ holds: Bool, _ fault: String) {
        if !holds { list.append(fault) }
    }
}
