import COSE
import LedgerMessages
import Operations
import Tokens

/// What the ledger asks of an operation that is no payment, and what follows once it settles.
extension Booking {
    /// An earlier entry of the same terminal.
    private struct Target {
        let row: Int64
        let entry: Entry
        let isBooked: Bool
        let cents: Int64
    }

    /// The entry of this terminal with this id; the booked one if several carry it.
    private func target(_ id: EntryID) throws(BookError) -> Target? {
        let row = try book.rows(
            """
            SELECT e.id, e.cose, e.outcome = 'settled' OR coalesce(v.released, 0) = 1,
                e.cents
            FROM entries e LEFT JOIN verdicts v ON v.entry = e.id
            WHERE e.terminal = $1 AND e.uuid = $2 ORDER BY 3 DESC, e.id LIMIT 1
            """, [.integer(terminal.row), .blob(id.bytes)]
        ).first
        guard let row, let number = row[0].integer, let bytes = row[1].blob,
            let entry = Self.entry(bytes)
        else { return nil }
        return Target(
            row: number, entry: entry, isBooked: row[2] == .integer(1), cents: row[3].integer ?? 0)
    }

    /// Our own copy of what was verified when it came: shape only.
    static func entry(_ bytes: [UInt8]) -> Entry? {
        (try? Sign1(parsing: bytes, limit: Entry.sizeMax))
            .flatMap { try? Entry(payload: $0.payload) }
    }

    private func linked(_ target: Target, kind: EntryKind) throws(BookError) -> Int64? {
        let row = try book.rows(
            """
            SELECT count(*), CAST(coalesce(sum(cents), 0) AS BIGINT) FROM links
            WHERE target = $1 AND kind = $2
            """,
            [.integer(target.row), .clamped(kind.rawValue)]
        ).first
        guard let row, let count = row[0].integer, count > 0 else { return nil }
        return row[1].integer
    }

    // MARK: rules

    func judgeRules(of entry: Entry) throws(BookError) -> Outcome {
        switch entry.body {
        case .refund(let refund): return try judge(refund)
        case .topUp(let topUp):
            let limit = try policyRules().rules.topUpLimit
            return topUp.amount <= limit ? .settled : .held(code: "top-up-over-limit")
        case .action(let action): return try judge(action, of: entry)
        case .payment(let payment): return try judge(payment, of: entry)
        case .reversal, .enrolment, .cardEvent, .closure, .technicalEvent: return .settled
        }
    }

    func policyRules() throws(BookError) -> (
        rules: OperationRules, actions: [CatalogueAction]
    ) {
        if let rules = facts.rules { return rules }
        let settings = try book.settings()
        let rules = (try settings.operationRules(), try settings.actions())
        facts.rules = rules
        return rules
    }

    /// `already refunded + this one <= payment`, to the card that paid.
    func judge(_ refund: Refund) throws(BookError) -> Outcome {
        guard let target = try target(refund.payment) else {
            return .held(code: "payment-unknown")
        }
        guard case .payment(let payment) = target.entry.body, !target.entry.isTraining else {
            return .declined(code: "refund-kind")
        }
        guard payment.card == refund.proof.card else {
            return .declined(code: "refund-other-card")
        }
        guard target.isBooked else { return .held(code: "payment-not-settled") }
        guard try linked(target, kind: .reversal) == nil else {
            return .declined(code: "payment-reversed")
        }
        let refunded = try linked(target, kind: .refund) ?? 0
        guard refunded + refund.amount.cents <= payment.amount.cents else {
            return .declined(code: "refund-over-remainder")
        }
        return .settled
    }

    private func judge(_ action: EcoAction, of entry: Entry) throws(BookError) -> Outcome {
        let known = try policyRules().actions.first { $0.code == action.code }
        guard let known, known.parcours == action.parcours else {
            return .held(code: "action-unknown")
        }
        let row =
            try book.rows(
                """
                SELECT count(*), CAST(coalesce(sum(a.thousandths), 0) AS BIGINT) FROM actions a
                WHERE a.card = $1 AND a.day = $2 AND a.code = $3
                AND NOT EXISTS(SELECT 1 FROM links l WHERE l.target = a.entry AND l.kind = 3)
                """,
                [
                    .text(action.proof.card.digits), .clamped(UTCDay.number(entry.happened)),
                    .text(action.code),
                ]
            ).first ?? []
        let done = ActionDay(
            quantity: row.last?.integer ?? 0, count: UInt32(clamping: row.first?.integer ?? 0))
        // Two stalls without a network cannot know of each other: a person decides.
        guard (try? known.check(quantity: action.quantity, after: done)) != nil else {
            return .held(code: "action-over-limit")
        }
        return .settled
    }

    func judge(_ reversal: Reversal, of entry: Entry) throws(BookError) -> Outcome {
        guard let target = try target(reversal.entry) else { return .held(code: "entry-unknown") }
        let kind = target.entry.body.kind
        guard [.payment, .topUp, .action].contains(kind), !target.entry.isTraining else {
            return .declined(code: "reversal-kind")
        }
        guard try linked(target, kind: .reversal) == nil else {
            return .declined(code: "already-reversed")
        }
        guard try linked(target, kind: .refund) == nil else {
            return .declined(code: "already-refunded")
        }
        let closed = try closedDay()
        guard UTCDay.number(entry.time) == UTCDay.number(target.entry.time),
            closed < target.entry.sequence
        else { return .declined(code: "day-closed") }
        guard target.isBooked else { return .held(code: "target-not-settled") }
        // It takes money from a card that did not sign for that.
        return kind == .topUp ? .held(code: "reversal-top-up") : .settled
    }

    /// Whether a person may release what was held: money and limits are asked again, for they may
    /// have changed since. That the day is closed by now is no reason: it was not when it came.
    func checkRelease(of entry: Entry) throws(BookError) {
        let outcome: Outcome =
            switch entry.body {
            case .refund(let refund): try judge(refund)
            case .reversal(let reversal): try judge(reversal, of: entry)
            case .closure(let closure):
                try follows(closure, of: entry) ? .settled : .held(code: "closure-number")
            case .payment, .topUp, .action, .enrolment, .cardEvent, .technicalEvent: .settled
            }
        if case .enrolment(let enrolment) = entry.body { try checkRelease(of: enrolment) }
        switch outcome {
        case .settled, .held(code: "reversal-top-up"), .declined(code: "day-closed"): return
        case .declined, .held, .duplicate: throw .notBookable(outcome.code)
        }
    }

    /// Proves the card's word of a held entry that nobody could prove when it came, and claims its
    /// counter. Gives flags. An entry that no card signs has nothing to prove.
    func prove(
        _ entry: Entry, row: Int64, allowUnproven: Bool
    ) throws(BookError) -> [String] {
        guard let proof = entry.body.proof else { return [] }
        guard let card = facts.cards[proof.card]?.record else {
            throw .notBookable("card-unknown")
        }
        let read: ProvenRead
        do throws(EvidenceFault) { read = try proven(entry, proof, by: card) } catch {
            if allowUnproven { return ["released-unproven"] }
            throw .notBookable(keys == nil ? "keys-missing" : error.rawValue)
        }
        guard try claim(read.counter, card) != nil else { throw .notBookable("counter-repeated") }
        book.insert(
            .counters, [.text(card.number.digits), .integer(Int64(read.counter)), .integer(row)])
        return []
    }

    // MARK: effects

    /// Writes what follows from an entry that settles or is released. Gives flags.
    func apply(_ entry: Entry, row: Int64) throws(BookError) -> [String] {
        let merchant = Account.merchant(terminal)
        switch entry.body {
        case .payment(let payment):
            try book.move(
                payment.amount, from: account(payment.card), to: merchant, what: "payment",
                entry: row, time: entry.time)
            // The association bears the offline risk within the limits: the merchant is paid.
            return facts.move(-payment.amount.cents, to: payment.card) ? ["overdrawn"] : []
        case .refund(let refund):
            guard let target = try target(refund.payment) else { throw .malformed("no payment") }
            try book.move(
                refund.amount, from: merchant, to: account(refund.proof.card),
                what: "refund", entry: row, time: entry.time)
            _ = facts.move(refund.amount.cents, to: refund.proof.card)
            link(row, .refund, to: target, cents: refund.amount.cents)
        case .topUp(let topUp):
            try book.move(
                topUp.amount, from: Account.means(topUp.means, terminal),
                to: account(topUp.proof.card), what: "top-up", entry: row, time: entry.time)
            _ = facts.move(topUp.amount.cents, to: topUp.proof.card)
        case .reversal(let reversal): return try undo(reversal, entry, row: row)
        case .action(let action):
            book.insert(
                .actions,
                [
                    .integer(row), .text(action.proof.card.digits), .text(action.code),
                    .clamped(action.parcours.rawValue), .integer(action.quantity),
                    .clamped(UTCDay.number(entry.happened)),
                ])
        case .enrolment(let body):
            // A claim that was held is noted already.
            let isNoted = try book.rows(
                "SELECT 1 FROM enrolments WHERE entry = $1", [.integer(row)])
            let flags = isNoted.isEmpty ? try note(body, row: row) : []
            return flags + (try replace(body, row: row, time: entry.time))
        case .cardEvent(let event):
            guard event.what == .lost || event.what == .cloneSuspected,
                let card = facts.cards[event.card]?.record,
                try book.mark(
                    card, blocked: true, now: now,
                    reason: event.what == .lost ? "terminal-lost" : "terminal-cloned", entry: row)
            else { return [] }
            facts.cards[event.card]?.record.isBlocked = true
            return ["card-blocked-by-terminal"]
        case .closure(let closure): insert(closure, row: row)
        case .technicalEvent: break
        }
        return []
    }

    /// Where what concerns a card is posted.
    private func account(_ card: CardNumber) -> String { Account.card(facts.successor(card)) }

    private func link(_ row: Int64, _ kind: EntryKind, to target: Target, cents: Int64) {
        book.insert(
            .links,
            [.integer(row), .clamped(kind.rawValue), .integer(target.row), .integer(cents)])
    }

    private func undo(
        _ reversal: Reversal, _ entry: Entry, row: Int64
    ) throws(BookError) -> [String] {
        guard let target = try target(reversal.entry) else { throw .malformed("no entry") }
        let merchant = Account.merchant(terminal)
        link(row, .reversal, to: target, cents: target.cents)
        switch target.entry.body {
        case .payment(let payment):
            try book.move(
                payment.amount, from: merchant, to: account(payment.card),
                what: "reversal", entry: row, time: entry.time)
            _ = facts.move(payment.amount.cents, to: payment.card)
        case .topUp(let topUp):
            try book.move(
                topUp.amount, from: account(topUp.proof.card),
                to: Account.means(topUp.means, terminal), what: "reversal", entry: row,
                time: entry.time)
            return facts.move(-topUp.amount.cents, to: topUp.proof.card) ? ["overdrawn"] : []
        default: break
        }
        return []
    }
}
