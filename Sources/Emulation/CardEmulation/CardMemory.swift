/// Why bytes are no card memory.
public enum CardMemoryError: Error, Equatable, Sendable, CustomStringConvertible {
    /// A UID has 7 bytes, an originality signature 56, a key 16, a version part 7.
    case wrongLength(expected: Int, got: Int)
    /// The first bytes are not those of a card image.
    case notAnImage
    /// Written by another version of this format, or for another card.
    case unknownVersion(UInt8)
    /// The digest at the end does not match: the file was damaged.
    case damaged
    /// A field has a value the card cannot have; its name.
    case invalid(String)

    /// A sentence without a full stop.
    public var description: String {
        switch self {
        case .wrongLength(let expected, let got): "\(got) bytes where \(expected) belong"
        case .notAnImage: "this is no card image"
        case .unknownVersion(let version): "a card image of unknown version \(version)"
        case .damaged: "the image is damaged"
        case .invalid(let field): "the image holds a wrong value: \(field)"
        }
    }
}

/// Everything an NTAG 424 DNA keeps without power. See `image` for its form as bytes.
public struct CardMemory: Equatable, Sendable {
    /// The unique identifier, 7 bytes.
    public let uid: [UInt8]
    /// What Read_Sig answers: ECDSA on secp224r1 over the UID, r || s, 56 bytes.
    public let originalitySignature: [UInt8]
    /// The first two parts of GetVersion, 7 bytes each, and of the third the last 7.
    public internal(set) var version: CardVersion
    /// What SetConfiguration sets.
    public internal(set) var configuration: CardConfiguration
    /// The five AES keys.
    public internal(set) var keys: [CardKey]
    /// The three files: numbers 1...3 at index 0...2.
    public internal(set) var files: [CardFile]
    /// SDMReadCtr, 24 bits.
    public internal(set) var readCounter: UInt32

    /// A card as delivered (data sheet 8.2.3): keys zero, capability container written.
    /// - Parameters:
    ///   - uid: 7 bytes.
    ///   - signature: 56 bytes; when absent, the published one of this UID, else zeros.
    public static func factory(
        uid: [UInt8], signature: [UInt8]? = nil, version: CardVersion = .common
    ) throws(CardMemoryError) -> CardMemory {
        let signature =
            signature ?? PublishedSignatures.signature(of: uid)
            ?? [UInt8](repeating: 0, count: 56)
        try Self.require(uid, 7)
        try Self.require(signature, 56)
        return CardMemory(
            uid: uid, originalitySignature: signature, version: version,
            configuration: CardConfiguration(),
            keys: [CardKey](repeating: CardKey(), count: 5),
            files: [.capabilityContainer(), .ndef(), .proprietary()], readCounter: 0)
    }

    /// Puts a key in place, as if it had always been there; its failure counters become 0.
    /// - Precondition: `number` is 0...4.
    public mutating func setKey(
        _ number: Int, _ value: [UInt8], version: UInt8 = 0
    ) throws(CardMemoryError) {
        try Self.require(value, 16)
        keys[number] = CardKey(value: value, version: version)
    }

    /// Puts bytes into a file without asking for rights.
    /// - Precondition: `number` is 1...3 and the bytes lie inside the file.
    public mutating func setContent(_ bytes: [UInt8], file number: Int, offset: Int = 0) {
        files[number - 1].content.replaceSubrange(offset..<offset + bytes.count, with: bytes)
    }

    /// Puts settings in place, in the wire order of ChangeFileSettings; the counter stays.
    /// - Precondition: `number` is 1...3.
    public mutating func setSettings(_ block: [UInt8], file number: Int) throws(CardMemoryError) {
        do throws(CardFault) {
            let settings = try FileSettings(block: block)
            let size = files[number - 1].content.count
            try settings.validate(file: number, size: size, counter: readCounter)
            files[number - 1].settings = settings
        } catch {
            throw .invalid("settings of file \(number)")
        }
    }

    /// Puts the read counter in place. 24 bits count.
    public mutating func setReadCounter(_ value: UInt32) { readCounter = value & 0xFF_FFFF }

    static func require(_ bytes: [UInt8], _ count: Int) throws(CardMemoryError) {
        if bytes.count != count { throw .wrongLength(expected: count, got: bytes.count) }
    }
}

/// What GetVersion tells about the chip.
public struct CardVersion: Equatable, Sendable {
    /// Vendor, type, subtype, major, minor, storage, protocol.
    public internal(set) var hardware: [UInt8]
    /// Likewise for the software.
    public let software: [UInt8]
    /// Batch number (4 bytes and a nibble), week and year of production.
    public let production: [UInt8]

    /// What common tags answer.
    public static let common = CardVersion(
        checkedHardware: [0x04, 0x04, 0x02, 0x30, 0x00, 0x11, 0x05],
        software: [0x04, 0x04, 0x02, 0x01, 0x02, 0x11, 0x05],
        production: [0xCF, 0x5D, 0x90, 0x45, 0x10, 0x46, 0x21])

    /// Three parts of 7 bytes.
    public init(
        hardware: [UInt8], software: [UInt8], production: [UInt8]
    ) throws(CardMemoryError) {
        try CardMemory.require(hardware, 7)
        try CardMemory.require(software, 7)
        try CardMemory.require(production, 7)
        self.init(checkedHardware: hardware, software: software, production: production)
    }

    private init(checkedHardware: [UInt8], software: [UInt8], production: [UInt8]) {
        hardware = checkedHardware
        self.software = software
        self.production = production
    }
}

/// What SetConfiguration sets (data sheet 10.5.1).
public struct CardConfiguration: Equatable, Sendable {
    /// A random identifier is shown during activation; the UID is told in a session only.
    public internal(set) var usesRandomIdentifier = false
    /// WriteData in MAC or Full mode must fit one frame.
    public internal(set) var forbidsChainedWriting = false
    /// PDCap2.5 and PDCap2.6, told in EV2First.
    public internal(set) var capabilities: [UInt8] = [0, 0]
    /// Failed authentications are counted.
    public internal(set) var countsFailures = true
    /// TotFailCtrLimit.
    public internal(set) var failureLimit: UInt16 = 1000
    /// TotFailCtrDecr.
    public internal(set) var failureDecrement: UInt16 = 10
}

/// One key slot. Its value is never printed.
public struct CardKey: Equatable, Sendable, CustomStringConvertible, CustomReflectable {
    /// 16 bytes.
    public internal(set) var value: [UInt8]
    /// What GetKeyVersion answers.
    public internal(set) var version: UInt8
    /// TotFailCtr: failed authentications not yet forgiven.
    public internal(set) var totalFailures: UInt16
    /// SeqFailCtr: failed authentications in a row.
    public internal(set) var sequentialFailures: UInt8
    /// SpentTimeCtr: answers AD given since the last failure.
    public internal(set) var spentDelays: UInt8

    init(value: [UInt8] = [UInt8](repeating: 0, count: 16), version: UInt8 = 0) {
        self.value = value
        self.version = version
        totalFailures = 0
        sequentialFailures = 0
        spentDelays = 0
    }

    /// True for the key of delivery: sixteen zeros.
    public var isFactory: Bool { value.allSatisfy { $0 == 0 } }
    /// The version alone.
    public var description: String { "key version \(version)" }
    /// Nothing: a dump must not show the value.
    public var customMirror: Mirror { Mirror(self, children: []) }
}

/// One file: what it holds and how it may be used.
public struct CardFile: Equatable, Sendable {
    /// Access rights, mode and mirrors.
    public internal(set) var settings: FileSettings
    /// The bytes as written, mirrors not filled in: 32, 256 or 128.
    public internal(set) var content: [UInt8]

    /// Sizes of the files 1, 2 and 3.
    static let sizes = [32, 256, 128]
    /// ISO file identifiers of the files 1, 2 and 3.
    static let identifiers: [UInt16] = [0xE103, 0xE104, 0xE105]

    private init(_ block: [UInt8], _ content: [UInt8], size: Int) {
        guard let settings = try? FileSettings(block: block) else {
            preconditionFailure("CardEmulation: factory settings are wrong")
        }
        self.settings = settings
        self.content = content + [UInt8](repeating: 0, count: size - content.count)
    }

    init(settings: FileSettings, content: [UInt8]) {
        self.settings = settings
        self.content = content
    }

    static func capabilityContainer() -> CardFile {
        let content: [UInt8] = [
            0x00, 0x17, 0x20, 0x01, 0x00, 0x00, 0xFF,
            0x04, 0x06, 0xE1, 0x04, 0x01, 0x00, 0x00, 0x00,
            0x05, 0x06, 0xE1, 0x05, 0x00, 0x80, 0x82, 0x83,
        ]
        return CardFile([0x00, 0x00, 0xE0], content, size: sizes[0])
    }

    static func ndef() -> CardFile { CardFile([0x00, 0xE0, 0xEE], [], size: sizes[1]) }

    static func proprietary() -> CardFile { CardFile([0x03, 0x30, 0x23], [], size: sizes[2]) }
}
