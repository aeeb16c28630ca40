import PCSC
import Testing

/// The second reader of the vpcd driver, through PC/SC: other suites use the first.
final class LiveReader {
    static let limit = Duration.seconds(60)
    static let name = "Virtual PCD 00 01"
    /// What PC/SC says of a command whose answer never came.
    static let broken = PCSCError(call: "SCardTransmit", code: PCSCError.notTransacted)
    private let context: Context

    init() throws { context = try Context() }

    func count() throws -> Int { try context.readers().count }

    /// Waits until a card is there, or none; nil when that did not happen in time.
    func state(isPresent: Bool) throws -> ReaderState? {
        let deadline = ContinuousClock.now + Self.limit
        var states = [ReaderState(name: Self.name)]
        while ContinuousClock.now < deadline {
            _ = try context.statusChange(&states, milliseconds: 500)
            if states[0].isPresent == isPresent { return states[0] }
            states[0].current = states[0].event
        }
        return nil
    }

    func connect() throws -> LiveCard {
        LiveCard(try context.connect(Self.name, sharing: .exclusive))
    }
}

/// The card in it.
final class LiveCard {
    private var card: Card?

    init(_ card: consuming Card) { self.card = .some(consume card) }

    func transmit(_ command: [UInt8]) throws -> [UInt8] {
        guard let answer = try card?.transmit(command) else { return [] }
        return answer
    }

    /// An error is of no interest: the card may be gone.
    func disconnect(_ disposition: Disposition) {
        guard let card = card.take() else { return }
        try? card.disconnect(disposition)
    }
}
