public import Crypto

/// The mutual authentication that opens an EV2 session (CARD-COMMANDS §3).
public struct EV2Authentication: ~Copyable {
    private let key: AES128Key
    private let keyNumber: UInt8
    private let rndA: [UInt8]
    private let rndB: [UInt8]

    /// Part 1 is answered: `cryptogram` is E(K, RndB), 16 bytes. `rndA` is fresh unless a vector
    /// fixes it.
    /// - Throws: `CardError.malformed`.
    public init(
        key: consuming AES128Key, keyNumber: UInt8, cryptogram: [UInt8],
        rndA: [UInt8] = randomBytes(16)
    ) throws(CardError) {
        guard cryptogram.count == 16, rndA.count == 16, let plain = try? key.decryptCBC(cryptogram)
        else { throw .malformed("authentication part 1") }
        self.key = key
        self.keyNumber = keyNumber
        self.rndA = rndA
        rndB = plain
    }

    /// E(K, RndA || RndB'), 32 bytes: the data of part 2.
    public borrowing func challenge() throws(CryptoError) -> [UInt8] {
        try key.encryptCBC(rndA + rotated(rndB))
    }

    /// The session, from the card's 32 bytes E(K, TI || RndA' || PDcap2 || PCDcap2).
    /// - Throws: `CardError.malformed`, `.notAuthentic` when RndA does not come back: a recording,
    ///   or a card with another key.
    public consuming func session(first answer: [UInt8]) throws(CardError) -> EV2Session {
        guard answer.count == 32, let plain = try? key.decryptCBC(answer) else {
            throw .malformed("authentication part 2")
        }
        guard equalInConstantTime(Array(plain[4..<20]), rotated(rndA)) else {
            throw .notAuthentic("authentication: RndA did not come back")
        }
        return try derive(transaction: Array(plain[0..<4]), counter: 0)
    }

    /// The session after EV2NonFirst: the answer is E(K, RndA'), TI and counter go on.
    public consuming func session(
        following answer: [UInt8], transaction: [UInt8], counter: UInt16
    ) throws(CardError) -> EV2Session {
        guard answer.count == 16, let plain = try? key.decryptCBC(answer) else {
            throw .malformed("authentication part 2")
        }
        guard equalInConstantTime(plain, rotated(rndA)) else {
            throw .notAuthentic("authentication: RndA did not come back")
        }
        return try derive(transaction: transaction, counter: counter)
    }

    /// Session keys (CARD-COMMANDS §3.3).
    private borrowing func derive(
        transaction: [UInt8], counter: UInt16
    ) throws(CardError) -> EV2Session {
        var context = Array(rndA[0..<2])
        for index in 0..<6 { context.append(rndA[2 + index] ^ rndB[index]) }
        context += rndB[6..<16] + rndA[8..<16]
        do {
            return EV2Session(
                keyNumber: keyNumber,
                encryption: try AES128Key(
                    key.cmac([0xA5, 0x5A, 0x00, 0x01, 0x00, 0x80] + context)),
                authentication: try AES128Key(
                    key.cmac([0x5A, 0xA5, 0x00, 0x01, 0x00, 0x80] + context)),
                transaction: transaction, counter: counter)
        } catch { throw .malformed("session keys") }
    }

    /// Rotated left by one byte.
    private borrowing func rotated(_ bytes: [UInt8]) -> [UInt8] {
        Array(bytes[1...]) + [bytes[0]]
    }
}
