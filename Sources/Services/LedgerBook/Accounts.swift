import Crypto
public import Operations
import SQLite
public import Tokens

/// An account of the double entry. The names are the database's.
enum Account {
    static let issuance = "issuance"
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
    /// The sum of an account's postings, cents. SQLite sums integers exactly and fails on
    /// overflow; there is no stored balance to disagree with it (B5).
    func balance(account: String) throws(BookError) -> Int64 {
        try number(
            "SELECT coalesce(sum(cents), 0) FROM postings WHERE account = ?",
            [.text(account)]) ?? 0
    }

    /// What a card has at `now`.
    /// - Throws: `BookError.cardUnknown`, `.storage`.
    public func balance(of card: CardNumber, now: UInt64) throws(BookError) -> CardBalance {
        guard try self.card(card) != nil else { throw .cardUnknown }
        let cents = try balance(account: Account.card(card))
        return CardBalance(cents: cents, available: cents - (try reserved(card, now: now)))
    }

    /// Moves `amount` between two accounts: two postings that sum to zero. Within a transaction.
    /// What would go to a card that was replaced goes to the one that has its account now.
    /// An amount is at most 999,999.99 ECO, so an account's sum stays within 64 bits for the first
    /// ninety thousand million postings.
    func move(
        _ amount: Amount, from: String, to: String, what: String, entry: Int64?, time: UInt64
    ) throws(BookError) {
        let (from, to) = (try successor(account: from), try successor(account: to))
        guard amount > .zero, from != to else { throw .amount }
        try run(
            "INSERT INTO transactions(entry, what, time) VALUES(?,?,?)",
            [entry.map { .integer($0) } ?? .null, .text(what), .clamped(time)])
        let transaction = SQLValue.integer(lastInsertRow)
        for (account, cents) in [(from, -amount.cents), (to, amount.cents)] {
            try run(
                "INSERT INTO postings(txn, account, cents) VALUES(?,?,?)",
                [transaction, .text(account), .integer(cents)])
        }
    }

    /// Issues money to a card at the ledger itself.
    /// - Throws: `BookError.cardUnknown`, `.amount`, `.storage`.
    public func topUp(_ card: CardNumber, _ amount: Amount, now: UInt64) throws(BookError) {
        try transaction { () throws(BookError) in
            guard try self.card(card) != nil else { throw .cardUnknown }
            try move(
                amount, from: Account.issuance, to: Account.card(card), what: "top-up",
                entry: nil, time: now)
        }
    }

    /// What each terminal took, by the time of its entries: `from` inclusive, `to` exclusive,
    /// milliseconds.
    /// - Throws: `BookError.storage`.
    public func report(from: UInt64, to: UInt64) throws(BookError) -> [MerchantTotal] {
        try rows(
            """
            SELECT m.kid, m.merchant, coalesce(p.count, 0), coalesce(p.cents, 0)
            FROM terminals m LEFT JOIN (
                SELECT e.terminal AS terminal, count(*) AS count, sum(e.cents) AS cents
                FROM transactions t JOIN entries e ON e.id = t.entry
                WHERE t.time >= ? AND t.time < ? AND e.kind = 1 GROUP BY e.terminal
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
            SELECT coalesce(sum(cents), 0) FROM postings
            WHERE account = 'issuance' OR account GLOB 'means:*'
            """) ?? 0)
    }
}
