import Journal
import Operations
import Receipts
import Tokens

/// Operations that people take a receipt of.
enum Sample {
    static let merchant = "Épicerie du Canal"
    static let number = CardNumber(serial: 1_000_002)
    /// 27 November 2026, 09:12 UTC.
    static let time: UInt64 = 1_795_770_720_000
    static let id = EntryID(milliseconds: time)

    private static func zeros(_ count: Int) -> [UInt8] { Array(repeating: 0, count: count) }

    static var card: CardNumber { number ?? unknown }
    private static var unknown: CardNumber { preconditionFailure("no such card") }

    static var proof: CardProof {
        CardProof(
            card: card, tokenHash: zeros(32),
            evidence: .sdm(piccData: zeros(16), mac: zeros(8), digest: zeros(16)))
    }

    static func eco(_ cents: Int64) -> Amount { Amount(cents: cents) ?? .zero }

    static func entry(
        _ body: EntryBody, _ sequence: UInt64 = 1_042, isTraining: Bool = false,
        setAside: SetAside? = nil
    ) -> Entry {
        Entry(
            sequence: sequence, id: id, previous: zeros(32), time: time,
            clockTrust: .synchronised, body: body, isTraining: isTraining, setAside: setAside)
    }

    /// Three days before `time`.
    static let place = SetAside(
        sequence: 1_012, hash: zeros(32), time: time - 3 * UTCDay.length, clockTrust: .untrusted)

    static func payment(_ cents: Int64 = 1_250) -> EntryBody {
        .payment(
            Payment(
                amount: eco(cents), card: card, tokenHash: zeros(32), evidence: proof.evidence,
                authorisation: nil))
    }

    static let action = CatalogueAction(
        code: "legumes-sauves", parcours: .cuisinesContributives, unit: .kilogram,
        labels: Words(["fr": "Légumes sauvés du marché", "en": "Vegetables saved"]),
        purpose: Words([
            "fr": "Chaque kilo sauvé devient un repas du quartier.",
            "en": "Each kilogram becomes a meal of the quarter.",
        ]), operationLimit: 100_000, dayLimit: 500_000, dayCount: 10)

    static func receipt(
        _ body: EntryBody, outcome: StoredOutcome? = StoredOutcome(isBooked: true, code: ""),
        referred: Entry? = nil, merchant: String = merchant, isTraining: Bool = false,
        isReversed: Bool = false, setAside: SetAside? = nil
    ) -> Receipt? {
        let entry = entry(body, isTraining: isTraining, setAside: setAside)
        let standing = EntryStanding(
            entry: entry, refunded: .zero, isReversed: isReversed, isClosed: false)
        return Receipt(
            JournalLine(entry: entry, outcome: outcome, standing: standing), referred: referred,
            action: action, merchant: merchant)
    }

    static let totals = PeriodTotals(
        payments: KindTotal(count: 128, sum: 1_234_567), refunds: KindTotal(count: 2, sum: 2_450),
        reversals: KindTotal(count: 1, sum: 1_250), topUps: KindTotal(count: 4, sum: 8_000),
        topUpReversals: KindTotal(), enrolments: 3,
        actions: ["legumes-sauves": KindTotal(count: 12, sum: 30_500)])

    static func closure(_ period: ClosurePeriod = .day) -> Closure {
        Closure(
            period: period, number: 41, from: 900, to: 1_042, totals: totals, perpetual: 9_876_543,
            unsent: 12)
    }
}
