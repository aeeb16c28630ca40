import QRCode

/// A QR symbol as an SVG document that a page shows as an image: dark on white whatever the theme,
/// with the quiet zone of 4 modules that a reader needs (ISO/IEC 18004 §9.1).
enum QRImage {
    /// Light modules around the symbol.
    static let quietModules = 4

    /// The document for 1...2,300 bytes of UTF-8; nil when there is nothing to say or too much.
    static func svg(_ text: String) -> [UInt8]? {
        guard let symbol = try? QRSymbol(text: text) else { return nil }
        let side = symbol.side + 2 * quietModules
        let document =
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 \(side) \(side)\" "
            + "shape-rendering=\"crispEdges\"><path fill=\"#fff\" d=\"M0 0h\(side)v\(side)H0z\"/>"
            + "<path transform=\"translate(\(quietModules) \(quietModules))\" fill=\"#000\" "
            + "d=\"\(symbol.path)\"/></svg>\n"
        return Array(document.utf8)
    }
}
