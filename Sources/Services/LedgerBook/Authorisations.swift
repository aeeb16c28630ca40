import COSE
import Crypto
public import LedgerMessages
public import Operations
import Tokens

extension Book {
    /// How long funds stay reserved for an entry that does not come, milliseconds (FORMATS §5).
    public static let reservationTime: UInt64 = 15 * 60_000

    /// Answers a request for one payment. Idempotent by terminal and entry id: an approval is given
    /// again (and its funds reserved anew if the reservation had lapsed); a refusal leaves no
    /// trace, so asking again after a top-up may succeed.
    ///
    /// Re-arming the card's offline allowance is told when money is left after this payment: an
    /// empty account gets no new offline credit.
    /// - Throws: `BookError.terminalRevoked`, `.terminalUnknown`, `.storage`.
    public func authorise(
        _ request: AuthorisationRequest, from kid: [UInt8], authority: Authority, now: UInt64
    ) throws(BookError) -> AuthorisationAnswer {
        try transaction { () throws(BookError) in
            guard let terminal = try terminal(kid: kid) else { throw .terminalUnknown }
            guard terminal.revoked == nil else { throw .terminalRevoked }
            guard let card = try lockedCard(request.card) else {
                return .declined(code: "card-unknown")
            }
            if card.isBlocked { return .declined(code: "card-blocked") }
            if card.cardClass == .training { return .useOfflineRules }
            let read: ProvenRead
            do throws(EvidenceFault) {
                read = try prove(request.sun, by: card, keys: authority.keys)
            } catch { return .declined(code: error.rawValue) }
            if let before = try before(request, terminal) {
                return try again(before, request, now: now)
            }
            guard try isFresh(read.counter, card) else {
                return .declined(code: "counter-repeated")
            }
            return try decide(request, read, terminal, authority.signer, now: now)
        }
    }

    private struct Approval {
        let id: [UInt8]
        let card: String
        let cents: Int64
        let isRearming: Bool
        let expires: Int64
        let holds: Bool
    }

    private func before(
        _ request: AuthorisationRequest, _ terminal: TerminalRecord
    ) throws(BookError) -> Approval? {
        try rows(
            """
            SELECT id, card, cents, rearm, expires, released FROM authorisations
            WHERE terminal = $1 AND entry = $2
            """, [.integer(terminal.row), .blob(request.entry.bytes)]
        ).first.map { row in
            Approval(
                id: row[0].blob ?? [], card: row[1].text ?? "", cents: row[2].integer ?? 0,
                isRearming: row[3] == .integer(1), expires: row[4].integer ?? 0,
                holds: row[5] == .integer(0))
        }
    }

    private func again(
        _ approval: Approval, _ request: AuthorisationRequest, now: UInt64
    ) throws(BookError) -> AuthorisationAnswer {
        guard approval.card == request.card.digits, approval.cents == request.amount.cents else {
            return .declined(code: "entry-mismatch")
        }
        // Lapsed while its entry is still on its way: the funds must be there once more.
        if approval.holds, approval.expires <= Int64(clamping: now) {
            let available = try balance(of: request.card, now: now).available
            if let missing = missing(request, available) { return .insufficient(missing: missing) }
            try run(
                "UPDATE authorisations SET expires = $1 WHERE id = $2",
                [.clamped(now + Self.reservationTime), .blob(approval.id)])
        }
        return .approved(id: approval.id, rearm: approval.isRearming)
    }

    /// True when the counter is above every one that a settled payment or an authorisation of this
    /// card has shown: an old first read must not reserve funds.
    private func isFresh(_ counter: UInt32, _ card: CardRecord) throws(BookError) -> Bool {
        try rows(
            """
            SELECT 1 FROM card_counters c WHERE c.card = $1 AND c.counter >= $2
            AND (SELECT e.outcome FROM entries e WHERE e.id = c.entry) = 'settled'
            UNION ALL SELECT 1 FROM authorisations a WHERE a.card = $1 AND a.counter >= $2 LIMIT 1
            """, [.text(card.number.digits), .integer(Int64(counter))]
        ).isEmpty
    }

    private func missing(_ request: AuthorisationRequest, _ available: Int64) -> Amount? {
        if available >= request.amount.cents { return nil }
        let (missing, isOver) = request.amount.cents.subtractingReportingOverflow(available)
        let most = isOver ? Amount.centsMax : min(missing, Amount.centsMax)
        return Amount(cents: most) ?? .zero
    }

    private func decide(
        _ request: AuthorisationRequest, _ read: ProvenRead, _ terminal: TerminalRecord,
        _ signer: any MessageSigner, now: UInt64
    ) throws(BookError) -> AuthorisationAnswer {
        let available = try balance(of: request.card, now: now).available
        if let missing = missing(request, available) { return .insufficient(missing: missing) }
        let id = AuthorisedPayment(
            terminal: terminal.key.kid, entry: request.entry, card: request.card,
            amount: request.amount
        ).name(by: signer)
        let isRearming = available > request.amount.cents
        try run(
            """
            INSERT INTO authorisations(terminal, entry, id, card, cents, counter, rearm, expires)
            VALUES($1, $2, $3, $4, $5, $6, $7, $8)
            """,
            [
                .integer(terminal.row), .blob(request.entry.bytes), .blob(id),
                .text(request.card.digits), .integer(request.amount.cents),
                .integer(Int64(read.counter)), .flag(isRearming),
                .clamped(now + Self.reservationTime),
            ])
        return .approved(id: id, rearm: isRearming)
    }
}
