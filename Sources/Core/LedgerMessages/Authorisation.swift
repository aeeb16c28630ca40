import COSE
import Crypto
public import Operations
public import Tokens

/// A terminal asks for one payment's authorisation: `POST /v1/authorizations`.
public struct AuthorisationRequest: Equatable, Sendable {
    /// The operation's id: asking twice gives the same answer.
    public let entry: EntryID
    /// The card.
    public let card: CardNumber
    /// The amount.
    public let amount: Amount
    /// The SUN of the first read: proof that the card was there.
    public let sun: Evidence

    /// A request.
    public init(entry: EntryID, card: CardNumber, amount: Amount, sun: Evidence) {
        self.entry = entry
        self.card = card
        self.amount = amount
        self.sun = sun
    }

    /// 1 entry id, 2 card number, 3 amount, 4 SUN.
    public var encoded: [UInt8] {
        CBOR.record([
            1: .bytes(entry.bytes), 2: .text(card.digits), 3: .integer(amount.cents),
            4: sun.item,
        ]).encoded
    }

    /// Reads a request. - Throws: `MessageError.malformed`.
    public init(_ bytes: [UInt8]) throws(MessageError) {
        guard let item = try? CBOR.decode(bytes, limit: 1_024), item.map?.count == 4,
            let entry = item[1]?.bytes.flatMap({ EntryID($0) }),
            let card = item[2]?.text.flatMap({ CardNumber($0) }), card.digits == item[2]?.text,
            let amount = item[3]?.integer.flatMap({ Amount(cents: $0) }), amount > .zero,
            let sun = try? Evidence(item[4])
        else { throw .malformed("authorisation request") }
        self.init(entry: entry, card: card, amount: amount, sun: sun)
    }
}

extension AuthorisationAnswer {
    /// 1 kind (0 use offline rules, 1 approved, 2 insufficient, 3 declined), 2 authorisation id,
    /// 3 re-arm, 4 missing cents, 5 code.
    public var encoded: [UInt8] {
        switch self {
        case .unreachable, .useOfflineRules: CBOR.record([1: .unsigned(0)]).encoded
        case .approved(let id, let rearm):
            CBOR.record([1: .unsigned(1), 2: .bytes(id), 3: .bool(rearm)]).encoded
        case .insufficient(let missing):
            CBOR.record([1: .unsigned(2), 4: .integer(missing.cents)]).encoded
        case .declined(let code): CBOR.record([1: .unsigned(3), 5: .text(code)]).encoded
        }
    }

    /// Reads an answer. - Throws: `MessageError.malformed`.
    public init(_ bytes: [UInt8]) throws(MessageError) {
        guard let item = try? CBOR.decode(bytes, limit: 1_024), let kind = item[1]?.unsigned
        else { throw .malformed("authorisation answer") }
        switch kind {
        case 0: self = .useOfflineRules
        case 1:
            guard let id = item[2]?.bytes, id.count == 16, let rearm = item[3]?.bool else {
                throw .malformed("approval")
            }
            self = .approved(id: id, rearm: rearm)
        case 2:
            guard let missing = item[4]?.integer.flatMap({ Amount(cents: $0) }) else {
                throw .malformed("refusal")
            }
            self = .insufficient(missing: missing)
        case 3:
            guard let code = item[5]?.text, code.utf8.count <= 64 else {
                throw .malformed("refusal")
            }
            self = .declined(code: code)
        default: throw .malformed("authorisation answer")
        }
    }
}
