// Labels: sheets of labels for cards, as SVG in millimetres.
//
// Purpose: one label a card, with its number, a line of text and a QR code that opens a page about
// the number; on A4 sheets of 21 (Avery L7160 and its like) or on a roll 62 mm wide.
// Promises: each QR symbol is at least 15 mm wide with a quiet zone of 4 modules, level M; the
// number stands in groups of four, its last digit is the check digit (Luhn); no UID and no name
// stands on a label, since none is given; text is escaped.
// Does not promise: printing. Print the SVG, or a PDF made from it, at 100 % without "fit to page".
// Threads: values; any thread. Units: millimetres.

public import Tokens

/// Why a label cannot be made.
public enum LabelError: Error, Equatable, Sendable {
    /// The address before the number is too long for a symbol that can be read at this size.
    case addressTooLong
}

/// What stands on one label.
public struct Label: Equatable, Sendable {
    /// The card's number.
    public let number: CardNumber
    /// A second line; may be empty. At most 40 characters.
    public let text: String

    /// A label.
    public init(number: CardNumber, text: String) {
        self.number = number
        self.text = text
    }
}

/// A paper with labels on it.
public struct LabelPaper: Equatable, Sendable {
    /// Millimetres of the page; a roll's height grows with its labels.
    let width: Double
    let height: Double
    let label: (width: Double, height: Double)
    let margin: (left: Double, top: Double)
    let pitch: (across: Double, down: Double)
    let columns: Int
    let rows: Int

    /// A4 with 3 × 7 labels of 63.5 × 38.1 mm.
    public static let a4 = LabelPaper(
        width: 210, height: 297, label: (63.5, 38.1), margin: (7.21, 15.15), pitch: (66.04, 38.1),
        columns: 3, rows: 7)
    /// A roll of 62 mm, a label every 29 mm.
    public static let roll = LabelPaper(
        width: 62, height: 0, label: (62, 29), margin: (0, 0), pitch: (62, 29), columns: 1,
        rows: .max)

    /// Labels of one page.
    public var perPage: Int { rows == .max ? .max : rows * columns }

    /// By what stands in them.
    public static func == (left: LabelPaper, right: LabelPaper) -> Bool {
        left.width == right.width && left.height == right.height && left.rows == right.rows
    }
}
