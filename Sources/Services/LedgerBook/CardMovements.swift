import Crypto
public import Tokens

/// A posting on a card's account.
public struct CardMovement: Equatable, Sendable {
    /// When the entry was made, or the top-up at the ledger booked, milliseconds.
    public let time: UInt64
    /// "payment", "refund", "reversal", "top-up", "replacement", or a top-up at the ledger with its
    /// reference and reason.
    public let what: String
    /// Cents; below zero what left the card.
    public let cents: Int64
    /// The merchant of the terminal that made it; nil: the ledger did.
    public let merchant: String?
    /// Terminal and number of its entry; nil: there is none.
    public let entry: String?
}

extension Book {
    /// What was posted on a card's account, the newest first.
    /// - Throws: `BookError.storage`.
    public func movements(
        of card: CardNumber, limit: Int64
    ) throws(BookError) -> [CardMovement] {
        try rows(
            """
            SELECT t.time, t.what, p.cents, m.merchant, m.kid, e.seq FROM postings p
            JOIN transactions t ON t.id = p.txn LEFT JOIN entries e ON e.id = t.entry
            LEFT JOIN terminals m ON m.id = e.terminal WHERE p.account = $1
            ORDER BY t.time DESC, t.id DESC LIMIT \(max(0, limit))
            """, [.text(Account.card(card))]
        ).map { row in
            let place = row[4].blob.flatMap { kid in row[5].integer.map { (kid, $0) } }
            return CardMovement(
                time: UInt64(clamping: row[0].integer ?? 0), what: row[1].text ?? "",
                cents: row[2].integer ?? 0, merchant: row[3].text,
                entry: place.map { "\(Self.terminalID($0.0)) \($0.1)" })
        }
    }

    /// Held entries that name a card and that nobody has decided yet, in the order they came.
    /// - Throws: `BookError.storage`.
    public func held(naming card: CardNumber) throws(BookError) -> [NotedEntry] {
        try held().filter { $0.card == card.digits }
    }

    /// The cards that this one replaced for good, one after the other's number.
    /// - Throws: `BookError.storage`.
    public func replaced(by card: CardNumber) throws(BookError) -> [CardNumber] {
        try rows("SELECT old FROM replacements WHERE new = $1 ORDER BY old", [.text(card.digits)])
            .compactMap { $0[0].text.flatMap { CardNumber($0) } }
    }

    /// Why a card is blocked; nil when it is not.
    /// - Throws: `BookError.storage`.
    public func blockReason(of card: CardNumber) throws(BookError) -> BlockReason? {
        try blockReasons().first { $0.card == card }
    }
}
