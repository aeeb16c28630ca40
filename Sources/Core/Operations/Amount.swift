/// An amount of money in cents (1 ECO = 100), 0...99,999,999.
public struct Amount: Comparable, Hashable, Sendable {
    /// The largest amount, 999,999.99 ECO: sums of a terminal fit with room.
    public static let centsMax: Int64 = 99_999_999
    /// The furthest from zero that a sum of a terminal may be, cents: its entries are numbered with
    /// 32 bits. Sums and differences of a few of them fit.
    public static let sumMax: Int64 = centsMax << 32
    /// Nothing.
    public static let zero = Amount(unchecked: 0)

    /// Cents.
    public let cents: Int64

    private init(unchecked cents: Int64) { self.cents = cents }

    /// Nil outside 0...`centsMax`.
    public init?(cents: Int64) {
        guard (0...Self.centsMax).contains(cents) else { return nil }
        self.cents = cents
    }

    /// A sum of a terminal, cents, that somebody else states; nil beyond `sumMax`.
    static func sum(_ cents: Int64) -> Int64? {
        (-sumMax...sumMax).contains(cents) ? cents : nil
    }

    /// Reads "12,50", "12.5", "12" (at most two decimals, no sign, no spaces). Nil otherwise.
    public init?(text: String) {
        let parts = text.split(
            maxSplits: 1, omittingEmptySubsequences: false, whereSeparator: { ",.".contains($0) })
        let decimals = parts.count == 2 ? String(parts[1]) : "00"
        guard let whole = parts.first, (1...6).contains(whole.utf8.count),
            (1...2).contains(decimals.utf8.count),
            (whole + decimals).utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            let units = Int64(whole),
            let hundredths = Int64(decimals.utf8.count == 1 ? decimals + "0" : decimals)
        else { return nil }
        self.init(cents: units * 100 + hundredths)
    }

    /// The sum. - Throws: `OperationError.amountOutOfRange`.
    public func adding(_ other: Amount) throws(OperationError) -> Amount {
        guard let sum = Amount(cents: cents + other.cents) else { throw .amountOutOfRange }
        return sum
    }

    /// The difference. - Throws: `OperationError.amountOutOfRange` below zero.
    public func subtracting(_ other: Amount) throws(OperationError) -> Amount {
        guard let difference = Amount(cents: cents - other.cents) else { throw .amountOutOfRange }
        return difference
    }

    public static func < (left: Amount, right: Amount) -> Bool { left.cents < right.cents }

    /// "12,50", French decimals without grouping, for talk on a command line. Screens format
    /// themselves.
    public var text: String {
        let hundredths = cents % 100
        return "\(cents / 100)," + (hundredths < 10 ? "0" : "") + "\(hundredths)"
    }
}
