import QRCode
import Tokens

/// Pages of labels.
public struct LabelSheet: Sendable {
    /// Millimetres of a QR symbol, without its quiet zone.
    static let symbolSize = 18.0
    /// Light modules around a symbol (ISO/IEC 18004 §9.1).
    static let quietModules = 4
    /// Modules along the side of the largest symbol that is read well at this size: 0.44 mm each.
    static let sideMax = 41

    private let paper: LabelPaper
    private let address: String
    private let skipped: Int

    /// A sheet.
    /// - Parameters:
    ///   - address: what stands before the number in each QR code, as "https://eco.example/n/".
    ///   - skipped: places at the start of the first page that are used up.
    public init(paper: LabelPaper, address: String, skipped: Int = 0) {
        self.paper = paper
        self.address = address
        self.skipped = skipped
    }

    /// The pages, one SVG document each. - Throws: `LabelError`.
    public func pages(_ labels: [Label]) throws(LabelError) -> [String] {
        var pages: [String] = []
        var rest = labels[...]
        var first = paper.rows == .max ? 0 : max(0, min(skipped, paper.perPage - 1))
        while !rest.isEmpty {
            let count = min(rest.count, paper.perPage - first)
            pages.append(try page(Array(rest.prefix(count)), from: first))
            rest = rest.dropFirst(count)
            first = 0
        }
        return pages
    }

    private func page(_ labels: [Label], from first: Int) throws(LabelError) -> String {
        let height =
            paper.rows == .max ? paper.pitch.down * Double(labels.count) : paper.height
        let (wide, high) = (Self.text(paper.width), Self.text(height))
        var svg =
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"\(wide)mm\" height=\"\(high)mm\" "
            + "viewBox=\"0 0 \(wide) \(high)\">\n"
            + "<rect width=\"\(wide)\" height=\"\(high)\" fill=\"#fff\"/>\n"
        for (index, label) in labels.enumerated() {
            let place = first + index
            let left = paper.margin.left + Double(place % paper.columns) * paper.pitch.across
            let top = paper.margin.top + Double(place / paper.columns) * paper.pitch.down
            svg += try draw(label, left, top)
        }
        return svg + "</svg>\n"
    }

    /// One label: the symbol on the left, number and text beside it.
    private func draw(
        _ label: Label, _ left: Double, _ top: Double
    ) throws(LabelError) -> String {
        let symbol: QRSymbol
        do { symbol = try QRSymbol(Array((address + label.number.digits).utf8)) } catch {
            throw .addressTooLong
        }
        guard symbol.side <= Self.sideMax else { throw .addressTooLong }
        let module = Self.symbolSize / Double(symbol.side)
        let quiet = Double(Self.quietModules) * module
        let symbolLeft = left + 1 + quiet
        let middle = top + paper.label.height / 2
        let textLeft = symbolLeft + Self.symbolSize + quiet
        let width = left + paper.label.width - textLeft - 1.5
        return path(symbol, symbolLeft, middle - Self.symbolSize / 2, module)
            + text("Carte ECO", textLeft, middle - 5.5, size: 3.2, width: nil)
            + text(label.number.description, textLeft, middle + 0.8, size: 4, width: width)
            + (label.text.isEmpty
                ? "" : text(label.text, textLeft, middle + 6.5, size: 2.8, width: nil, label))
    }

    private func path(
        _ symbol: QRSymbol, _ left: Double, _ top: Double, _ module: Double
    ) -> String {
        return
            "<path transform=\"translate(\(Self.text(left)) \(Self.text(top))) "
            + "scale(\(Self.text(module)))\" fill=\"#000\" d=\"\(symbol.path)\"/>\n"
    }

    /// A line of text; `width` stretches or squeezes it to that many millimetres. A long second
    /// line is squeezed to what there is.
    private func text(
        _ text: String, _ left: Double, _ base: Double, size: Double, width: Double?,
        _ label: Label? = nil
    ) -> String {
        let room = paper.label.width - 1 - Self.symbolSize - 5.5 - 1.5
        let isLong = label.map { Double($0.text.count) * 0.55 * size > room } ?? false
        let length = width ?? (isLong ? room : nil)
        return
            "<text x=\"\(Self.text(left))\" y=\"\(Self.text(base))\" "
            + "font-family=\"DejaVu Sans, Noto Sans, sans-serif\" font-size=\"\(Self.text(size))\""
            + (length.map {
                " textLength=\"\(Self.text($0))\" lengthAdjust=\"spacingAndGlyphs\""
            } ?? "") + ">\(Self.escaped(text))</text>\n"
    }

    /// At most three digits after the point.
    static func text(_ millimetres: Double) -> String {
        let thousandths = Int((millimetres * 1_000).rounded())
        let rest = String(1_000 + abs(thousandths) % 1_000).dropFirst()
        let sign = thousandths < 0 ? "-" : ""
        return "\(sign)\(abs(thousandths) / 1_000).\(rest)"
    }

    static func escaped(_ text: String) -> String {
        text.reduce(into: "") { result, character in
            switch character {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            default: result.append(character)
            }
        }
    }
}
