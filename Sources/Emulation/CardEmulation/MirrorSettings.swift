/// Settings of secure dynamic messaging (data sheet 10.7.1): what the file mirrors, and where.
public struct MirrorSettings: Equatable, Sendable {
    /// Offsets are in bytes of the file; the SDMReadCtr mirror is off when its offset is FFFFFF.
    static let notMirrored = 0xFF_FFFF

    let options: UInt8
    private let rights: [UInt8]
    private(set) var identifierOffset: Int?
    private(set) var counterOffset: Int?
    private(set) var piccDataOffset: Int?
    private(set) var inputOffset: Int?
    private(set) var cipherOffset: Int?
    private(set) var cipherLength: Int?
    private(set) var macOffset: Int?
    private(set) var counterLimit: Int?

    var mirrorsIdentifier: Bool { options & 0x80 != 0 }
    var mirrorsCounter: Bool { options & 0x40 != 0 }
    private var limitsCounter: Bool { options & 0x20 != 0 }
    private var encryptsFile: Bool { options & 0x10 != 0 }

    /// Who may read the counter; nil for a nibble without meaning.
    var counterRetrieval: AccessCondition? { AccessCondition(nibble: rights[0] & 15) }
    /// The key that encrypts UID and counter (`free`: they stand in clear).
    var metaRead: AccessCondition? { AccessCondition(nibble: rights[1] >> 4) }
    /// The key of MAC and encrypted file data; E has no meaning here.
    var fileRead: AccessCondition? {
        let condition = AccessCondition(nibble: rights[1] & 15)
        return condition == .free ? nil : condition
    }

    /// True when the file may be read without a session because it is mirrored under a key.
    var grantsFreeReading: Bool {
        if case .key = fileRead { true } else { false }
    }

    init(_ cursor: inout BlockCursor) throws(CardFault) {
        options = try cursor.byte()
        rights = [try cursor.byte(), try cursor.byte()]
        if metaRead == .free {
            if mirrorsIdentifier { identifierOffset = try cursor.number() }
            if mirrorsCounter { counterOffset = try cursor.number() }
        }
        if case .key = metaRead { piccDataOffset = try cursor.number() }
        if rights[1] & 15 != 15 {
            inputOffset = try cursor.number()
            if encryptsFile {
                cipherOffset = try cursor.number()
                cipherLength = try cursor.number()
            }
            macOffset = try cursor.number()
        }
        if limitsCounter { counterLimit = try cursor.number() }
    }

    /// Every rule of the data sheet for a file of `size` bytes; 9E otherwise.
    func validate(size: Int, counter: UInt32) throws(CardFault) {
        // Reserved bits are refused (chosen), so that a terminal's slip is seen.
        try require(options & 0b1110 == 0 && options & 1 == 1, .parameter)
        try require(rights[0] >> 4 == 15, .parameter)
        guard let counterRetrieval, let metaRead, let fileRead else {
            throw .refused(.parameter)
        }
        try require(metaRead == .never || mirrorsIdentifier || mirrorsCounter, .parameter)
        try require(metaRead != .never || !mirrorsIdentifier, .parameter)
        try require(counterRetrieval == .never || mirrorsCounter, .parameter)
        if encryptsFile {
            try require(
                fileRead != .never && mirrorsIdentifier && mirrorsCounter, .parameter)
        }
        if let counterLimit {
            try require(mirrorsCounter && counterLimit > Int(counter), .parameter)
        }
        try validatePlaces(size: size)
    }

    private func validatePlaces(size: Int) throws(CardFault) {
        var places: [Range<Int>] = []
        func place(_ offset: Int?, _ length: Int) throws(CardFault) {
            guard let offset else { return }
            try require(offset + length <= size, .parameter)
            let range = offset..<offset + length
            try require(!places.contains { $0.overlaps(range) }, .parameter)
            places.append(range)
        }
        try place(identifierOffset, 14)
        if counterOffset != Self.notMirrored { try place(counterOffset, 6) }
        try place(piccDataOffset, 32)
        if let cipherLength {
            try require(cipherLength > 0 && cipherLength % 32 == 0, .parameter)
            try place(cipherOffset, cipherLength)
        }
        try place(macOffset, 16)
        if let inputOffset, let macOffset {
            try require(inputOffset <= macOffset, .parameter)
            if let cipherOffset, let cipherLength {
                try require(
                    inputOffset <= cipherOffset && cipherOffset + cipherLength <= macOffset,
                    .parameter)
            }
        }
    }
}
