import Crypto

/// AES-128 under one of the card's keys. Lengths are the caller's promise, so nothing is thrown.
struct CardCipher {
    private let key: SharedKey

    /// A key the copies of a card share.
    private final class SharedKey: Sendable {
        let value: AES128Key

        init(_ bytes: [UInt8]) {
            guard let key = try? AES128Key(bytes) else { preconditionFailure(CardCipher.broken) }
            value = key
        }
    }

    /// `key`: 16 bytes.
    init(_ key: [UInt8]) { self.key = SharedKey(key) }

    func cmac(_ message: [UInt8]) -> [UInt8] { key.value.cmac(message) }

    /// The 8-byte MAC: every second byte of the CMAC, from the second on (data sheet 9.1.3).
    func shortMAC(_ message: [UInt8]) -> [UInt8] {
        let full = cmac(message)
        return stride(from: 1, to: 16, by: 2).map { full[$0] }
    }

    func block(_ plain: [UInt8]) -> [UInt8] { encrypt(plain) }

    /// `plain`: a multiple of 16 bytes; without `iv`, zeros.
    func encrypt(_ plain: [UInt8], iv: [UInt8]? = nil) -> [UInt8] {
        guard let cipher = try? key.value.encryptCBC(plain, iv: iv) else {
            preconditionFailure(Self.broken)
        }
        return cipher
    }

    /// `cipher`: a multiple of 16 bytes; without `iv`, zeros.
    func decrypt(_ cipher: [UInt8], iv: [UInt8]? = nil) -> [UInt8] {
        guard let plain = try? key.value.decryptCBC(cipher, iv: iv) else {
            preconditionFailure(Self.broken)
        }
        return plain
    }

    private static var broken: String { "CardEmulation: a length that was checked is wrong" }

    /// Appends 80 and zeros up to the next multiple of 16, always at least one byte.
    static func pad(_ plain: [UInt8]) -> [UInt8] {
        let zeros = 15 - plain.count % 16
        return plain + [0x80] + [UInt8](repeating: 0, count: zeros)
    }

    /// The inverse; nil when no padding of 1...16 bytes stands at the end.
    static func unpad(_ padded: [UInt8]) -> [UInt8]? {
        guard let mark = padded.lastIndex(where: { $0 != 0 }), padded[mark] == 0x80,
            padded.count - mark <= 16
        else { return nil }
        return Array(padded[..<mark])
    }

    /// CRC-32 without final inversion, lowest byte first (ChangeKey).
    static func crc32(_ message: [UInt8]) -> [UInt8] {
        var register: UInt32 = 0xFFFF_FFFF
        for byte in message {
            register ^= UInt32(byte)
            for _ in 0..<8 {
                register = (register >> 1) ^ (register & 1 == 0 ? 0 : 0xEDB8_8320)
            }
        }
        return [0, 8, 16, 24].map { UInt8(truncatingIfNeeded: register >> $0) }
    }
}
