import COSE
import Crypto
import Operations
import Testing
import Tokens

/// Bodies of kinds 2 to 8: read back as written, and refused for any wrong field.
@Suite struct BodyTests {
    static let id = EntryID(milliseconds: 1_800_000_000_000)
    static let proof = CardProof(
        card: CardNumber(serial: 42)!, tokenHash: [UInt8](repeating: 4, count: 32),
        evidence: EntryTests.evidence)
    static let totals: PeriodTotals = {
        var totals = PeriodTotals.none
        totals.payments = KindTotal(count: 3, sum: 4_000)
        totals.refunds = KindTotal(count: 1, sum: 5_000)
        totals.topUpReversals = KindTotal(count: 1, sum: 1)
        totals.enrolments = 2
        totals.actions = ["repas-partages": KindTotal(count: 2, sum: 7_000)]
        return totals
    }()

    static let bodies: [EntryBody] = [
        .payment(
            Payment(
                amount: LimitTests.eco(1), card: proof.card, tokenHash: proof.tokenHash,
                evidence: proof.evidence, authorisation: nil, completes: id)),
        .refund(Refund(amount: LimitTests.eco(1_250), proof: proof, payment: id)),
        .reversal(Reversal(entry: id, reason: .doubled)),
        .topUp(TopUp(amount: LimitTests.eco(2_000), proof: proof, means: .cash)),
        .action(
            EcoAction(
                code: "kg-sauves-2", quantity: 1_250, proof: proof,
                parcours: .cuisinesContributives)),
        .enrolment(
            Enrolment(
                card: proof.card, tokenHash: proof.tokenHash,
                consents: [Consent(textVersion: "fr-2026-1", time: 5)], sealed: [1, 2, 3])),
        .enrolment(
            Enrolment(card: proof.card, tokenHash: proof.tokenHash, consents: [], sealed: nil)),
        .enrolment(
            Enrolment(
                card: proof.card, tokenHash: proof.tokenHash, consents: [], sealed: nil,
                replaces: CardNumber(serial: 7)!)),
        .cardEvent(CardEvent(card: proof.card, what: .lost, reporter: .holder)),
        .closure(
            Closure(
                period: .day, number: 1, from: 1, to: 9, totals: totals, perpetual: -1_000,
                unsent: 4)),
        .closure(
            Closure(
                period: .year, number: 7, from: 1, to: 1, totals: .none, perpetual: 0, unsent: 0)),
    ]

    /// A body, a field of it, and a value it must not have (nil: absent).
    static let wrong: [(Int, Int64, CBOR?)] = [
        (1, 1, nil), (1, 1, .unsigned(0)), (1, 1, .integer(-1)), (1, 1, .text("1")),
        (1, 1, .unsigned(100_000_000)), (1, 2, .text("000000000000 ")), (1, 2, nil),
        (1, 3, .bytes([1])), (1, 4, nil), (1, 5, nil), (1, 5, .bytes([0])), (1, 6, .null),
        (2, 1, nil), (2, 2, .unsigned(0)), (2, 2, .unsigned(5)), (2, 3, .null),
        (3, 5, .unsigned(4)), (3, 5, nil), (3, 1, .unsigned(0)), (3, 6, .null),
        (4, 1, .text("")), (4, 1, .text("Repas")), (4, 1, .text("é")), (4, 2, .unsigned(0)),
        (4, 1, .text(String(repeating: "a", count: 33))),
        (4, 2, .unsigned(1_000_000_001)), (4, 6, .unsigned(3)), (4, 7, .null),
        (5, 3, nil), (5, 3, .array([.null])), (5, 3, .array([.array([.text("a")])])),
        (5, 3, .array([.array([.text(""), .unsigned(1)])])),
        (5, 3, .array([.array([.text("é"), .unsigned(1)])])),
        (5, 4, .bytes([])), (5, 4, .bytes([UInt8](repeating: 0, count: 8_193))), (5, 4, .null),
        (5, 5, .null), (7, 5, .null), (7, 5, .text("123")), (7, 5, .text("000000000001")),
        (7, 5, .unsigned(7)), (7, 6, .null), (8, 2, .unsigned(6)), (8, 3, .unsigned(0)),
        (8, 4, .text("Anna")),
        (9, 1, .unsigned(4)), (9, 2, .unsigned(0)), (9, 3, .unsigned(0)), (9, 4, .unsigned(0)),
        (9, 3, .unsigned(10)), (9, 5, nil), (9, 5, .record([8: .null])),
        (9, 5, .record([1: .array([.unsigned(0), .unsigned(0)])])),
        (9, 5, .record([1: .array([.unsigned(1), .integer(Amount.sumMax + 1)])])),
        (9, 6, .integer(Amount.sumMax + 1)), (9, 6, .integer(.min)),
        (9, 5, .record([5: .map([])])), (9, 6, .bool(true)), (9, 7, nil), (9, 8, .null),
        (0, 8, .bytes([1])), (0, 9, .null),
    ]

    @Test func `A wrong field of any kind is refused`() throws {
        for (index, key, value) in Self.wrong {
            let entry = EntryTests.entry(Self.bodies[index])
            let item = entry.item
            let pairs = try #require(item[7]?.map).filter { $0.key != .integer(key) }
            let body = CBOR.map(pairs + (value.map { [CBOR.Pair(.integer(key), $0)] } ?? []))
            let fields = try #require(item.map).filter { $0.key != .integer(7) }
            let bytes = CBOR.map(fields + [CBOR.Pair(.integer(7), body)]).encoded
            #expect(throws: OperationError.self, "body \(index), field \(key), \(value as Any)") {
                try Entry(payload: bytes)
            }
        }
    }

    @Test func `A body of one kind is not taken for another`() throws {
        for body in Self.bodies {
            for kind in EntryKind.allCases where kind != body.kind {
                let fields = try #require(EntryTests.entry(body).item.map).filter {
                    $0.key != .integer(6)
                }
                let bytes = CBOR.map(
                    fields + [CBOR.Pair(.integer(6), .unsigned(kind.rawValue))]
                ).encoded
                // A refund and a top-up differ in field 5, all others in more.
                #expect(throws: OperationError.self, "\(body.kind) as \(kind)") {
                    try Entry(payload: bytes)
                }
            }
        }
    }
}
