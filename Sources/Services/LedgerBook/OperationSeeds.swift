import COSE
import FoundationEssentials
import Operations

/// `rules` of policy.json: what a terminal may do beside selling. Money in cents.
public struct RulesSeed: Codable, Equatable, Sendable {
    /// Refunds, top-ups and enrolments without the ledger.
    public var refundOffline: Bool
    public var topUpOffline: Bool
    public var enrolmentOffline: Bool
    /// Above it a refund or reversal needs the manager.
    public var refundThresholdCents: Int64
    /// Above it a top-up needs the manager.
    public var topUpThresholdCents: Int64
    /// Largest top-up; 0: none.
    public var topUpLimitCents: Int64
    /// A card that replaces a lost one gets its account without `held release`; absent: no.
    public var replacementAtOnce: Bool?
}

/// One line of catalogue.json. Quantities are thousandths of the unit.
public struct ActionSeed: Codable, Equatable, Sendable {
    /// a-z, 0-9 and "-".
    public var code: String
    /// 1 Cuisines Contributives, 2 Consommation circulaire textile.
    public var parcours: UInt64
    /// "piece" or "kilogram".
    public var unit: String
    /// What a button says, by language.
    public var labels: [String: String]
    /// What it counts for, by language.
    public var purpose: [String: String]
    /// Per operation, per card and day; operations per card and day.
    public var operationLimit: Int64
    public var dayLimit: Int64
    public var dayCount: UInt32

    func action() throws(BookError) -> CatalogueAction {
        guard let parcours = Parcours(rawValue: parcours),
            let unit: ActionUnit = unit == "piece"
                ? .piece : unit == "kilogram" ? .kilogram : nil
        else { throw .malformed("catalogue: \(code)") }
        let made = CatalogueAction(
            code: code, parcours: parcours, unit: unit, labels: Words(labels),
            purpose: Words(purpose), operationLimit: operationLimit, dayLimit: dayLimit,
            dayCount: dayCount)
        // What a terminal would refuse is refused here.
        guard (try? CatalogueAction(made.item)) == made else {
            throw .malformed("catalogue: \(code)")
        }
        return made
    }
}

/// One line of consents.json.
public struct ConsentSeed: Codable, Equatable, Sendable {
    /// At most 32 ASCII characters.
    public var version: String
    /// True when a card is not given without it.
    public var required: Bool
    /// The text, by language.
    public var texts: [String: String]

    func text() throws(BookError) -> ConsentText {
        let made = ConsentText(version: version, isRequired: required, texts: Words(texts))
        guard (try? ConsentText(made.item)) == made else {
            throw .malformed("consents: \(version)")
        }
        return made
    }
}

/// One line of merchants.json: a name, or a name with the themes the customer display ranks by.
public struct PlaceSeed: Codable, Equatable, Sendable {
    private enum CodingKeys: CodingKey { case name, parcours, actions }

    /// 1...64 UTF-8 bytes.
    public var name: String
    /// Numbers of journeys; empty: it is never proposed.
    public var parcours: [UInt64]
    /// Codes of catalogue.json.
    public var actions: [String]

    /// A place.
    public init(name: String, parcours: [UInt64], actions: [String]) {
        (self.name, self.parcours, self.actions) = (name, parcours, actions)
    }

    /// Reads a text or an object. - Throws: `DecodingError`.
    public init(from decoder: any Decoder) throws {
        if let name = try? decoder.singleValueContainer().decode(String.self) {
            (self.name, parcours, actions) = (name, [], [])
            return
        }
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        name = try fields.decode(String.self, forKey: .name)
        parcours = try fields.decodeIfPresent([UInt64].self, forKey: .parcours) ?? []
        actions = try fields.decodeIfPresent([String].self, forKey: .actions) ?? []
    }

    func place(_ codes: Set<String>) throws(BookError) -> LocalPlace {
        let journeys = parcours.compactMap { Parcours(rawValue: $0) }
        let made = LocalPlace(name: name, parcours: journeys, actions: actions)
        guard journeys.count == parcours.count, codes.isSuperset(of: actions),
            (try? LocalPlace(made.item)) == made
        else { throw .malformed("merchants: \(name)") }
        return made
    }
}

extension PolicySettings {
    /// Adds merchants.json to the settings, after the catalogue. Returns the names.
    /// - Throws: `BookError.malformed`.
    public mutating func add(merchants: [UInt8]) throws(BookError) -> [String] {
        guard let read = try? JSONDecoder().decode([PlaceSeed].self, from: Data(merchants)),
            read.allSatisfy({ (1...64).contains($0.name.utf8.count) })
        else { throw .malformed("merchants.json: names of 1 to 64 bytes, or {name, parcours}") }
        places = read.filter { !$0.parcours.isEmpty }
        _ = try localPlaces()
        return read.map(\.name)
    }

    func localPlaces() throws(BookError) -> [LocalPlace] {
        let codes = Set((catalogue ?? []).map(\.code))
        var found: [LocalPlace] = []
        for seed in places ?? [] { found.append(try seed.place(codes)) }
        guard found.count <= LocalPlace.countMax else {
            throw .malformed("merchants: more than \(LocalPlace.countMax) with a journey")
        }
        return found
    }

    /// Adds catalogue.json and consents.json to the settings.
    /// - Throws: `BookError.malformed`, naming the line that is wrong.
    public mutating func add(catalogue: [UInt8]?, consents: [UInt8]?) throws(BookError) {
        let decoder = JSONDecoder()
        if let catalogue {
            guard let read = try? decoder.decode([ActionSeed].self, from: Data(catalogue)) else {
                throw .malformed("catalogue.json: not the fields expected")
            }
            self.catalogue = read
        }
        if let consents {
            guard let read = try? decoder.decode([ConsentSeed].self, from: Data(consents)) else {
                throw .malformed("consents.json: not the fields expected")
            }
            self.consents = read
        }
        _ = try actions()
        _ = try consentTexts()
    }

    func operationRules() throws(BookError) -> OperationRules {
        guard let rules else { return .standard }
        guard let refund = Amount(cents: rules.refundThresholdCents),
            let topUp = Amount(cents: rules.topUpThresholdCents),
            let limit = Amount(cents: rules.topUpLimitCents)
        else { throw .malformed("policy.json: rules") }
        return OperationRules(
            refundOffline: rules.refundOffline, topUpOffline: rules.topUpOffline,
            enrolmentOffline: rules.enrolmentOffline, refundThreshold: refund,
            topUpThreshold: topUp, topUpLimit: limit,
            replacementAtOnce: rules.replacementAtOnce ?? false)
    }

    func actions() throws(BookError) -> [CatalogueAction] {
        var actions: [CatalogueAction] = []
        for seed in catalogue ?? [] { actions.append(try seed.action()) }
        guard Set(actions.map(\.code)).count == actions.count, actions.count <= 64 else {
            throw .malformed("catalogue: codes")
        }
        return actions
    }

    func consentTexts() throws(BookError) -> [ConsentText] {
        var texts: [ConsentText] = []
        for seed in consents ?? [] { texts.append(try seed.text()) }
        guard texts.count <= 8 else { throw .malformed("consents: more than 8") }
        return texts
    }
}
