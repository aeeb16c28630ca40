import CommandLineTool
import Glibc
import Linux
import Provisioning
import Readers

let readerCommands: [Command] = [
    Command(
        ["reader", "list"], "list the readers of PC/SC, or see whether a chip answers",
        options: [chipOption],
        examples: [
            "eco-card reader list", "eco-card reader list --nfc pn532_uart:/dev/ttyAMA0 --json",
        ],
        run: { invocation in
            let names: [String]
            do throws(ReaderError) {
                if let connstring = invocation.value("nfc") {
                    names = [try chipName(connstring)]
                } else {
                    names = try readerNames()
                }
            } catch { throw Failure(error) }
            guard !names.isEmpty else { throw Failure(ReaderError.noReader) }
            invocation.print(
                .record([
                    "schema": .text("eco.reader-list.1"),
                    "readers": .array(names.map { .text($0) }),
                ]),
                names.enumerated().map { "\($0.offset)  \($0.element)" })
        }),
    Command(
        ["reader", "watch"], "show cards coming and going until interrupted",
        options: readerOptions,
        examples: ["eco-card reader watch", "eco-card reader watch -r 1 --json"],
        run: { invocation in
            Signals.block([SIGINT, SIGTERM])
            let watcher = Watcher(isJSON: invocation.isJSON)
            let reader = CardReader(choice: try readerChoice(invocation), desk: watcher)
            reader.start()
            while Signals.wait([SIGINT, SIGTERM], atMost: .seconds(1)) == nil {}
            reader.stop()
        }),
]

/// Tells what happens at a reader, one line an event.
private final class Watcher: CardDesk {
    private let isJSON: Bool

    init(isJSON: Bool) { self.isJSON = isJSON }

    var wantsCard: Bool { true }

    private func say(_ event: String, _ words: String, _ diagnosis: Diagnosis? = nil) {
        var members: [JSONValue.Member] = [
            .init("schema", .text("eco.reader-event.1")), .init("event", .text(event)),
            .init("text", .text(words)),
        ]
        if let diagnosis { members.append(.init("kind", .text(diagnosis.word))) }
        Console.out(isJSON ? JSONValue.object(members).text : words)
    }

    func readerChanged(_ name: String?) {
        say(name == nil ? "reader-lost" : "reader", name.map { "Reader: \($0)" } ?? "No reader.")
    }

    func card(_ connection: inout CardConnection) {
        let diagnosis: Diagnosis
        do { diagnosis = try Diagnosis.read(&connection) } catch {
            return say("card", "Card: \(Failure(error).sentence).")
        }
        say("card", "Card: \(diagnosis.sentence)", diagnosis)
    }

    func cardRemoved() { say("removed", "Card removed.") }

    func severalCards() { say("several", "Several cards: leave one.") }
}
