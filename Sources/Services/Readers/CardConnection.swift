public import Cards
import NFC
import PCSC

/// One card in a reader, shared with nobody: exclusive access needs no transaction.
public struct CardConnection: CardChannel, ~Copyable {
    /// What lies between: the daemon's card, or the chip with the card it found first.
    private enum Link: ~Copyable {
        case card(Card)
        case chip(Device)
    }

    /// How long a chip may be silent over one command. Cards that ask for more time have it: the
    /// chip goes on waiting for them by itself, within this bound (D2).
    private static let chipLimit: Int32 = 1_000
    /// "Function not supported", as PC/SC readers answer for a card without APDUs.
    private static let noCommands: [UInt8] = [0x6A, 0x81]

    private let link: Link
    private let takesCommands: Bool
    /// APDUs so far.
    public private(set) var commands = 0
    /// Command bytes so far.
    public private(set) var bytesSent = 0
    /// Answer bytes so far, status words included.
    public private(set) var bytesReceived = 0

    init(_ card: consuming Card) {
        link = .card(card)
        takesCommands = true
    }

    /// The chip is this connection's until `end`.
    init(_ chip: consuming Device, _ target: Target) {
        link = .chip(chip)
        takesCommands = target.isISODEP
    }

    /// Sends one APDU. An answer without a status word, which some drivers give as a success, is
    /// that of a card that has left. - Throws: `.removed`, `.timedOut`, `.readerFault`.
    public mutating func transmit(_ command: [UInt8]) throws(CardError) -> [UInt8] {
        commands += 1
        bytesSent += command.count
        let answer = try pass(command)
        bytesReceived += answer.count
        guard answer.count >= 2 else { throw .removed }
        return answer
    }

    private func pass(_ command: [UInt8]) throws(CardError) -> [UInt8] {
        guard takesCommands else { return Self.noCommands }
        switch link {
        case .card(let card):
            do { return try card.transmit(command) } catch { throw CardError(error) }
        case .chip(let chip):
            do { return try chip.transceive(command, milliseconds: Self.chipLimit) } catch {
                throw CardError(error)
            }
        }
    }

    /// Lets the card go, powered off so that no state stays. Faults no longer matter. A chip is
    /// handed back as it is, its card still found.
    consuming func end() -> Device? {
        switch consume link {
        case .card(let card):
            try? card.disconnect(.unpower)
            return nil
        case .chip(let chip): return chip
        }
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

    /// A card that is silent on the air has left, for all a chip can tell.
    init(_ error: NFCError) {
        switch error.code {
        case NFCError.transmission, NFCError.released: self = .removed
        case NFCError.timedOut: self = .timedOut
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
