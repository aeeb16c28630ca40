import Foundation
import Journal
import Linux
import Operations
import Receipts
import Terminal
import Tokens

/// What operations beside selling look like.
extension Samples {
    /// A card number with these last digits.
    static func card(_ lastFour: String) -> CardNumber {
        for serial in Int64(0)... {
            if let card = CardNumber(serial: serial), card.lastFour == lastFour { return card }
        }
        preconditionFailure("no card ends in \(lastFour)")
    }

    static func action(
        _ code: String, _ parcours: Parcours, _ unit: ActionUnit, _ french: String,
        _ english: String
    ) -> CatalogueAction {
        CatalogueAction(
            code: code, parcours: parcours, unit: unit,
            labels: Words(["fr": french, "en": english]),
            purpose: Words([
                "fr": "Chaque geste compte pour les cuisines du quartier et pour tous.",
                "en": "Each one counts for the kitchens of the quarter and for everyone.",
            ]),
            operationLimit: 100_000, dayLimit: 500_000, dayCount: 10)
    }

    static let catalogue = [
        action(
            "legumes-sauves", .cuisinesContributives, .kilogram, "Légumes sauvés du marché",
            "Vegetables saved from the market"),
        action(
            "repas-partage", .cuisinesContributives, .piece, "Repas partagé", "Shared meal"),
        action(
            "compost", .cuisinesContributives, .kilogram, "Épluchures au compost",
            "Peelings composted"),
        action(
            "aide-cuisine", .cuisinesContributives, .piece, "Coup de main en cuisine",
            "A hand in the kitchen"),
        action("glanage", .cuisinesContributives, .kilogram, "Glanage", "Gleaning"),
        action(
            "jardin", .cuisinesContributives, .piece, "Une heure au jardin partagé",
            "An hour in the shared garden"),
        action("bocaux", .cuisinesContributives, .piece, "Bocaux rendus", "Jars returned"),
        action(
            "vetements", .circulaireTextile, .kilogram, "Vêtements déposés", "Clothes brought"),
        action("reparation", .circulaireTextile, .piece, "Vêtement réparé", "Garment repaired"),
    ]

    static let totals = PeriodTotals(
        payments: KindTotal(count: 128, sum: 1_234_567), refunds: KindTotal(count: 2, sum: 2_450),
        reversals: KindTotal(count: 1, sum: 1_250), topUps: KindTotal(count: 4, sum: 8_000),
        topUpReversals: KindTotal(), enrolments: 3,
        actions: [
            "compost": KindTotal(count: 12, sum: 30_500),
            "reparation": KindTotal(count: 3, sum: 3_000),
        ])

    static let closure = closure(.day, number: 41, unsent: 0)

    static func closure(_ period: ClosurePeriod, number: UInt64, unsent: UInt64) -> Closure {
        Closure(
            period: period, number: number, from: 900, to: 1_042, totals: totals,
            perpetual: 9_876_543, unsent: unsent)
    }

    static func slip(_ closure: Closure, id: EntryID?) -> ClosureSlip {
        ClosureSlip(
            merchant: "Épicerie du Canal", closure: closure,
            time: id.map { _ in LocalTime(milliseconds: 1_764_000_000_000) }, id: id,
            lastHash: Array(repeating: 0xA7, count: 32), catalogue: catalogue)
    }

    /// Fifteen closures, as a journal lists them.
    static let closures: [JournalLine] = {
        (0..<15).map { number in
            let period: ClosurePeriod = number % 7 == 3 ? .month : number == 14 ? .year : .day
            let made = closure(period, number: UInt64(41 - number), unsent: 0)
            let time = UInt64(1_764_000_000_000 - number * 86_400_000)
            let entry = Entry(
                sequence: UInt64(1_100 - number), id: EntryID(milliseconds: time),
                previous: zeros(32), time: time, clockTrust: .synchronised, body: .closure(made))
            return JournalLine(
                entry: entry, outcome: nil,
                standing: EntryStanding(
                    entry: entry, refunded: .zero, isReversed: false, isClosed: false))
        }
    }()

    static func status(_ line: JournalLine) -> JournalQuery.Status {
        line.outcome.map { $0.isBooked ? .settled : .rejected } ?? .pending
    }

    static func armed(_ purpose: Purpose, _ cents: Int64 = 0) -> Armed {
        Armed(
            id: id, amount: eco(cents), deadline: ScriptedCheckout.now() + 42_000,
            purpose: purpose)
    }

    static func completed(
        _ purpose: Purpose, _ cents: Int64 = 0, report: CardReport? = nil
    ) -> Stage {
        .completed(
            Completion(
                operation: armed(purpose, cents), lastFour: "4821", isOffline: false,
                report: report, isCardPresent: false))
    }

    static func report(
        _ standing: CardReport.Standing = .valid, balance: Int64? = 3_750
    ) -> CardReport {
        CardReport(
            number: card("4821"), cardClass: .member, standing: standing,
            expires: 1_900_000_000, balance: balance,
            spentOffline: CardAllowance(total: eco(1_200), count: 2))
    }

    /// Stages beside selling.
    static var otherStages: [(name: String, stage: Stage)] {
        [
            ("action-m1", .presentCard(armed(.action(code: "legumes-sauves", quantity: 12_500)))),
            ("action-done", completed(.action(code: "legumes-sauves", quantity: 12_500))),
            ("refund-m1", .presentCard(armed(.refund(of: id), 1_250))),
            ("refund-done", completed(.refund(of: id), 1_250)),
            ("topup-m1", .presentCard(armed(.topUp(.cash), 2_000))),
            ("topup-done", completed(.topUp(.cash), 2_000)),
            ("given", given(offline: true, cardPresent: true)),
            ("check-m1", .presentCard(armed(.cardCheck))),
            ("check-valid", completed(.cardCheck, report: report())),
            ("check-offline", completed(.cardCheck, report: report(balance: nil))),
            ("check-blocked", completed(.cardCheck, report: report(.blocked, balance: -1_250))),
        ]
    }

    /// A line of the terminal's list as a line of the journal.
    static func line(_ operation: OperationLine, id: EntryID? = nil) -> JournalLine {
        let body = EntryBody.payment(
            Payment(
                amount: operation.amount, card: known[operation.lastFour] ?? card("4821"),
                tokenHash: zeros(32),
                evidence: .sdm(piccData: zeros(16), mac: zeros(8), digest: zeros(16)),
                authorisation: operation.authorised ? zeros(16) : nil))
        let entry = Entry(
            sequence: operation.sequence, id: id ?? EntryID(milliseconds: operation.time),
            previous: zeros(32), time: operation.time, clockTrust: .synchronised, body: body)
        let outcome: StoredOutcome? =
            switch operation.status {
            case .pending: nil
            case .settled: StoredOutcome(isBooked: true, code: "")
            case .rejected(let code): StoredOutcome(isBooked: false, code: code)
            }
        return JournalLine(
            entry: entry, outcome: outcome,
            standing: EntryStanding(
                entry: entry, refunded: .zero, isReversed: false, isClosed: false))
    }

    private static func zeros(_ count: Int) -> [UInt8] { Array(repeating: 0, count: count) }

    private static let known = Dictionary(
        uniqueKeysWithValues: ["4821", "0037", "4855"].map { ($0, card($0)) })
}
