/// What an access condition asks for: one nibble of the access rights.
public enum AccessCondition: Equatable, Sendable {
    /// A session with this key, 0...4.
    case key(Int)
    /// Nothing (E).
    case free
    /// Never granted (F).
    case never

    init?(nibble: UInt8) {
        switch nibble {
        case 0...4: self = .key(Int(nibble))
        case 0xE: self = .free
        case 0xF: self = .never
        default: return nil
        }
    }
}

/// How the data of a command or answer travels.
public enum CommunicationMode: Equatable, Sendable {
    /// In clear.
    case plain
    /// In clear with an 8-byte MAC.
    case mac
    /// Encrypted with an 8-byte MAC.
    case full
}

/// The settings of one file, as ChangeFileSettings sets them (data sheet table 69).
public struct FileSettings: Equatable, Sendable {
    /// FileOption, AccessRights, then the SDM fields as in ChangeFileSettings; 3...27 bytes.
    public let block: [UInt8]
    /// Right to read.
    public let read: AccessCondition
    /// Right to write.
    public let write: AccessCondition
    /// Right to do both.
    public let readWrite: AccessCondition
    /// Right to change these settings.
    public let change: AccessCondition
    /// Secure dynamic messaging, when it is on.
    public let mirroring: MirrorSettings?

    /// The mode a session with the right key uses.
    public var mode: CommunicationMode {
        switch block[0] & 3 {
        case 1: .mac
        case 3: .full
        default: .plain
        }
    }

    /// Reads a block of exactly the length its own bits ask for (else 7E), with values that the
    /// card knows (else 9E). What depends on the file is checked by `validate`.
    init(block: [UInt8]) throws(CardFault) {
        try require(block.count >= 3, .length)
        var cursor = BlockCursor(block)
        let option = try cursor.byte()
        let high = try cursor.byte()
        let low = try cursor.byte()
        let mirroring = option & 0x40 == 0 ? nil : try MirrorSettings(&cursor)
        try require(cursor.isAtEnd, .length)
        try require(option & 0b1011_1100 == 0, .parameter)
        guard let readWrite = AccessCondition(nibble: high >> 4),
            let change = AccessCondition(nibble: high & 15),
            let read = AccessCondition(nibble: low >> 4),
            let write = AccessCondition(nibble: low & 15)
        else { throw .refused(.parameter) }
        self.block = block
        self.read = read
        self.write = write
        self.readWrite = readWrite
        self.change = change
        self.mirroring = mirroring
    }

    /// - Parameter counter: the counter the card will have with these settings.
    func validate(file: Int, size: Int, counter: UInt32) throws(CardFault) {
        guard let mirroring else { return }
        try require(file == 2, .denied)
        try mirroring.validate(size: size, counter: counter)
    }
}

/// Reads numbers off a settings block; a block that is too short is 7E.
struct BlockCursor {
    private let bytes: [UInt8]
    private var index = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    var isAtEnd: Bool { index == bytes.count }

    mutating func byte() throws(CardFault) -> UInt8 {
        try require(index < bytes.count, .length)
        index += 1
        return bytes[index - 1]
    }

    /// Three bytes, the lowest first.
    mutating func number() throws(CardFault) -> Int {
        try require(bytes.count - index >= 3, .length)
        index += 3
        return Int(bytes[index - 3]) | Int(bytes[index - 2]) << 8 | Int(bytes[index - 1]) << 16
    }
}
