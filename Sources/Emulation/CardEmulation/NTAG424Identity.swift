/// Commands about the card itself: version, UID, originality, configuration.
extension SoftwareNTAG424 {
    /// GetVersion, 60: three parts; in a session one MAC on the way in and one on the way out.
    mutating func getVersion(_ data: [UInt8]) throws(CardFault) -> [UInt8] {
        try require(data.count == macSize, .length)
        _ = try receive(.getVersion, data, header: 0, mode: .mac)
        chain = VersionChain(sent: [memory.version.hardware])
        return memory.version.hardware + StatusWord.more.bytes
    }

    mutating func continueVersion(_ data: [UInt8]) throws(CardFault) -> [UInt8] {
        try require(data.isEmpty, .length)
        guard let sent = chain?.sent else { throw .refused(.unknownCommand) }
        if sent.count == 1 {
            chain = VersionChain(sent: sent + [memory.version.software])
            return memory.version.software + StatusWord.more.bytes
        }
        chain = nil
        let uid = showsRandomIdentifier ? [UInt8](repeating: 0, count: 7) : memory.uid
        let third = uid + memory.version.production
        let mac = session?.mac(StatusWord.success.bytes[1], sent.flatMap { $0 } + third) ?? []
        return third + mac + StatusWord.success.bytes
    }

    /// Read_Sig, 3C, address 00: plain without session, Full with one.
    mutating func readSignature(_ data: [UInt8]) throws(CardFault) -> [UInt8] {
        try require(data.count == 1 + macSize, .length)
        try require(session != nil || !showsRandomIdentifier, .authentication)
        _ = try receive(.readSignature, data, header: 1, mode: .mac)
        try require(data[0] == 0, .parameter)
        return answer(memory.originalitySignature, .full, status: .signatureRead)
    }

    /// GetCardUID, 51: in a session only.
    mutating func getCardUID(_ data: [UInt8]) throws(CardFault) -> [UInt8] {
        try require(data.count == macSize, .length)
        try require(session != nil, .authentication)
        _ = try receive(.getCardUID, data, header: 0, mode: .mac)
        return answer(memory.uid, .full)
    }

    /// GetKeyVersion, 64.
    mutating func getKeyVersion(_ data: [UInt8]) throws(CardFault) -> [UInt8] {
        try require(data.count == 1 + macSize, .length)
        try requireApplication()
        try require(data[0] < memory.keys.count, .noSuchKey)
        _ = try receive(.getKeyVersion, data, header: 1, mode: .mac)
        return answer([memory.keys[Int(data[0])].version])
    }

    /// SetConfiguration, 5C: key 0, Full.
    mutating func setConfiguration(_ data: [UInt8]) throws(CardFault) -> [UInt8] {
        try require(data.count >= 1, .length)
        try requireApplication()
        try require(session?.keyNumber == 0, .authentication)
        let value = try receive(.setConfiguration, data, header: 1, mode: .full)
        let sizes: [UInt8: Int] = [0x00: 1, 0x04: 2, 0x05: 10, 0x0A: 5, 0x0B: 1]
        guard let size = sizes[data[0]] else { throw .refused(.parameter) }
        try require(value.count == size, .length)
        switch data[0] {
        case 0x00: try setIdentifier(value[0])
        case 0x04: try setMessaging(value)
        case 0x05: try setCapabilities(value)
        case 0x0A: try setFailureCounting(value)
        default: try setModulation(value[0])
        }
        return answer()
    }

    /// Bit 1 switches the random identifier on, for ever; 0 leaves it as it is (chosen).
    private mutating func setIdentifier(_ value: UInt8) throws(CardFault) {
        try require(value & ~2 == 0, .parameter)
        try commit { if value & 2 != 0 { $0.configuration.usesRandomIdentifier = true } }
    }

    private mutating func setMessaging(_ value: [UInt8]) throws(CardFault) {
        try require(value[0] & ~4 == 0 && value[1] == 0, .parameter)
        try commit { $0.configuration.forbidsChainedWriting = value[0] & 4 != 0 }
    }

    /// LRP mode is not built into this card: asking for it is denied, and nothing is written.
    private mutating func setCapabilities(_ value: [UInt8]) throws(CardFault) {
        let asksForLRP = value[4] & 2 != 0
        var reserved = Array(value[..<8])
        reserved[4] &= ~2
        try require(reserved.allSatisfy { $0 == 0 }, .parameter)
        try require(!asksForLRP, .denied)
        try commit { $0.configuration.capabilities = Array(value[8...]) }
    }

    private mutating func setFailureCounting(_ value: [UInt8]) throws(CardFault) {
        let limit = UInt16(value[1]) | UInt16(value[2]) << 8
        let decrement = UInt16(value[3]) | UInt16(value[4]) << 8
        try require(value[0] <= 1 && limit > 0, .parameter)
        try commit { memory in
            memory.configuration.countsFailures = value[0] == 1
            memory.configuration.failureLimit = limit
            memory.configuration.failureDecrement = decrement
        }
    }

    private mutating func setModulation(_ value: UInt8) throws(CardFault) {
        try require(value & ~1 == 0, .parameter)
        try commit { memory in
            let kind = memory.version.hardware[2] & 0x0F
            memory.version.hardware[2] = value == 1 ? kind : kind | 0x80
        }
    }
}
