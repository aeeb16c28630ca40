import Crypto

/// The id of an operation: a UUIDv7 (RFC 9562 §5.7), 16 bytes. Made when the operation is armed,
/// it is the idempotency key of everything that follows.
public struct EntryID: Equatable, Hashable, Sendable, CustomStringConvertible {
    /// The 16 bytes.
    public let bytes: [UInt8]

    /// Takes the 16 bytes of a version 7 UUID; nil otherwise.
    public init?(_ bytes: [UInt8]) {
        guard bytes.count == 16, bytes[6] >> 4 == 7, bytes[8] >> 6 == 2 else { return nil }
        self.bytes = bytes
    }

    /// The last moment that an id can name: 48 bits.
    public static let millisecondsMax: UInt64 = (1 << 48) - 1

    /// A fresh id at `milliseconds` since the Unix epoch (48 bits of it).
    public init(milliseconds: UInt64) {
        var bytes = randomBytes(16)
        for index in 0..<6 {
            bytes[index] = UInt8(truncatingIfNeeded: milliseconds >> UInt64(8 * (5 - index)))
        }
        bytes[6] = 0x70 | bytes[6] & 0x0f
        bytes[8] = 0x80 | bytes[8] & 0x3f
        self.bytes = bytes
    }

    /// From its text form; nil when it is none.
    public init?(text: String) {
        guard let bytes = Hexadecimal.bytes(text.filter { $0 != "-" }) else { return nil }
        self.init(bytes)
    }

    /// The usual text form, 8-4-4-4-12.
    public var description: String {
        let text = Array(Hexadecimal.text(bytes))
        let cuts = [0..<8, 8..<12, 12..<16, 16..<20, 20..<32]
        return cuts.map { String(text[$0]) }.joined(separator: "-")
    }

    /// The first 8 bytes, which the card state keeps (CARDS.md, file 03).
    public var short: [UInt8] { Array(bytes.prefix(8)) }
}
