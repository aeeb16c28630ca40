/// Hexadecimal text and bytes.
public enum Hexadecimal {
    private static let upper = Array("0123456789ABCDEF".utf8)
    private static let lower = Array("0123456789abcdef".utf8)

    /// Upper case ASCII characters, two a byte (the card's own mirrors are upper case).
    public static func ascii(_ bytes: [UInt8]) -> [UInt8] {
        var text: [UInt8] = []
        text.reserveCapacity(bytes.count * 2)
        for byte in bytes {
            text.append(upper[Int(byte >> 4)])
            text.append(upper[Int(byte & 15)])
        }
        return text
    }

    /// Lower case text, two characters a byte.
    public static func text(_ bytes: [UInt8]) -> String {
        var text: [UInt8] = []
        text.reserveCapacity(bytes.count * 2)
        for byte in bytes {
            text.append(lower[Int(byte >> 4)])
            text.append(lower[Int(byte & 15)])
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// Bytes of ASCII characters of either case; nil for an odd count or another character.
    public static func bytes(_ ascii: ArraySlice<UInt8>) -> [UInt8]? {
        guard ascii.count % 2 == 0 else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(ascii.count / 2)
        var index = ascii.startIndex
        while index < ascii.endIndex {
            guard let high = digit(ascii[index]), let low = digit(ascii[index + 1]) else {
                return nil
            }
            bytes.append(high << 4 | low)
            index += 2
        }
        return bytes
    }

    /// Bytes of text; spaces are not accepted.
    public static func bytes(_ text: some StringProtocol) -> [UInt8]? {
        bytes(Array(text.utf8)[...])
    }

    private static func digit(_ character: UInt8) -> UInt8? {
        switch character {
        case 0x30...0x39: character - 0x30
        case 0x41...0x46: character - 0x41 + 10
        case 0x61...0x66: character - 0x61 + 10
        default: nil
        }
    }
}
