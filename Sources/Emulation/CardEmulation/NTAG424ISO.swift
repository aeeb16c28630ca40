/// The three ISO/IEC 7816-4 commands (data sheet 10.9): always plain.
extension SoftwareNTAG424 {
    private static let masterName: [UInt8] = [0xD2, 0x76, 0x00, 0x00, 0x85, 0x01, 0x00]
    private static let applicationName: [UInt8] = [0xD2, 0x76, 0x00, 0x00, 0x85, 0x01, 0x01]
    private static let masterIdentifier: UInt16 = 0x3F00
    private static let applicationIdentifier: UInt16 = 0xE110

    mutating func executeISO(
        _ command: [UInt8], _ lastRun: MirrorRun?
    ) throws(CardFault) -> [UInt8] {
        switch command[1] {
        case 0xA4: return try select(command)
        case 0xB0: return try readBinary(command, lastRun)
        case 0xD6: return try updateBinary(command)
        default: throw .refused(.isoInstruction)
        }
    }

    /// ISOSelectFile: no file control information is ever returned.
    private mutating func select(_ command: [UInt8]) throws(CardFault) -> [UInt8] {
        let data = try Self.optionalData(command)
        try require(command[2] <= 4, .isoParameters)
        try require(command[3] == 0x00 || command[3] == 0x0C, .isoParameters)
        let lengths: ClosedRange<Int> =
            switch command[2] {
            case 0: data.isEmpty ? 0...0 : 2...2
            case 3: 0...0
            case 4: 1...16
            default: 2...2
            }
        try require(lengths.contains(data.count), .isoLengthParameters)
        let identifier = data.count == 2 ? UInt16(data[0]) << 8 | UInt16(data[1]) : 0
        switch command[2] {
        case 0 where data.isEmpty || identifier == Self.masterIdentifier: selectMaster()
        case 0 where identifier == Self.applicationIdentifier: selectApplication()
        case 1 where identifier == Self.applicationIdentifier && !selection.isApplication:
            selectApplication()
        case 0, 2: try selectFile(identifier)
        case 3 where selection.isApplication: selectMaster()
        case 4 where data == Self.masterName: selectMaster()
        case 4 where data == Self.applicationName: selectApplication()
        default: throw .refused(.isoNotFound)
        }
        return StatusWord.isoSuccess.bytes
    }

    private mutating func selectMaster() {
        selection = Selection()
        session = nil
    }

    private mutating func selectApplication() {
        selection = Selection(isApplication: true)
        session = nil
    }

    private mutating func selectFile(_ identifier: UInt16) throws(CardFault) {
        guard selection.isApplication,
            let index = CardFile.identifiers.firstIndex(of: identifier)
        else { throw .refused(.isoNotFound) }
        selection.file = index + 1
    }

    /// ISOReadBinary: mirrored.
    private mutating func readBinary(
        _ command: [UInt8], _ lastRun: MirrorRun?
    ) throws(CardFault) -> [UInt8] {
        try require(command.count == 5, .isoLength)
        let (number, offset) = try place(command)
        let file = memory.files[number - 1]
        let settings = file.settings
        let isFree = settings.read == .free || settings.readWrite == .free
        try require(
            session == nil && (isFree || settings.mirroring?.grantsFreeReading == true),
            .isoSecurity)
        try require(offset < file.content.count, .isoParameters)
        var content = file.content
        if settings.mirroring != nil {
            content = try mirrored(number, .readBinary, lastRun, limit: .isoSecurity)
        }
        selection.file = number
        let length = command[4] == 0 ? 256 : Int(command[4])
        return Array(content[offset..<min(offset + length, content.count)])
            + StatusWord.isoSuccess.bytes
    }

    /// ISOUpdateBinary: the bytes as they are, one atomic write.
    private mutating func updateBinary(_ command: [UInt8]) throws(CardFault) -> [UInt8] {
        let data = try Self.optionalData(command)
        try require(!data.isEmpty, .isoLength)
        try require(command.count == 5 + data.count || command.last == 0, .isoLength)
        let (number, offset) = try place(command)
        let settings = memory.files[number - 1].settings
        let isFree = settings.write == .free || settings.readWrite == .free
        try require(session == nil && isFree, .isoSecurity)
        let size = memory.files[number - 1].content.count
        try require(offset + data.count <= size, .isoConditions)
        try commit { memory in
            memory.files[number - 1].content.replaceSubrange(
                offset..<offset + data.count, with: data)
        }
        selection.file = number
        return StatusWord.isoSuccess.bytes
    }

    /// The file and offset that P1 and P2 name. Without a session check first: a session makes
    /// either command 6982 whatever it names.
    private func place(_ command: [UInt8]) throws(CardFault) -> (number: Int, offset: Int) {
        try require(session == nil, .isoSecurity)
        let (first, second) = (command[2], command[3])
        if first & 0x80 == 0 {
            guard let file = selection.file else { throw .refused(.isoConditions) }
            return (file, Int(first) << 8 | Int(second))
        }
        let short = first & 0x1F
        try require(first & 0x60 == 0 && short != 0x1F, .isoParameters)
        if short == 0 {
            guard let file = selection.file else { throw .refused(.isoConditions) }
            return (file, Int(second))
        }
        try require(selection.isApplication && (3...5).contains(short), .isoNotFound)
        return (Int(short) - 2, Int(second))
    }

    /// `CLA INS P1 P2 [Lc data] [Le]` with short lengths: the data field.
    private static func optionalData(_ command: [UInt8]) throws(CardFault) -> [UInt8] {
        if command.count <= 5 { return [] }
        let length = Int(command[4])
        try require(length > 0, .isoLength)
        try require(
            command.count == 5 + length || command.count == 6 + length, .isoLength)
        return Array(command[5..<5 + length])
    }
}
