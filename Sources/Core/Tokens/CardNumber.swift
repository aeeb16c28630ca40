/// A card number: 12 digits, the last one Luhn's check digit. Printed on the card; a pseudonym.
public struct CardNumber: Equatable, Hashable, Sendable, CustomStringConvertible {
    /// The 12 digits.
    public let digits: String

    /// Takes 12 digits; spaces between groups are accepted. Nil when a digit is wrong.
    public init?(_ text: String) {
        let digits = text.filter { $0 != " " }
        let values = digits.utf8.compactMap { (0x30...0x39).contains($0) ? Int($0) - 0x30 : nil }
        guard digits.utf8.count == 12, values.count == 12,
            Self.checkDigit(values[..<11]) == values[11]
        else { return nil }
        self.digits = digits
    }

    /// The number with this serial (0...99,999,999,999) and its check digit; nil out of range.
    public init?(serial: Int64) {
        guard (0...99_999_999_999).contains(serial) else { return nil }
        let text = String(serial)
        let padded = String(repeating: "0", count: 11 - text.utf8.count) + text
        let check = Self.checkDigit(padded.utf8.map { Int($0) - 0x30 }[...])
        digits = padded + String(check)
    }

    /// In groups of four, as printed.
    public var description: String {
        let all = Array(digits)
        return String(all[0..<4]) + " " + String(all[4..<8]) + " " + String(all[8..<12])
    }

    /// The last four digits, all a receipt or list shows.
    public var lastFour: String { String(digits.suffix(4)) }

    /// Luhn's digit (ISO/IEC 7812-1 annex B) for the digits before it.
    private static func checkDigit(_ digits: ArraySlice<Int>) -> Int {
        var sum = 0
        for (offset, digit) in digits.reversed().enumerated() {
            let doubled = offset % 2 == 0 ? digit * 2 : digit
            sum += doubled > 9 ? doubled - 9 : doubled
        }
        return (10 - sum % 10) % 10
    }
}

/// The class of a card (FORMATS §1, claim -65537).
public enum CardClass: UInt64, CaseIterable, Sendable {
    case anonymous = 0
    case member = 1
    case professional = 2
    case training = 9
}
