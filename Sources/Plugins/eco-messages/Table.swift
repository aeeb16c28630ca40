import FoundationEssentials

/// One language's sentences by key.
struct Table {
    /// Letters a language is written with, where they are not Latin.
    private static let scripts: [String: ClosedRange<UInt32>] = [
        "ar": 0x0600...0x06FF, "ta": 0x0B80...0x0BFF, "zh": 0x4E00...0x9FFF,
    ]
    private static let plainFrench = "fr-x-falc"
    private static let wordsMax = 12

    let language: String
    /// "messages/person/tr.json"
    let name: String
    let sentences: [String: String]
    /// Keys that are there more than once.
    private let doubled: [String]

    init(_ language: String, name file: String, in folder: String) throws(Failure) {
        self.language = language
        name = "messages/\(file)"
        guard let bytes = try? Data(contentsOf: URL(filePath: "\(folder)/\(file)")) else {
            throw Failure(text: "\(name) is missing")
        }
        guard let read = try? JSONDecoder().decode([String: String].self, from: bytes) else {
            throw Failure(text: "\(name) is not an object of strings")
        }
        sentences = read
        doubled = Self.doubled(String(decoding: bytes, as: UTF8.self))
    }

    /// A decoder keeps one of two equal keys. A table has one key a line.
    private static func doubled(_ text: String) -> [String] {
        var seen: Set<String> = []
        return text.split(whereSeparator: \.isNewline).compactMap { line in
            let rest = line.drop { $0 == " " }
            guard rest.first == "\"" else { return nil }
            let key = String(rest.dropFirst().prefix { $0 != "\"" })
            return seen.insert(key).inserted ? nil : key
        }
    }

    /// What is wrong beside the group's first table.
    func faults(beside source: Table, _ english: Table?) -> [String] {
        var faults = doubled.map { "\(name) has \($0) twice" }
        faults += source.sentences.keys.filter { sentences[$0] == nil }.sorted()
            .map { "\(name) lacks \($0)" }
        for (key, sentence) in sentences.sorted(by: { $0.key < $1.key }) {
            guard let first = source.sentences[key] else {
                faults.append("\(name) has \(key), which \(source.name) has not")
                continue
            }
            if let fault = fault(key, sentence, first, english?.sentences[key]) {
                faults.append("\(name) \(key) \(fault)")
            }
        }
        return faults
    }

    private func fault(
        _ key: String, _ sentence: String, _ source: String, _ english: String?
    ) -> String? {
        if sentence.allSatisfy(\.isWhitespace), !key.hasPrefix("format.") { return "is empty" }
        guard Self.values(sentence) == Self.values(source) else {
            return "has other {values} than the first language"
        }
        // Numbers and names are what they are.
        if key.hasPrefix("format.") || key == "name" || language == "fr" { return nil }
        if language == Self.plainFrench { return Self.isLong(sentence) ? "is not plain" : nil }
        if let script = Self.scripts[language] {
            let isWritten = sentence.unicodeScalars.contains { script.contains($0.value) }
            return isWritten || !sentence.contains(where: \.isLetter) ? nil : "is not translated"
        }
        let others = [source] + (language == "en" ? [] : [english].compactMap { $0 })
        // One word may be the same in two languages, and a value is no word.
        let words = sentence.split(separator: " ").filter { !$0.contains("{") }
        let isCopied = words.count > 1 && others.contains(sentence)
        return isCopied ? "is not translated" : nil
    }

    /// The {names} of a sentence.
    private static func values(_ sentence: String) -> Set<Substring> {
        Set(
            sentence.split(separator: "{", omittingEmptySubsequences: false).dropFirst().map {
                part in
                part.prefix { $0 != "}" }
            })
    }

    private static func isLong(_ text: String) -> Bool {
        text.split { ".!?:".contains($0) }
            .contains { $0.split(separator: " ").count > wordsMax }
    }
}
