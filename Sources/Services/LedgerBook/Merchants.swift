extension Book {
    /// Adds merchants; those there already stay. Gives the new ones.
    /// - Throws: `BookError.storage`.
    @discardableResult
    public func add(merchants: [String]) throws(BookError) -> [String] {
        try transaction { () throws(BookError) in
            var added: [String] = []
            for name in merchants where try insert(merchant: name) { added.append(name) }
            return added
        }
    }

    /// Adds one; `place` is what the customer display says of it from now on, beside what it says
    /// of others (nil: it stays as it is).
    /// - Throws: `BookError.malformed`, `.settingsMissing`, `.storage`.
    public func add(
        merchant name: String, place: PlaceSeed?, now: UInt64
    ) throws(BookError) -> (isNew: Bool, isDifferent: Bool) {
        guard (1...64).contains(name.utf8.count),
            !name.unicodeScalars.contains(where: { $0.properties.generalCategory == .control })
        else { throw .malformed("a merchant's name has 1 to 64 bytes and stands on one line") }
        return try transaction { () throws(BookError) in
            let isNew = try insert(merchant: name)
            guard let place else { return (isNew, false) }
            let (isDifferent, _) = try edited(now: now) { (settings) throws(BookError) in
                let codes = Set((settings.catalogue ?? []).map(\.code))
                if let unknown = place.actions.first(where: { !codes.contains($0) }) {
                    throw .malformed("the catalogue has no action '\(unknown)'")
                }
                var places = settings.places ?? []
                if let index = places.firstIndex(where: { $0.name == name }) {
                    places[index] = place
                } else {
                    places.append(place)
                }
                settings.places = places
            }
            return (isNew, isDifferent)
        }
    }

    private func insert(merchant name: String) throws(BookError) -> Bool {
        try changes(
            "INSERT INTO merchants(name) VALUES($1) ON CONFLICT DO NOTHING", [.text(name)]) == 1
    }

    /// The merchants, in order of name.
    /// - Throws: `BookError.storage`.
    public func merchants() throws(BookError) -> [String] {
        try rows("SELECT name FROM merchants ORDER BY name").compactMap { $0[0].text }
    }
}
