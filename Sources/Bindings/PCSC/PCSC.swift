// PCSC: readers and cards through the PC/SC daemon (libpcsclite).
//
// Purpose: contexts, reader states, one card at a time.
// Promises: handles are non-copyable and released; every error names its call and code; answers are
// bounded (command 5...261 bytes, answer 2...258).
// Does not promise: that a cancel before a wait is seen (the daemon's client loses it): repeat it.
// Threads: a context belongs to one thread; a second call on it waits for the first. Only its
// `Canceller` may be used elsewhere.
// Units: milliseconds, bytes.

import CPCSC
import Glibc

/// A refusal of the PC/SC client library. Codes are compared as 32 bits: their width differs
/// between machines.
public struct PCSCError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The C call.
    public let call: String
    /// SCARD_… code.
    public let code: UInt32

    /// An error, for tests and mappings.
    public init(call: String, code: UInt32) {
        self.call = call
        self.code = code
    }

    /// The wait was cancelled.
    public static let cancelled: UInt32 = 0x8010_0002
    /// The context or card is gone.
    public static let invalidHandle: UInt32 = 0x8010_0003
    /// No reader has this name any more.
    public static let unknownReader: UInt32 = 0x8010_0009
    /// The time is over.
    public static let timedOut: UInt32 = 0x8010_000A
    /// Another program has the card.
    public static let sharingViolation: UInt32 = 0x8010_000B
    /// No card is in the reader.
    public static let noSmartcard: UInt32 = 0x8010_000C
    /// The reader did not pass the command on.
    public static let notTransacted: UInt32 = 0x8010_0016
    /// The reader has been unplugged.
    public static let readerUnavailable: UInt32 = 0x8010_0017
    /// The daemon does not run: make a new context later.
    public static let noService: UInt32 = 0x8010_001D
    /// The daemon has stopped, or speaks another version: make a new context.
    public static let serviceStopped: UInt32 = 0x8010_001E
    /// No reader is plugged in.
    public static let noReadersAvailable: UInt32 = 0x8010_002E
    /// The talk with the daemon or the reader broke.
    public static let communicationError: UInt32 = 0x8010_0013
    /// The card does not answer.
    public static let unresponsiveCard: UInt32 = 0x8010_0066
    /// The card has no power.
    public static let unpoweredCard: UInt32 = 0x8010_0067
    /// Another program has reset the card.
    public static let resetCard: UInt32 = 0x8010_0068
    /// The card has left.
    public static let removedCard: UInt32 = 0x8010_0069

    /// "SCardTransmit: 0x80100069 Card was removed."
    public var description: String {
        let digits = String(code, radix: 16)
        let hex = String(repeating: "0", count: 8 - digits.count) + digits
        // The codes of a 64-bit LONG are positive: no sign may be carried over.
        let words = String(cString: pcsc_stringify_error(Int(truncatingIfNeeded: code)))
        return "\(call): 0x\(hex) \(words)"
    }
}

/// Checks a LONG of the library.
func check(_ call: String, _ code: Int) throws(PCSCError) {
    let code = UInt32(truncatingIfNeeded: code)
    if code != 0 { throw PCSCError(call: call, code: code) }
}

/// The state of one reader, as asked and as answered.
public struct ReaderState: Equatable, Sendable {
    /// Name of the queue that tells of readers coming and going.
    public static let plugAndPlay = "\\\\?PnP?\\Notification"
    // Flags of `event`.
    /// Differs from `current`.
    public static let changed: UInt32 = 0x0002
    /// No reader has this name.
    public static let unknown: UInt32 = 0x0004
    /// The reader cannot be asked.
    public static let unavailable: UInt32 = 0x0008
    /// No card.
    public static let empty: UInt32 = 0x0010
    /// A card.
    public static let present: UInt32 = 0x0020
    /// A card that does not answer.
    public static let mute: UInt32 = 0x0200

    /// The reader.
    public var name: String
    /// What the caller believes; 0 asks for the state at once.
    public var current: UInt32
    /// What the daemon says; the upper 16 bits count events.
    public var event: UInt32 = 0
    /// The card's ATR, 0...33 bytes.
    public var atr: [UInt8] = []

    /// A reader to ask about.
    public init(name: String, current: UInt32 = 0) {
        self.name = name
        self.current = current
    }

    /// True when a card is there.
    public var isPresent: Bool { event & Self.present != 0 }
}

/// How a card is shared.
public enum Sharing: Sendable { case exclusive, shared }

/// What happens to a card when it is let go.
public enum Disposition: Sendable {
    case leave, reset, unpower, eject

    var raw: UInt {
        switch self {
        case .leave: 0
        case .reset: 1
        case .unpower: 2
        case .eject: 3
        }
    }
}

/// A connection to the daemon. Belongs to one thread; see `Canceller` for the one exception.
public struct Context: ~Copyable {
    private let raw: SCARDCONTEXT

    /// Calls `SCardEstablishContext`.
    public init() throws(PCSCError) {
        var raw: SCARDCONTEXT = 0
        try check(
            "SCardEstablishContext",
            SCardEstablishContext(DWORD(SCARD_SCOPE_SYSTEM), nil, nil, &raw))
        self.raw = raw
    }

    // The error is ignored here; call `close()` to see it.
    deinit { SCardReleaseContext(raw) }

    /// The context is gone whatever it answers. Calls `SCardReleaseContext`.
    public consuming func close() throws(PCSCError) {
        let raw = raw
        discard self
        try check("SCardReleaseContext", SCardReleaseContext(raw))
    }

    /// The only part of a context another thread may hold.
    public var canceller: Canceller { Canceller(raw: raw) }

    /// Wakes a wait.
    public struct Canceller: Sendable {
        fileprivate let raw: SCARDCONTEXT
        /// A cancel that comes before the wait has begun is lost: repeat it. Calls `SCardCancel`.
        public func cancel() { SCardCancel(raw) }
    }

    /// Names of the readers; empty when there is none. Calls `SCardListReaders`.
    public func readers() throws(PCSCError) -> [String] {
        var count: DWORD = 0
        var code = SCardListReaders(raw, nil, nil, &count)
        if UInt32(truncatingIfNeeded: code) == PCSCError.noReadersAvailable { return [] }
        try check("SCardListReaders", code)
        guard count <= 65_536 else { throw PCSCError(call: "SCardListReaders", code: 0x8010_0008) }
        var names = [CChar](repeating: 0, count: Int(count))
        code = SCardListReaders(raw, nil, &names, &count)
        if UInt32(truncatingIfNeeded: code) == PCSCError.noReadersAvailable { return [] }
        try check("SCardListReaders", code)
        return names.prefix(Int(count)).split(separator: 0).map { name in
            String(decoding: name.map { UInt8(truncatingIfNeeded: $0) }, as: UTF8.self)
        }
    }

    /// Waits until a state differs from what the caller believes; false when the time is over.
    /// Calls `SCardGetStatusChange`.
    public func statusChange(
        _ states: inout [ReaderState], milliseconds: UInt32
    ) throws(PCSCError) -> Bool {
        let names = states.map { strdup($0.name) }
        defer { for name in names { free(name) } }
        var raws = states.indices.map { index in
            var state = SCARD_READERSTATE()
            state.szReader = UnsafePointer(names[index])
            state.dwCurrentState = DWORD(states[index].current)
            return state
        }
        let code = SCardGetStatusChange(raw, DWORD(milliseconds), &raws, DWORD(raws.count))
        let isOver = UInt32(truncatingIfNeeded: code) == PCSCError.timedOut
        if !isOver { try check("SCardGetStatusChange", code) }
        for index in states.indices {
            states[index].event = UInt32(truncatingIfNeeded: raws[index].dwEventState)
            let count = min(Int(raws[index].cbAtr), 33)
            states[index].atr = withUnsafeBytes(of: &raws[index].rgbAtr) { Array($0.prefix(count)) }
        }
        return !isOver
    }

    /// Powers the card in a reader. Calls `SCardConnect`.
    public func connect(_ reader: String, sharing: Sharing) throws(PCSCError) -> Card {
        var handle: SCARDHANDLE = 0
        var selected: DWORD = 0
        let mode = sharing == .exclusive ? SCARD_SHARE_EXCLUSIVE : SCARD_SHARE_SHARED
        try check(
            "SCardConnect",
            SCardConnect(
                raw, reader, DWORD(mode), DWORD(SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1), &handle,
                &selected))
        return Card(raw: handle, isT1: selected == DWORD(SCARD_PROTOCOL_T1))
    }
}
