import CardEmulation
import Cards
import CommandLineTool
import Crypto
import KeyStore
import Linux
import PCSC
import Provisioning
import ReaderEmulation
import Tokens

/// One command and its answer.
typealias Exchange = (command: [UInt8], answer: [UInt8])

/// A powered card as a channel, with every exchange noted.
struct BenchChannel: CardChannel, ~Copyable {
    private let card: Card
    private(set) var exchanges: [Exchange] = []

    init(_ card: consuming Card) { self.card = card }

    mutating func transmit(_ command: [UInt8]) throws(CardError) -> [UInt8] {
        do {
            let answer = try card.transmit(command)
            exchanges.append((command, answer))
            return answer
        } catch { throw .readerFault("\(error)") }
    }

    consuming func end() {
        try? card.disconnect(.unpower)
    }
}

/// One provisioned software card in the virtual reader, and the reader.
struct BenchCard {
    let slot: VirtualReaderSlot
    let keys: IssuerKeys
    let reader: String
    /// Takes the card back to what it was once provisioned, its random numbers too.
    let past = CardPast()
    private static let number = CardNumber(serial: 10_000_000_001)

    /// Connects to vpcd, inserts a factory card and provisions it through pcscd.
    init(host: String, port: UInt16, now: UInt64) throws {
        slot = VirtualReaderSlot(host: host, port: port)
        keys = try IssuerKeys.create(epoch: 1)
        past.keep(try CardMemory.factory(uid: [0x04] + randomBytes(6)))
        slot.insert(try SoftwareNTAG424(storage: past, randomness: past))
        guard let number = Self.number, let name = Self.waitForCard() else {
            throw Failure(
                "the virtual reader does not show the card",
                hint: "run it as Hardware/private-pcscd eco-bench tap", code: .noReader)
        }
        reader = name
        let order = CardOrder(
            number: number, cardClass: .member, host: "carte.eco.example", issued: now,
            expires: now + 86_400)
        let context = try Context()
        var channel = BenchChannel(try Self.open(context, name))
        _ = try Personalisation(keys: keys, epoch: 1).run(&channel, order)
        channel.end()
        past.mark()
    }

    /// Connects as the terminal does.
    static func open(_ context: borrowing Context, _ reader: String) throws -> Card {
        try context.connect(reader, sharing: .exclusive)
    }

    private static func waitForCard() -> String? {
        let end = Clock.monotonicNanoseconds() + 10_000_000_000
        while Clock.monotonicNanoseconds() < end {
            if let context = try? Context(), let names = try? context.readers() {
                var states = names.filter { $0.contains("Virtual") }.map { ReaderState(name: $0) }
                _ = try? context.statusChange(&states, milliseconds: 200)
                if let found = states.first(where: \.isPresent) { return found.name }
            }
            Clock.sleep(.milliseconds(50))
        }
        return nil
    }
}
