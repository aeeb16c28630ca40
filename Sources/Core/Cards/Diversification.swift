public import Crypto

/// AN10922 §2.2 key diversification for AES-128, over `m` (1...31 bytes), 16 bytes out.
///
/// `01 || m` padded to exactly 32 bytes; the last block is masked with K2 when padded, else K1;
/// the result is the last block of AES-CBC. For short `m` this is not a CMAC.
/// - Throws: `CryptoError.wrongLength`.
public func an10922(
    master: borrowing AES128Key, _ m: [UInt8]
) throws(CryptoError) -> AES128Key {
    guard (1...31).contains(m.count) else { throw .wrongLength(expected: 31, got: m.count) }
    var block = [0x01] + m
    let isPadded = block.count < 32
    if isPadded { block += [0x80] + [UInt8](repeating: 0, count: 31 - block.count) }
    let zero = try master.encryptBlock([UInt8](repeating: 0, count: 16))
    let first = doubled(zero)
    let mask = isPadded ? doubled(first) : first
    for index in 0..<16 { block[16 + index] ^= mask[index] }
    var output = try master.encryptCBC(block)
    defer { wipe(&output) }
    return try AES128Key(Array(output.suffix(16)))
}

/// A card's own key: AN10922 over UID || key number || epoch || "CARTEECO" (CARDS.md).
/// - Throws: `CryptoError.wrongLength` for a UID that is not 4, 7 or 10 bytes.
public func diversifiedKey(
    master: borrowing AES128Key, uid: [UInt8], keyNumber: UInt8, epoch: UInt8
) throws(CryptoError) -> AES128Key {
    try an10922(
        master: master, diversificationInput(uid: uid, keyNumber: keyNumber, epoch: epoch))
}

/// What a card's key is derived over, 14, 17 or 20 bytes. From 16 bytes on AN10922 is
/// AES-CMAC(master, 01 || input), so a token that computes CMAC derives the same key.
/// - Throws: `CryptoError.wrongLength` for a UID that is not 4, 7 or 10 bytes.
public func diversificationInput(
    uid: [UInt8], keyNumber: UInt8, epoch: UInt8
) throws(CryptoError) -> [UInt8] {
    guard [4, 7, 10].contains(uid.count) else { throw .wrongLength(expected: 7, got: uid.count) }
    return uid + [keyNumber, epoch] + Array("CARTEECO".utf8)
}

/// What K1 of an epoch is derived over, 20 bytes: one key for all cards, of a master that never
/// goes onto one.
public func metaReadInput(epoch: UInt8) -> [UInt8] {
    [1, epoch] + Array("CARTEECO META READ".utf8)
}

/// Doubling in GF(2^128) (RFC 4493 §2.3).
private func doubled(_ block: [UInt8]) -> [UInt8] {
    var output = [UInt8](repeating: 0, count: 16)
    for index in 0..<16 {
        let carry = index < 15 ? block[index + 1] >> 7 : 0
        output[index] = block[index] << 1 | carry
    }
    if block[0] & 0x80 != 0 { output[15] ^= 0x87 }
    return output
}
