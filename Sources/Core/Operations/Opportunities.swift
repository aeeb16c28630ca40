public import COSE

/// A merchant of the policy: where a card is taken, and what can be done there.
public struct LocalPlace: Equatable, Sendable {
    /// Places in one policy at most.
    public static let countMax = 32
    /// 1...64 UTF-8 bytes.
    public let name: String
    /// The journeys it is near to; at least one.
    public let parcours: [Parcours]
    /// Codes of the catalogue that can be done there; at most 16.
    public let actions: [String]

    /// A place.
    public init(name: String, parcours: [Parcours], actions: [String]) {
        self.name = name
        self.parcours = parcours
        self.actions = actions
    }

    /// 1 name, 2 parcours, 3 actions.
    public var item: CBOR {
        .record([
            1: .text(name), 2: .array(parcours.map { CBOR.unsigned($0.rawValue) }),
            3: .array(actions.map { CBOR.text($0) }),
        ])
    }

    /// Reads a place strictly. - Throws: `OperationError.malformed`.
    public init(_ item: CBOR) throws(OperationError) {
        let fields = try Fields(item, "place", keys: 1...3)
        self.init(
            name: try fields.value(1, "name") { item in
                item.text.flatMap { (1...64).contains($0.utf8.count) ? $0 : nil }
            },
            parcours: try fields.value(2, "parcours") { item in
                let found = item.array?.compactMap { $0.unsigned.flatMap(Parcours.init(rawValue:)) }
                let isWhole = found?.count == item.array?.count && found?.isEmpty == false
                return isWhole && Set(found ?? []).count == found?.count ? found : nil
            },
            actions: try fields.value(3, "actions") { item in
                let found = item.array?.compactMap { $0.text.flatMap(EcoAction.code) }
                guard let found, found.count == item.array?.count, found.count <= 16 else {
                    return nil
                }
                return found
            })
    }
}

/// Something a person may do next, near here.
public enum Opportunity: Equatable, Sendable {
    /// An action of the catalogue, by its code.
    case action(String)
    /// A merchant, by name.
    case place(String)
}

/// Up to three opportunities near in theme to what a card did of late.
///
/// `recent`: codes of its last actions, the newest first; the nearer in time, the more one weighs.
/// An action counts by its journey, and less the more often it was done; the last one is not
/// offered again. A place counts by the journeys it is near to, and more where a recent action can
/// be done. `here` is where the person stands already. Without any recent action, the order of the
/// policy. At most two of one sort, so that something to do and somewhere to go both show.
/// Pure: same values, same answer.
public func opportunities(
    after recent: [String], catalogue: [CatalogueAction], places: [LocalPlace], here: String
) -> [Opportunity] {
    let journeys = Dictionary(
        catalogue.map { ($0.code, $0.parcours) }, uniquingKeysWith: { first, _ in first })
    // 16, 8, 4, 2, then 1.
    let weighed = recent.prefix(10).enumerated().map { place, code in
        (code: code, parcours: journeys[code], weight: max(1, 16 >> place))
    }
    var ranked: [(opportunity: Opportunity, score: Int)] = []
    for action in catalogue where action.code != recent.first {
        let score = weighed.reduce(0) { sum, done in
            sum + (done.parcours == action.parcours ? 2 * done.weight : 0)
                - (done.code == action.code ? done.weight : 0)
        }
        ranked.append((.action(action.code), score))
    }
    for place in places where place.name != here {
        let score = weighed.reduce(0) { sum, done in
            let isNear = done.parcours.map(place.parcours.contains) ?? false
            return sum + (isNear ? done.weight : 0)
                + (place.actions.contains(done.code) ? done.weight : 0)
        }
        ranked.append((.place(place.name), score))
    }
    return chosen(ranked)
}

/// The best three, at most two of one sort; equal ones in the order they came.
private func chosen(_ ranked: [(opportunity: Opportunity, score: Int)]) -> [Opportunity] {
    let order = ranked.indices.sorted { left, right in
        (ranked[right].score, left) < (ranked[left].score, right)
    }
    var (found, actions, places): ([Opportunity], Int, Int) = ([], 0, 0)
    for index in order where found.count < 3 {
        switch ranked[index].opportunity {
        case .action where actions < 2: actions += 1
        case .place where places < 2: places += 1
        case .action, .place: continue
        }
        found.append(ranked[index].opportunity)
    }
    return found
}
