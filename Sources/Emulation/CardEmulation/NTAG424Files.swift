/// Native commands on the three files.
extension SoftwareNTAG424 {
    /// The file of a FileNo byte, or F0.
    func file(_ byte: UInt8) throws(CardFault) -> (number: Int, file: CardFile) {
        let number = Int(byte)
        try require((1...memory.files.count).contains(number), .noSuchFile)
        return (number, memory.files[number - 1])
    }

    /// GetFileSettings, F5: free of access control.
    mutating func getFileSettings(_ data: [UInt8]) throws(CardFault) -> [UInt8] {
        try require(data.count == 1 + macSize, .length)
        try requireApplication()
        let (_, file) = try self.file(data[0])
        _ = try receive(.getFileSettings, data, header: 1, mode: .mac)
        let block = file.settings.block
        let size = file.content.count
        let length = [UInt8(size & 0xFF), UInt8(size >> 8), 0]
        return answer([0] + Array(block[..<3]) + length + Array(block[3...]))
    }

    /// GetFileCounters, F6: the command with a MAC, the answer Full.
    mutating func getFileCounters(_ data: [UInt8]) throws(CardFault) -> [UInt8] {
        try require(data.count == 1 + macSize, .length)
        try requireApplication()
        let (_, file) = try self.file(data[0])
        guard let mirroring = file.settings.mirroring else { throw .refused(.denied) }
        switch mirroring.counterRetrieval {
        case .free: break
        case .key(let key): try require(session?.keyNumber == key, .authentication)
        case .never, nil: throw .refused(.denied)
        }
        _ = try receive(.getFileCounters, data, header: 1, mode: .mac)
        let counter = [0, 8, 16].map { UInt8(truncatingIfNeeded: memory.readCounter >> $0) }
        return answer(counter + [0, 0], .full)
    }

    /// ReadData, AD: mirrored when there is no session (data sheet 10.8.1).
    mutating func readData(
        _ data: [UInt8], _ lastRun: MirrorRun?
    ) throws(CardFault) -> [UInt8] {
        try require(data.count == 7 || data.count == 7 + macSize, .length)
        try requireApplication()
        let (number, file) = try self.file(data[0])
        let mode = try grantReading(file.settings)
        try require(data.count == (mode == .plain ? 7 : 7 + macSize), .length)
        _ = try receive(.readData, data, header: 7, mode: mode == .plain ? .plain : .mac)
        let offset = Self.number(data[1..<4])
        let length = Self.number(data[4..<7])
        let size = file.content.count
        try require(offset < size && length <= size - offset, .boundary)
        let range = offset..<(length == 0 ? size : offset + length)
        try require(Self.fits(range.count, mode), .length)
        var content = file.content
        if session == nil, file.settings.mirroring != nil {
            content = try mirrored(number, .readData, lastRun, limit: .denied)
        }
        return answer(Array(content[range]), mode)
    }

    /// WriteData, 8D (data sheet 10.8.2): one atomic write. `frame`: bytes of the whole command.
    mutating func writeData(_ data: [UInt8], frame: Int) throws(CardFault) -> [UInt8] {
        try require(data.count > 7, .length)
        try requireApplication()
        let (number, file) = try self.file(data[0])
        let mode = try grantWriting(file.settings)
        let length = Self.number(data[4..<7])
        let carried: Int =
            switch mode {
            case .plain: length
            case .mac: length + 8
            case .full: (length / 16 + 1) * 16 + 8
            }
        try require(length > 0 && data.count == 7 + carried, .length)
        // Chained frames are below this card; what does not fit one frame would need them (chosen).
        let isChained = frame > AirPace.cardFrame - AirPace.frameOverhead
        try require(
            mode == .plain || !isChained || !memory.configuration.forbidsChainedWriting, .length)
        let written = try receive(.writeData, data, header: 7, mode: mode)
        try require(written.count == length, .length)
        let offset = Self.number(data[1..<4])
        try require(
            offset < file.content.count && length <= file.content.count - offset, .boundary)
        try commit { memory in
            memory.files[number - 1].content.replaceSubrange(
                offset..<offset + length, with: written)
        }
        return answer([], mode)
    }

    private static func number(_ bytes: ArraySlice<UInt8>) -> Int {
        bytes.reversed().reduce(0) { $0 << 8 | Int($1) }
    }

    /// An answer has at most 256 bytes of data, MAC and padding included.
    private static func fits(_ count: Int, _ mode: CommunicationMode) -> Bool {
        switch mode {
        case .plain: count <= 256
        case .mac: count + 8 <= 256
        case .full: (count / 16 + 1) * 16 + 8 <= 256
        }
    }
}

/// Access rights (data sheet 8.2.3.4).
extension SoftwareNTAG424 {
    private func grantReading(_ settings: FileSettings) throws(CardFault) -> CommunicationMode {
        let mirrorIsFree = session == nil && settings.mirroring?.grantsFreeReading == true
        return try grant([settings.read, settings.readWrite], settings, alsoFree: mirrorIsFree)
    }

    private func grantWriting(_ settings: FileSettings) throws(CardFault) -> CommunicationMode {
        try grant([settings.write, settings.readWrite], settings, alsoFree: false)
    }

    /// The file's mode when the session's key opens it; plain when it is open to all; AE when
    /// another key would open it, 9D when none would.
    private func grant(
        _ conditions: [AccessCondition], _ settings: FileSettings, alsoFree: Bool
    ) throws(CardFault) -> CommunicationMode {
        if let session, conditions.contains(.key(session.keyNumber)) { return settings.mode }
        if conditions.contains(.free) || alsoFree { return .plain }
        let isNever = conditions.allSatisfy { $0 == .never }
        throw .refused(isNever ? .denied : .authentication)
    }

    /// The mirrored file: the image of the run that goes on, or of a new one, which takes the next
    /// counter value first. `limit`: the status when there is none left.
    mutating func mirrored(
        _ number: Int, _ reader: MirrorRun.Reader, _ lastRun: MirrorRun?, limit: StatusWord
    ) throws(CardFault) -> [UInt8] {
        if let lastRun, lastRun.reader == reader {
            run = lastRun
            return lastRun.image
        }
        let file = memory.files[number - 1]
        guard let mirroring = file.settings.mirroring else { return file.content }
        let last = min(mirroring.counterLimit ?? 0xFF_FFFF, 0xFF_FFFF)
        try require(Int(memory.readCounter) < last, limit)
        try commit { $0.readCounter += 1 }
        var mirror = MirroredFile(mirroring, content: file.content, memory: memory)
        let image = mirror.build(&randomness)
        run = MirrorRun(reader: reader, image: image)
        return image
    }
}
