public import Operations

/// One 32-byte record of the card state file (CARDS.md, file 03), little endian.
public struct CardStateRecord: Equatable, Sendable {
    /// Bytes of one record.
    public static let size = 32
    /// Bytes read for both records.
    public static let fileSize = 64

    /// Rises with each write; the valid record with the higher one counts.
    public var sequence: UInt32
    /// What the card has spent offline since its last online contact.
    public var allowance: CardAllowance
    /// Bit 0 (`counted`): the allowance includes the last operation. Other bits zero.
    public var flags: UInt8
    /// First half of the last operation's id, 8 bytes.
    public var lastEntry: [UInt8]
    /// Last amount, cents.
    public var lastAmount: UInt32
    /// Last time, seconds since the Unix epoch.
    public var lastTime: UInt32

    /// Flag of a last operation that was counted as offline.
    public static let counted: UInt8 = 1

    /// The state of a fresh card.
    public static let fresh = CardStateRecord(
        sequence: 1, allowance: .unused, flags: 0, lastEntry: [UInt8](repeating: 0, count: 8),
        lastAmount: 0, lastTime: 0)

    /// A record.
    public init(
        sequence: UInt32, allowance: CardAllowance, flags: UInt8, lastEntry: [UInt8],
        lastAmount: UInt32, lastTime: UInt32
    ) {
        self.sequence = sequence
        self.allowance = allowance
        self.flags = flags
        self.lastEntry = lastEntry
        self.lastAmount = lastAmount
        self.lastTime = lastTime
    }

    /// The 32 bytes with their CRC-32.
    public var bytes: [UInt8] {
        var body = little(sequence) + little(UInt32(clamping: allowance.total.cents))
        body += [allowance.count, flags]
        body += lastEntry.prefix(8)
        body += little(lastAmount) + little(lastTime)
        body += [0, 0]
        return body + little(CRC32.ieee(body))
    }

    /// Reads a record; nil when the CRC or a field is wrong.
    public init?(_ bytes: [UInt8]) {
        guard bytes.count == Self.size,
            Self.number(bytes, 28) == CRC32.ieee(bytes[0..<28]),
            let total = Amount(cents: Int64(Self.number(bytes, 4))),
            Self.number(bytes, 0) > 0
        else { return nil }
        self.init(
            sequence: Self.number(bytes, 0),
            allowance: CardAllowance(total: total, count: bytes[8]), flags: bytes[9],
            lastEntry: Array(bytes[10..<18]), lastAmount: Self.number(bytes, 18),
            lastTime: Self.number(bytes, 22))
    }

    private static func number(_ bytes: [UInt8], _ offset: Int) -> UInt32 {
        (0..<4).reduce(0) { $0 | UInt32(bytes[offset + $1]) << (8 * UInt32($1)) }
    }

    private func little(_ value: UInt32) -> [UInt8] {
        (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * UInt32($0))) }
    }
}

/// Both records of a card: which one counts, and where the next one goes.
public struct CardState: Equatable, Sendable {
    /// The record that counts; nil when both are unreadable (torn or foreign card).
    public let current: CardStateRecord?
    /// Offset of the next write: always the other record (0 or 32).
    public let nextOffset: Int

    /// Reads the first 64 bytes of file 03.
    public init(_ file: [UInt8]) throws(CardError) {
        guard file.count == CardStateRecord.fileSize else { throw .malformed("card state") }
        let first = CardStateRecord(Array(file[0..<32]))
        let second = CardStateRecord(Array(file[32..<64]))
        switch (first, second) {
        case (let first?, let second?):
            current = first.sequence >= second.sequence ? first : second
            nextOffset = first.sequence >= second.sequence ? 32 : 0
        case (let first?, nil): (current, nextOffset) = (first, 32)
        case (nil, let second?): (current, nextOffset) = (second, 0)
        case (nil, nil): (current, nextOffset) = (nil, 0)
        }
    }

    /// The record to write for an operation. `isCounted` says that `allowance` includes it.
    public func following(
        allowance: CardAllowance, isCounted: Bool, entry: EntryID, amount: Amount, seconds: UInt64
    ) -> CardStateRecord {
        CardStateRecord(
            sequence: (current?.sequence ?? 0) &+ 1, allowance: allowance,
            flags: isCounted ? CardStateRecord.counted : 0, lastEntry: entry.short,
            lastAmount: UInt32(clamping: amount.cents), lastTime: UInt32(clamping: seconds))
    }

    /// True when the last write was for this very operation: a torn tap resumes without counting
    /// twice.
    public func isResuming(_ entry: EntryID, amount: Amount) -> Bool {
        current?.lastEntry == entry.short && current?.lastAmount == UInt32(clamping: amount.cents)
    }

    /// The allowance as it was before this operation; nil when the state is unreadable.
    public func allowance(before entry: EntryID, amount: Amount) -> CardAllowance? {
        guard let current else { return nil }
        guard isResuming(entry, amount: amount), current.flags & CardStateRecord.counted != 0,
            current.allowance.count > 0,
            let total = try? current.allowance.total.subtracting(amount)
        else { return current.allowance }
        return CardAllowance(total: total, count: current.allowance.count - 1)
    }
}
