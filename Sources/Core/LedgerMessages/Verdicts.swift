public import COSE
public import Crypto

/// What a person at the association decided of an entry that was held: once, and for good.
public struct Verdict: Equatable, Sendable {
    /// The entry's number.
    public let sequence: UInt64
    /// True: booked as if it had settled. False: nothing ever comes of it.
    public let isReleased: Bool
    /// When, milliseconds since the Unix epoch.
    public let time: UInt64

    /// A verdict.
    public init(sequence: UInt64, isReleased: Bool, time: UInt64) {
        self.sequence = sequence
        self.isReleased = isReleased
        self.time = time
    }
}

/// The newest verdicts about one terminal's entries, signed by the ledger. Why somebody decided so
/// stays at the association: it is free text, and may name a person.
public struct VerdictList: Equatable, Sendable {
    /// Verdicts of one list at most, the newest.
    public static let countMax = 4_000

    /// The terminal's kid, 8 bytes.
    public let terminal: [UInt8]
    /// In order of number, each number once.
    public let verdicts: [Verdict]
    /// The same, by the number of the entry.
    public let byNumber: [UInt64: Verdict]

    /// Time of the newest, milliseconds; 0 for none. A list is never older than one before.
    public var newest: UInt64 { verdicts.map(\.time).max() ?? 0 }

    /// A list, in any order.
    public init(terminal: [UInt8], verdicts: [Verdict]) {
        self.terminal = terminal
        self.verdicts = verdicts.sorted { $0.sequence < $1.sequence }
        byNumber = Dictionary(verdicts.map { ($0.sequence, $0) }, uniquingKeysWith: { $1 })
    }

    /// 1 terminal, 2 verdicts: each number, 1 released or 0 refused, time.
    public func signed(by ledger: borrowing Ed25519PrivateKey) -> Sign1 {
        let payload = CBOR.record([
            1: .bytes(terminal),
            2: .array(
                verdicts.map {
                    .array([
                        .unsigned($0.sequence), .unsigned($0.isReleased ? 1 : 0),
                        .unsigned($0.time),
                    ])
                }),
        ])
        return Sign1(signing: payload.encoded, kid: ledger.publicKey.kid, key: ledger)
    }

    /// Verifies and reads a list.
    /// - Throws: `MessageError`.
    public init(_ bytes: [UInt8], ledger: Ed25519PublicKey) throws(MessageError) {
        let item = try verifiedItem(bytes, by: ledger, name: "verdicts", limit: messageSizeMax)
        guard item.map?.count == 2, let terminal = item[1]?.bytes, terminal.count == 8,
            let parts = item[2]?.array, parts.count <= Self.countMax
        else { throw .malformed("verdicts") }
        var verdicts: [Verdict] = []
        for part in parts {
            guard let fields = part.array, fields.count == 3, let sequence = fields[0].unsigned,
                sequence > verdicts.last?.sequence ?? 0, sequence <= UInt64(Int64.max),
                let word = fields[1].unsigned, word <= 1, let time = fields[2].unsigned,
                time <= UInt64(Int64.max)
            else { throw .malformed("verdicts") }
            verdicts.append(Verdict(sequence: sequence, isReleased: word == 1, time: time))
        }
        self.init(terminal: terminal, verdicts: verdicts)
    }
}
