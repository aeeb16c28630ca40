import COSE
import Crypto
import FoundationEssentials
import Operations
import Tokens

/// What every terminal's policy starts from; `seeds/policy.json`. Money in cents.
public struct PolicySettings: Codable, Equatable, Sendable {
    /// Days a policy lives; it is issued anew after half of them.
    public var validDays: UInt32
    /// Per payment offline.
    public var paymentCents: Int64
    /// Per card between two online contacts.
    public var cardTotalCents: Int64
    /// Payments per card between two online contacts.
    public var cardCount: UInt8
    /// The terminal's unsent sum.
    public var terminalTotalCents: Int64
    /// The terminal's unsent count.
    public var terminalCount: UInt32
    /// Hours without the ledger.
    public var hours: UInt32
    /// Card classes accepted (FORMATS §1).
    public var classes: [UInt64]
    /// First 4 bytes of revoked issuer keys' identifiers, hexadecimal.
    public var revokedIssuers: [String]
    /// BCP 47.
    public var languages: [String]
    /// What is allowed beside selling; nil: the defaults of FORMATS §4.
    public var rules: RulesSeed?
    /// Ecological actions; `seeds/catalogue.json`.
    public var catalogue: [ActionSeed]?
    /// Texts of the enrolment; `seeds/consents.json`.
    public var consents: [ConsentSeed]?
    /// Merchants with their themes; `seeds/merchants.json`.
    public var places: [PlaceSeed]?
    /// Where the holders' application is: "https://…", without "/" at its end; nil: none.
    public var application: String?

    /// Reads the JSON of a seed.
    /// - Throws: `BookError.malformed`, naming the first field that is wrong.
    public init(json: [UInt8]) throws(BookError) {
        let decoded: PolicySettings
        do {
            decoded = try JSONDecoder().decode(PolicySettings.self, from: Data(json))
        } catch { throw .malformed("policy.json: not the fields expected") }
        self = decoded
        guard (1...366).contains(validDays) else { throw .malformed("policy.json: validDays") }
        _ = try limits()
        _ = try cardClasses()
        _ = try revokedKids()
        _ = try operationRules()
        _ = try actions()
        _ = try consentTexts()
        guard application.map({ Policy.isApplication($0) }) ?? true else {
            throw .malformed("policy.json: application")
        }
    }

    func limits() throws(BookError) -> OfflineLimits {
        guard let payment = Amount(cents: paymentCents), let card = Amount(cents: cardTotalCents),
            let terminal = Amount(cents: terminalTotalCents)
        else { throw .malformed("policy.json: amounts") }
        return OfflineLimits(
            payment: payment, cardTotal: card, cardCount: cardCount, terminalTotal: terminal,
            terminalCount: terminalCount, hours: hours)
    }

    func cardClasses() throws(BookError) -> [CardClass] {
        let known = classes.compactMap { CardClass(rawValue: $0) }
        guard known.count == classes.count else { throw .malformed("policy.json: classes") }
        return known
    }

    func revokedKids() throws(BookError) -> [[UInt8]] {
        let kids = revokedIssuers.compactMap { Hexadecimal.bytes($0) }.filter { $0.count == 4 }
        guard kids.count == revokedIssuers.count else {
            throw .malformed("policy.json: revokedIssuers")
        }
        return kids
    }
}

extension Book {
    /// Sets what policies start from; terminals get it with their next pull.
    /// - Throws: `BookError.storage`.
    public func set(_ settings: PolicySettings) throws(BookError) {
        try run(
            """
            INSERT INTO settings(id, json) VALUES(1, $1)
            ON CONFLICT(id) DO UPDATE SET json = excluded.json
            """, [.text(try Self.json(settings))])
    }

    static func json(_ settings: PolicySettings) throws(BookError) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        guard let json = try? encoder.encode(settings) else { throw .malformed("settings") }
        return String(decoding: json, as: UTF8.self)
    }

    /// What policies start from.
    /// - Throws: `BookError.settingsMissing`, `.storage`.
    public func settings() throws(BookError) -> PolicySettings { try settings(locked: false) }

    /// Locked: nobody else changes them until the transaction ends.
    func settings(locked: Bool) throws(BookError) -> PolicySettings {
        let sql = "SELECT json FROM settings" + (locked ? store.rowLock : "")
        guard let json = try rows(sql).first?.first?.text else {
            throw .settingsMissing
        }
        return try PolicySettings(json: Array(json.utf8))
    }

    /// The signed policy of a terminal (COSE bytes). A new version is issued when the settings, the
    /// merchant or the keys changed, or half of the life of the last one is over.
    /// - Throws: `BookError`.
    public func policy(
        of terminal: TerminalRecord, authority: Authority, now: UInt64
    ) throws(BookError) -> [UInt8] {
        try transaction { () throws(BookError) in
            // Two that ask at once get one version.
            guard let terminal = try lockedTerminal(kid: terminal.key.kid) else {
                throw .terminalUnknown
            }
            let last = try rows(
                """
                SELECT cose FROM policies WHERE terminal = $1 ORDER BY version DESC LIMIT 1
                """, [.integer(terminal.row)]
            ).first?.first?.blob
            let lastPolicy = last.flatMap { Self.policy($0) }
            let fresh = try policy(
                of: terminal, authority: authority, version: (lastPolicy?.version ?? 0) + 1,
                seconds: now / 1_000)
            if let last, let lastPolicy, Self.isCurrent(lastPolicy, beside: fresh) {
                return last
            }
            let message = authority.signer.sign(payload: fresh.item.encoded)
            try run(
                "INSERT INTO policies(terminal, version, cose) VALUES($1, $2, $3)",
                [.integer(terminal.row), .clamped(fresh.version), .blob(message.bytes)])
            return message.bytes
        }
    }

    private func policy(
        of terminal: TerminalRecord, authority: Authority, version: UInt64, seconds: UInt64
    ) throws(BookError) -> Policy {
        let settings = try settings()
        return Policy(
            version: version, issued: seconds,
            expires: seconds + UInt64(settings.validDays) * 86_400, terminal: terminal.key.kid,
            merchant: terminal.merchant, limits: try settings.limits(),
            classes: try settings.cardClasses(), issuers: authority.keys.issuers,
            revokedKids: try settings.revokedKids(), epochs: authority.keys.epochs,
            languages: settings.languages, rules: try settings.operationRules(),
            catalogue: try settings.actions(), consentTexts: try settings.consentTexts(),
            sealingCertificate: try sealingCertificate(), places: try settings.localPlaces(),
            application: settings.application)
    }

    /// True when `last` says what `fresh` says and at least half of its life is left.
    private static func isCurrent(_ last: Policy, beside fresh: Policy) -> Bool {
        var renewed = fresh
        renewed.version = last.version
        renewed.issued = last.issued
        renewed.expires = last.expires
        let half = (fresh.expires - fresh.issued) / 2
        return renewed == last && last.expires >= fresh.issued
            && last.expires - fresh.issued >= half
    }

    /// Our own policy, read back: shape only.
    private static func policy(_ bytes: [UInt8]) -> Policy? {
        (try? Sign1(parsing: bytes, limit: Policy.sizeMax))
            .flatMap { try? Policy(payload: $0.payload) }
    }
}
