import Crypto
import LedgerMessages
import Operations
public import Tokens

// A card that replaces a lost one takes its account over, once and for good.
//
// What the account holds moves by one transaction of two postings; from then on whatever would be
// posted on the old card goes to the card that replaced it, and on along the chain (`successor`).
// So a payment of the old card that a stall sends days later still meets the person's account.
// Nobody at a stand can prove whose card it was: the old card is blocked when the claim comes, and
// the account waits for `held release`, unless the policy says otherwise.

extension Booking {
    /// What became of a claim on a lost card's account; `settled` for a first card.
    func judge(_ enrolment: Enrolment) throws(BookError) -> Outcome {
        guard let card = facts.cards[enrolment.card]?.record else {
            return .held(code: "card-unknown")
        }
        guard let old = enrolment.replaces else { return .settled }
        if let code = fault(card, old) { return .held(code: code) }
        let atOnce = try policyRules().rules.replacementAtOnce
        return atOnce ? .settled : .held(code: "replacement")
    }

    /// Why the account cannot move, whoever releases it; nil when it can.
    private func fault(_ card: CardRecord, _ old: CardNumber) -> String? {
        guard let lost = facts.cards[old] else { return "replaced-unknown" }
        guard facts.successor(old) == old else { return "replaced-before" }
        let last = facts.successor(card.number)
        guard last != old else { return "replaced-itself" }
        // A card that was replaced meanwhile is blocked; the account goes on to the last one.
        guard last != card.number || !card.isBlocked else { return "card-blocked" }
        guard card.cardClass != .training, lost.record.cardClass != .training else {
            return "card-training"
        }
        let cents = lost.balance
        guard Amount(cents: cents < 0 ? 0 &- cents : cents) != nil else {
            return "replaced-balance"
        }
        return nil
    }

    /// Whether a claim that was held can be released now. - Throws: `.notBookable`.
    func checkRelease(of enrolment: Enrolment) throws(BookError) {
        guard let old = enrolment.replaces else { return }
        guard let card = facts.cards[enrolment.card]?.record else {
            throw .notBookable("card-unknown")
        }
        if let code = fault(card, old) {
            throw .notBookable(code)
        }
    }

    /// What is true whether or not the claim is ever released: the person has this card and said
    /// what she said, and the card she lost is blocked. Gives flags.
    func note(_ enrolment: Enrolment, row: Int64) throws(BookError) -> [String] {
        let isFirst = try book.rows(
            "SELECT 1 FROM enrolments WHERE card = $1 LIMIT 1", [.text(enrolment.card.digits)]
        ).isEmpty
        book.insert(
            .enrolments,
            [
                .integer(row), .text(enrolment.card.digits),
                enrolment.sealed.map { .blob($0) } ?? .null,
            ])
        var flags = isFirst ? [] : ["enrolled-again"]
        if let old = enrolment.replaces, old != enrolment.card, let lost = facts.cards[old]?.record,
            try book.mark(
                lost, blocked: true, now: now, reason: "terminal-replaced", entry: row)
        {
            facts.cards[old]?.record.isBlocked = true
            flags.append("card-blocked-by-terminal")
        }
        return flags
    }

    /// Moves the account. The money goes first: from the row on, the old card is the new one.
    func replace(_ enrolment: Enrolment, row: Int64, time: UInt64) throws(BookError) -> [String] {
        guard let old = enrolment.replaces else { return [] }
        let last = facts.successor(enrolment.card)
        let (from, to) = (Account.card(old), Account.card(last))
        let cents = facts.cards[old]?.balance ?? 0
        if let amount = Amount(cents: cents < 0 ? 0 &- cents : cents), amount > .zero {
            try book.move(
                amount, from: cents > 0 ? from : to, to: cents > 0 ? to : from,
                what: "replacement", entry: row, time: time)
            _ = facts.move(0 &- cents, to: old)
            _ = facts.move(cents, to: last)
        }
        book.insert(
            .replacements, [.integer(row), .text(old.digits), .text(enrolment.card.digits)])
        facts.replaced[old] = enrolment.card
        return ["card-replaced"]
    }
}

extension Book {
    /// The card that has the account of `card` now: itself, or the last that replaced it. A card is
    /// replaced once and never by itself, so every chain ends.
    func successor(_ card: CardNumber) throws(BookError) -> CardNumber {
        var last = card
        for _ in 0..<Self.chainMax {
            let row = try rows(
                "SELECT new FROM replacements WHERE old = $1", [.text(last.digits)])
            guard let next = row.first?.first?.text.flatMap({ CardNumber($0) }) else {
                return last
            }
            last = next
        }
        throw .unusable("cards of this ledger replace each other in a ring")
    }

    /// Cards one person may lose in a row.
    private static let chainMax = 1_000

    /// The card that replaced this one for good, along the chain; nil: none did.
    /// - Throws: `BookError.storage`.
    public func replacement(of card: CardNumber) throws(BookError) -> CardNumber? {
        let last = try successor(card)
        return last == card ? nil : last
    }

    /// The lost card that an enrolment (a terminal and a sequence number) speaks of; nil: none.
    /// - Throws: `BookError.storage`.
    public func claimed(terminal: String, sequence: UInt64) throws(BookError) -> CardNumber? {
        let bytes = try rows(
            """
            SELECT e.cose FROM entries e JOIN terminals m ON m.id = e.terminal
            WHERE m.kid = $1 AND e.seq = $2 AND e.kind = 6
            """, [.blob(Hexadecimal.bytes(terminal) ?? []), .clamped(sequence)]
        ).first?.first?.blob
        guard let bytes, case .enrolment(let body) = Booking.entry(bytes)?.body else { return nil }
        return body.replaces
    }

    /// Questions of the audit; each gives one row per fault.
    static let replacementQuestions: [(String, String)] = [
        (
            "a replaced card is not blocked, card",
            """
            SELECT r.old FROM replacements r JOIN cards c ON c.number = r.old
            WHERE c.blocked = 0
            """
        ),
        (
            "money was left on a replaced card, card",
            """
            SELECT r.old FROM replacements r JOIN postings p ON p.account = 'card:' || r.old
            GROUP BY r.old HAVING sum(p.cents) <> 0
            """
        ),
        (
            "a replacement belongs to an entry that did not settle, entry",
            """
            SELECT r.entry FROM replacements r JOIN entries e ON e.id = r.entry
            WHERE e.kind <> 6 OR (e.outcome <> 'settled' AND NOT EXISTS(
                SELECT 1 FROM verdicts v WHERE v.entry = e.id AND v.released = 1))
            """
        ),
    ]
}
