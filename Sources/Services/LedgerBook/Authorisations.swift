import Crypto
public import LedgerMessages
public import Operations
import SQLite
import Tokens

extension Book {
    /// How long funds stay reserved for an entry that does not come, milliseconds (FORMATS §5).
    public static let reservationTime: UInt64 = 15 * 60_000

    /// What authorisations reserve on a card at `now`, cents.
    func reserved(_ card: CardNumber, now: UInt64) throws(BookError) -> Int64 {
        try number(
            """
            SELECT coalesce(sum(cents), 0) FROM authorisations
            WHERE card = ? AND released = 0 AND expires > ?
            """, [.text(card.digits), .clamped(now)]) ?? 0
    }

    /// Answers a request for one payment. Idempotent by terminal and entry id: an approval is given
    /// again (and its funds reserved anew if the reservation had lapsed); a refusal leaves no
    /// trace, so asking again after a top-up may succeed.
    ///
    /// Re-arming the card's offline allowance is told when money is left after this payment: an
    /// empty account gets no new offline credit.
    /// - Throws: `BookError.terminalRevoked`, `.terminalUnknown`, `.storage`.
    public func authorise(
        _ request: AuthorisationRequest, from kid: [UInt8], keys: any EvidenceKeys, now: UInt64
    ) throws(BookError) -> AuthorisationAnswer {
        try transaction { () throws(BookError) in
            guard let terminal = try terminal(kid: kid) else { throw .terminalUnknown }
            guard terminal.revoked == nil else { throw .terminalRevoked }
            guard let card = try card(request.card) else {
                return .declined(code: "card-unknown")
            }
            if card.isBlocked { return .declined(code: "card-blocked") }
            if card.cardClass == .training { return .useOfflineRules }
            let read: ProvenRead
            do throws(EvidenceFault) {
                read = try prove(request.sun, by: card, keys: keys)
            } catch { return .declined(code: error.rawValue) }
            if let before = try before(request, terminal) {
                return try again(before, request, now: now)
            }
            guard try isFresh(read.counter, card) else {
                return .declined(code: "counter-repeated")
            }
            return try decide(request, read, terminal, now: now)
        }
    }

    private struct Approval {
        let id: [UInt8]
        let card: String
        let cents: Int64
        let isRearming: Bool
        let holds: Bool
    }

    private func before(
        _ request: AuthorisationRequest, _ terminal: TerminalRecord
    ) throws(BookError) -> Approval? {
        try rows(
            """
            SELECT id, card, cents, rearm, expires, released FROM authorisations
            WHERE terminal = ? AND entry = ?
            """, [.integer(terminal.row), .blob(request.entry.bytes)]
        ).first.map { row in
            Approval(
                id: row[0].blob ?? [], card: row[1].text ?? "", cents: row[2].integer ?? 0,
                isRearming: row[3] == .integer(1), holds: row[5] == .integer(0))
        }
    }

    private func again(
        _ approval: Approval, _ request: AuthorisationRequest, now: UInt64
    ) throws(BookError) -> AuthorisationAnswer {
        guard approval.card == request.card.digits, approval.cents == request.amount.cents else {
            return .declined(code: "entry-mismatch")
        }
        let expires =
            try number(
                "SELECT expires FROM authorisations WHERE id = ?", [.blob(approval.id)]) ?? 0
        // Lapsed while its entry is still on its way: the funds must be there once more.
        if approval.holds, expires <= Int64(clamping: now) {
            if let missing = try missing(request, now: now) {
                return .insufficient(missing: missing)
            }
            try run(
                "UPDATE authorisations SET expires = ? WHERE id = ?",
                [.clamped(now + Self.reservationTime), .blob(approval.id)])
        }
        return .approved(id: approval.id, rearm: approval.isRearming)
    }

    /// True when the counter is above every one that a settled payment or an authorisation of this
    /// card has shown: an old first read must not reserve funds.
    private func isFresh(_ counter: UInt32, _ card: CardRecord) throws(BookError) -> Bool {
        let seen = try number(
            """
            SELECT max(
                coalesce((SELECT max(c.counter) FROM card_counters c
                    JOIN entries e ON e.id = c.entry AND e.outcome = 'settled'
                    WHERE c.card = ?1), -1),
                coalesce((SELECT max(counter) FROM authorisations WHERE card = ?1), -1))
            """, [.text(card.number.digits)])
        return Int64(counter) > seen ?? -1
    }

    private func missing(
        _ request: AuthorisationRequest, now: UInt64
    ) throws(BookError) -> Amount? {
        let available = try balance(of: request.card, now: now).available
        if available >= request.amount.cents { return nil }
        return Amount(cents: min(request.amount.cents - available, Amount.centsMax)) ?? .zero
    }

    private func decide(
        _ request: AuthorisationRequest, _ read: ProvenRead, _ terminal: TerminalRecord,
        now: UInt64
    ) throws(BookError) -> AuthorisationAnswer {
        if let missing = try missing(request, now: now) { return .insufficient(missing: missing) }
        let left = try balance(of: request.card, now: now).available - request.amount.cents
        let id = randomBytes(16)
        let isRearming = left > 0
        try run(
            """
            INSERT INTO authorisations(terminal, entry, id, card, cents, counter, rearm, expires)
            VALUES(?,?,?,?,?,?,?,?)
            """,
            [
                .integer(terminal.row), .blob(request.entry.bytes), .blob(id),
                .text(request.card.digits), .integer(request.amount.cents),
                .integer(Int64(read.counter)), .integer(isRearming ? 1 : 0),
                .clamped(now + Self.reservationTime),
            ])
        return .approved(id: id, rearm: isRearming)
    }
}
