/// CRC-32, reflected 0xEDB88320, start FFFFFFFF.
public enum CRC32 {
    /// IEEE 802.3: with final inversion. Guards the card state records (CARDS.md).
    public static func ieee(_ bytes: some Sequence<UInt8>) -> UInt32 { ~register(bytes) }

    /// Without final inversion (JAMCRC), least significant byte first: ChangeKey's check.
    public static func jam(_ bytes: [UInt8]) -> [UInt8] {
        let value = register(bytes)
        return (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * UInt32($0))) }
    }

    private static func register(_ bytes: some Sequence<UInt8>) -> UInt32 {
        var register: UInt32 = 0xFFFF_FFFF
        for byte in bytes {
            register ^= UInt32(byte)
            for _ in 0..<8 {
                register = register & 1 == 1 ? register >> 1 ^ 0xEDB8_8320 : register >> 1
            }
        }
        return register
    }
}
