import CommandLineTool
import Crypto
import LedgerBook
import Linux
import Operations
import Tokens

/// `held`.
enum HeldCommands {
    private static let here = "-d sqlite:ledger.sqlite"

    static let all = [
        verdict("release", "book a held entry as if it had settled", true),
        verdict("refuse", "decide that nothing comes of a held entry", false),
        Command(
            ["held", "list"], "entries kept for a person to look at", options: [.database],
            examples: ["eco-ledger held list \(here)", "eco-ledger held list \(here) --json"],
            run: held),
    ]

    private static func verdict(
        _ word: String, _ summary: String, _ isReleased: Bool
    ) -> Command {
        Command(
            ["held", word], words: "TERMINAL SEQUENCE", summary,
            options: [.database, .value("reason", "TEXT", "why, for the audit")],
            examples: [
                "eco-ledger held \(word) \(here) 0f1e2d3c4b5a6978 12 --reason 'seen the slip'",
                "eco-ledger held \(word) \(here) 0f1e2d3c4b5a6978 12 --reason x --json",
            ], run: { try decide(isReleased, $0) })
    }

    private static func decide(_ isReleased: Bool, _ call: Invocation) throws {
        guard let kid = Hexadecimal.bytes(call.words[0]), kid.count == 8,
            let sequence = UInt64(call.words[1])
        else {
            throw Failure(
                "'\(call.words[0]) \(call.words[1])' is no terminal and number",
                hint: "as eco-ledger held list shows them", code: .usage)
        }
        let reason = try call.required("reason")
        try call.withBook {
            try $0.decide(
                terminal: kid, sequence: sequence, release: isReleased, reason: reason,
                now: call.now)
        }
        let word = isReleased ? "released" : "refused"
        call.print(
            .record([
                "terminal": .text(call.words[0]), "seq": .integer(Int64(clamping: sequence)),
                "verdict": .text(word),
            ]), ["entry \(sequence) of \(call.words[0]) is \(word)"])
    }

    private static func held(_ call: Invocation) throws {
        let entries = try call.withBook { book in
            try book.held().map { entry in
                (entry, try book.claimed(terminal: entry.terminal, sequence: entry.sequence))
            }
        }
        call.print(
            .record(["held": .array(entries.map { object($0.0, replaces: $0.1) })]),
            entries.map { line($0.0) + ($0.1.map { "  replaces \($0.digits)" } ?? "") })
    }

    static func object(_ entry: NotedEntry) -> JSONValue { object(entry, replaces: nil) }

    /// `replaces`: the lost card whose account is claimed.
    private static func object(_ entry: NotedEntry, replaces: CardNumber?) -> JSONValue {
        .record([
            "reason": .text(entry.reason), "terminal": .text(entry.terminal),
            "seq": .integer(Int64(clamping: entry.sequence)), "id": .text(entry.id),
            "card": entry.card.map { .text($0) } ?? .null,
            "cents": entry.cents.map { .integer($0) } ?? .null,
            "time": .text(Day.time(entry.time)),
            "replaces": replaces.map { .text($0.digits) } ?? .null,
        ])
    }

    static func line(_ entry: NotedEntry) -> String {
        let money = entry.cents.map { "  \(Money.text($0)) ECO" } ?? ""
        return "\(entry.reason)  \(Day.time(entry.time))  terminal \(entry.terminal) "
            + "entry \(entry.sequence)\(entry.card.map { "  card \($0)" } ?? "")\(money)"
    }
}
