public import TextImage

/// What a receipt printer takes: ESC/POS with raster images (GS v 0), which every such printer
/// prints alike, whatever its code pages.
public enum ESCPOS {
    /// Rows of one image at most: a printer with a small memory prints as it reads.
    static let bandRows = 64

    /// `ESC @`, the image in bands, four lines of feed, a partial cut.
    public static func job(_ image: InkImage) -> [UInt8] {
        var bytes: [UInt8] = [0x1B, 0x40]
        var row = 0
        while row < image.height {
            let rows = min(bandRows, image.height - row)
            bytes += band(image, row..<(row + rows))
            row += rows
        }
        return bytes + [0x1B, 0x64, 4, 0x1D, 0x56, 66, 0]
    }

    /// Bytes that end an image a printer may still wait for, and mean nothing otherwise.
    static func flush(_ width: PaperWidth) -> [UInt8] {
        [UInt8](repeating: 0, count: width.rawValue / 8 * bandRows)
    }

    private static func band(_ image: InkImage, _ rows: Range<Int>) -> [UInt8] {
        let across = (image.width + 7) / 8
        var bytes: [UInt8] = [
            0x1D, 0x76, 0x30, 0, UInt8(across & 0xFF), UInt8(across >> 8 & 0xFF),
            UInt8(rows.count & 0xFF), UInt8(rows.count >> 8 & 0xFF),
        ]
        for row in rows {
            for start in stride(from: 0, to: across * 8, by: 8) {
                var byte: UInt8 = 0
                for bit in 0..<8 where image.hasInk(column: start + bit, row: row) {
                    byte |= 0x80 >> UInt8(bit)
                }
                bytes.append(byte)
            }
        }
        return bytes
    }

    /// `DLE EOT n`: asks for a status byte at once, even in the middle of a job. 1: printer, 4:
    /// paper.
    static func ask(_ number: UInt8) -> [UInt8] { [0x10, 0x04, number] }

    /// True for a byte that is an answer to `ask`: its fixed bits stand right.
    static func isStatus(_ byte: UInt8) -> Bool { byte & 0x93 == 0x12 }

    /// True when the paper sensor (n = 4) sees the end.
    static func isOutOfPaper(_ byte: UInt8) -> Bool { byte & 0x60 != 0 }
}
