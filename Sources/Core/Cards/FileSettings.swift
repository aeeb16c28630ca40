/// Who may do something with a file (CARD-COMMANDS §6.1): a key, everybody, or nobody.
public enum AccessCondition: Equatable, Sendable {
    /// Key 0...4.
    case key(UInt8)
    case free
    case never

    /// The nibble on the wire.
    public var nibble: UInt8 {
        switch self {
        case .key(let number): number & 0x0f
        case .free: 0x0e
        case .never: 0x0f
        }
    }

    /// From a nibble; nil for 5...D, which NTAG 424 does not have.
    public init?(nibble: UInt8) {
        switch nibble {
        case 0...4: self = .key(nibble)
        case 0x0e: self = .free
        case 0x0f: self = .never
        default: return nil
        }
    }
}

/// The four access conditions of a file.
public struct AccessRights: Equatable, Sendable {
    /// Who may read, write, do both, and change the settings.
    public var read: AccessCondition
    public var write: AccessCondition
    public var readWrite: AccessCondition
    public var change: AccessCondition

    /// Four conditions.
    public init(
        read: AccessCondition, write: AccessCondition, readWrite: AccessCondition,
        change: AccessCondition
    ) {
        self.read = read
        self.write = write
        self.readWrite = readWrite
        self.change = change
    }

    /// Two bytes: ReadWrite | Change, Read | Write.
    public var bytes: [UInt8] {
        [readWrite.nibble << 4 | change.nibble, read.nibble << 4 | write.nibble]
    }

    /// From the two bytes; nil for a nibble that is no condition.
    public init?(_ bytes: ArraySlice<UInt8>) {
        guard bytes.count == 2, let first = bytes.first, let second = bytes.last,
            let readWrite = AccessCondition(nibble: first >> 4),
            let change = AccessCondition(nibble: first & 15),
            let read = AccessCondition(nibble: second >> 4),
            let write = AccessCondition(nibble: second & 15)
        else { return nil }
        self.init(read: read, write: write, readWrite: readWrite, change: change)
    }
}

/// The SDM block of file settings (CARD-COMMANDS §7.1). Offsets in bytes; nil when absent.
public struct SDMSettings: Equatable, Sendable {
    /// SDMOptions: bit 7 UID, 6 counter, 5 limit, 4 encrypted data, 0 ASCII.
    public var options: UInt8
    public var counterRetrieval: AccessCondition
    public var metaRead: AccessCondition
    public var fileRead: AccessCondition
    public var uidOffset: Int?
    public var counterOffset: Int?
    public var piccDataOffset: Int?
    public var macInputOffset: Int?
    public var encryptedOffset: Int?
    public var encryptedLength: Int?
    public var macOffset: Int?
    public var counterLimit: Int?

    /// Settings without offsets; set those the options ask for.
    public init(
        options: UInt8, counterRetrieval: AccessCondition, metaRead: AccessCondition,
        fileRead: AccessCondition
    ) {
        self.options = options
        self.counterRetrieval = counterRetrieval
        self.metaRead = metaRead
        self.fileRead = fileRead
    }

    /// The offsets present for these options, in wire order.
    private static func fields(
        _ options: UInt8, _ meta: AccessCondition, _ file: AccessCondition
    ) -> [WritableKeyPath<SDMSettings, Int?>] {
        var fields: [WritableKeyPath<SDMSettings, Int?>] = []
        if options & 0x80 != 0, meta == .free { fields.append(\.uidOffset) }
        if options & 0x40 != 0, meta == .free { fields.append(\.counterOffset) }
        if case .key = meta { fields.append(\.piccDataOffset) }
        if file != .never {
            fields.append(\.macInputOffset)
            if options & 0x10 != 0 { fields += [\.encryptedOffset, \.encryptedLength] }
            fields.append(\.macOffset)
        }
        if options & 0x20 != 0 { fields.append(\.counterLimit) }
        return fields
    }

    /// The wire form from SDMOptions on.
    public var bytes: [UInt8] {
        let fields = Self.fields(options, metaRead, fileRead)
        return [
            options, 0xF0 | counterRetrieval.nibble, metaRead.nibble << 4 | fileRead.nibble,
        ] + fields.flatMap { littleEndian3(self[keyPath: $0] ?? 0) }
    }

    /// Reads the wire form and says how many bytes it took; nil when it is none.
    static func parse(_ bytes: ArraySlice<UInt8>) -> (SDMSettings, count: Int)? {
        let all = Array(bytes)
        guard all.count >= 3, let retrieval = AccessCondition(nibble: all[1] & 15),
            let meta = AccessCondition(nibble: all[2] >> 4),
            let file = AccessCondition(nibble: all[2] & 15)
        else { return nil }
        var settings = SDMSettings(
            options: all[0], counterRetrieval: retrieval, metaRead: meta, fileRead: file)
        var next = 3
        for field in fields(all[0], meta, file) {
            guard all.count >= next + 3 else { return nil }
            settings[keyPath: field] =
                Int(all[next]) | Int(all[next + 1]) << 8 | Int(all[next + 2]) << 16
            next += 3
        }
        return (settings, next)
    }
}

/// What GetFileSettings answers and ChangeFileSettings takes.
public struct FileSettings: Equatable, Sendable {
    /// How the file's data travel, and who may do what.
    public var commMode: CommMode
    public var access: AccessRights
    /// Bytes; what GetFileSettings answers, ignored by ChangeFileSettings.
    public var size: Int
    public var sdm: SDMSettings?

    /// Settings of a standard file.
    public init(commMode: CommMode, access: AccessRights, size: Int, sdm: SDMSettings? = nil) {
        self.commMode = commMode
        self.access = access
        self.size = size
        self.sdm = sdm
    }

    private var option: UInt8 { (sdm == nil ? 0 : 0x40) | commMode.rawValue }

    /// The data of ChangeFileSettings.
    public var changeBytes: [UInt8] { [option] + access.bytes + (sdm?.bytes ?? []) }

    /// Reads GetFileSettings' answer.
    /// - Throws: `CardError.malformed`.
    public init(_ answer: [UInt8]) throws(CardError) {
        guard answer.count >= 7, answer[0] == 0, let access = AccessRights(answer[2..<4]) else {
            throw .malformed("file settings")
        }
        let mode: CommMode =
            switch answer[1] & 3 {
            case 1: .mac
            case 3: .full
            default: .plain
            }
        let size = Int(answer[4]) | Int(answer[5]) << 8 | Int(answer[6]) << 16
        guard answer[1] & 0x40 != 0 else {
            guard answer.count == 7 else { throw .malformed("file settings") }
            self.init(commMode: mode, access: access, size: size)
            return
        }
        guard let (sdm, count) = SDMSettings.parse(answer[7...]), answer.count == 7 + count else {
            throw .malformed("SDM settings")
        }
        self.init(commMode: mode, access: access, size: size, sdm: sdm)
    }
}
