// Readers: cards coming to a reader, one conversation at a time, over PC/SC.
//
// Purpose: watch readers and cards; hand each card once to the `CardDesk`; map the reader's faults.
// Promises:
//   D1  One thread owns context, card and conversation. The desk is called on it and nowhere else.
//   D2  Every wait is bounded by one second, so `stop` is seen; a lost cancel does not matter.
//   D3  A card is handed over once an insertion: after its conversation it must leave first.
//   D4  A daemon that dies, restarts or was never there is looked for again, within a second each.
// Does not promise: to see a card that comes and goes within the daemon's polling period (0.4 s).
// Threads: "reader". `stop` may be called from any other.
// Units: milliseconds.

public import Cards
import PCSC

/// Which reader to use.
public enum ReaderChoice: Sendable, Equatable {
    /// The first one that is no SAM slot; all of them are watched for a second card.
    case any
    /// Names that begin so.
    case name(String)
    /// The n-th, from 0.
    case index(Int)

    /// The readers this choice means, of all there are. SAM slots hold no customer's card.
    func select(_ names: [String]) -> [String] {
        let usable = names.filter { !$0.contains("SAM") }
        switch self {
        case .any: return usable
        case .name(let prefix): return usable.filter { $0.hasPrefix(prefix) }
        case .index(let index): return usable.indices.contains(index) ? [usable[index]] : []
        }
    }
}

/// Why a card cannot be had.
public enum ReaderError: Error, Equatable, Sendable {
    /// The PC/SC service does not run.
    case noService
    /// No reader of that choice.
    case noReader
    /// No card came in time.
    case noCard
    /// Cards lie in several readers of that choice.
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
}

/// Who receives cards. Every call comes on the reader's thread (D1).
public protocol CardDesk: AnyObject, Sendable {
    /// Asked at each turn (at most 100 ms apart) while a card lies there that was not handed over.
    var wantsCard: Bool { get }
    /// The reader in use, or nil when there is none.
    func readerChanged(_ name: String?)
    /// The whole conversation, synchronous.
    func card(_ connection: inout CardConnection)
    /// The card that was handed over has left.
    func cardRemoved()
    /// Cards lie in two readers while one is wanted.
    func severalCards()
}

/// One card in a reader, shared with nobody: exclusive access needs no transaction.
public struct CardConnection: CardChannel, ~Copyable {
    private let card: Card
    /// APDUs so far.
    public private(set) var commands = 0
    /// Command bytes so far.
    public private(set) var bytesSent = 0
    /// Answer bytes so far, status words included.
    public private(set) var bytesReceived = 0

    init(_ card: consuming Card) { self.card = card }

    /// Sends one APDU. An answer without a status word, which some drivers give as a success, is
    /// that of a card that has left. - Throws: `.removed`, `.timedOut`, `.readerFault`.
    public mutating func transmit(_ command: [UInt8]) throws(CardError) -> [UInt8] {
        commands += 1
        bytesSent += command.count
        let answer: [UInt8]
        do { answer = try card.transmit(command) } catch { throw CardError(error) }
        bytesReceived += answer.count
        guard answer.count >= 2 else { throw .removed }
        return answer
    }

    /// Lets the card go, powered off so that no state stays. Faults no longer matter.
    consuming func end() {
        try? card.disconnect(.unpower)
    }
}

extension CardError {
    /// A card that left is not a reader that failed.
    init(_ error: PCSCError) {
        switch error.code {
        case PCSCError.removedCard, PCSCError.noSmartcard, PCSCError.resetCard,
            PCSCError.unpoweredCard, PCSCError.readerUnavailable, PCSCError.notTransacted,
            PCSCError.communicationError:
            self = .removed
        case PCSCError.timedOut, PCSCError.unresponsiveCard: self = .timedOut
        default: self = .readerFault("\(error)")
        }
    }
}

extension Context {
    /// Powers a card. A mute card is tried again: some need a second reset.
    func open(_ reader: String, tries: Int = 3) throws(PCSCError) -> CardConnection {
        var left = tries
        while true {
            left -= 1
            do throws(PCSCError) {
                return CardConnection(try connect(reader, sharing: .exclusive))
            } catch {
                let isMute =
                    error.code == PCSCError.unresponsiveCard
                    || error.code == PCSCError.unpoweredCard
                    || error.code == PCSCError.resetCard
                guard isMute, left > 0 else { throw error }
                try pause(reader)
            }
        }
    }

    /// Until something changes at the reader, a tenth of a second at most.
    private func pause(_ reader: String) throws(PCSCError) {
        var states = [ReaderState(name: reader)]
        _ = try statusChange(&states, milliseconds: 0)
        states[0].current = states[0].event
        _ = try statusChange(&states, milliseconds: 100)
    }
}
