import Crypto
public import LedgerMessages
public import Operations

/// What happened at a terminal beside payments, as a report lists it.
public struct OperationTotal: Equatable, Sendable {
    /// The terminal's id.
    public let terminal: String
    /// The merchant.
    public let merchant: String
    /// The kind.
    public let kind: EntryKind
    /// The action's code; empty for money.
    public let code: String
    /// Entries booked.
    public let count: Int64
    /// Cents, or thousandths of the action's unit.
    public let sum: Int64
}

extension Book {
    /// Decides a held entry: released, what it says is booked as if it had settled; refused,
    /// nothing ever comes of it. Once, and for good; the terminal's receipt keeps saying "held".
    ///
    /// A card's word that was not proven when it came (its card or its keys were unknown) is proven
    /// now and its counter claimed, so that what was released is booked no second time (B4).
    /// - Parameters:
    ///   - keys: what proves it; nil: nothing is proven.
    ///   - allowUnproven: book what is not proven, flagged `released-unproven`.
    /// - Throws: `BookError.terminalUnknown`, `.notHeld`, `.notBookable`, `.malformed` (no reason),
    ///   `.storage`.
    public func decide(
        terminal kid: [UInt8], sequence: UInt64, release: Bool, reason: String,
        keys: (any EvidenceKeys)? = nil, allowUnproven: Bool = false, now: UInt64
    ) throws(BookError) {
        guard (1...256).contains(reason.utf8.count) else { throw .malformed("reason") }
        try transaction { () throws(BookError) in
            guard let terminal = try lockedTerminal(kid: kid) else { throw .terminalUnknown }
            let row = try rows(
                """
                SELECT e.id, e.cose, e.uuid, e.code,
                    (SELECT count(*) FROM card_counters c WHERE c.entry = e.id)
                FROM entries e WHERE e.terminal = $1 AND e.seq = $2 AND e.outcome = 'held'
                AND NOT EXISTS(SELECT 1 FROM verdicts v WHERE v.entry = e.id)
                """, [.integer(terminal.row), .clamped(sequence)]
            ).first
            guard let row, let id = row[0].integer, let bytes = row[1].blob,
                let entry = Booking.entry(bytes)
            else { throw .notHeld }
            if release {
                // Never booked twice, whoever asks (FORMATS §3).
                if row[3].text == "counter-repeated" { throw .notBookable("counter-repeated") }
                let others = try number(
                    """
                    SELECT count(*) FROM entries e LEFT JOIN verdicts v ON v.entry = e.id
                    WHERE e.terminal = $1 AND e.uuid = $2 AND e.id <> $3
                    AND (e.outcome = 'settled' OR v.released = 1)
                    """, [.integer(terminal.row), row[2], .integer(id)])
                guard others == 0 else { throw .notBookable("booked-before") }
            }
            try run(
                "INSERT INTO verdicts(entry, released, reason, time) VALUES($1, $2, $3, $4)",
                [.integer(id), .flag(release), .text(reason), .clamped(now)])
            guard release else { return }
            guard let (_, cards) = try lockedTerminal(kid: kid, booking: [entry]) else {
                throw .terminalUnknown
            }
            let booking = try Booking(
                book: self, terminal: terminal, keys: keys, now: now, entries: [entry],
                cards: cards)
            try booking.checkRelease(of: entry)
            var flags = ["released"]
            if row[4] == .integer(0) {
                flags += try booking.prove(entry, row: id, allowUnproven: allowUnproven)
            }
            for flag in try booking.apply(entry, row: id) + flags {
                insert(.flags, [.integer(id), .text(flag)])
            }
        }
    }

    /// What was decided of a terminal's held entries, the newest `VerdictList.countMax`.
    /// - Throws: `BookError.storage`.
    public func verdicts(of terminal: TerminalRecord) throws(BookError) -> VerdictList {
        let rows = try rows(
            """
            SELECT e.seq, v.released, v.time FROM verdicts v JOIN entries e ON e.id = v.entry
            WHERE e.terminal = $1 ORDER BY v.time DESC, e.seq DESC
            LIMIT \(VerdictList.countMax)
            """, [.integer(terminal.row)])
        return VerdictList(
            terminal: terminal.key.kid,
            verdicts: rows.map { row in
                Verdict(
                    sequence: UInt64(clamping: row[0].integer ?? 0),
                    isReleased: row[1] == .integer(1),
                    time: UInt64(clamping: row[2].integer ?? 0))
            })
    }

    /// What terminals booked beside payments, by the time of entries: `from` inclusive, `to`
    /// exclusive, milliseconds. Reversed actions are left out.
    /// - Throws: `BookError.storage`.
    public func operations(from: UInt64, to: UInt64) throws(BookError) -> [OperationTotal] {
        try rows(
            """
            SELECT m.kid, m.merchant, x.kind, x.code, count(*), CAST(sum(x.value) AS BIGINT)
            FROM (
                SELECT e.terminal, e.kind, '' AS code,
                    coalesce(l.cents, e.cents) AS value, e.time
                FROM transactions t JOIN entries e ON e.id = t.entry
                LEFT JOIN links l ON l.entry = e.id WHERE e.kind <> 1
                UNION ALL
                SELECT e.terminal, e.kind, a.code, a.thousandths, e.time
                FROM actions a JOIN entries e ON e.id = a.entry
                WHERE NOT EXISTS(SELECT 1 FROM links l WHERE l.target = a.entry AND l.kind = 3)
                UNION ALL
                SELECT e.terminal, e.kind, '', 0, e.time
                FROM enrolments n JOIN entries e ON e.id = n.entry
            ) x JOIN terminals m ON m.id = x.terminal
            WHERE x.time >= $1 AND x.time < $2
            GROUP BY m.id, x.kind, x.code ORDER BY m.merchant, m.id, x.kind, x.code
            """, [.clamped(from), .clamped(to)]
        ).compactMap { row in
            guard let kind = EntryKind(rawValue: UInt64(clamping: row[2].integer ?? 0)) else {
                return nil
            }
            return OperationTotal(
                terminal: Hexadecimal.text(row[0].blob ?? []), merchant: row[1].text ?? "",
                kind: kind, code: row[3].text ?? "", count: row[4].integer ?? 0,
                sum: row[5].integer ?? 0)
        }
    }

    /// The certificate terminals seal personal data to; nil: none was made.
    /// - Throws: `BookError.storage`.
    public func sealingCertificate() throws(BookError) -> [UInt8]? {
        try rows("SELECT certificate FROM sealing ORDER BY time DESC, certificate LIMIT 1")
            .first?.first?.blob
    }

    /// Names the certificate to seal to from now on. Again changes nothing.
    /// - Throws: `BookError.storage`.
    public func setSealingCertificate(_ bytes: [UInt8], now: UInt64) throws(BookError) {
        try run(
            "INSERT INTO sealing(certificate, time) VALUES($1, $2) ON CONFLICT DO NOTHING",
            [.blob(bytes), .clamped(now)])
    }

    /// Sealed personal data of enrolments, oldest first: entry id, card, CMS bytes.
    /// - Throws: `BookError.storage`.
    public func sealedEnrolments() throws(BookError) -> [(
        id: String, card: String, sealed: [UInt8]
    )] {
        try rows(
            """
            SELECT e.uuid, n.card, n.sealed FROM enrolments n JOIN entries e ON e.id = n.entry
            WHERE n.sealed IS NOT NULL ORDER BY e.received, e.id
            """
        ).map { row in
            (
                EntryID(row[0].blob ?? [])?.description ?? "", row[1].text ?? "",
                row[2].blob ?? []
            )
        }
    }

    /// Questions of the audit about what is no payment; each gives one row per fault.
    static let operationQuestions: [(String, String)] = [
        (
            "refunds exceed their payment, entry",
            """
            SELECT e.id FROM links l JOIN entries e ON e.id = l.target
            GROUP BY e.id HAVING sum(l.cents) > max(coalesce(e.cents, 0))
            """
        ),
        (
            "a settled refund or top-up is not booked exactly as it says, entry",
            """
            SELECT e.id FROM entries e WHERE e.kind IN (2, 4) AND e.outcome = 'settled'
            AND e.counter IS NOT NULL AND NOT EXISTS (
                SELECT 1 FROM transactions t
                JOIN postings a ON a.txn = t.id AND a.account = 'card:' || e.card
                WHERE t.entry = e.id AND a.cents = e.cents)
            """
        ),
        (
            "a settled action is not counted, entry",
            """
            SELECT e.id FROM entries e WHERE e.kind = 5 AND e.outcome = 'settled'
            AND e.counter IS NOT NULL AND NOT EXISTS (SELECT 1 FROM actions a
                WHERE a.entry = e.id AND a.card = e.card)
            """
        ),
        (
            "a verdict is about an entry that was not held, entry",
            """
            SELECT v.entry FROM verdicts v JOIN entries e ON e.id = v.entry
            WHERE e.outcome <> 'held'
            """
        ),
    ]
}
