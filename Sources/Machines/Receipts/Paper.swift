import QRCode
public import TextImage

/// A strip of paper from top to bottom.
public struct Paper: Equatable, Sendable {
    /// How large a text stands.
    public enum Size: Equatable, Sendable { case tiny, small, strong, title, large }

    /// One block.
    public enum Block: Equatable, Sendable {
        /// Centred lines.
        case text(String, Size)
        /// What stands left and what stands right.
        case pair(String, String)
        /// White on black, centred: DUPLICATA, FORMATION.
        case notice(String)
        /// A line across.
        case rule
        /// A QR symbol of these words.
        case code(String)
    }

    /// The blocks.
    public let blocks: [Block]

    /// A paper.
    public init(_ blocks: [Block]) { self.blocks = blocks }

    /// Dots between two blocks.
    private static let gap = 6
    /// Dots of a QR module: half a millimetre, so that a telephone reads it from a hand's width.
    private static let moduleDots = 4

    /// The dots. A code too long for a symbol is left out; the text says the same.
    /// - Throws: `TextImageError`.
    public func image(_ width: PaperWidth) throws(TextImageError) -> InkImage {
        var parts: [InkImage] = []
        for block in blocks { parts.append(try Self.draw(block, width.rawValue)) }
        let height = parts.reduce(0) { $0 + $1.height + Self.gap }
        var image = InkImage(width: width.rawValue, height: height)
        var row = 0
        for part in parts {
            image.draw(part, column: 0, row: row)
            row += part.height + Self.gap
        }
        return image
    }

    private static func draw(_ block: Block, _ width: Int) throws(TextImageError) -> InkImage {
        switch block {
        case .text(let text, let size):
            return try TextImage.draw(text, width: width, style: style(size)).image
        case .pair(let left, let right): return try pair(left, right, width)
        case .notice(let text):
            return try notice(text, width)
        case .rule:
            var image = InkImage(width: width, height: 10)
            for column in 0..<width {
                for row in 4..<6 { image.ink[row * width + column] = true }
            }
            return image
        case .code(let text): return code(text, width)
        }
    }

    private static func style(_ size: Size) -> TextStyle {
        switch size {
        case .tiny: TextStyle(size: 17, alignment: .centre)
        case .small: TextStyle(size: 22, alignment: .centre)
        case .strong: TextStyle(size: 28, isBold: true, alignment: .centre)
        case .title: TextStyle(size: 30, isBold: true, alignment: .centre)
        case .large: TextStyle(size: 46, isBold: true, alignment: .centre)
        }
    }

    private static func pair(
        _ left: String, _ right: String, _ width: Int
    ) throws(TextImageError) -> InkImage {
        let value = try TextImage.draw(
            right, width: width, style: TextStyle(size: 24, isBold: true, alignment: .trailing))
        let label = try TextImage.draw(left, width: width, style: TextStyle(size: 24))
        // Two that do not fit beside each other stand below each other.
        let isStacked = label.textWidth + value.textWidth + 12 > width
        let row = isStacked ? label.image.height : 0
        let height = max(label.image.height, row + value.image.height)
        var image = InkImage(width: width, height: height)
        image.draw(label.image, column: 0, row: 0)
        image.draw(value.image, column: 0, row: row)
        return image
    }

    private static func notice(_ text: String, _ width: Int) throws(TextImageError) -> InkImage {
        let words = try TextImage.draw(
            text, width: width - 16, style: TextStyle(size: 30, isBold: true, alignment: .centre)
        ).image
        var ink = InkImage(width: width, height: words.height)
        ink.draw(words, column: 8, row: 0)
        for index in ink.ink.indices { ink.ink[index].toggle() }
        return ink
    }

    private static func code(_ text: String, _ width: Int) -> InkImage {
        guard let symbol = try? QRSymbol(text: text) else {
            return InkImage(width: width, height: 0)
        }
        let dots = min(moduleDots, max(1, width / (symbol.side + 8)))
        let quiet = 4 * dots
        let side = symbol.side * dots
        guard side + 2 * quiet <= width else { return InkImage(width: width, height: 0) }
        var image = InkImage(width: width, height: side + 2 * quiet)
        let left = (width - side) / 2
        for row in 0..<side {
            for column in 0..<side
            where symbol.isDark(column: column / dots, row: row / dots) {
                image.ink[(row + quiet) * width + left + column] = true
            }
        }
        return image
    }
}
