import CommandLineTool
import FoundationEssentials

/// Where `tap`, `present` and `remove` look: the box or demonstration that runs.
private enum Desk {
    static let option = OptionSpecification.value(
        "directory", "DIR", "of the box or demonstration (the one of Hardware/run)")

    static func directory(_ invocation: Invocation) -> String {
        if let directory = invocation.value("directory") { return directory }
        let environment = ProcessInfo.processInfo.environment
        if let state = environment["ECO_STATE"] { return state }
        let state = environment["XDG_STATE_HOME"] ?? (environment["HOME"] ?? "") + "/.local/state"
        return state + "/carte-eco"
    }
}

let tapCommand = Command(
    ["tap"], words: "NAME", "lay a card of the running box or demonstration on the reader, briefly",
    options: [Desk.option, .value("for", "SECONDS", "how long it lies there (3)")],
    examples: [
        "eco-sim tap anonyme", "eco-sim tap professionnelle --directory demo --for 1",
    ],
    run: { invocation in
        let seconds = try invocation.number("for", in: 0...3_600, default: 3)
        try BoxControl.ask(
            .tap(invocation.words[0], milliseconds: Int(seconds) * 1_000),
            in: Desk.directory(invocation), atMost: .seconds(seconds + 30))
        invocation.print(
            .record(["schema": .text("eco.tap.1"), "presented": .bool(true)]),
            ["\(invocation.words[0]) was on the reader for \(seconds) s."])
    })

let presentCommand = Command(
    ["present"], words: "NAME", "lay a card of the running box or demonstration on the reader",
    options: [Desk.option], examples: ["eco-sim present anonyme", "eco-sim remove"],
    run: { invocation in
        try BoxControl.ask(
            .present(invocation.words[0]), in: Desk.directory(invocation), atMost: .seconds(30))
        invocation.print(
            .record(["schema": .text("eco.tap.1"), "presented": .bool(true)]),
            ["\(invocation.words[0]) lies on the reader."])
    })

let removeCommand = Command(
    ["remove"], "take the card off the reader of the running box or demonstration",
    options: [Desk.option], examples: ["eco-sim present anonyme", "eco-sim remove"],
    run: { invocation in
        try BoxControl.ask(.remove, in: Desk.directory(invocation), atMost: .seconds(30))
        invocation.print(
            .record(["schema": .text("eco.tap.1"), "presented": .bool(false)]),
            ["The card was taken off the reader."])
    })
