public import COSE
public import Crypto
public import Tokens

/// A signed change of the deny-list (FORMATS §5): from one epoch to the next.
public struct DenyListDelta: Equatable, Sendable {
    /// The epoch it starts from; 0 means a whole list.
    public let since: UInt64
    /// The epoch it leads to.
    public let epoch: UInt64
    /// Numbers added.
    public let added: [CardNumber]
    /// Numbers removed.
    public let removed: [CardNumber]

    /// A delta.
    public init(since: UInt64, epoch: UInt64, added: [CardNumber], removed: [CardNumber]) {
        self.since = since
        self.epoch = epoch
        self.added = added
        self.removed = removed
    }

    /// 1 since, 2 epoch, 3 added, 4 removed.
    public func signed(by ledger: borrowing Ed25519PrivateKey) -> Sign1 {
        let payload = CBOR.record([
            1: .unsigned(since), 2: .unsigned(epoch),
            3: .array(added.map { CBOR.text($0.digits) }),
            4: .array(removed.map { CBOR.text($0.digits) }),
        ])
        return Sign1(signing: payload.encoded, kid: ledger.publicKey.kid, key: ledger)
    }

    /// Verifies and reads a delta.
    /// - Throws: `MessageError`.
    public init(_ bytes: [UInt8], ledger: Ed25519PublicKey) throws(MessageError) {
        let item = try verifiedItem(bytes, by: ledger, name: "deny-list", limit: messageSizeMax)
        guard let since = item[1]?.unsigned, let epoch = item[2]?.unsigned, since <= epoch,
            epoch <= UInt64(Int64.max), let added = item[3]?.array, let removed = item[4]?.array
        else { throw .malformed("deny-list") }
        let addedNumbers = added.compactMap { $0.text.flatMap { CardNumber($0) } }
        let removedNumbers = removed.compactMap { $0.text.flatMap { CardNumber($0) } }
        guard addedNumbers.count == added.count, removedNumbers.count == removed.count else {
            throw .malformed("deny-list numbers")
        }
        self.init(since: since, epoch: epoch, added: addedNumbers, removed: removedNumbers)
    }
}
