public import COSE
public import Crypto
import Operations

/// What the ledger did with one entry.
public enum Outcome: Equatable, Sendable {
    /// Booked.
    case settled
    /// Not booked, and it never will be: the code says why.
    case declined(code: String)
    /// Kept for a person to look at: the code says why.
    case held(code: String)
    /// The same entry was booked before.
    case duplicate

    var item: CBOR {
        switch self {
        case .settled: .array([.unsigned(0)])
        case .declined(let code): .array([.unsigned(1), .text(code)])
        case .held(let code): .array([.unsigned(2), .text(code)])
        case .duplicate: .array([.unsigned(3)])
        }
    }

    init(_ item: CBOR) throws(MessageError) {
        guard let parts = item.array, let kind = parts.first?.unsigned else {
            throw .malformed("outcome")
        }
        switch (kind, parts.count, parts.last?.text) {
        case (0, 1, _): self = .settled
        case (1, 2, .some(let code)): self = .declined(code: code)
        case (2, 2, .some(let code)): self = .held(code: code)
        case (3, 1, _): self = .duplicate
        default: throw .malformed("outcome")
        }
    }
}

/// The ledger's signed answer to a batch (FORMATS §5): one outcome per entry.
public struct Receipt: Equatable, Sendable {
    /// The terminal's kid, 8 bytes.
    public let terminal: [UInt8]
    /// First sequence number covered.
    public let from: UInt64
    /// Last sequence number covered; `from - 1` when the batch was empty.
    public let to: UInt64
    /// SHA-256 of entry `to`'s COSE bytes, 32 bytes (zeros when nothing is booked yet).
    public let head: [UInt8]
    /// One per entry, in order.
    public let outcomes: [Outcome]

    /// A receipt.
    public init(
        terminal: [UInt8], from: UInt64, to: UInt64, head: [UInt8], outcomes: [Outcome]
    ) {
        self.terminal = terminal
        self.from = from
        self.to = to
        self.head = head
        self.outcomes = outcomes
    }

    /// 1 terminal kid, 2 from, 3 to, 4 hash of entry `to`, 5 outcomes.
    public func signed(by ledger: borrowing Ed25519PrivateKey) -> Sign1 {
        let payload = CBOR.record([
            1: .bytes(terminal), 2: .unsigned(from), 3: .unsigned(to), 4: .bytes(head),
            5: .array(outcomes.map(\.item)),
        ])
        return Sign1(signing: payload.encoded, kid: ledger.publicKey.kid, key: ledger)
    }

    /// Verifies and reads a receipt.
    /// - Throws: `MessageError`.
    public init(_ bytes: [UInt8], ledger: Ed25519PublicKey) throws(MessageError) {
        try self.init(verifiedItem(bytes, by: ledger, name: "receipt", limit: messageSizeMax))
    }

    /// Reads a receipt without asking who signed it.
    /// - Throws: `MessageError.malformed`.
    public init(unproven bytes: [UInt8]) throws(MessageError) {
        guard let message = try? Sign1(parsing: bytes, limit: messageSizeMax),
            let item = try? CBOR.decode(message.payload, limit: messageSizeMax)
        else { throw .malformed("receipt") }
        try self.init(item)
    }

    private init(_ item: CBOR) throws(MessageError) {
        guard let terminal = item[1]?.bytes, terminal.count == 8,
            let from = item[2]?.unsigned, let to = item[3]?.unsigned,
            from >= 1, to <= UInt64(Int64.max), to + 1 >= from,
            let head = item[4]?.bytes, head.count == 32,
            let items = item[5]?.array, UInt64(items.count) == to + 1 - from
        else { throw .malformed("receipt") }
        var outcomes: [Outcome] = []
        for item in items { outcomes.append(try Outcome(item)) }
        self.init(terminal: terminal, from: from, to: to, head: head, outcomes: outcomes)
    }
}

/// Verifies a COSE_Sign1 by `key` and decodes its payload.
func verifiedItem(
    _ bytes: [UInt8], by key: Ed25519PublicKey, name: String, limit: Int
) throws(MessageError) -> CBOR {
    do {
        let message = try Sign1(parsing: bytes, limit: limit)
        guard message.kid == key.kid else { throw MessageError.notAuthentic(name) }
        return try CBOR.decode(try message.verified(by: key), limit: limit)
    } catch COSEError.badSignature {
        throw .notAuthentic(name)
    } catch let error as MessageError {
        throw error
    } catch {
        throw .malformed(name)
    }
}
