import Journal
import Operations
import Terminal
import Tokens

/// A role that signed in.
struct RoleView: Encodable {
    let role: String
    let remainingMilliseconds: UInt64

    init(_ session: RoleSession, now: UInt64) {
        role = session.role.name
        remainingMilliseconds = session.until > now ? session.until - now : 0
    }
}

/// What an operation is for.
struct PurposeView: Encodable {
    let kind: String
    var code: String?
    /// Thousandths of the action's unit.
    var quantity: Int64?
    var means: String?
    /// An enrolment: last four digits of the lost card.
    var replaces: String?

    init(_ purpose: Purpose) {
        switch purpose {
        case .payment: kind = "payment"
        case .refund: kind = "refund"
        case .topUp(let paidWith):
            kind = "topUp"
            means = paidWith.name
        case .action(let action, let amount):
            kind = "action"
            code = action
            quantity = amount
        case .cardCheck: kind = "cardCheck"
        case .enrolment(_, _, let old):
            kind = "enrolment"
            replaces = old?.lastFour
        }
    }
}

/// An operation other than a payment that is done.
struct CompletedView: Encodable {
    let lastFour: String
    let offline: Bool
    let cardPresent: Bool
    let report: ReportView?
    /// Cards given since the day was closed last.
    let given: UInt64?

    init(_ completion: Completion) {
        lastFour = completion.lastFour
        offline = completion.isOffline
        cardPresent = completion.isCardPresent
        report = completion.report.map { ReportView($0) }
        given = completion.given
    }
}

/// What a card check says.
struct ReportView: Encodable {
    /// All 12 digits: a report of a loss names the card.
    let card: String
    let lastFour: String
    let cardClass: String
    let standing: String
    /// Milliseconds since the Unix epoch; zero when out of range.
    let expires: UInt64
    let balanceCents: Int64?
    let spentOfflineCents: Int64?

    init(_ report: CardReport) {
        card = report.number.digits
        lastFour = report.number.lastFour
        cardClass = report.cardClass.name
        standing =
            switch report.standing {
            case .valid: "valid"
            case .blocked: "blocked"
            case .expired: "expired"
            case .notAcceptedHere: "notAcceptedHere"
            }
        let (milliseconds, isOver) = report.expires.multipliedReportingOverflow(by: 1_000)
        expires = isOver ? 0 : milliseconds
        balanceCents = report.balance
        spentOfflineCents = report.spentOffline?.total.cents
    }
}

/// The answer of /api/catalogue.
struct CatalogueView: Encodable {
    struct Action: Encodable {
        let code: String
        let parcours: String
        let unit: String
        let labels: [String: String]
        let purpose: [String: String]
        let limit: Int64
    }

    let actions: [Action]

    init(_ catalogue: [CatalogueAction]) {
        actions = catalogue.map { action in
            Action(
                code: action.code,
                parcours: action.parcours == .cuisinesContributives ? "cuisines" : "textile",
                unit: action.unit == .piece ? "piece" : "kilogram", labels: action.labels.texts,
                purpose: action.purpose.texts, limit: action.operationLimit)
        }
    }
}

/// The answer of /api/journal.
struct JournalView: Encodable {
    struct Line: Encodable {
        let sequence: UInt64
        let id: String
        /// When it happened.
        let time: UInt64
        /// When it was entered again, if it was recovered from a journal that was set aside.
        let recovered: UInt64?
        let kind: String
        let training: Bool
        let lastFour: String?
        let amountCents: Int64?
        var code: String?
        var quantity: Int64?
        var means: String?
        var reason: String?
        var event: String?
        let status: String
        /// The ledger's code, when it declined or holds the entry.
        let outcome: String?
        /// "released" or "refused", when the association has decided of a held one.
        let verdict: String?
        let refundedCents: Int64
        let refundableCents: Int64
        let reversed: Bool
        let closed: Bool

        init(_ line: JournalLine) {
            let entry = line.entry
            sequence = entry.sequence
            id = entry.id.description
            time = entry.happened
            recovered = entry.setAside == nil ? nil : entry.time
            kind = entry.body.kind.name
            training = entry.isTraining
            lastFour = entry.body.card?.lastFour
            amountCents = entry.body.amount?.cents
            status = line.isBooked.map { $0 ? "settled" : "rejected" } ?? "pending"
            verdict = line.verdict == nil ? nil : line.isBooked == true ? "released" : "refused"
            outcome = line.outcome.flatMap { $0.isBooked ? nil : $0.code }
            refundedCents = line.standing.refunded.cents
            refundableCents = line.standing.refundable.cents
            reversed = line.standing.isReversed
            closed = line.standing.isClosed
            switch entry.body {
            case .action(let action):
                code = action.code
                quantity = action.quantity
            case .topUp(let topUp): means = topUp.means.name
            case .reversal(let reversal): reason = reversal.reason.name
            case .cardEvent(let told): event = told.what.name
            case .payment, .refund, .enrolment, .closure, .technicalEvent: break
            }
        }
    }

    let lines: [Line]
    let next: UInt64?

    init(_ page: JournalPage) {
        lines = page.lines.map { Line($0) }
        next = page.next
    }
}

/// Totals of a stretch of the journal.
struct TotalsView: Encodable {
    struct Sum: Encodable {
        let count: UInt64
        let cents: Int64

        init(_ total: KindTotal) {
            count = total.count
            cents = total.sum
        }
    }

    struct Action: Encodable {
        let code: String
        let count: UInt64
        let quantity: Int64
    }

    let payments: Sum
    let refunds: Sum
    let reversals: Sum
    let topUps: Sum
    let topUpReversals: Sum
    let enrolments: UInt64
    let actions: [Action]
    let takingsCents: Int64

    init(_ totals: PeriodTotals) {
        payments = Sum(totals.payments)
        refunds = Sum(totals.refunds)
        reversals = Sum(totals.reversals)
        topUps = Sum(totals.topUps)
        topUpReversals = Sum(totals.topUpReversals)
        enrolments = totals.enrolments
        actions = totals.actions.sorted { $0.key < $1.key }.map {
            Action(code: $0.key, count: $0.value.count, quantity: $0.value.sum)
        }
        takingsCents = totals.takings
    }
}
