import CommandLineTool
import FoundationEssentials
import Linux

/// One card of the demonstration, as the seeds describe it.
struct DemoCard: Decodable {
    let name: String
    let number: String
    /// FORMATS §1: 0 anonymous, 1 member, 2 professional, 9 training.
    let `class`: Int
    let topUpCents: Int64

    var className: String {
        switch `class` {
        case 0: "anonymous"
        case 2: "professional"
        case 9: "training"
        default: "member"
        }
    }

    /// "20,00".
    var topUp: String {
        let cents = topUpCents % 100
        return "\(topUpCents / 100)," + (cents < 10 ? "0" : "") + "\(cents)"
    }

    /// Where its memory rests, below the demonstration's directory.
    var image: String { "cards/\(number).card" }

    static func read(_ path: String) throws -> [DemoCard] {
        guard let bytes = try? Files.read(path, atMost: 1 << 20),
            let cards = try? JSONDecoder().decode([DemoCard].self, from: Data(bytes)),
            !cards.isEmpty
        else { throw Failure("\(path) holds no cards", hint: "give --seeds DIR") }
        return cards
    }
}
