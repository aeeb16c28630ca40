import FoundationEssentials
public import Operations

/// What the catalogue said of each action, and since when: what was recorded keeps the unit it was
/// recorded in, whatever becomes of the catalogue.
public struct CatalogueHistory: Sendable {
    private var units: [String: [(since: UInt64, unit: ActionUnit)]] = [:]
    private var newest: [String: [String: String]] = [:]

    /// Catalogues with the time they came into force, milliseconds, oldest first.
    init(_ catalogues: [(since: UInt64, actions: [ActionSeed])]) {
        for (since, actions) in catalogues {
            for action in actions {
                let unit: ActionUnit = action.unit == "kilogram" ? .kilogram : .piece
                if units[action.code]?.last?.unit != unit {
                    units[action.code, default: []].append((since, unit))
                }
                newest[action.code] = action.labels
            }
        }
    }

    /// Stretches of time, milliseconds, in which no action's unit changed; together all time.
    public var stretches: [Range<UInt64>] {
        let changes = Set(units.values.flatMap { $0.dropFirst().map(\.since) })
        let edges = [0] + changes.subtracting([0, .max]).sorted() + [.max]
        return zip(edges, edges.dropFirst()).map { $0..<$1 }
    }

    /// The unit of an action at `time`; what came before the first catalogue that knows it has the
    /// unit given there. Nil: no catalogue ever knew it.
    public func unit(of code: String, at time: UInt64) -> ActionUnit? {
        let known = units[code] ?? []
        return (known.last { $0.since <= time } ?? known.first)?.unit
    }

    /// An action's name by language, as the last catalogue that knew it had it.
    public func labels(of code: String) -> [String: String] { newest[code] ?? [:] }
}

extension Book {
    private struct Catalogue: Decodable {
        let catalogue: [ActionSeed]?
    }

    /// Every catalogue that policies started from.
    /// - Throws: `BookError.malformed`, `.storage`.
    public func catalogueHistory() throws(BookError) -> CatalogueHistory {
        // What is in force now and no version yet, a book of an older program has.
        let rows = try rows(
            """
            SELECT version, time, json FROM setting_versions
            UNION ALL SELECT \(Int64.max), \(Int64.max), json FROM settings ORDER BY 1
            """)
        var found: [(since: UInt64, actions: [ActionSeed])] = []
        for row in rows {
            let json = Data((row[2].text ?? "").utf8)
            guard let read = try? JSONDecoder().decode(Catalogue.self, from: json) else {
                throw .malformed("catalogue: a version of the settings cannot be read")
            }
            let time = row[1].integer ?? 0
            found.append((time == .max ? .max : UInt64(clamping: time), read.catalogue ?? []))
        }
        return CatalogueHistory(found)
    }
}
