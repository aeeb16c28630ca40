import CPCSC

/// A powered card. Belongs to the thread of its context.
public struct Card: ~Copyable {
    /// Bytes of the longest short command APDU.
    public static let commandMax = 261
    /// Bytes of the longest short answer.
    public static let answerMax = 258

    private let raw: SCARDHANDLE
    private let isT1: Bool

    init(raw: SCARDHANDLE, isT1: Bool) {
        self.raw = raw
        self.isT1 = isT1
    }

    // The error is ignored here; call `disconnect` to see it.
    deinit { SCardDisconnect(raw, Disposition.leave.raw) }

    /// Lets the card go. Calls `SCardDisconnect`.
    public consuming func disconnect(_ disposition: Disposition) throws(PCSCError) {
        let raw = raw
        discard self
        try check("SCardDisconnect", SCardDisconnect(raw, disposition.raw))
    }

    /// Keeps other programs from the card until `end`. Calls `SCardBeginTransaction`.
    public func begin() throws(PCSCError) {
        try check("SCardBeginTransaction", SCardBeginTransaction(raw))
    }

    /// Ends a transaction; a card that left makes no error. Calls `SCardEndTransaction`.
    public func end(_ disposition: Disposition) { SCardEndTransaction(raw, disposition.raw) }

    /// One command APDU (1...261 bytes) and its answer (0...258). Calls `SCardTransmit`.
    public func transmit(_ command: [UInt8]) throws(PCSCError) -> [UInt8] {
        guard (1...Self.commandMax).contains(command.count) else {
            throw PCSCError(call: "SCardTransmit", code: 0x8010_0004)
        }
        var answer = [UInt8](repeating: 0, count: Self.answerMax)
        var count = DWORD(Self.answerMax)
        let code = withUnsafePointer(to: isT1 ? g_rgSCardT1Pci : g_rgSCardT0Pci) { header in
            SCardTransmit(raw, header, command, DWORD(command.count), nil, &answer, &count)
        }
        try check("SCardTransmit", code)
        return Array(answer.prefix(Int(count)))
    }

    /// A command to the reader itself. Calls `SCardControl`.
    public func control(code: UInt32, _ bytes: [UInt8]) throws(PCSCError) -> [UInt8] {
        var answer = [UInt8](repeating: 0, count: 264)
        var count: DWORD = 0
        try check(
            "SCardControl",
            SCardControl(
                raw, DWORD(code), bytes, DWORD(bytes.count), &answer, DWORD(answer.count), &count))
        return Array(answer.prefix(Int(count)))
    }
}
