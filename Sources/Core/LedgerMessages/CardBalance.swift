import COSE
public import Tokens

/// The ledger's answer to `GET /v1/cards/{number}/balance`.
public struct CardBalanceAnswer: Equatable, Sendable {
    /// The card.
    public let card: CardNumber
    /// Its balance, cents; below zero after an overdraft.
    public let cents: Int64
    /// The balance less what authorisations reserve, cents.
    public let available: Int64

    /// An answer.
    public init(card: CardNumber, cents: Int64, available: Int64) {
        self.card = card
        self.cents = cents
        self.available = available
    }

    /// 1 number, 2 cents, 3 available.
    public var encoded: [UInt8] {
        CBOR.record([1: .text(card.digits), 2: .integer(cents), 3: .integer(available)]).encoded
    }

    /// Reads an answer. - Throws: `MessageError.malformed`.
    public init(_ bytes: [UInt8]) throws(MessageError) {
        guard let item = try? CBOR.decode(bytes, limit: 256), item.map?.count == 3,
            let card = item[1]?.text.flatMap({ CardNumber($0) }), card.digits == item[1]?.text,
            let cents = item[2]?.integer, let available = item[3]?.integer
        else { throw .malformed("balance") }
        self.init(card: card, cents: cents, available: available)
    }
}
