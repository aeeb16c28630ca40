import COSE
import Crypto
import Operations
import Testing
import Tokens

@Suite struct EntryTests {
    static let evidence = Evidence.sdm(
        piccData: [UInt8](repeating: 1, count: 16), mac: [UInt8](repeating: 2, count: 8),
        digest: [UInt8](repeating: 3, count: 16))

    static func payment(authorisation: [UInt8]? = nil, label: String? = nil) -> Payment {
        Payment(
            amount: LimitTests.eco(1_250), card: CardNumber(serial: 42)!,
            tokenHash: [UInt8](repeating: 4, count: 32), evidence: evidence,
            authorisation: authorisation, label: label)
    }

    static func entry(
        _ body: EntryBody, operatorCode: [UInt8]? = nil, isTraining: Bool = false
    ) -> Entry {
        Entry(
            sequence: 7, id: EntryID(milliseconds: 1_800_000_000_000),
            previous: [UInt8](repeating: 5, count: 32), time: 1_800_000_000_001,
            clockTrust: .hardwareClock, body: body, operatorCode: operatorCode,
            isTraining: isTraining)
    }

    static let bodies: [EntryBody] =
        [
            .payment(payment()),
            .payment(
                payment(authorisation: [UInt8](repeating: 6, count: 16), label: "pain d’épeautre")),
            .technicalEvent(TechnicalEvent(code: "start")),
            .technicalEvent(TechnicalEvent(code: "clock", details: "+30 s")),
        ] + BodyTests.bodies

    @Test(arguments: bodies)
    func `An entry is read back as written`(body: EntryBody) throws {
        for training in [true, false] {
            for code in [nil, [], [UInt8](repeating: 9, count: 16)] as [[UInt8]?] {
                let entry = Self.entry(body, operatorCode: code, isTraining: training)
                #expect(try Entry(payload: entry.item.encoded) == entry)
            }
        }
    }

    /// Field changes of an entry that make it malformed: key, value (nil removes it).
    static let wrongFields: [(Int64, CBOR?)] = [
        (1, nil), (1, .unsigned(0)), (1, .unsigned(.max)), (1, .text("1")), (1, .integer(-1)),
        (2, nil), (2, .bytes([1])), (2, .bytes([UInt8](repeating: 0, count: 16))),
        (3, nil), (3, .bytes([UInt8](repeating: 0, count: 31))),
        (4, nil), (4, .unsigned(.max)), (4, .null), (5, nil), (5, .unsigned(4)),
        (6, nil), (6, .unsigned(0)), (6, .unsigned(10)), (7, nil), (7, .null), (7, .array([])),
        (8, .text("a")), (8, .bytes([UInt8](repeating: 0, count: 17))), (9, .unsigned(1)),
        (9, .null), (10, .null), (0, .null), (-1, .null),
    ]

    /// The same for the body of a payment.
    static let wrongPaymentFields: [(Int64, CBOR?)] = [
        (1, nil), (1, .unsigned(0)), (1, .integer(-5)), (1, .unsigned(100_000_000)),
        (1, .unsigned(.max)), (1, .text("12")), (2, nil), (2, .text("000000000421")),
        (2, .text("0000 0000 0422")), (2, .unsigned(42)), (3, nil),
        (3, .bytes([UInt8](repeating: 0, count: 31))), (4, nil), (4, .map([])),
        (4, .record([1: .text("tmac"), 2: .null, 3: .null, 4: .null])),
        (5, nil), (5, .unsigned(1)), (5, .unsigned(2)),
        (6, .bytes([UInt8](repeating: 0, count: 16))), (6, .null), (7, .unsigned(1)),
        (7, .text(String(repeating: "x", count: 65))), (8, .null), (0, .null),
    ]

    private func changed(_ item: CBOR?, _ key: Int64, _ value: CBOR?) -> CBOR {
        var pairs = (item?.map ?? []).filter { $0.key != .integer(key) }
        if let value { pairs.append(.init(.integer(key), value)) }
        return .map(pairs)
    }

    @Test func `A wrong field makes an entry malformed`() {
        let item = Self.entry(.payment(Self.payment())).item
        for (key, value) in Self.wrongFields {
            #expect(throws: OperationError.self, "\(key): \(String(describing: value))") {
                try Entry(payload: changed(item, key, value).encoded)
            }
        }
        for (key, value) in Self.wrongPaymentFields {
            let whole = changed(item, 7, changed(item[7], key, value))
            #expect(throws: OperationError.self, "7/\(key): \(String(describing: value))") {
                try Entry(payload: whole.encoded)
            }
        }
        #expect(throws: OperationError.malformed("CBOR")) { try Entry(payload: []) }
        #expect(throws: OperationError.malformed("fields")) { try Entry(payload: [0x80]) }
    }

    private static let place = SetAside(
        sequence: 5, hash: [UInt8](repeating: 8, count: 32), time: 1_799_999_999_999,
        clockTrust: .untrusted)

    private static func recovered(_ body: EntryBody) -> Entry {
        Entry(
            sequence: 7, id: EntryID(milliseconds: 1_800_000_000_000),
            previous: [UInt8](repeating: 5, count: 32), time: 1_800_000_000_001,
            clockTrust: .hardwareClock, body: body, setAside: place)
    }

    @Test(arguments: bodies)
    func `What speaks of a card can be recovered, what speaks of a chain cannot`(
        body: EntryBody
    ) throws {
        let entry = Self.recovered(body)
        let isOfAChain = [.reversal, .closure, .technicalEvent].contains(body.kind)
        if isOfAChain {
            #expect(throws: OperationError.malformed("set aside")) {
                try Entry(payload: entry.item.encoded)
            }
        } else {
            #expect(try Entry(payload: entry.item.encoded) == entry)
            #expect(entry.happened == Self.place.time && entry.time > entry.happened)
        }
    }

    @Test func `A wrong field of the place before makes an entry malformed`() {
        let item = Self.recovered(.payment(Self.payment())).item
        let wrong: [(Int64, CBOR?)] = [
            (1, nil), (1, .unsigned(0)), (1, .unsigned(.max)), (1, .text("1")), (2, nil),
            (2, .bytes([UInt8](repeating: 0, count: 31))), (2, .null), (3, nil),
            (3, .unsigned(.max)), (3, .integer(-1)), (4, nil), (4, .unsigned(4)), (5, .null),
            (0, .unsigned(0)),
        ]
        for (key, value) in wrong {
            let whole = changed(item, 10, changed(item[10], key, value))
            #expect(throws: OperationError.malformed("set aside"), "10/\(key)") {
                try Entry(payload: whole.encoded)
            }
        }
    }

    @Test func `A technical event of another shape is malformed`() {
        let item = Self.entry(.technicalEvent(TechnicalEvent(code: "a"))).item
        let long = String(repeating: "x", count: 257)
        for body in [
            CBOR.record([1: .text("a")]), .record([1: .text("a"), 2: .text(long)]),
            .record([1: .unsigned(1), 2: .text("")]),
            .record([1: .text("a"), 2: .text(""), 3: .null]),
            .record([1: .text(String(repeating: "x", count: 65)), 2: .text("")]),
        ] {
            #expect(throws: OperationError.malformed("technical event")) {
                try Entry(payload: changed(item, 7, body).encoded)
            }
        }
    }

    @Test func `An unknown authorisation mode cannot hide`() {
        // Mode 0 with an id, mode 1 without one: both contradict themselves.
        let item = Self.entry(
            .payment(Self.payment(authorisation: [UInt8](repeating: 6, count: 16)))
        ).item
        #expect(throws: OperationError.malformed("mode")) {
            try Entry(payload: changed(item, 7, changed(item[7], 5, .unsigned(0))).encoded)
        }
        #expect(throws: OperationError.malformed("mode")) {
            try Entry(payload: changed(item, 7, changed(item[7], 6, nil)).encoded)
        }
    }

    @Test func `The transaction digest changes with each thing it binds`() throws {
        let terminal = [UInt8](repeating: 1, count: 8)
        let id = EntryID(milliseconds: 1)
        let card = CardNumber(serial: 42)!
        func digest(
            _ terminal: [UInt8], _ id: EntryID, _ kind: EntryKind, _ cents: Int64,
            _ card: CardNumber
        ) -> [UInt8] {
            transactionDigest(
                terminal: terminal, entry: id, kind: kind, quantity: cents, card: card)
        }
        let base = digest(terminal, id, .payment, 100, card)
        #expect(base == digest(terminal, id, .payment, 100, card))
        let others = [
            digest([UInt8](repeating: 2, count: 8), id, .payment, 100, card),
            digest(terminal, EntryID(milliseconds: 1), .payment, 100, card),
            digest(terminal, id, .refund, 100, card),
            digest(terminal, id, .payment, 101, card),
            digest(terminal, id, .payment, 100, CardNumber(serial: 43)!),
        ]
        #expect(Set(others + [base]).count == 6)
        #expect(others.allSatisfy { $0.count == 16 })
        // FORMATS §3, spelled out.
        let content = CBOR.array([
            .text("ECO1"), .bytes(terminal), .bytes(id.bytes), .unsigned(1), .unsigned(100),
            .text("000000000422"),
        ])
        #expect(base == Array(sha256(content.encoded).prefix(16)))
    }
}
