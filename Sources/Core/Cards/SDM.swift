public import Crypto

/// Secure Dynamic Messaging, the verifier's side (CARD-COMMANDS §7.3, AES mode).
public enum SDM {
    /// What encrypted PICCData says.
    public struct PICCData: Equatable, Sendable {
        /// 7 bytes; empty when not mirrored.
        public let uid: [UInt8]
        /// The read counter (24 bits); nil when not mirrored.
        public let readCounter: UInt32?
        /// The 16 bytes in the clear.
        public let plain: [UInt8]
    }

    /// Decrypts PICCENCData (16 bytes) with the meta read key. Nil when the tag makes no sense,
    /// which is what another key gives.
    public static func decrypt(
        piccData: [UInt8], metaReadKey: borrowing AES128Key
    ) -> PICCData? {
        guard piccData.count == 16, let plain = try? metaReadKey.decryptCBC(piccData) else {
            return nil
        }
        let tag = plain[0]
        let hasUID = tag & 0x80 != 0
        let hasCounter = tag & 0x40 != 0
        guard tag & 0x30 == 0, tag & 0x0f == (hasUID ? 7 : 0), hasUID || hasCounter else {
            return nil
        }
        var next = 1
        let uid = hasUID ? Array(plain[1..<8]) : []
        if hasUID { next = 8 }
        let counter = hasCounter ? readCounter(plain[next..<(next + 3)]) : nil
        return PICCData(uid: uid, readCounter: counter, plain: plain)
    }

    /// Three bytes, least significant first.
    static func readCounter(_ bytes: ArraySlice<UInt8>) -> UInt32 {
        bytes.reversed().reduce(0) { $0 << 8 | UInt32($1) }
    }

    /// The SDM session keys (encryption, MAC) of one read. `uid` and `counter` (3 bytes, least
    /// significant first) are empty when not mirrored.
    public static func sessionKeys(
        fileReadKey: borrowing AES128Key, uid: [UInt8], counter: [UInt8]
    ) throws(CryptoError) -> SessionKeys {
        guard uid.count + counter.count <= 10 else {
            throw .wrongLength(expected: 10, got: uid.count + counter.count)
        }
        let context = uid + counter + [UInt8](repeating: 0, count: 10 - uid.count - counter.count)
        return SessionKeys(
            encryption: try AES128Key(
                fileReadKey.cmac([0xC3, 0x3C, 0x00, 0x01, 0x00, 0x80] + context)),
            mac: try AES128Key(
                fileReadKey.cmac([0x3C, 0xC3, 0x00, 0x01, 0x00, 0x80] + context)))
    }

    /// Two session keys.
    public struct SessionKeys: ~Copyable {
        /// For SDMENCFileData.
        public let encryption: AES128Key
        /// For SDMMAC.
        public let mac: AES128Key
    }

    /// SDMMAC, 8 bytes, over `input` as the reader sees it (ASCII).
    public static func mac(
        fileReadKey: borrowing AES128Key, uid: [UInt8], readCounter: UInt32, input: [UInt8]
    ) throws(CryptoError) -> [UInt8] {
        let counter = (0..<3).map { UInt8(truncatingIfNeeded: readCounter >> (8 * UInt32($0))) }
        let keys = try sessionKeys(fileReadKey: fileReadKey, uid: uid, counter: counter)
        return truncated(keys.mac.cmac(input))
    }

    /// What the MAC of our evidence covers: `<d>&e=<e>&c=` in upper case (CARDS.md, file 02).
    public static func evidenceInput(digest: [UInt8], piccData: [UInt8]) -> [UInt8] {
        Hexadecimal.ascii(digest) + Array("&e=".utf8) + Hexadecimal.ascii(piccData)
            + Array("&c=".utf8)
    }
}

/// The 8-byte MAC: bytes 1, 3, … 15 of the 16-byte CMAC (CARD-COMMANDS §2).
public func truncated(_ cmac: [UInt8]) -> [UInt8] {
    precondition(cmac.count == 16, "Cards: a CMAC has 16 bytes")
    return stride(from: 1, to: 16, by: 2).map { cmac[$0] }
}
