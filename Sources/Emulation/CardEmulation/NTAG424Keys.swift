/// ChangeKey and ChangeFileSettings: what a session with the right key may change for good.
extension SoftwareNTAG424 {
    /// ChangeKey, C4: key 0, always Full (data sheet 10.6.1).
    mutating func changeKey(_ data: [UInt8]) throws(CardFault) -> [UInt8] {
        try require(data.count == 1 + 32 + 8, .length)
        try requireApplication()
        try require(data[0] < memory.keys.count, .noSuchKey)
        try require(session?.keyNumber == 0, .authentication)
        let number = Int(data[0])
        let field = try receive(.changeKey, data, header: 1, mode: .full)
        if number == 0 {
            try require(field.count == 17, .integrity)
            try replaceKey(number, Array(field[..<16]), version: field[16])
            session = nil  // its key is gone: no MAC
            return StatusWord.success.bytes
        }
        try require(field.count == 21, .integrity)
        let new = zip(field[..<16], memory.keys[number].value).map { $0 ^ $1 }
        try require(CardCipher.crc32(new) == Array(field[17...]), .integrity)
        try replaceKey(number, new, version: field[16])
        return answer()
    }

    /// The failure counters of the key start anew.
    private mutating func replaceKey(
        _ number: Int, _ value: [UInt8], version: UInt8
    ) throws(CardFault) {
        try commit { $0.keys[number] = CardKey(value: value, version: version) }
    }

    /// ChangeFileSettings, 5F (data sheet 10.7.1): Full in a session, plain without one.
    mutating func changeFileSettings(_ data: [UInt8]) throws(CardFault) -> [UInt8] {
        try require(data.count >= 1, .length)
        try requireApplication()
        let (number, file) = try self.file(data[0])
        switch file.settings.change {
        case .never: throw .refused(.denied)
        case .key(let key): try require(session?.keyNumber == key, .authentication)
        case .free: break
        }
        // A command too short for a cryptogram was sent in clear: a length error, not a wrong MAC.
        try require(session == nil || data.count >= 1 + 16 + 8, .length)
        let block = try receive(.changeFileSettings, data, header: 1, mode: .full)
        let settings = try FileSettings(block: block)
        let turnsOn = file.settings.mirroring == nil && settings.mirroring != nil
        let counter = turnsOn ? 0 : memory.readCounter
        try settings.validate(file: number, size: file.content.count, counter: counter)
        try commit { memory in
            memory.files[number - 1].settings = settings
            memory.readCounter = counter
        }
        return answer()
    }
}
