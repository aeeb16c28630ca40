import Crypto
public import Operations
public import Tokens

/// What makes a top-up at the ledger one and the same, however often it is asked for: the number of
/// a transfer, of a cheque, of a form. 1 to 64 bytes on one line.
public struct TopUpReference: Equatable, Sendable {
    /// As a person wrote it.
    public let text: String

    /// Nil for what is no reference.
    public init?(_ text: String) {
        guard (1...64).contains(text.utf8.count), isOneLine(text) else { return nil }
        self.text = text
    }

    /// One for a top-up that nobody gave a reference: 80 random bits, 16 characters.
    public static func fresh() -> TopUpReference {
        TopUpReference(words: Book.spokenCode(16))
    }

    private init(words: String) { text = words }

    /// The transaction's: the primary key refuses a second one.
    var row: Int64 { Book.row(of: sha256(Array("eco-ledger top-up\0\(text)".utf8)).prefix(8)) }
}

private func isOneLine(_ text: String) -> Bool {
    !text.unicodeScalars.contains { scalar in
        [.control, .lineSeparator, .paragraphSeparator].contains(scalar.properties.generalCategory)
    }
}

/// What became of a top-up at the ledger.
public enum TopUpOutcome: Equatable, Sendable {
    /// The card has the money now.
    case booked
    /// This reference, card and amount were booked at this time (milliseconds): nothing was added.
    case before(time: UInt64)
}

/// Why a top-up at the ledger is refused.
public enum TopUpRefusal: Equatable, Sendable {
    /// The reference stands for another top-up: its words and its cents.
    case reference(what: String, cents: Int64)
    /// This card, which has the account, is blocked.
    case blocked(CardNumber)
    /// A card for practising never holds money.
    case training
}

extension Book {
    /// What the books say of a top-up begins with it; an entry's is this word alone.
    static let topUpWord = "top-up"

    /// Issues money to a card at the ledger itself, once for each reference.
    /// - Parameter reason: at most 256 bytes on one line; no name of a person.
    /// - Throws: `BookError.cardUnknown`, `.amount`, `.malformed`, `.topUp`, `.storage`; where
    ///   `isStoreLost`, the same reference tells later whether it was booked.
    @discardableResult
    public func topUp(
        _ card: CardNumber, _ amount: Amount, reference: TopUpReference = .fresh(),
        reason: String = "", now: UInt64
    ) throws(BookError) -> TopUpOutcome {
        guard reason.utf8.count <= 256, isOneLine(reason) else {
            throw .malformed("the reason is longer than 256 bytes, or than a line")
        }
        let head = "\(Self.topUpWord) of \(card.digits), reference \(reference.text)"
        do throws(BookError) {
            return try transaction { () throws(BookError) in
                // What would go to a card that was replaced goes to the one that has its account.
                let last = try lockedAccount(of: card)
                guard let account = try self.card(last) else { throw .cardUnknown }
                if let before = try booked(reference, head, amount) { return before }
                guard account.cardClass != .training else { throw .topUp(.training) }
                guard !account.isBlocked else { throw .topUp(.blocked(last)) }
                try move(
                    amount, from: Account.issuance, to: Account.card(last),
                    what: reason.isEmpty ? head : "\(head): \(reason)", entry: nil, time: now,
                    own: reference.row)
                return .booked
            }
        } catch {
            // One with this reference, for another card, came between.
            guard case .storage(let cause) = error, cause.kind == .constraint,
                let before = try booked(reference, head, amount)
            else { throw error }
            return before
        }
    }

    /// What a reference was used for; nil: for nothing yet. - Throws: `.topUp(.reference)` when it
    /// was another card or amount.
    private func booked(
        _ reference: TopUpReference, _ head: String, _ amount: Amount
    ) throws(BookError) -> TopUpOutcome? {
        let row = try rows(
            """
            SELECT t.what, t.time, (SELECT CAST(coalesce(sum(p.cents), 0) AS BIGINT)
                FROM postings p WHERE p.txn = t.id AND p.cents > 0)
            FROM transactions t WHERE t.id = $1
            """, [.integer(reference.row)]
        ).first
        guard let row else { return nil }
        let (what, cents) = (row[0].text ?? "", row[2].integer ?? 0)
        guard what == head || what.hasPrefix(head + ": "), cents == amount.cents else {
            throw .topUp(.reference(what: what, cents: cents))
        }
        return .before(time: UInt64(clamping: row[1].integer ?? 0))
    }
}
