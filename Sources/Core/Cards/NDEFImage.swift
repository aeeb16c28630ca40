import Crypto

/// The NDEF file of a Carte ECO (CARDS.md, file 02): a URL with three mirrors, then the token.
public struct NDEFImage: Equatable, Sendable {
    /// Bytes of file 02.
    public static let sizeMax = 256
    /// What `record 2` is typed as (NFC Forum external type).
    private static let tokenType = Array("carte.eco:t".utf8)

    /// NLEN (2 bytes, most significant first) and message.
    public let bytes: [UInt8]
    /// Where the 32 hexadecimal characters of the digest d stand; the start of the MAC's input.
    public let digestOffset: Int
    /// Where the 32 characters of encrypted PICCData stand.
    public let piccDataOffset: Int
    /// Where the 16 characters of the SDMMAC stand.
    public let macOffset: Int
    /// The token's COSE bytes.
    public let token: [UInt8]

    /// Bytes of `<d>&e=<e>&c=<c>`: what the evidence read asks for.
    public static let evidenceSize = 32 + 3 + 32 + 3 + 16

    /// A fresh image: 32 '0' for d, placeholders for the mirrors.
    ///
    /// - Throws: `CardError.malformed` when host (1...24 characters of a host name) or token
    ///   (1...255 bytes) do not fit 256 bytes.
    public init(host: String, token: [UInt8]) throws(CardError) {
        let isHost = host.utf8.allSatisfy {
            (0x61...0x7a).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2e || $0 == 0x2d
        }
        guard isHost, (1...24).contains(host.utf8.count) else { throw .malformed("host") }
        let zeros = [UInt8](repeating: 0x30, count: 32)
        let address = Array(host.utf8) + Array("/c?d=".utf8)
        var uri = [0x04] + address + zeros
        uri += Array("&e=".utf8) + zeros
        uri += Array("&c=".utf8) + Array(zeros.prefix(16))
        guard uri.count <= 255, (1...255).contains(token.count) else { throw .malformed("token") }
        var message = [0x91, 0x01, UInt8(uri.count), 0x55] + uri
        message += [0x54, UInt8(Self.tokenType.count), UInt8(token.count)]
        message += Self.tokenType + token
        guard message.count + 2 <= Self.sizeMax else { throw .malformed("image over 256 bytes") }
        bytes = [UInt8(message.count >> 8), UInt8(message.count & 0xff)] + message
        digestOffset = 2 + 5 + address.count
        piccDataOffset = digestOffset + 32 + 3
        macOffset = piccDataOffset + 32 + 3
        self.token = token
    }

    /// Reads a file image.
    /// - Throws: `CardError.malformed` for anything that is not exactly our layout.
    public init(parsing file: [UInt8]) throws(CardError) {
        guard file.count >= 2 else { throw .malformed("NDEF length") }
        let length = Int(file[0]) << 8 | Int(file[1])
        guard length > 0, length + 2 <= file.count else { throw .malformed("NDEF length") }
        let message = Array(file[2..<(2 + length)])
        guard message.count > 5, Array(message[0..<2]) == [0x91, 0x01], message[3] == 0x55,
            message[4] == 0x04
        else { throw .malformed("NDEF record 1") }
        let uriEnd = 4 + Int(message[2])
        let second = uriEnd + 3 + Self.tokenType.count
        guard Int(message[2]) > 1 + 5 + Self.evidenceSize, message.count > second,
            message[uriEnd] == 0x54, Int(message[uriEnd + 1]) == Self.tokenType.count,
            Array(message[(uriEnd + 3)..<second]) == Self.tokenType,
            message.count == second + Int(message[uriEnd + 2])
        else { throw .malformed("NDEF record 2") }
        let start = uriEnd - Self.evidenceSize
        guard Array(message[(start - 5)..<start]) == Array("/c?d=".utf8) else {
            throw .malformed("NDEF address")
        }
        digestOffset = 2 + start
        piccDataOffset = digestOffset + 32 + 3
        macOffset = piccDataOffset + 32 + 3
        token = Array(message[second...])
        bytes = Array(file[0..<(2 + length)])
    }

    /// What a payment reads: everything from the host name on, in one block on the air (an answer
    /// of 251 bytes fits a frame of 256; the seven bytes before it would make two).
    public static let bodyOffset = 7

    /// Token and mirrors of a card, from the bytes at `bodyOffset` on.
    public struct Body: Equatable, Sendable {
        /// Where d stands in the file.
        public let digestOffset: Int
        /// d, PICCENCData, SDMMAC.
        public let mirrors: Mirrors
        /// The token's COSE bytes.
        public let token: [UInt8]
    }

    /// Reads the bytes at `bodyOffset` on: host (1...24), "/c?d=", mirrors, record 2.
    /// - Throws: `CardError.malformed` for anything that is not our layout.
    public static func body(_ bytes: [UInt8]) throws(CardError) -> Body {
        let mark = Array("/c?d=".utf8)
        let hostMax = 24
        let host = (1...hostMax).first { count in
            bytes.count >= count + mark.count && bytes[count] == mark[0]
                && bytes[count..<(count + mark.count)] == mark[...]
        }
        guard let host else { throw .malformed("NDEF address") }
        let start = host + mark.count
        let record = start + evidenceSize
        let content = record + 3 + tokenType.count
        guard bytes.count > content else { throw .malformed("NDEF record 2") }
        let end = content + Int(bytes[record + 2])
        guard bytes[record] == 0x54, Int(bytes[record + 1]) == tokenType.count,
            Array(bytes[(record + 3)..<content]) == tokenType, end <= bytes.count
        else { throw .malformed("NDEF record 2") }
        return Body(
            digestOffset: bodyOffset + start, mirrors: try mirrors(bytes[start..<record]),
            token: Array(bytes[content..<end]))
    }

    /// The three mirrors of a read image or of an evidence read (86 bytes from d on).
    /// - Throws: `CardError.malformed`.
    public static func mirrors(_ text: ArraySlice<UInt8>) throws(CardError) -> Mirrors {
        let start = text.startIndex
        func part(_ from: Int, _ to: Int) -> ArraySlice<UInt8> {
            text[(start + from)..<(start + to)]
        }
        guard text.count == evidenceSize, part(32, 35).elementsEqual("&e=".utf8),
            part(67, 70).elementsEqual("&c=".utf8), let digest = Hexadecimal.bytes(part(0, 32)),
            let piccData = Hexadecimal.bytes(part(35, 67)),
            let mac = Hexadecimal.bytes(part(70, 86))
        else { throw .malformed("mirrors") }
        return Mirrors(digest: digest, piccData: piccData, mac: mac)
    }

    /// d (16 bytes), PICCENCData (16 bytes), SDMMAC (8 bytes).
    public struct Mirrors: Equatable, Sendable {
        /// In the clear, as bytes.
        public let digest: [UInt8]
        public let piccData: [UInt8]
        public let mac: [UInt8]
    }
}
