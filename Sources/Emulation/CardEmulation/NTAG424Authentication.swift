/// A handshake between its two parts.
struct PendingAuthentication {
    let keyNumber: Int
    let challenge: [UInt8]
    let identifier: [UInt8]
    let counter: UInt16
    /// PCDcap2 as told, 6 bytes; nil in NonFirst.
    let readerCapabilities: [UInt8]?
}

extension SoftwareNTAG424 {
    /// AuthenticateEV2First, 71, part 1 (data sheet 10.4.1).
    mutating func authenticateFirst(_ data: [UInt8]) throws(CardFault) -> [UInt8] {
        try require(data.count >= 2 && data.count == 2 + Int(data[1]), .length)
        try requireApplication()
        let number = try keyNumber(data[0])
        try require(data[1] <= 6, .parameter)
        try admit(number)
        session = nil
        let challenge = randomness.bytes(16)
        let told = Array(data[2...])
        pending = PendingAuthentication(
            keyNumber: number, challenge: challenge, identifier: randomness.bytes(4), counter: 0,
            readerCapabilities: told + [UInt8](repeating: 0, count: 6 - told.count))
        return firstPart(number, challenge)
    }

    /// AuthenticateEV2NonFirst, 77, part 1 (data sheet 10.4.2): TI and CmdCtr are kept.
    mutating func authenticateNonFirst(_ data: [UInt8]) throws(CardFault) -> [UInt8] {
        try require(data.count == 1, .length)
        try requireApplication()
        let number = try keyNumber(data[0])
        guard let session else { throw .refused(.denied) }
        try admit(number)
        self.session = nil
        let challenge = randomness.bytes(16)
        pending = PendingAuthentication(
            keyNumber: number, challenge: challenge, identifier: session.identifier,
            counter: session.counter, readerCapabilities: nil)
        return firstPart(number, challenge)
    }

    private func keyNumber(_ byte: UInt8) throws(CardFault) -> Int {
        try require(byte & 0x3F < memory.keys.count, .noSuchKey)
        try require(byte & 0xC0 == 0, .parameter)
        return Int(byte)
    }

    private func firstPart(_ number: Int, _ challenge: [UInt8]) -> [UInt8] {
        CardCipher(memory.keys[number].value).encrypt(challenge) + StatusWord.more.bytes
    }

    /// Part 2 of either, AF.
    mutating func finishAuthentication(
        _ pending: PendingAuthentication, _ data: [UInt8]
    ) throws(CardFault) -> [UInt8] {
        self.pending = nil
        try require(data.count == 32, .length)
        let key = CardCipher(memory.keys[pending.keyNumber].value)
        let plain = key.decrypt(data)
        let readerChallenge = Array(plain[..<16])
        try require(Array(plain[16...]) == Self.rotated(pending.challenge), .authentication)
        try forgive(pending.keyNumber)
        session = Self.session(pending, key, readerChallenge)
        let proof = Self.rotated(readerChallenge)
        guard let readerCapabilities = pending.readerCapabilities else {
            return key.encrypt(proof) + StatusWord.success.bytes
        }
        let capabilities = [0, 0, 0, 0] + memory.configuration.capabilities
        let answer = pending.identifier + proof + capabilities + readerCapabilities
        return key.encrypt(answer) + StatusWord.success.bytes
    }

    /// Session keys (data sheet 9.1.7).
    private static func session(
        _ pending: PendingAuthentication, _ key: CardCipher, _ reader: [UInt8]
    ) -> Session {
        let card = pending.challenge
        let mixed = zip(reader[2..<8], card[..<6]).map { $0 ^ $1 }
        let context = Array(reader[..<2]) + mixed + Array(card[6...]) + Array(reader[8...])
        let encryption = key.cmac([0xA5, 0x5A, 0x00, 0x01, 0x00, 0x80] + context)
        let authentication = key.cmac([0x5A, 0xA5, 0x00, 0x01, 0x00, 0x80] + context)
        return Session(
            keyNumber: pending.keyNumber, encryption: CardCipher(encryption),
            authentication: CardCipher(authentication), identifier: pending.identifier,
            counter: pending.counter)
    }

    private static func rotated(_ bytes: [UInt8]) -> [UInt8] { Array(bytes[1...] + bytes[..<1]) }
}

/// Failure counters (data sheet 8.2.4.4).
extension SoftwareNTAG424 {
    /// Failures in a row from which on an authentication is delayed.
    static let delayedFrom = 50

    /// Answers AD that must be given before a key with this many failures in a row is tried
    /// again. The curve is chosen; each answer takes about 65 % of the frame waiting time.
    static func delays(afterFailures count: UInt8) -> UInt8 {
        count < delayedFrom ? 0 : count - UInt8(delayedFrom - 1)
    }

    /// Refuses a blocked or delayed key; counts the handshake as failed until it succeeds, so
    /// that breaking it off does not save a try.
    private mutating func admit(_ number: Int) throws(CardFault) {
        guard memory.configuration.countsFailures else { return }
        let key = memory.keys[number]
        try require(key.totalFailures < memory.configuration.failureLimit, .denied)
        if key.spentDelays < Self.delays(afterFailures: key.sequentialFailures) {
            try commit { $0.keys[number].spentDelays += 1 }
            workingTime = .microseconds(25_130)
            throw .refused(.delay)
        }
        try commit { memory in
            memory.keys[number].totalFailures += 1
            memory.keys[number].spentDelays = 0
            if memory.keys[number].sequentialFailures < .max {
                memory.keys[number].sequentialFailures += 1
            }
        }
    }

    /// Takes back what `admit` counted, and forgives earlier failures.
    private mutating func forgive(_ number: Int) throws(CardFault) {
        guard memory.configuration.countsFailures else { return }
        let forgiven = UInt32(memory.configuration.failureDecrement) + 1
        try commit { memory in
            let total = UInt32(memory.keys[number].totalFailures)
            memory.keys[number].totalFailures = UInt16(total - min(total, forgiven))
            memory.keys[number].sequentialFailures = 0
            memory.keys[number].spentDelays = 0
        }
    }
}
