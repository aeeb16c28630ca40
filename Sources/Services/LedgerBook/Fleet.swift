import Crypto
public import LedgerMessages

/// One terminal as the association sees it.
public struct TerminalStanding: Equatable, Sendable {
    /// Its id.
    public let id: String
    /// The merchant it stands at.
    public let merchant: String
    /// When it was paired, and revoked, milliseconds.
    public let paired: UInt64
    public let revoked: UInt64?
    /// Entries the ledger has of it.
    public let entries: UInt64
    /// When it was last heard, milliseconds; nil when it never was.
    public let seen: UInt64?
    /// What it last said of itself; nil when it never did.
    public let said: Said?

    /// A terminal's own words.
    public struct Said: Equatable, Sendable {
        /// When, milliseconds.
        public let time: UInt64
        /// Its newest entry then.
        public let last: UInt64
        /// Payments without a receipt then, cents, and the oldest of them, milliseconds.
        public let unsentCents: Int64
        public let oldest: UInt64?
        /// Its program.
        public let version: String
        /// Its clock less the ledger's, milliseconds.
        public let clockAhead: Int64
    }

    /// Entries it says it has and the ledger does not.
    public var unsent: UInt64 {
        guard let said, said.last > entries else { return 0 }
        return said.last - entries
    }

    /// Time of the oldest payment not sent, milliseconds; nil when everything is here.
    public var oldest: UInt64? { unsent > 0 ? said?.oldest : nil }
}

extension Book {
    /// Keeps what a terminal says of itself, in the place of what it said before. What has an
    /// earlier clock and no later entry than what came within ten minutes before is a request that
    /// somebody sends again: it changes nothing.
    /// - Throws: `BookError.storage`.
    public func note(
        _ status: TerminalStatus, of terminal: TerminalRecord, now: UInt64
    ) throws(BookError) {
        let ahead = Int64(clamping: status.clock) - Int64(clamping: now)
        try transaction { () throws(BookError) in
            try run(
                """
                INSERT INTO terminal_status(terminal, seen, last, unsent_cents, oldest, version,
                    clock_ahead)
                VALUES($1, $2, $3, $4, $5, $6, $7)
                ON CONFLICT(terminal) DO UPDATE SET seen = excluded.seen, last = excluded.last,
                    unsent_cents = excluded.unsent_cents, oldest = excluded.oldest,
                    version = excluded.version, clock_ahead = excluded.clock_ahead
                WHERE excluded.last > terminal_status.last
                    OR excluded.seen - terminal_status.seen >= 600000
                    OR excluded.seen + excluded.clock_ahead
                        > terminal_status.seen + terminal_status.clock_ahead
                """,
                [
                    .integer(terminal.row), .clamped(now), .clamped(status.last),
                    .integer(status.unsentCents), status.oldest.map { .clamped($0) } ?? .null,
                    .text(status.version), .integer(ahead),
                ])
        }
    }

    /// Every terminal, by merchant.
    /// - Throws: `BookError.storage`.
    public func fleet() throws(BookError) -> [TerminalStanding] {
        try rows(
            """
            SELECT m.kid, m.merchant, m.paired, m.revoked,
                (SELECT max(e.seq) FROM entries e WHERE e.terminal = m.id),
                (SELECT e.received FROM entries e WHERE e.terminal = m.id
                    ORDER BY e.seq DESC LIMIT 1),
                s.seen, s.last, s.unsent_cents, s.oldest, s.version, s.clock_ahead
            FROM terminals m LEFT JOIN terminal_status s ON s.terminal = m.id
            ORDER BY m.merchant, m.id
            """
        ).map { row in
            func moment(_ index: Int) -> UInt64? { row[index].integer.map { UInt64(clamping: $0) } }
            let said = moment(6).map { time in
                TerminalStanding.Said(
                    time: time, last: moment(7) ?? 0, unsentCents: row[8].integer ?? 0,
                    oldest: moment(9), version: row[10].text ?? "",
                    clockAhead: row[11].integer ?? 0)
            }
            let heard = [moment(5), said?.time].compactMap { $0 }.max()
            return TerminalStanding(
                id: Hexadecimal.text(row[0].blob ?? []), merchant: row[1].text ?? "",
                paired: moment(2) ?? 0, revoked: moment(3), entries: moment(4) ?? 0, seen: heard,
                said: said)
        }
    }
}
