public import COSE
public import Crypto
public import Tokens

/// The limits of offline selling (FORMATS §4). Tested as `already stored + this one <= limit`.
public struct OfflineLimits: Equatable, Sendable {
    /// Per payment.
    public var payment: Amount
    /// Per card between two online contacts, held on the card.
    public var cardTotal: Amount
    /// Payments per card between two online contacts.
    public var cardCount: UInt8
    /// Sum of the terminal's unsent payments.
    public var terminalTotal: Amount
    /// Number of the terminal's unsent payments.
    public var terminalCount: UInt32
    /// Hours without the ledger.
    public var hours: UInt32

    /// The limits.
    public init(
        payment: Amount, cardTotal: Amount, cardCount: UInt8, terminalTotal: Amount,
        terminalCount: UInt32, hours: UInt32
    ) {
        self.payment = payment
        self.cardTotal = cardTotal
        self.cardCount = cardCount
        self.terminalTotal = terminalTotal
        self.terminalCount = terminalCount
        self.hours = hours
    }

    /// The defaults of FORMATS §4.
    public static let standard = OfflineLimits(
        payment: Amount(cents: 2_000) ?? .zero, cardTotal: Amount(cents: 5_000) ?? .zero,
        cardCount: 5, terminalTotal: Amount(cents: 50_000) ?? .zero, terminalCount: 75, hours: 24)
}

/// What the ledger lets one terminal do (FORMATS §4): signed, pulled, it expires.
public struct Policy: Equatable, Sendable {
    /// Bytes a policy may have once signed.
    public static let sizeMax = 65_536

    /// Rises with each change.
    public var version: UInt64
    /// Seconds since the Unix epoch.
    public var issued: UInt64
    /// Seconds since the Unix epoch; from here on the terminal serves nothing but diagnosis.
    public var expires: UInt64
    /// The terminal it is for: its kid, 8 bytes.
    public var terminal: [UInt8]
    /// The merchant's name on screens and receipts, at most 64 UTF-8 bytes.
    public var merchant: String
    /// Offline limits.
    public var limits: OfflineLimits
    /// Card classes accepted.
    public var classes: [CardClass]
    /// Issuer keys accepted.
    public var issuers: [Ed25519PublicKey]
    /// First 4 bytes of the identifiers of revoked issuer keys.
    public var revokedKids: [[UInt8]]
    /// Key epochs accepted.
    public var epochs: [UInt8]
    /// Languages of the screens, BCP 47.
    public var languages: [String]
    /// What is allowed beside selling.
    public var rules: OperationRules
    /// Ecological actions, in the order of the screen; at most 64.
    public var catalogue: [CatalogueAction]
    /// Texts of the enrolment; at most 8.
    public var consentTexts: [ConsentText]
    /// Merchants near here and what can be done there; at most 32.
    public var places: [LocalPlace]
    /// The ledger's certificate (X.509, DER) personal data is sealed to; nil: none is taken.
    public var sealingCertificate: [UInt8]?
    /// Where the application of the card's holder is, "https://…", at most 128 bytes; nil: none.
    public var application: String?

    /// A policy.
    public init(
        version: UInt64, issued: UInt64, expires: UInt64, terminal: [UInt8], merchant: String,
        limits: OfflineLimits, classes: [CardClass], issuers: [Ed25519PublicKey],
        revokedKids: [[UInt8]], epochs: [UInt8], languages: [String],
        rules: OperationRules = .standard, catalogue: [CatalogueAction] = [],
        consentTexts: [ConsentText] = [], sealingCertificate: [UInt8]? = nil,
        places: [LocalPlace] = [], application: String? = nil
    ) {
        self.version = version
        self.issued = issued
        self.expires = expires
        self.terminal = terminal
        self.merchant = merchant
        self.limits = limits
        self.classes = classes
        self.issuers = issuers
        self.revokedKids = revokedKids
        self.epochs = epochs
        self.languages = languages
        self.rules = rules
        self.catalogue = catalogue
        self.consentTexts = consentTexts
        self.sealingCertificate = sealingCertificate
        self.places = places
        self.application = application
    }

    /// The rules a card token is verified by.
    public var tokenRules: TokenRules {
        TokenRules(
            issuers: issuers, revokedKids: revokedKids, classes: classes, epochs: epochs)
    }

    /// True at `now` (seconds) when the policy is in force.
    public func isValid(at now: UInt64) -> Bool { now < expires }

    /// The payload: 1 version, 2 issued, 3 expires, 4 terminal kid, 5 merchant, 6 limits, 7
    /// classes, 8 issuer keys, 9 revoked kids, 10 epochs, 11 languages, 12 rules, 13 catalogue,
    /// 14 consent texts, 15 sealing certificate, 16 places, 17 application. What the first version
    /// did not have is optional; a terminal passes over fields it does not know.
    public var item: CBOR {
        .record([
            1: .unsigned(version), 2: .unsigned(issued), 3: .unsigned(expires),
            4: .bytes(terminal), 5: .text(merchant), 6: limits.item,
            7: .array(classes.map { CBOR.unsigned($0.rawValue) }),
            8: .array(issuers.map { CBOR.bytes($0.bytes) }),
            9: .array(revokedKids.map { CBOR.bytes($0) }),
            10: .array(epochs.map { CBOR.unsigned(UInt64($0)) }),
            11: .array(languages.map { CBOR.text($0) }), 12: rules.item,
            13: catalogue.isEmpty ? nil : .array(catalogue.map(\.item)),
            14: consentTexts.isEmpty ? nil : .array(consentTexts.map(\.item)),
            15: sealingCertificate.map { CBOR.bytes($0) },
            16: places.isEmpty ? nil : .array(places.map(\.item)),
            17: application.map { .text($0) },
        ])
    }

    /// Reads a payload whose signature has been verified.
    /// - Throws: `OperationError.malformed`.
    public init(payload: [UInt8]) throws(OperationError) {
        let item: CBOR
        do { item = try CBOR.decode(payload, limit: Policy.sizeMax) } catch {
            throw .malformed("CBOR")
        }
        guard let version = item[1]?.unsigned, version <= UInt64(Int64.max),
            let issued = item[2]?.unsigned, let expires = item[3]?.unsigned,
            let terminal = item[4]?.bytes, terminal.count == 8,
            let merchant = item[5]?.text, merchant.utf8.count <= 64, let limits = item[6],
            let classes = item[7]?.array, let issuers = item[8]?.array,
            let revoked = item[9]?.array, let epochs = item[10]?.array,
            let languages = item[11]?.array
        else { throw .malformed("policy fields") }
        let keys = issuers.compactMap { $0.bytes.flatMap { try? Ed25519PublicKey($0) } }
        let classValues = classes.compactMap { $0.unsigned.flatMap(CardClass.init(rawValue:)) }
        let epochValues = epochs.compactMap { $0.unsigned.flatMap { UInt8(exactly: $0) } }
        let kids = revoked.compactMap { $0.bytes }.filter { $0.count == 4 }
        let tags = languages.compactMap { $0.text }
        guard keys.count == issuers.count, classValues.count == classes.count,
            epochValues.count == epochs.count, kids.count == revoked.count,
            tags.count == languages.count
        else { throw .malformed("policy lists") }
        self.init(
            version: version, issued: issued, expires: expires, terminal: terminal,
            merchant: merchant, limits: try OfflineLimits(limits), classes: classValues,
            issuers: keys, revokedKids: kids, epochs: epochValues, languages: tags)
        try readAdditions(item)
    }

    /// What came after the first version: absent in an old policy.
    private mutating func readAdditions(_ item: CBOR) throws(OperationError) {
        if let item = item[12] { rules = try OperationRules(item) }
        if let item = item[13] {
            guard let items = item.array, items.count <= 64 else { throw .malformed("catalogue") }
            for item in items { catalogue.append(try CatalogueAction(item)) }
            guard Set(catalogue.map(\.code)).count == catalogue.count else {
                throw .malformed("catalogue code")
            }
        }
        if let item = item[14] {
            guard let items = item.array, items.count <= Enrolment.consentsMax else {
                throw .malformed("consent texts")
            }
            for item in items { consentTexts.append(try ConsentText(item)) }
        }
        if let item = item[15] {
            guard let bytes = item.bytes, (1...8_192).contains(bytes.count) else {
                throw .malformed("sealing certificate")
            }
            sealingCertificate = bytes
        }
        if let item = item[16] {
            guard let items = item.array, items.count <= LocalPlace.countMax else {
                throw .malformed("places")
            }
            for item in items { places.append(try LocalPlace(item)) }
        }
        if let item = item[17] {
            guard let text = item.text, Self.isApplication(text) else {
                throw .malformed("application")
            }
            application = text
        }
    }

    /// True for an address that a link may be made of: https, plain characters, no query, no "/" at
    /// its end.
    public static func isApplication(_ text: String) -> Bool {
        let rest = text.utf8.dropFirst("https://".utf8.count)
        return text.hasPrefix("https://") && text.utf8.count <= 128 && !rest.isEmpty
            && rest.allSatisfy {
                (0x61...0x7a).contains($0) || (0x30...0x39).contains($0)
                    || [0x2d, 0x2e, 0x2f, 0x3a, 0x5f].contains($0)
            } && rest.first != 0x2f && rest.last != 0x2f
    }
}

extension OfflineLimits {
    /// 1 per payment, 2 per card, 3 payments per card, 4 terminal sum, 5 terminal count, 6 hours.
    var item: CBOR {
        .record([
            1: .integer(payment.cents), 2: .integer(cardTotal.cents),
            3: .unsigned(UInt64(cardCount)), 4: .integer(terminalTotal.cents),
            5: .unsigned(UInt64(terminalCount)), 6: .unsigned(UInt64(hours)),
        ])
    }

    init(_ item: CBOR) throws(OperationError) {
        guard let payment = item[1]?.integer.flatMap({ Amount(cents: $0) }),
            let cardTotal = item[2]?.integer.flatMap({ Amount(cents: $0) }),
            let cardCount = item[3]?.unsigned.flatMap({ UInt8(exactly: $0) }),
            let terminalTotal = item[4]?.integer.flatMap({ Amount(cents: $0) }),
            let terminalCount = item[5]?.unsigned.flatMap({ UInt32(exactly: $0) }),
            let hours = item[6]?.unsigned.flatMap({ UInt32(exactly: $0) })
        else { throw .malformed("limits") }
        self.init(
            payment: payment, cardTotal: cardTotal, cardCount: cardCount,
            terminalTotal: terminalTotal, terminalCount: terminalCount, hours: hours)
    }
}
