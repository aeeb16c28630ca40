import COSE

/// How a terminal is, as it says itself: `PUT /v1/terminals/{id}/status`. Nothing is booked by it;
/// the association sees it.
public struct TerminalStatus: Equatable, Sendable {
    /// Number of the newest entry in its journal: what the ledger has not of them is not sent.
    public let last: UInt64
    /// Sum of payments without a receipt, cents.
    public let unsentCents: Int64
    /// Time of the oldest of them, milliseconds; nil when there is none.
    public let oldest: UInt64?
    /// Version of its program, 1 to 32 printable ASCII characters.
    public let version: String
    /// Its own clock, milliseconds.
    public let clock: UInt64

    /// A status. A version that could not be sent is "?".
    public init(
        last: UInt64, unsentCents: Int64, oldest: UInt64?, version: String, clock: UInt64
    ) {
        self.last = last
        self.unsentCents = unsentCents
        self.oldest = oldest
        self.version = Self.isVersion(version) ? version : "?"
        self.clock = clock
    }

    private static func isVersion(_ text: String) -> Bool {
        (1...32).contains(text.utf8.count) && text.utf8.allSatisfy { (0x20...0x7e).contains($0) }
    }

    /// 1 newest entry, 2 unsent cents, 3 time of the oldest, 4 version, 5 clock.
    public var encoded: [UInt8] {
        CBOR.record([
            1: .unsigned(last), 2: .integer(unsentCents), 3: oldest.map { CBOR.unsigned($0) },
            4: .text(version), 5: .unsigned(clock),
        ]).encoded
    }

    /// Reads a status. - Throws: `MessageError.malformed`.
    public init(_ bytes: [UInt8]) throws(MessageError) {
        func moment(_ item: CBOR?) -> UInt64? {
            item?.unsigned.flatMap { $0 <= UInt64(Int64.max) ? $0 : nil }
        }
        guard let item = try? CBOR.decode(bytes, limit: 256),
            item.map?.count == (item[3] == nil ? 4 : 5), let last = moment(item[1]),
            let cents = item[2]?.integer, (0...99_999_999_999).contains(cents),
            item[3] == nil || moment(item[3]) != nil, let clock = moment(item[5]),
            let version = item[4]?.text, Self.isVersion(version)
        else { throw .malformed("terminal status") }
        self.init(
            last: last, unsentCents: cents, oldest: moment(item[3]), version: version,
            clock: clock)
    }
}
