// Cards: the card side of the product, as bytes in and values out.
//
// Purpose: APDUs, EV2 secure messaging, NTAG 424 DNA commands, SDM, AN10922, our NDEF and card
// state layouts (CARDS.md), and `CardProfile`: what every kind of Carte ECO can do.
// Promises: every answer of a card is checked before it is believed; a wrong one is a `CardError`,
// never a trap; after any error a secure session is dead and says so.
// Does not promise: to know a reader. A `CardChannel` moves bytes; who owns it decides about time.
// Threads: a conversation belongs to one thread from first to last APDU.
// Units: lengths and offsets in bytes. Sources: CARD-COMMANDS digest of NT4H2421Gx and AN12196.

/// What can go wrong in a conversation with a card. A reader's fault is not a card's, and neither
/// is an answer that makes no sense.
public enum CardError: Error, Equatable, Sendable {
    /// The card left the field. What was sent may or may not have been executed.
    case removed
    /// The card did not answer in time.
    case timedOut
    /// The reader or its service failed: call and code for the log.
    case readerFault(String)
    /// The card answered with an error status.
    case refused(StatusWord, during: String)
    /// The answer is not of the shape the data sheet states.
    case malformed(String)
    /// A MAC, cryptogram or random number does not verify: not the card it claims to be.
    case notAuthentic(String)
    /// The secure session is over; nothing was sent.
    case noSession
}

/// Moves one APDU to a card and its answer back.
public protocol CardChannel: ~Copyable {
    /// Sends a command APDU (5...261 bytes) and gives the answer with its status word (2...258).
    /// - Throws: `CardError.removed`, `.timedOut`, `.readerFault`.
    mutating func transmit(_ command: [UInt8]) throws(CardError) -> [UInt8]
}

extension CardChannel where Self: ~Copyable {
    /// Sends a command and splits the answer.
    public mutating func exchange(_ command: [UInt8]) throws(CardError) -> CardAnswer {
        let bytes = try transmit(command)
        guard let answer = CardAnswer(bytes) else { throw .malformed("answer without status") }
        return answer
    }

    /// Sends a command whose only good status is `expected`.
    mutating func exchange(
        _ command: [UInt8], expecting expected: StatusWord, during step: String
    ) throws(CardError) -> [UInt8] {
        let answer = try exchange(command)
        guard answer.status == expected else { throw .refused(answer.status, during: step) }
        return answer.data
    }
}
