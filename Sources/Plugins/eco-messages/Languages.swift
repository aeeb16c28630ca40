import FoundationEssentials

/// languages.json and the tables it names.
struct Languages {
    private struct Groups: Codable {
        let merchant: [String]
        let person: [String]
    }

    let folder: String
    /// In the order of the choice; the first is the source.
    let merchant: [String]
    let person: [String]

    init(folder: String) throws(Failure) {
        self.folder = folder
        guard let bytes = try? Data(contentsOf: URL(filePath: folder + "/languages.json")),
            let groups = try? JSONDecoder().decode(Groups.self, from: bytes)
        else { throw Failure(text: "messages/languages.json is not {merchant, person}") }
        merchant = groups.merchant
        person = groups.person
        for group in [merchant, person] {
            guard !group.isEmpty, Set(group).count == group.count else {
                throw Failure(text: "messages/languages.json names no language, or one twice")
            }
        }
    }

    /// Everything wrong with the tables, a sentence each.
    func faults() throws(Failure) -> [String] {
        try faults(of: merchant, in: "") + faults(of: person, in: "person/")
    }

    private func faults(of group: [String], in place: String) throws(Failure) -> [String] {
        var faults = strangers(group, in: place)
        var tables: [Table] = []
        for language in group {
            tables.append(try Table(language, name: "\(place)\(language).json", in: folder))
        }
        guard let source = tables.first else { return faults }
        let english = tables.first { $0.language == "en" }
        for table in tables { faults += table.faults(beside: source, english) }
        return faults
    }

    /// Tables that languages.json does not name would be served to nobody.
    private func strangers(_ group: [String], in place: String) -> [String] {
        let files = (try? FileManager.default.contentsOfDirectory(atPath: "\(folder)/\(place)"))
        let known = Set(group.map { "\($0).json" } + ["languages.json"])
        return (files ?? []).sorted().filter { $0.hasSuffix(".json") && !known.contains($0) }
            .map { "messages/\(place)\($0) is not in languages.json" }
    }

    /// The Swift that `Screen` is compiled with.
    var source: String {
        """
        // Written by eco-messages from messages/languages.json.

        /// Languages that have their tables, in the order of the choice; the first is the source.
        enum Languages {
            /// Of the merchant's page.
            static let merchant = \(merchant)
            /// Of the customer display and the consent.
            static let person = \(person)
        }

        """
    }
}
