import CardEmulation
import CommandLineTool
import Glibc
import Linux
import ReaderEmulation

let boxCommand = Command(
    ["box"], "keep a box of cards beside the virtual reader until Ctrl-C",
    options: [.value("directory", "DIR", "the box: its cards are the files NAME.card")]
        + ChosenReader.options,
    examples: [
        "eco-sim box --directory cards", "eco-sim box --directory cards --pn532 cards/pn532",
        "eco-sim tap anne --directory cards",
    ],
    run: { invocation in
        let directory = try invocation.required("directory")
        let open = try ChosenReader.parse(invocation)
        Signals.block([SIGINT, SIGTERM])
        let control = try BoxControl(serving: directory)
        let chosen = try open()
        Console.error("box \(directory): ready for \(chosen.place)")
        var box = Box(chosen.reader) { name in
            guard BoxNames.isName(name) else { throw BoxRefusal(sentence: "that is no card name") }
            return try SoftwareNTAG424(storage: ImageStorage(path: "\(directory)/\(name).card"))
        }
        while Signals.wait([SIGINT, SIGTERM], atMost: .milliseconds(20)) == nil {
            box.serve(control)
        }
        chosen.reader.stop()
        Console.error("box \(directory): closed")
    })

/// Why a card cannot be laid down, for the asker.
struct BoxRefusal: Error {
    let sentence: String
}

/// What may be asked for by name: nothing that leads out of the box.
enum BoxNames {
    static func isName(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.count <= 100 && !text.hasPrefix(".")
            && !text.utf8.contains(UInt8(ascii: "/")) && !text.utf8.contains(0)
    }
}

/// Cards beside one place of a reader: lays them down and takes them away as asked.
struct Box {
    /// How long the reader may take to power a card.
    static let patience = Duration.seconds(10)

    /// A card that lies there for a while, and who is told when it is gone.
    private struct Tap {
        let ticket: BoxControl.Ticket
        let presence: Duration
        let giveUp: ContinuousClock.Instant
        var end: ContinuousClock.Instant?
    }

    private let slot: any VirtualSlot
    private let card: (String) throws -> any SoftwareCard
    private var tap: Tap?

    /// `card` finds a card by name, or throws what to tell the asker.
    init(_ slot: any VirtualSlot, card: @escaping (String) throws -> any SoftwareCard) {
        self.slot = slot
        self.card = card
    }

    /// One round: ends a tap whose time has come, takes one request.
    mutating func serve(_ control: borrowing BoxControl) {
        advance(control)
        guard let ticket = control.next() else { return }
        switch ticket.request {
        case .tap(let name, let milliseconds):
            guard lay(name, ticket, control) else { return }
            tap = Tap(
                ticket: ticket, presence: .milliseconds(max(0, min(milliseconds, 3_600_000))),
                giveUp: .now + Self.patience)
        case .present(let name):
            if lay(name, ticket, control) { control.answer(ticket, nil) }
        case .remove:
            if let tap { control.answer(tap.ticket, "the card was taken away early") }
            tap = nil
            let isThere = slot.remove() != nil
            control.answer(ticket, isThere ? nil : "no card lies on the reader")
        }
    }

    private func lay(
        _ name: String, _ ticket: BoxControl.Ticket, _ control: borrowing BoxControl
    ) -> Bool {
        do {
            guard slot.insert(try card(name)) else {
                control.answer(ticket, "another card lies on the reader")
                return false
            }
            return true
        } catch let refusal as BoxRefusal {
            control.answer(ticket, refusal.sentence)
        } catch {
            control.answer(ticket, "the card \(name) cannot be used: \(error)")
        }
        return false
    }

    /// The time on the reader runs from when it powered the card.
    private mutating func advance(_ control: borrowing BoxControl) {
        guard var current = tap else { return }
        if current.end == nil, slot.presence == .powered { current.end = .now + current.presence }
        tap = current
        let isOver = current.end.map { $0 <= .now } ?? (slot.presence == .left)
        if isOver || current.giveUp <= .now && current.end == nil {
            slot.remove()
            tap = nil
            control.answer(current.ticket, isOver ? nil : "no reader took the card")
        }
    }
}
