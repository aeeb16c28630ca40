// Readers: cards coming to a reader, one conversation at a time, over PC/SC or libnfc.
//
// Purpose: watch readers and cards; hand each card once to the `CardDesk`; map the reader's faults.
// Promises:
//   D1  One thread owns context or chip, card and conversation. The desk is called on it and
//       nowhere else.
//   D2  Every wait is bounded by one second, so `stop` is seen; a lost cancel does not matter.
//   D3  A card is handed over once an insertion: after its conversation it must leave first.
//   D4  A daemon that dies, restarts or was never there is looked for again, within a second each;
//       so is a chip whose line is gone.
//   D5  A chip that has gone deaf is opened anew: after three failures in a row, after a call that
//       took longer than its bound, and after ten minutes without a card.
// Does not promise: to see a card that comes and goes within the daemon's polling period (0.4 s;
// 0.15 s with libnfc); a card's leaving without its silence: over libnfc a card has left when it
// does not answer twice, so one that fell mute and lies there comes as a new one; a bound for a
// chip that trickles single bytes (NFC, N1): `health` shows that it does.
// Threads: "reader". `stop` may be called from any other.
// Units: milliseconds.

import NFC
import PCSC

/// Which reader to use.
public enum ReaderChoice: Sendable, Equatable {
    /// The first one that is no SAM slot; all of them are watched for a second card.
    case any
    /// Names that begin so.
    case name(String)
    /// The n-th, from 0.
    case index(Int)
    /// A chip through libnfc instead of a PC/SC reader, by its connection string, as
    /// `pn532_uart:/dev/ttyAMA0`.
    case nfc(String)

    /// What a person writes: nothing, how a name begins, a number, or `nfc:` and a connection
    /// string.
    public init(_ text: String) {
        let prefix = "nfc:"
        if text.isEmpty {
            self = .any
        } else if text.hasPrefix(prefix) {
            self = .nfc(String(text.dropFirst(prefix.count)))
        } else {
            self = Int(text).map { .index($0) } ?? .name(text)
        }
    }

    /// The readers this choice means, of all there are. SAM slots hold no customer's card.
    func select(_ names: [String]) -> [String] {
        let usable = names.filter { !$0.contains("SAM") }
        switch self {
        case .any: return usable
        case .name(let prefix): return usable.filter { $0.hasPrefix(prefix) }
        case .index(let index): return usable.indices.contains(index) ? [usable[index]] : []
        case .nfc: return []
        }
    }
}

/// Why a card cannot be had.
public enum ReaderError: Error, Equatable, Sendable {
    /// The PC/SC service does not run.
    case noService
    /// No reader of that choice, or no chip at the connection string.
    case noReader
    /// libnfc has no driver of the name the connection string begins with.
    case unknownDriver(String)
    /// No card came in time.
    case noCard
    /// Cards lie in several readers of that choice, or two before the chip.
    case severalCards
    /// The service or the reader failed: call and code.
    case fault(String)

    init(_ error: PCSCError) {
        switch error.code {
        case PCSCError.noService, PCSCError.serviceStopped: self = .noService
        case PCSCError.noReadersAvailable, PCSCError.unknownReader, PCSCError.readerUnavailable:
            self = .noReader
        case PCSCError.noSmartcard, PCSCError.removedCard: self = .noCard
        default: self = .fault("\(error)")
        }
    }

    init(_ error: NFCError) {
        self = error.code == NFCError.noSuchDevice ? .noReader : .fault("\(error)")
    }
}

/// Who receives cards. Every call comes on the reader's thread (D1).
public protocol CardDesk: AnyObject, Sendable {
    /// Asked at each turn, at most 150 ms apart, as long as no card was handed over.
    var wantsCard: Bool { get }
    /// The reader in use, or nil when there is none.
    func readerChanged(_ name: String?)
    /// The whole conversation, synchronous.
    func card(_ connection: inout CardConnection)
    /// Asked after a conversation: true when nothing came of it and the card, while it lies there,
    /// is as good as one that was not handed over yet.
    var leavesCardFree: Bool { get }
    /// The card that was handed over has left.
    func cardRemoved()
    /// Cards lie in two readers, or two before the chip, while one is wanted.
    func severalCards()
}

extension CardDesk {
    /// A card that was handed over has to leave first.
    public var leavesCardFree: Bool { false }
}
