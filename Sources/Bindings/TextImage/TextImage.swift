// TextImage: text drawn into dots, by Pango over Cairo.
//
// Purpose: lines of any script, with any space, as an image of ink and no ink for a printer that
// has dots. Fonts come from fontconfig; the first choice is Noto Sans.
// Promises: nothing is drawn outside the width asked for (long words break); no dot is grey; what
// no font on this machine has is counted; a text is at most 4,096 bytes long, an image at most
// 8,192 dots high. The same text on the same machine gives the same dots.
// Pango and Cairo are opened when the first text is drawn.
// Does not promise: the same dots where other fonts are installed.
// Threads: any; Pango's font map is one a thread. Units: dots.

import CPango

/// Why a text is not drawn.
public enum TextImageError: Error, Equatable, Sendable {
    /// Over 4,096 bytes, or higher than 8,192 dots, or a width outside 8...4,096.
    case tooLarge
    /// Cairo gave this `cairo_status_t`.
    case refused(Int32)
    /// Pango is not on this machine.
    case missing
}

/// Dots in rows from the top left.
public struct InkImage: Equatable, Sendable {
    /// Dots of a row.
    public let width: Int
    /// Rows.
    public let height: Int
    /// Row by row; true is ink.
    public var ink: [Bool]

    /// No ink.
    public init(width: Int, height: Int) {
        self.width = max(0, width)
        self.height = max(0, height)
        ink = [Bool](repeating: false, count: self.width * self.height)
    }

    /// Whether there is ink in this column and row, both from 0; none outside.
    public func hasInk(column: Int, row: Int) -> Bool {
        guard (0..<width).contains(column), (0..<height).contains(row) else { return false }
        return ink[row * width + column]
    }

    /// Puts ink where `image` has it, its top left at `column` and `row`; what is outside is left
    /// out.
    public mutating func draw(_ image: InkImage, column: Int, row: Int) {
        for y in 0..<image.height where (0..<height).contains(row + y) {
            for x in 0..<image.width where (0..<width).contains(column + x) {
                if image.ink[y * image.width + x] { ink[(row + y) * width + column + x] = true }
            }
        }
    }
}

/// A text that was drawn.
public struct DrawnText: Equatable, Sendable {
    /// As wide as was asked for.
    public let image: InkImage
    /// Dots that the widest line takes.
    public let textWidth: Int
    /// Characters no font here has.
    public let unknownCount: Int
}

/// How a text stands.
public struct TextStyle: Equatable, Sendable {
    /// Where lines stand.
    public enum Alignment: Sendable { case leading, centre, trailing }

    /// Dots of an em.
    public let size: Int
    /// Heavy strokes.
    public let isBold: Bool
    /// Where lines stand.
    public let alignment: Alignment

    /// A style.
    public init(size: Int, isBold: Bool = false, alignment: Alignment = .leading) {
        self.size = size
        self.isBold = isBold
        self.alignment = alignment
    }
}

/// Draws texts.
public enum TextImage {
    private static let bytesMax = 4_096
    private static let heightMax = 8_192

    /// Draws `text` in lines at most `width` dots wide. Calls `pango_layout_set_text` and
    /// `pango_cairo_show_layout`.
    public static func draw(
        _ text: String, width: Int, style: TextStyle
    ) throws(TextImageError) -> DrawnText {
        guard text.utf8.count <= bytesMax, (8...4_096).contains(width),
            (1...512).contains(style.size)
        else { throw .tooLarge }
        // A layout has a size before there is a surface to draw it on.
        let (measured, _) = try drawn(text, width, 1, style, isMeasuring: true)
        guard measured.height <= heightMax else { throw .tooLarge }
        return try drawn(text, width, max(1, measured.height), style, isMeasuring: false).1
    }

    private static func drawn(
        _ text: String, _ width: Int, _ height: Int, _ style: TextStyle, isMeasuring: Bool
    ) throws(TextImageError) -> (InkImage, DrawnText) {
        guard let calls = text_image_open()?.pointee else { throw .missing }
        let surface = calls.cairo_image_surface_create(
            text_image_a8, Int32(width), Int32(height))
        defer { calls.cairo_surface_destroy(surface) }
        let context = calls.cairo_create(surface)
        defer { calls.cairo_destroy(context) }
        guard let layout = calls.pango_cairo_create_layout(context) else {
            throw .refused(calls.cairo_status(context))
        }
        defer { calls.g_object_unref(UnsafeMutableRawPointer(layout)) }
        set(layout, text, width, style, calls)
        var (across, down): (Int32, Int32) = (0, 0)
        calls.pango_layout_get_pixel_size(layout, &across, &down)
        var image = InkImage(width: width, height: isMeasuring ? Int(down) : height)
        let unknown = Int(calls.pango_layout_get_unknown_glyphs_count(layout))
        if !isMeasuring {
            calls.pango_cairo_show_layout(context, layout)
            calls.cairo_surface_flush(surface)
            guard calls.cairo_status(context) == text_image_success,
                let bytes = calls.cairo_image_surface_get_data(surface)
            else { throw .refused(calls.cairo_status(context)) }
            let stride = Int(calls.cairo_image_surface_get_stride(surface))
            for row in 0..<height {
                for column in 0..<width {
                    image.ink[row * width + column] = bytes[row * stride + column] >= 128
                }
            }
        }
        return (
            image, DrawnText(image: image, textWidth: Int(across), unknownCount: unknown)
        )
    }

    private static func set(
        _ layout: OpaquePointer, _ text: String, _ width: Int, _ style: TextStyle,
        _ calls: text_image_calls
    ) {
        let font = calls.pango_font_description_new()
        defer { calls.pango_font_description_free(font) }
        calls.pango_font_description_set_family(font, "Noto Sans, DejaVu Sans, sans-serif")
        calls.pango_font_description_set_absolute_size(
            font, Double(style.size) * Double(text_image_scale))
        calls.pango_font_description_set_weight(
            font, style.isBold ? text_image_bold : text_image_normal)
        let options = calls.cairo_font_options_create()
        defer { calls.cairo_font_options_destroy(options) }
        // A thermal head has no grey: whole dots, on the grid.
        calls.cairo_font_options_set_antialias(options, text_image_no_antialias)
        calls.cairo_font_options_set_hint_style(options, text_image_full_hints)
        calls.pango_cairo_context_set_font_options(calls.pango_layout_get_context(layout), options)
        calls.pango_layout_set_font_description(layout, font)
        calls.pango_layout_set_width(layout, Int32(width) * text_image_scale)
        calls.pango_layout_set_wrap(layout, text_image_wrap)
        let alignment =
            switch style.alignment {
            case .leading: text_image_left
            case .centre: text_image_centre
            case .trailing: text_image_right
            }
        calls.pango_layout_set_alignment(layout, alignment)
        // Bytes, not a C string: a zero byte in a text must not cut it.
        let bytes = Array(text.utf8)
        bytes.withUnsafeBufferPointer { buffer in
            buffer.withMemoryRebound(to: CChar.self) {
                calls.pango_layout_set_text(layout, $0.baseAddress, Int32(bytes.count))
            }
        }
    }
}
