/// An NTAG 424 DNA in software: give it commands, it answers as the card does.
///
///     unpowered ─powerOn→ MF selected ─SELECT E110→ application
///     no session ─71 or 77 part 1→ authenticating ─AF→ session ─error, SELECT of MF or DF→ none
public struct SoftwareNTAG424: SoftwareCard {
    /// One historical byte, 80, as a PC/SC reader builds it from the ATS.
    public let atr: [UInt8] = [0x3B, 0x81, 0x80, 0x01, 0x80, 0x80]
    /// ATQA 0344, SAK 20, the ATS of the data sheet (FSCI 7, FWI 7); with the random identifier
    /// switched on, ATQA 0304 and a UID that is new at each power-on.
    public var identity: ContactlessIdentity {
        .type4(
            uid: showsRandomIdentifier ? randomIdentifier : memory.uid,
            ats: [0x06, 0x77, 0x77, 0x71, 0x02, 0x80])
    }
    /// The time of the last answer inside the card: the delay of 91AD, else zero.
    public internal(set) var workingTime = Duration.zero
    /// Writes to the non-volatile memory since this value was made; each is one atomic commit.
    public private(set) var writes = 0
    /// The memory as the card knows it.
    public private(set) var memory: CardMemory

    private var storage: any CardStorage
    var randomness: any CardRandomness
    private var isPowered = false

    var selection = Selection()
    var session: Session?
    var pending: PendingAuthentication?
    var chain: VersionChain?
    var run: MirrorRun?
    var showsRandomIdentifier = false
    private var randomIdentifier: [UInt8] = [0x08, 0, 0, 0]

    /// A card whose memory is in `storage`.
    public init(
        storage: any CardStorage, randomness: any CardRandomness = SystemRandomness()
    ) throws(CardStorageError) {
        var storage = storage
        memory = try storage.load()
        self.storage = storage
        self.randomness = randomness
    }

    /// A card whose memory lives and dies with this value.
    public init(_ memory: CardMemory, randomness: any CardRandomness = SystemRandomness()) {
        self.memory = memory
        storage = TransientStorage(memory)
        self.randomness = randomness
    }

    /// Reads the memory again and starts anew; a card whose memory cannot be read stays mute.
    public mutating func powerOn() {
        forget()
        do throws(CardStorageError) {
            memory = try storage.load()
            isPowered = true
        } catch {
            isPowered = false
        }
        showsRandomIdentifier = memory.configuration.usesRandomIdentifier
        if showsRandomIdentifier { randomIdentifier = [0x08] + randomness.bytes(3) }
    }

    /// Session, selection and open chains are lost.
    public mutating func powerOff() {
        forget()
        isPowered = false
    }

    /// Executes one command of any length and content. Empty: the card is mute, because it has no
    /// power or lost it while writing.
    public mutating func respond(to command: [UInt8]) -> [UInt8] {
        workingTime = .zero
        guard isPowered else { return [] }
        let lastRun = run
        run = nil
        do throws(CardFault) {
            return try execute(command, lastRun)
        } catch {
            session = nil
            pending = nil
            chain = nil
            switch error {
            case .refused(let status): return status.bytes
            case .powerLost:
                powerOff()
                return []
            }
        }
    }

    private mutating func execute(
        _ command: [UInt8], _ lastRun: MirrorRun?
    ) throws(CardFault) -> [UInt8] {
        guard command.count >= 4 else { throw .refused(.isoLength) }
        let isNative = command[0] == 0x90
        let continues = isNative && command[1] == 0xAF
        if !continues {
            pending = nil
            try require(chain == nil, isNative ? .aborted : .isoConditions)
        }
        switch command[0] {
        case 0x00: return try executeISO(command, lastRun)
        case 0x90: return try executeNative(command, lastRun)
        default: throw .refused(.isoClass)
        }
    }

    private mutating func executeNative(
        _ command: [UInt8], _ lastRun: MirrorRun?
    ) throws(CardFault) -> [UInt8] {
        let code = command[1]
        try require(NativeCommand(rawValue: code) != nil, .unknownCommand)
        try require(command[2] == 0 && command[3] == 0, .isoParameters)
        let data = try Self.nativeData(command)
        switch NativeCommand(rawValue: code) {
        case .additionalFrame: return try continueChain(data)
        case .getVersion: return try getVersion(data)
        case .readSignature: return try readSignature(data)
        case .getCardUID: return try getCardUID(data)
        case .getKeyVersion: return try getKeyVersion(data)
        case .getFileSettings: return try getFileSettings(data)
        case .getFileCounters: return try getFileCounters(data)
        case .setConfiguration: return try setConfiguration(data)
        case .changeKey: return try changeKey(data)
        case .changeFileSettings: return try changeFileSettings(data)
        case .readData: return try readData(data, lastRun)
        case .writeData: return try writeData(data, frame: command.count)
        case .authenticateFirst: return try authenticateFirst(data)
        case .authenticateNonFirst: return try authenticateNonFirst(data)
        case nil: throw .refused(.unknownCommand)
        }
    }

    /// `90 INS 00 00 [Lc data] 00`: the data field.
    private static func nativeData(_ command: [UInt8]) throws(CardFault) -> [UInt8] {
        try require(command.count >= 5 && command.last == 0, .length)
        if command.count == 5 { return [] }
        let length = Int(command[4])
        try require(length > 0 && command.count == 6 + length, .length)
        return Array(command[5..<5 + length])
    }

    private mutating func continueChain(_ data: [UInt8]) throws(CardFault) -> [UInt8] {
        if let pending { return try finishAuthentication(pending, data) }
        if chain != nil { return try continueVersion(data) }
        throw .refused(.unknownCommand)  // chosen: AF without an open chain
    }

    /// One atomic change of the non-volatile memory.
    mutating func commit(_ change: (inout CardMemory) -> Void) throws(CardFault) {
        var next = memory
        change(&next)
        writes += 1
        do throws(CardStorageError) {
            try storage.commit(next)
        } catch {
            throw .powerLost
        }
        memory = next
    }

    private mutating func forget() {
        selection = Selection()
        session = nil
        pending = nil
        chain = nil
        run = nil
        workingTime = .zero
    }
}

/// The native commands this card knows.
enum NativeCommand: UInt8 {
    case readSignature = 0x3C
    case getCardUID = 0x51
    case setConfiguration = 0x5C
    case changeFileSettings = 0x5F
    case getVersion = 0x60
    case getKeyVersion = 0x64
    case authenticateFirst = 0x71
    case authenticateNonFirst = 0x77
    case writeData = 0x8D
    case readData = 0xAD
    case additionalFrame = 0xAF
    case changeKey = 0xC4
    case getFileSettings = 0xF5
    case getFileCounters = 0xF6
}

/// What is selected. The card starts at the master file (chosen).
struct Selection {
    /// True once the application D2760000850101 is selected.
    var isApplication = false
    /// The current elementary file of the application, 1...3.
    var file: Int?
}

/// A run of mirrored reads: one image, one counter value (data sheet 9.3.2).
struct MirrorRun {
    enum Reader { case readData, readBinary }
    let reader: Reader
    let image: [UInt8]
}

/// GetVersion in the middle: the parts already sent.
struct VersionChain {
    var sent: [[UInt8]]
}
