import COSE
import Tokens

/// Fields of a body, read strictly: a key that is not named is refused at the end.
struct Fields {
    private let item: CBOR
    private let name: String

    /// - Throws: `.malformed` unless the item is a map whose keys are all in `keys`.
    init(_ item: CBOR?, _ name: String, keys: ClosedRange<Int64>) throws(OperationError) {
        guard let item, let pairs = item.map,
            pairs.allSatisfy({ keys.contains($0.key.integer ?? 0) })
        else { throw .malformed("\(name) fields") }
        self.item = item
        self.name = name
    }

    /// The value of an optional field.
    func optional(_ key: Int64) -> CBOR? { item[key] }

    /// What `read` makes of a field. - Throws: `.malformed`, naming it.
    func value<T>(_ key: Int64, _ what: String, _ read: (CBOR) -> T?) throws(OperationError) -> T {
        guard let value = item[key].flatMap(read) else { throw .malformed("\(name) \(what)") }
        return value
    }

    /// An amount above zero.
    func amount(_ key: Int64) throws(OperationError) -> Amount {
        try value(key, "amount") { $0.integer.flatMap { Amount(cents: $0) } }.positive()
    }

    /// A card number in its one spelling.
    func card(_ key: Int64) throws(OperationError) -> CardNumber {
        try value(key, "card number") { item in
            item.text.flatMap { CardNumber($0) }.flatMap { $0.digits == item.text ? $0 : nil }
        }
    }

    /// 32 bytes.
    func tokenHash(_ key: Int64) throws(OperationError) -> [UInt8] {
        try value(key, "token hash") { $0.bytes.flatMap { $0.count == 32 ? $0 : nil } }
    }

    /// An entry id.
    func entry(_ key: Int64) throws(OperationError) -> EntryID {
        try value(key, "entry id") { $0.bytes.flatMap { EntryID($0) } }
    }

    /// A number of the wire that an enumeration knows.
    func choice<T: RawRepresentable>(
        _ key: Int64, _ what: String
    ) throws(OperationError) -> T where T.RawValue == UInt64 {
        try value(key, what) { $0.unsigned.flatMap(T.init(rawValue:)) }
    }

    /// A number that a database can hold.
    func number(_ key: Int64, _ what: String) throws(OperationError) -> UInt64 {
        try value(key, what) { $0.unsigned.flatMap { $0 <= UInt64(Int64.max) ? $0 : nil } }
    }

    /// Card number, token hash, evidence at three keys in a row.
    func proof(_ key: Int64) throws(OperationError) -> CardProof {
        CardProof(
            card: try card(key), tokenHash: try tokenHash(key + 1),
            evidence: try Evidence(item[key + 2]))
    }
}

extension Amount {
    fileprivate func positive() throws(OperationError) -> Amount {
        guard self > .zero else { throw .malformed("amount") }
        return self
    }
}

extension Refund {
    /// 1 amount, 2 card number, 3 token hash, 4 evidence, 5 id of the payment.
    var item: CBOR {
        .record([
            1: .integer(amount.cents), 2: .text(proof.card.digits), 3: .bytes(proof.tokenHash),
            4: proof.evidence.item, 5: .bytes(payment.bytes),
        ])
    }

    init(_ item: CBOR?) throws(OperationError) {
        let fields = try Fields(item, "refund", keys: 1...5)
        self.init(
            amount: try fields.amount(1), proof: try fields.proof(2), payment: try fields.entry(5))
    }
}

extension Reversal {
    /// 1 entry id, 2 reason.
    var item: CBOR { .record([1: .bytes(entry.bytes), 2: .unsigned(reason.rawValue)]) }

    init(_ item: CBOR?) throws(OperationError) {
        let fields = try Fields(item, "reversal", keys: 1...2)
        self.init(entry: try fields.entry(1), reason: try fields.choice(2, "reason"))
    }
}

extension TopUp {
    /// 1 amount, 2 card number, 3 token hash, 4 evidence, 5 means.
    var item: CBOR {
        .record([
            1: .integer(amount.cents), 2: .text(proof.card.digits), 3: .bytes(proof.tokenHash),
            4: proof.evidence.item, 5: .unsigned(means.rawValue),
        ])
    }

    init(_ item: CBOR?) throws(OperationError) {
        let fields = try Fields(item, "top-up", keys: 1...5)
        self.init(
            amount: try fields.amount(1), proof: try fields.proof(2),
            means: try fields.choice(5, "means"))
    }
}

extension EcoAction {
    /// 1 code, 2 quantity, 3 card number, 4 token hash, 5 evidence, 6 parcours.
    var item: CBOR {
        .record([
            1: .text(code), 2: .integer(quantity), 3: .text(proof.card.digits),
            4: .bytes(proof.tokenHash), 5: proof.evidence.item, 6: .unsigned(parcours.rawValue),
        ])
    }

    init(_ item: CBOR?) throws(OperationError) {
        let fields = try Fields(item, "action", keys: 1...6)
        self.init(
            code: try fields.value(1, "code") { $0.text.flatMap(Self.code) },
            quantity: try fields.value(2, "quantity") { item in
                item.integer.flatMap { (1...Self.quantityMax).contains($0) ? $0 : nil }
            },
            proof: try fields.proof(3), parcours: try fields.choice(6, "parcours"))
    }

    /// The text when it is a code: 1...32 characters of a-z, 0-9 and "-".
    static func code(_ text: String) -> String? {
        let isCode = text.utf8.allSatisfy {
            (0x61...0x7a).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2d
        }
        return isCode && (1...32).contains(text.utf8.count) ? text : nil
    }
}

extension Enrolment {
    /// 1 card number, 2 token hash, 3 consents ([text version, time] each), 4 sealed data, 5 number
    /// of the card it replaces. What a first card does not have is left out: such an entry reads as
    /// it always did.
    var item: CBOR {
        .record([
            1: .text(card.digits), 2: .bytes(tokenHash),
            3: .array(
                consents.map { .array([.text($0.textVersion), .unsigned($0.time)]) }),
            4: sealed.map { CBOR.bytes($0) }, 5: replaces.map { .text($0.digits) },
        ])
    }

    init(_ item: CBOR?) throws(OperationError) {
        let fields = try Fields(item, "enrolment", keys: 1...5)
        let items = try fields.value(3, "consents") { $0.array }
        let consents = items.compactMap { Consent($0) }
        guard consents.count == items.count, items.count <= Self.consentsMax else {
            throw .malformed("enrolment consents")
        }
        let sealed = fields.optional(4)?.bytes
        guard fields.optional(4) == nil || (1...Self.sealedMax).contains(sealed?.count ?? 0) else {
            throw .malformed("enrolment sealed data")
        }
        self.init(
            card: try fields.card(1), tokenHash: try fields.tokenHash(2), consents: consents,
            sealed: sealed, replaces: fields.optional(5) == nil ? nil : try fields.card(5))
    }
}

extension Consent {
    fileprivate init?(_ item: CBOR) {
        guard let parts = item.array, parts.count == 2, let version = parts[0].text,
            (1...32).contains(version.utf8.count), version.utf8.allSatisfy({ $0 < 0x80 }),
            let time = parts[1].unsigned, time <= UInt64(Int64.max)
        else { return nil }
        self.init(textVersion: version, time: time)
    }
}

extension CardEvent {
    /// 1 card number, 2 what, 3 reporter.
    var item: CBOR {
        .record([
            1: .text(card.digits), 2: .unsigned(what.rawValue), 3: .unsigned(reporter.rawValue),
        ])
    }

    init(_ item: CBOR?) throws(OperationError) {
        let fields = try Fields(item, "card event", keys: 1...3)
        self.init(
            card: try fields.card(1), what: try fields.choice(2, "kind"),
            reporter: try fields.choice(3, "reporter"))
    }
}

extension Closure {
    /// 1 period, 2 number, 3 from, 4 to, 5 totals, 6 perpetual total, 7 unsent count.
    var item: CBOR {
        .record([
            1: .unsigned(period.rawValue), 2: .unsigned(number), 3: .unsigned(from),
            4: .unsigned(to), 5: totals.item, 6: .integer(perpetual), 7: .unsigned(unsent),
        ])
    }

    init(_ item: CBOR?) throws(OperationError) {
        let fields = try Fields(item, "closure", keys: 1...7)
        let (from, to) = (try fields.number(3, "from"), try fields.number(4, "to"))
        let number = try fields.number(2, "number")
        guard number >= 1, from >= 1, to >= from else { throw .malformed("closure stretch") }
        self.init(
            period: try fields.choice(1, "period"), number: number, from: from, to: to,
            totals: try PeriodTotals(fields.optional(5)),
            perpetual: try fields.value(6, "perpetual") { $0.integer.flatMap(Amount.sum) },
            unsent: try fields.number(7, "unsent"))
    }
}

extension PeriodTotals {
    private static let codesMax = 256

    /// Kind (FORMATS §2) to [count, sum]: 3 is reversed payments, 7 reversed top-ups;
    /// 5 maps action codes, 6 is a count. What has no entry is left out.
    var item: CBOR {
        func line(_ total: KindTotal) -> CBOR? {
            total.count == 0 ? nil : .array([.unsigned(total.count), .integer(total.sum)])
        }
        let byCode = actions.sorted { $0.key < $1.key }.compactMap { code, total in
            line(total).map { CBOR.Pair(.text(code), $0) }
        }
        return .record([
            1: line(payments), 2: line(refunds), 3: line(reversals), 4: line(topUps),
            5: byCode.isEmpty ? nil : .map(byCode),
            6: enrolments == 0 ? nil : .unsigned(enrolments),
            7: line(topUpReversals),
        ])
    }

    init(_ item: CBOR?) throws(OperationError) {
        let fields = try Fields(item, "totals", keys: 1...7)
        func line(_ item: CBOR?) throws(OperationError) -> KindTotal {
            guard let item else { return KindTotal() }
            guard let total = KindTotal(item) else { throw .malformed("totals line") }
            return total
        }
        func money(_ key: Int64) throws(OperationError) -> KindTotal {
            let total = try line(fields.optional(key))
            guard Amount.sum(total.sum) != nil else { throw .malformed("totals line") }
            return total
        }
        self = .none
        payments = try money(1)
        refunds = try money(2)
        reversals = try money(3)
        topUps = try money(4)
        topUpReversals = try money(7)
        if fields.optional(6) != nil { enrolments = try fields.number(6, "enrolments") }
        guard let byCode = fields.optional(5) else { return }
        guard let pairs = byCode.map, (1...Self.codesMax).contains(pairs.count) else {
            throw .malformed("totals actions")
        }
        for pair in pairs {
            guard let code = pair.key.text.flatMap(EcoAction.code) else {
                throw .malformed("totals action code")
            }
            actions[code] = try line(pair.value)
        }
    }
}

extension KindTotal {
    fileprivate init?(_ item: CBOR) {
        guard let parts = item.array, parts.count == 2, let count = parts[0].unsigned,
            (1...UInt64(Int64.max)).contains(count), let sum = parts[1].integer
        else { return nil }
        self.init(count: count, sum: sum)
    }
}
