/// SW1 SW2, the last two bytes of an answer.
struct StatusWord: Equatable {
    let value: UInt16

    var bytes: [UInt8] { [UInt8(value >> 8), UInt8(value & 0xFF)] }

    // Native (90 xx): data sheet NT4H2421Gx, table "Status codes".
    static let success = StatusWord(value: 0x9100)
    static let signatureRead = StatusWord(value: 0x9190)
    static let more = StatusWord(value: 0x91AF)
    static let unknownCommand = StatusWord(value: 0x911C)
    static let integrity = StatusWord(value: 0x911E)
    static let noSuchKey = StatusWord(value: 0x9140)
    static let length = StatusWord(value: 0x917E)
    static let denied = StatusWord(value: 0x919D)
    static let parameter = StatusWord(value: 0x919E)
    static let delay = StatusWord(value: 0x91AD)
    static let authentication = StatusWord(value: 0x91AE)
    static let boundary = StatusWord(value: 0x91BE)
    static let aborted = StatusWord(value: 0x91CA)
    static let noSuchFile = StatusWord(value: 0x91F0)

    // ISO/IEC 7816-4.
    static let isoSuccess = StatusWord(value: 0x9000)
    static let isoLength = StatusWord(value: 0x6700)
    static let isoSecurity = StatusWord(value: 0x6982)
    static let isoConditions = StatusWord(value: 0x6985)
    static let isoNotFound = StatusWord(value: 0x6A82)
    static let isoParameters = StatusWord(value: 0x6A86)
    static let isoLengthParameters = StatusWord(value: 0x6A87)
    static let isoInstruction = StatusWord(value: 0x6D00)
    static let isoClass = StatusWord(value: 0x6E00)
}

/// Why a command did not succeed.
enum CardFault: Error, Equatable {
    /// The card answers this status; the session is over.
    case refused(StatusWord)
    /// The memory could not be written: the card has lost its power.
    case powerLost
}

func require(_ condition: Bool, _ status: StatusWord) throws(CardFault) {
    if !condition { throw .refused(status) }
}
