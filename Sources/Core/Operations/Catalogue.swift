public import COSE

/// What a quantity counts.
public enum ActionUnit: UInt64, CaseIterable, Sendable {
    /// Whole things: portions, meals, garments.
    case piece = 1
    /// Kilograms, to the gram.
    case kilogram = 2
}

/// Words by language (BCP 47).
public struct Words: Equatable, Sendable {
    /// Languages at most.
    public static let languagesMax = 16
    /// UTF-8 bytes of one text at most.
    public static let sizeMax = 4_096
    /// Text by language.
    public let texts: [String: String]

    /// Words.
    public init(_ texts: [String: String]) { self.texts = texts }

    /// The text in `language`, else in French, else in any.
    public func text(in language: String) -> String {
        texts[language] ?? texts["fr"] ?? texts.min { $0.key < $1.key }?.value ?? ""
    }

    var item: CBOR {
        .map(texts.sorted { $0.key < $1.key }.map { CBOR.Pair(.text($0.key), .text($0.value)) })
    }

    init?(_ item: CBOR) {
        guard let pairs = item.map, (1...Self.languagesMax).contains(pairs.count) else {
            return nil
        }
        var texts: [String: String] = [:]
        for pair in pairs {
            guard let language = pair.key.text, (2...16).contains(language.utf8.count),
                let text = pair.value.text, (1...Self.sizeMax).contains(text.utf8.count)
            else { return nil }
            texts[language] = text
        }
        self.init(texts)
    }
}

/// One ecological action a terminal may record. Quantities are thousandths of the unit.
public struct CatalogueAction: Equatable, Sendable {
    /// 1...32 characters of a-z, 0-9 and "-".
    public let code: String
    /// The journey it belongs to.
    public let parcours: Parcours
    /// What the quantity counts.
    public let unit: ActionUnit
    /// What a button says.
    public let labels: Words
    /// One sentence: what it counts for.
    public let purpose: Words
    /// Largest quantity of one operation.
    public let operationLimit: Int64
    /// Largest quantity of one card on one day (UTC).
    public let dayLimit: Int64
    /// Operations of one card on one day (UTC).
    public let dayCount: UInt32

    /// An action.
    public init(
        code: String, parcours: Parcours, unit: ActionUnit, labels: Words, purpose: Words,
        operationLimit: Int64, dayLimit: Int64, dayCount: UInt32
    ) {
        self.code = code
        self.parcours = parcours
        self.unit = unit
        self.labels = labels
        self.purpose = purpose
        self.operationLimit = operationLimit
        self.dayLimit = dayLimit
        self.dayCount = dayCount
    }

    /// 1 code, 2 parcours, 3 unit, 4 labels, 5 purpose, 6 per operation, 7 per card and day, 8
    /// operations per card and day.
    public var item: CBOR {
        .record([
            1: .text(code), 2: .unsigned(parcours.rawValue), 3: .unsigned(unit.rawValue),
            4: labels.item, 5: purpose.item, 6: .integer(operationLimit), 7: .integer(dayLimit),
            8: .unsigned(UInt64(dayCount)),
        ])
    }

    /// Reads an action strictly. - Throws: `OperationError.malformed`.
    public init(_ item: CBOR) throws(OperationError) {
        let fields = try Fields(item, "catalogue", keys: 1...8)
        func limit(_ key: Int64) throws(OperationError) -> Int64 {
            try fields.value(key, "limit") { item in
                item.integer.flatMap { (1...EcoAction.quantityMax).contains($0) ? $0 : nil }
            }
        }
        self.init(
            code: try fields.value(1, "code") { $0.text.flatMap(EcoAction.code) },
            parcours: try fields.choice(2, "parcours"), unit: try fields.choice(3, "unit"),
            labels: try fields.value(4, "labels") { Words($0) },
            purpose: try fields.value(5, "purpose") { Words($0) },
            operationLimit: try limit(6), dayLimit: try limit(7),
            dayCount: try fields.value(8, "count") { $0.unsigned.flatMap { UInt32(exactly: $0) } })
    }
}

/// A text people agree to when a card is given to them.
public struct ConsentText: Equatable, Sendable {
    /// 1...32 ASCII characters; what an enrolment names.
    public let version: String
    /// True when a card is not given without it.
    public let isRequired: Bool
    /// The text.
    public let texts: Words

    /// A text.
    public init(version: String, isRequired: Bool, texts: Words) {
        self.version = version
        self.isRequired = isRequired
        self.texts = texts
    }

    /// 1 version, 2 required, 3 texts.
    public var item: CBOR {
        .record([1: .text(version), 2: .bool(isRequired), 3: texts.item])
    }

    /// Reads a text strictly. - Throws: `OperationError.malformed`.
    public init(_ item: CBOR) throws(OperationError) {
        let fields = try Fields(item, "consent text", keys: 1...3)
        self.init(
            version: try fields.value(1, "version") { item in
                item.text.flatMap { text in
                    (1...32).contains(text.utf8.count) && text.utf8.allSatisfy { $0 < 0x80 }
                        ? text : nil
                }
            },
            isRequired: try fields.value(2, "required") { $0.bool },
            texts: try fields.value(3, "texts") { Words($0) })
    }
}

/// What one terminal may do beside selling (FORMATS §4).
public struct OperationRules: Equatable, Sendable {
    /// Refunds without the ledger.
    public var refundOffline: Bool
    /// Top-ups without the ledger.
    public var topUpOffline: Bool
    /// Enrolments without the ledger.
    public var enrolmentOffline: Bool
    /// Refunds and reversals above this need the manager.
    public var refundThreshold: Amount
    /// Top-ups above this need the manager.
    public var topUpThreshold: Amount
    /// Largest top-up; zero: this terminal takes none.
    public var topUpLimit: Amount
    /// A card that replaces a lost one gets its account at once; false: when a person at the
    /// association has released it, for nobody at a stand can prove whose card it was.
    public var replacementAtOnce: Bool

    /// Rules.
    public init(
        refundOffline: Bool, topUpOffline: Bool, enrolmentOffline: Bool, refundThreshold: Amount,
        topUpThreshold: Amount, topUpLimit: Amount, replacementAtOnce: Bool = false
    ) {
        self.refundOffline = refundOffline
        self.topUpOffline = topUpOffline
        self.enrolmentOffline = enrolmentOffline
        self.refundThreshold = refundThreshold
        self.topUpThreshold = topUpThreshold
        self.topUpLimit = topUpLimit
        self.replacementAtOnce = replacementAtOnce
    }

    /// The defaults of FORMATS §4: no refund and no top-up without the ledger, enrolment yes; the
    /// manager from 20.00 on for a refund, for every top-up, and no top-up above 100.00.
    public static let standard = OperationRules(
        refundOffline: false, topUpOffline: false, enrolmentOffline: true,
        refundThreshold: Amount(cents: 2_000) ?? .zero, topUpThreshold: .zero,
        topUpLimit: Amount(cents: 10_000) ?? .zero)

    /// 1 refund, 2 top-up, 3 enrolment offline; 4 refund threshold, 5 top-up threshold, 6 top-up
    /// limit; 7 replacement at once, left out when false.
    var item: CBOR {
        .record([
            1: .bool(refundOffline), 2: .bool(topUpOffline), 3: .bool(enrolmentOffline),
            4: .integer(refundThreshold.cents), 5: .integer(topUpThreshold.cents),
            6: .integer(topUpLimit.cents), 7: replacementAtOnce ? .bool(true) : nil,
        ])
    }

    init(_ item: CBOR) throws(OperationError) {
        let fields = try Fields(item, "rules", keys: 1...7)
        func amount(_ key: Int64) throws(OperationError) -> Amount {
            try fields.value(key, "amount") { $0.integer.flatMap { Amount(cents: $0) } }
        }
        self.init(
            refundOffline: try fields.value(1, "refund") { $0.bool },
            topUpOffline: try fields.value(2, "top-up") { $0.bool },
            enrolmentOffline: try fields.value(3, "enrolment") { $0.bool },
            refundThreshold: try amount(4), topUpThreshold: try amount(5),
            topUpLimit: try amount(6),
            replacementAtOnce: fields.optional(7) == nil
                ? false : try fields.value(7, "replacement") { $0.bool })
    }
}
