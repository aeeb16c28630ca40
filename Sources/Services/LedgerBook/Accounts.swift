import Crypto
import Operations
public import Tokens

/// An account of the double entry. The names are the database's.
enum Account {
    static let issuance = "issuance"
    /// Accounts whose balance is kept: a card's is asked at every payment. A merchant's is not, so
    /// that a busy one is no row that everybody waits for.
    static func isKept(_ account: String) -> Bool { account.hasPrefix(cards) }
    static let cards = "card:"
    static func card(_ number: CardNumber) -> String { cards + number.digits }
    static func merchant(_ terminal: TerminalRecord) -> String { "merchant:\(terminal.id)" }
    /// What a terminal took in for top-ups and owes the association: below zero by that much.
    static func means(_ means: TopUpMeans, _ terminal: TerminalRecord) -> String {
        "means:\(terminal.id):\(means.rawValue)"
    }
}

/// What a card has.
public struct CardBalance: Equatable, Sendable {
    /// Sum of the card's postings, cents; below zero when it paid offline beyond its balance.
    public let cents: Int64
    /// The balance less what is reserved by authorisations that wait for their entry, cents.
    public let available: Int64
}

/// One merchant's line of a report.
public struct MerchantTotal: Equatable, Sendable {
    /// The merchant.
    public let merchant: String
    /// The terminal's id.
    public let terminal: String
    /// Payments settled.
    public let count: Int64
    /// Their sum, cents.
    public let cents: Int64
}

extension Book {
    /// What a card has at `now`.
    /// - Throws: `BookError.cardUnknown`, `.storage`.
    public func balance(of card: CardNumber, now: UInt64) throws(BookError) -> CardBalance {
        let row = try rows(
            """
            SELECT coalesce((SELECT b.cents FROM balances b WHERE b.account = $1), 0),
                (SELECT CAST(coalesce(sum(a.cents), 0) AS BIGINT) FROM authorisations a
                    WHERE a.card = $2 AND a.released = 0 AND a.expires > $3)
            FROM cards WHERE number = $2
            """, [.text(Account.card(card)), .text(card.digits), .clamped(now)]
        ).first
        guard let cents = row?[0].integer, let reserved = row?[1].integer else {
            throw .cardUnknown
        }
        let (available, isOver) = cents.subtractingReportingOverflow(reserved)
        return CardBalance(cents: cents, available: isOver ? .min : available)
    }

    /// Moves `amount` between two accounts: two postings that sum to zero, and what they add to
    /// the balances of cards. Within a transaction. An amount is at most 999,999.99 ECO, so an
    /// account's sum stays within 64 bits for the first ninety thousand million postings.
    /// - Parameter row: the entry's; a transaction has the same. One without an entry, or of an
    ///   entry older than `Booking.row`, has one below zero: `own`, or a random one.
    func move(
        _ amount: Amount, from: String, to: String, what: String, entry row: Int64?, time: UInt64,
        own: Int64? = nil
    ) throws(BookError) {
        guard amount > .zero, from != to else { throw .amount }
        let id = Cell.integer(
            row.flatMap { $0 >= 1 << 32 ? $0 : nil } ?? own ?? Self.row(of: randomBytes(8)))
        insert(
            .transactions, [id, row.map { .integer($0) } ?? .null, .text(what), .clamped(time)])
        for (account, cents) in [(from, -amount.cents), (to, amount.cents)] {
            insert(.postings, [id, .text(account), .integer(cents)])
            if Account.isKept(account) { try add(cents, to: account) }
        }
    }

    /// Below zero, of 62 bits of eight bytes: what is not an entry's needs no counter either.
    static func row(of bytes: some Sequence<UInt8>) -> Int64 {
        -1 - bytes.reduce(Int64(0)) { ($0 << 8 | Int64($1)) & .max } / 2
    }

    /// What each terminal took, by the time of its entries: `from` inclusive, `to` exclusive,
    /// milliseconds.
    /// - Throws: `BookError.storage`.
    public func report(from: UInt64, to: UInt64) throws(BookError) -> [MerchantTotal] {
        try rows(
            """
            SELECT m.kid, m.merchant, coalesce(p.count, 0), coalesce(p.cents, 0)
            FROM terminals m LEFT JOIN (
                SELECT e.terminal AS terminal, count(*) AS count,
                    CAST(sum(e.cents) AS BIGINT) AS cents
                FROM transactions t JOIN entries e ON e.id = t.entry
                WHERE t.time >= $1 AND t.time < $2 AND e.kind = 1 GROUP BY e.terminal
            ) p ON p.terminal = m.id ORDER BY m.merchant, m.id
            """, [.clamped(from), .clamped(to)]
        ).map { row in
            MerchantTotal(
                merchant: row[1].text ?? "", terminal: Hexadecimal.text(row[0].blob ?? []),
                count: row[2].integer ?? 0, cents: row[3].integer ?? 0)
        }
    }

    /// Money in circulation, cents: what was issued and not taken back.
    /// - Throws: `BookError.storage`.
    public func issued() throws(BookError) -> Int64 {
        -(try number(
            """
            SELECT CAST(coalesce(sum(cents), 0) AS BIGINT) FROM postings
            WHERE account = 'issuance' OR account LIKE 'means:%'
            """) ?? 0)
    }
}
