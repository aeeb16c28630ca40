import COSE
import Crypto
import Operations
import Tokens

/// A hostile body and what the ledger says to it.
struct Hostile {
    let name: String
    let bytes: [UInt8]
    var status = 422
    var code = "malformed"

    init(_ name: String, _ bytes: [UInt8], _ status: Int = 422, _ code: String = "malformed") {
        self.name = name
        self.bytes = bytes
        self.status = status
        self.code = code
    }
}

/// Bytes that are no CBOR this protocol speaks, whatever they were sent as.
let hostileCBOR: [(String, [UInt8])] = [
    ("array without a length", [0x9F, 0xFF]),
    ("map without a length", [0xBF, 0xFF]),
    ("bytes without a length", [0x5F, 0x41, 0x00, 0xFF]),
    ("text without a length", [0x7F, 0x61, 0x61, 0xFF]),
    ("array without an end", [0x9F, 0x00]),
    ("half float", [0xF9, 0x3C, 0x00]),
    ("float", [0xFA, 0x3F, 0x80, 0x00, 0x00]),
    ("double", [0xFB, 0x3F, 0xF0, 0, 0, 0, 0, 0, 0]),
    ("not a number", [0xF9, 0x7E, 0x00]),
    ("undefined", [0xF7]),
    ("unassigned simple value", [0xF0]),
    ("simple value of two bytes", [0xF8, 0x20]),
    ("reserved length 28", [0x1C]),
    ("reserved length 29", [0x5D]),
    ("reserved length 30", [0x9E]),
    ("integer without a length", [0x1F]),
    ("break alone", [0xFF]),
    ("0 in two bytes", [0x18, 0x00]),
    ("23 in two bytes", [0x18, 0x17]),
    ("255 in three bytes", [0x19, 0x00, 0xFF]),
    ("65,535 in five bytes", [0x1A, 0, 0, 0xFF, 0xFF]),
    ("1 in nine bytes", [0x1B, 0, 0, 0, 0, 0, 0, 0, 1]),
    ("-1 in two bytes", [0x38, 0x00]),
    ("no bytes, long head", [0x58, 0x00]),
    ("no text, long head", [0x78, 0x00]),
    ("empty array, long head", [0x98, 0x00]),
    ("empty map, long head", [0xB8, 0x00]),
    ("tag, long head", [0xD8, 0x12, 0x80]),
    ("head cut", [0x19, 0x01]),
    ("bytes cut", [0x45, 0x00]),
    ("text cut", [0x65, 0x61]),
    ("array cut", [0x82, 0x00]),
    ("map cut", [0xA1, 0x00]),
    ("tag of nothing", [0xD2]),
    ("array of all items there are", [0x9B] + [UInt8](repeating: 0xFF, count: 8)),
    ("bytes beyond memory", [0x5B] + [UInt8](repeating: 0xFF, count: 8)),
    ("map beyond memory", [0xBB] + [UInt8](repeating: 0xFF, count: 8)),
    ("text of two gigabytes", [0x7A, 0x7F, 0xFF, 0xFF, 0xFF]),
    ("ten arrays deep", [UInt8](repeating: 0x81, count: 10) + [0x00]),
    ("a thousand arrays deep", [UInt8](repeating: 0x81, count: 1_000)),
    ("ten tags deep", [UInt8](repeating: 0xD2, count: 10) + [0x00]),
    ("ten maps deep", [UInt8](repeating: 0xA1, count: 20) + [0x00]),
    ("one key twice", [0xA2, 0x01, 0x00, 0x01, 0x00]),
    ("one text key twice", [0xA2, 0x61, 0x61, 0x00, 0x61, 0x61, 0x01]),
    ("text that is no UTF-8", [0x61, 0xFF]),
    ("text with an overlong zero", [0x62, 0xC0, 0x80]),
    ("text with a surrogate", [0x63, 0xED, 0xA0, 0x80]),
    ("text cut in a character", [0x61, 0xC3]),
    ("null", [0xF6]),
    ("true", [0xF5]),
    ("a number", [0x01]),
    ("a negative number", [0x20]),
    ("the largest number", [0x1B] + [UInt8](repeating: 0xFF, count: 8)),
    ("the smallest number", [0x3B] + [UInt8](repeating: 0xFF, count: 8)),
    ("bytes", [0x41, 0x00]),
    ("text", [0x61, 0x61]),
    ("an empty array", [0x80]),
    ("an empty map", [0xA0]),
]

/// Entries that are well-formed CBOR and not what FORMATS §2 says; each is signed as told.
struct HostileEntries {
    let till: Till
    let card: SoftwareCard

    private var fields: [Int64: CBOR] {
        [
            1: .unsigned(1), 2: .bytes(EntryID(milliseconds: Sunday.noon).bytes),
            3: .bytes([UInt8](repeating: 0, count: 32)), 4: .unsigned(Sunday.noon),
            5: .unsigned(3), 6: .unsigned(1), 7: map(payment),
        ]
    }

    private var evidence: [Int64: CBOR] {
        [
            1: .text("sdm"), 2: bytes(16), 3: bytes(8), 4: bytes(16),
        ]
    }

    private var payment: [Int64: CBOR] {
        [
            1: .unsigned(100), 2: .text(card.number.digits), 3: bytes(32), 4: map(evidence),
            5: .unsigned(0),
        ]
    }

    private func bytes(_ count: Int) -> CBOR { .bytes([UInt8](repeating: 7, count: count)) }

    private func map(_ fields: [Int64: CBOR]) -> CBOR {
        .map(fields.map { CBOR.Pair(.integer($0.key), $0.value) })
    }

    private func signed(_ item: CBOR) -> [UInt8] {
        till.signer.sign(payload: item.encoded).bytes
    }

    // MARK: COSE

    /// Faults of the envelope around a sound payload.
    var envelopes: [Hostile] {
        let payload = map(fields).encoded
        let good = till.signer.sign(payload: payload)
        guard case .tagged(_, .array(let parts)) = try? CBOR.decode(good.bytes, limit: 4_096),
            let header = parts[0].bytes
        else { return [] }
        func cose(
            tag: UInt64? = 18, protected: CBOR? = nil, unprotected: CBOR = .map([]),
            payload: CBOR? = nil, signature: CBOR? = nil, extra: [CBOR] = [], cut: Int = 0
        ) -> [UInt8] {
            let all =
                [
                    protected ?? parts[0], unprotected, payload ?? parts[2],
                    signature ?? parts[3],
                ] + extra
            let array = CBOR.array(Array(all.dropLast(cut)))
            return (tag.map { CBOR.tagged($0, array) } ?? array).encoded
        }
        func head(_ pairs: KeyValuePairs<Int64, CBOR?>) -> CBOR {
            .bytes(CBOR.record(pairs).encoded)
        }
        let kid = CBOR.bytes(till.kid)
        let key = "entry-signature"
        return [
            Hostile("no tag", cose(tag: nil)), Hostile("tag 17", cose(tag: 17)),
            Hostile("tag of COSE_Sign", cose(tag: 98)),
            Hostile("tagged twice", CBOR.tagged(18, .tagged(18, .array(parts))).encoded),
            Hostile("three parts", cose(cut: 1)), Hostile("five parts", cose(extra: [.null])),
            Hostile("header as a map", cose(protected: .map([]))),
            Hostile("no header", cose(protected: .bytes([]))),
            Hostile("header with more behind it", cose(protected: .bytes(header + [0]))),
            Hostile("header of another kind", cose(protected: .bytes([0x01]))),
            Hostile("ES256", cose(protected: head([1: .integer(-7), 4: kid]))),
            Hostile("alg as text", cose(protected: head([1: .text("EdDSA"), 4: kid]))),
            Hostile("no alg", cose(protected: head([4: kid]))),
            Hostile("no kid", cose(protected: head([1: .integer(-8)]))),
            Hostile("kid of 7 bytes", cose(protected: head([1: .integer(-8), 4: bytes(7)]))),
            Hostile("kid of 9 bytes", cose(protected: head([1: .integer(-8), 4: bytes(9)]))),
            Hostile("kid as text", cose(protected: head([1: .integer(-8), 4: .text("12345678")]))),
            Hostile(
                "header with crit",
                cose(protected: head([1: .integer(-8), 2: .array([.unsigned(4)]), 4: kid]))),
            Hostile(
                "unprotected header", cose(unprotected: .map([CBOR.Pair(.unsigned(4), kid)]))),
            Hostile("unprotected as bytes", cose(unprotected: .bytes([]))),
            Hostile("payload elsewhere", cose(payload: .null)),
            Hostile("payload as text", cose(payload: .text("entry"))),
            Hostile("payload unwrapped", cose(payload: map(fields))),
            Hostile("signature of 63 bytes", cose(signature: bytes(63))),
            Hostile("signature of 65 bytes", cose(signature: bytes(65))),
            Hostile("signature as text", cose(signature: .text("signed"))),
            Hostile("signature of nothing", cose(signature: bytes(64)), 422, key),
            Hostile(
                "kid of 4 bytes", cose(protected: head([1: .integer(-8), 4: bytes(4)])), 422, key),
            Hostile(
                "kid of another", cose(protected: head([1: .integer(-8), 4: bytes(8)])), 422, key),
            Hostile("payload altered", cose(payload: .bytes(payload.dropLast() + [1])), 422, key),
            Hostile("payload emptied", cose(payload: .bytes([])), 422, key),
            Hostile("signed by another", TestSigner().sign(payload: payload).bytes, 422, key),
            Hostile("larger than an entry", signed(.bytes([UInt8](repeating: 0, count: 17_000)))),
        ]
    }

    // MARK: fields

    /// Faults of the payload, signed by the terminal's own key.
    var payloads: [Hostile] {
        var found = [
            Hostile("payload is an array", signed(.array([.unsigned(1)]))),
            Hostile("payload is a number", signed(.unsigned(1))),
            Hostile(
                "payload with more behind it",
                till.signer.sign(payload: map(fields).encoded + [0]).bytes),
            Hostile(
                "payload with a key twice",
                till.signer.sign(payload: [0xA2, 0x01, 0x01, 0x01, 0x01]).bytes),
            Hostile(
                "payload of text keys", signed(.map([CBOR.Pair(.text("seq"), .unsigned(1))]))),
        ]
        for key in Int64(1)...7 {
            found.append(entry("without field \(key)") { $0[key] = nil })
            found.append(entry("field \(key) is null") { $0[key] = .null })
        }
        let wrong: [(String, Int64, CBOR)] = [
            ("field 10", 10, .unsigned(1)), ("field 0", 0, .unsigned(1)),
            ("field -1", -1, .unsigned(1)), ("number 0", 1, .unsigned(0)),
            ("number below 0", 1, .integer(-1)), ("number as text", 1, .text("1")),
            ("number beyond 63 bits", 1, .unsigned(1 << 63)), ("id of 15 bytes", 2, bytes(15)),
            ("id of 17 bytes", 2, bytes(17)), ("id that is no UUIDv7", 2, bytes(16)),
            ("id as text", 2, .text("0190")), ("hash of 31 bytes", 3, bytes(31)),
            ("hash of 33 bytes", 3, bytes(33)), ("time below 0", 4, .integer(-1)),
            ("time beyond 63 bits", 4, .unsigned(.max)), ("time as text", 4, .text("now")),
            ("clock trust 4", 5, .unsigned(4)), ("clock trust -1", 5, .integer(-1)),
            ("kind 0", 6, .unsigned(0)), ("kind 10", 6, .unsigned(10)),
            ("kind as text", 6, .text("payment")), ("operator of 17 bytes", 8, bytes(17)),
            ("operator as text", 8, .text("me")), ("training as number", 9, .unsigned(1)),
            ("body as array", 7, .array([])),
        ]
        found += wrong.map { name, key, value in entry(name) { $0[key] = value } }
        return found + payments + otherBodies
    }

    private func entry(_ name: String, _ change: (inout [Int64: CBOR]) -> Void) -> Hostile {
        var fields = fields
        change(&fields)
        return Hostile(name, signed(map(fields)))
    }

    private var payments: [Hostile] {
        var wrong: [(String, Int64, CBOR?)] = (1...5).map { ("payment without \($0)", $0, nil) }
        wrong += [
            ("amount 0", 1, .unsigned(0)), ("amount below 0", 1, .integer(-100)),
            ("amount over all money", 1, .unsigned(100_000_000)),
            ("amount beyond 63 bits", 1, .unsigned(.max)), ("amount as text", 1, .text("1,00")),
            ("card of 11 digits", 2, .text("10000000001")),
            ("card of 13 digits", 2, .text("1000000000016")),
            ("card with a wrong check digit", 2, .text("100000000017")),
            ("card in letters", 2, .text("1000000OOO16")),
            ("card with spaces", 2, .text("1000 0000 0016")),
            ("card as number", 2, .unsigned(100_000_000_016)),
            ("token hash of 31 bytes", 3, bytes(31)), ("token hash as text", 3, .text("hash")),
            ("evidence as bytes", 4, bytes(40)), ("evidence empty", 4, map([:])),
            ("mode 2", 5, .unsigned(2)), ("mode 1 without authorisation", 5, .unsigned(1)),
            ("authorisation in mode 0", 6, bytes(16)), ("label of 65 bytes", 7, .text(text(65))),
            ("label as number", 7, .unsigned(1)), ("completes no entry", 8, bytes(16)),
            ("completes 15 bytes", 8, bytes(15)), ("payment field 9", 9, .unsigned(1)),
        ]
        let parts: [(String, Int64, CBOR?)] = [
            ("evidence of another card", 1, .text("tmac")), ("evidence unnamed", 1, nil),
            ("PICCENCData of 15 bytes", 2, bytes(15)), ("PICCENCData of 17 bytes", 2, bytes(17)),
            ("SDMMAC of 7 bytes", 3, bytes(7)), ("SDMMAC of 9 bytes", 3, bytes(9)),
            ("digest of 15 bytes", 4, bytes(15)), ("digest as text", 4, .text("digest")),
            ("evidence field 5", 5, .null),
        ]
        return wrong.map { name, key, value in
            var payment = payment
            payment[key] = value
            return entry(name) { $0[7] = map(payment) }
        }
            + parts.map { name, key, value in
                var (payment, evidence) = (payment, evidence)
                evidence[key] = value
                payment[4] = map(evidence)
                return entry(name) { $0[7] = map(payment) }
            }
    }

    private func text(_ count: Int) -> String { String(repeating: "x", count: count) }

    private var otherBodies: [Hostile] {
        let id = CBOR.bytes(EntryID(milliseconds: Sunday.noon).bytes)
        let card = CBOR.text(card.number.digits)
        let action: [Int64: CBOR] = [
            1: .text("repas"), 2: .unsigned(1_000), 3: card, 4: bytes(32), 5: map(evidence),
            6: .unsigned(1),
        ]
        let closure: [Int64: CBOR] = [
            1: .unsigned(1), 2: .unsigned(1), 3: .unsigned(1), 4: .unsigned(1), 5: map([:]),
            6: .unsigned(0), 7: .unsigned(0),
        ]
        let enrolment: [Int64: CBOR] = [1: card, 2: bytes(32), 3: .array([])]
        let wrong: [(String, UInt64, [Int64: CBOR], Int64, CBOR?)] = [
            ("refund of nothing", 2, payment, 5, nil),
            ("refund of a number", 2, payment, 5, .unsigned(1)),
            ("refund field 6", 2, payment.merging([5: id]) { $1 }, 6, .null),
            ("reversal of nothing", 3, [2: .unsigned(1)], 1, nil),
            ("reversal for no reason", 3, [1: id], 2, .unsigned(99)),
            ("top-up by means 0", 4, payment, 5, .unsigned(0)),
            ("top-up by means 4", 4, payment, 5, .unsigned(4)),
            ("action in capitals", 5, action, 1, .text("REPAS")),
            ("action without a name", 5, action, 1, .text("")),
            ("action with a long name", 5, action, 1, .text(text(33))),
            ("action of 0", 5, action, 2, .unsigned(0)),
            ("action below 0", 5, action, 2, .integer(-1)),
            ("action without end", 5, action, 2, .unsigned(.max)),
            ("action of parcours 3", 5, action, 6, .unsigned(3)),
            ("action field 7", 5, action, 7, .null),
            ("consents as map", 6, enrolment, 3, map([:])),
            ("consent of three parts", 6, enrolment, 3, .array([.array([card, card, card])])),
            (
                "consent without version", 6, enrolment, 3,
                .array([.array([.text(""), .unsigned(1)])])
            ),
            (
                "nine consents and more", 6, enrolment, 3,
                .array((0..<40).map { .array([.text("v\($0)"), .unsigned(1)]) })
            ),
            ("sealed nothing", 6, enrolment, 4, .bytes([])),
            ("sealed text", 6, enrolment, 4, .text("Mme")),
            ("card event 0", 7, [1: card, 3: .unsigned(1)], 2, .unsigned(0)),
            ("card event 6", 7, [1: card, 3: .unsigned(1)], 2, .unsigned(6)),
            ("closure of a decade", 8, closure, 1, .unsigned(4)),
            ("closure 0", 8, closure, 2, .unsigned(0)),
            ("closure from 0", 8, closure, 3, .unsigned(0)),
            ("closure backwards", 8, closure, 3, .unsigned(9)),
            ("closure without totals", 8, closure, 5, nil),
            ("totals of kind 8", 8, closure, 5, map([8: .unsigned(1)])),
            ("totals of no entry", 8, closure, 5, map([1: .array([.unsigned(0), .unsigned(0)])])),
            ("totals of nothing", 8, closure, 5, map([1: .array([])])),
            (
                "totals of a bad code", 8, closure, 5,
                map([5: .map([CBOR.Pair(.text("É"), .array([.unsigned(1), .unsigned(1)]))])])
            ),
            ("event with a long code", 9, [2: .text("")], 1, .text(text(65))),
            ("event with long details", 9, [1: .text("start")], 2, .text(text(257))),
            ("event field 3", 9, [1: .text("start"), 2: .text("")], 3, .null),
        ]
        return wrong.map { name, kind, body, key, value in
            var body = body
            body[key] = value
            return entry(name) {
                $0[6] = .unsigned(kind)
                $0[7] = map(body)
            }
        }
    }

    /// Sound entries in the wrong place.
    var chains: [Hostile] {
        [
            Hostile("a number too many", entry("") { $0[1] = .unsigned(2) }.bytes, 409, "gap"),
            Hostile("after another entry", entry("") { $0[3] = bytes(32) }.bytes, 409, "fork"),
            Hostile(
                "the same number twice", entry("") { _ in }.bytes + entry("") { _ in }.bytes, 409,
                "gap"),
        ]
    }
}
