// QRCode: a QR symbol from bytes, by libqrencode.
//
// Purpose: the dark and light modules of one symbol (ISO/IEC 18004), error correction level M,
// and the same as SVG path data.
// Promises: the smallest version that holds the bytes; a refusal of the library is a
// `QRCodeError`.
// Does not promise: sizes, colours or the quiet zone; whoever draws it leaves 4 modules free.
// Threads: any. Units: modules.

import CQREncode
import Glibc

/// A refused call of libqrencode: which one, and the `errno` it gave.
public struct QRCodeError: Error, Equatable, Sendable {
    /// The C call.
    public let call: String
    /// `ERANGE`: more bytes than a symbol holds. `EINVAL`: none.
    public let code: Int32
}

/// One symbol: a square of modules, no quiet zone.
public struct QRSymbol: Equatable, Sendable {
    /// Modules along one side: 21, 25 … 177.
    public let side: Int
    /// Row by row from the top left; true is dark.
    public let modules: [Bool]

    /// A symbol that holds these bytes (1…2331), level M. Calls `QRcode_encodeData`.
    public init(_ content: [UInt8]) throws(QRCodeError) {
        guard let symbol = QRcode_encodeData(Int32(content.count), content, 0, QR_ECLEVEL_M)
        else { throw QRCodeError(call: "QRcode_encodeData", code: errno) }
        self.init(taking: symbol)
    }

    /// A symbol that holds this text, level M. Beyond ASCII it says that it is UTF-8 (ECI 26):
    /// without that a reader guesses, and guesses Japanese for French. Calls `QRinput_new2`,
    /// `QRinput_appendECIheader`, `QRinput_append`, `QRcode_encodeInput`.
    public init(text: String) throws(QRCodeError) {
        let bytes = Array(text.utf8)
        guard let input = QRinput_new2(0, QR_ECLEVEL_M) else {
            throw QRCodeError(call: "QRinput_new2", code: errno)
        }
        defer { QRinput_free(input) }
        let isPlain = bytes.allSatisfy { $0 < 0x80 }
        guard isPlain || QRinput_appendECIheader(input, 26) == 0,
            QRinput_append(input, QR_MODE_8, Int32(bytes.count), bytes) == 0
        else { throw QRCodeError(call: "QRinput_append", code: errno) }
        guard let symbol = QRcode_encodeInput(input) else {
            throw QRCodeError(call: "QRcode_encodeInput", code: errno)
        }
        self.init(taking: symbol)
    }

    private init(taking symbol: UnsafeMutablePointer<QRcode>) {
        defer { QRcode_free(symbol) }
        let side = Int(symbol.pointee.width)
        self.side = side
        // The lowest bit of each byte is the module's colour.
        modules = (0..<(side * side)).map { symbol.pointee.data[$0] & 1 == 1 }
    }

    /// Whether the module in this column and row, both from 0, is dark; light outside.
    public func isDark(column: Int, row: Int) -> Bool {
        guard (0..<side).contains(column), (0..<side).contains(row) else { return false }
        return modules[row * side + column]
    }
}
