import CommandLineTool
import Linux

/// How `eco-sim tap` reaches a running demonstration: two small files in its directory.
enum TapRequest {
    /// How long a card stays on the reader.
    static let presence = Duration.seconds(3)
    private static let patience: UInt64 = 15_000_000_000

    private static func request(_ directory: String) -> String { directory + "/tap.request" }
    private static func reply(_ directory: String) -> String { directory + "/tap.reply" }

    /// The demonstration's side: the card asked for, once.
    static func take(_ directory: String) -> String? {
        let path = request(directory)
        guard let bytes = try? Files.read(path, atMost: 256) else { return nil }
        try? Files.remove(path)
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The demonstration's answer.
    static func answer(_ directory: String, _ text: String) {
        try? Files.writeAtomically(Array(text.utf8), to: reply(directory))
    }

    /// The asker's side: asks and waits until the card has come and gone.
    static func ask(_ name: String, _ directory: String) throws -> String {
        try? Files.remove(reply(directory))
        do { try Files.writeAtomically(Array(name.utf8), to: request(directory)) } catch {
            throw Failure("\(directory) is no demonstration: \(error)", hint: "give --directory")
        }
        let end = Clock.monotonicNanoseconds() + patience
        while Clock.monotonicNanoseconds() < end {
            if let bytes = try? Files.read(reply(directory), atMost: 4_096) {
                return String(decoding: bytes, as: UTF8.self)
            }
            Clock.sleep(.milliseconds(50))
        }
        try? Files.remove(request(directory))
        throw Failure("no demonstration answers in \(directory)", hint: "start Hardware/run first",
            code: .noCard)
    }
}

let tapCommand = Command(
    ["tap"], words: "NAME", "lay a card of the running demonstration on the reader for 3 s",
    options: [.value("directory", "DIR", "the demonstration's directory")],
    examples: [
        "eco-sim tap anonyme --directory demo", "eco-sim tap professionnelle --directory demo",
    ],
    run: { invocation in
        let answer = try TapRequest.ask(
            invocation.words[0], try invocation.required("directory"))
        guard answer == "presented" else { throw Failure(answer, hint: "see the list of cards") }
        invocation.print(
            .record(["schema": .text("eco.tap.1"), "presented": .bool(true)]),
            ["\(invocation.words[0]) was on the reader for 3 s."])
    })
