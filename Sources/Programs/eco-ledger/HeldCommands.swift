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
        Command(
            ["held", "release"], words: "TERMINAL SEQUENCE",
            "book a held entry as if it had settled",
            options: [
                .database, why, .keys, .passphrase, .issuer, .ownKeys,
                .flag("unproven", "book it though nothing proves that the card signed it"),
            ],
            examples: [
                "eco-ledger held release \(here) 0f1e2d3c4b5a6978 12 --reason 'seen the slip'",
                "eco-ledger held release \(here) 0f1e2d3c4b5a6978 12 --reason 'card was added' "
                    + "--keys ledger.keys --passphrase-file pass",
            ], run: { try decide(true, $0) }),
        Command(
            ["held", "refuse"], words: "TERMINAL SEQUENCE",
            "decide that nothing comes of a held entry", options: [.database, why],
            examples: [
                "eco-ledger held refuse \(here) 0f1e2d3c4b5a6978 12 --reason 'seen the slip'",
                "eco-ledger held refuse \(here) 0f1e2d3c4b5a6978 12 --reason x --json",
            ], run: { try decide(false, $0) }),
        Command(
            ["held", "list"], "entries kept for a person to look at", options: [.database],
            examples: ["eco-ledger held list \(here)", "eco-ledger held list \(here) --json"],
            run: held),
    ]

    private static let why = OptionSpecification.value("reason", "TEXT", "why, for the audit")

    private static func decide(_ isReleased: Bool, _ call: Invocation) throws {
        guard let kid = Hexadecimal.bytes(call.words[0]), kid.count == 8,
            let sequence = UInt64(call.words[1])
        else {
            throw Failure(
                "'\(call.words[0]) \(call.words[1])' is no terminal and number",
                hint: "as eco-ledger held list shows them", code: .usage)
        }
        let reason = try call.required("reason")
        let keys = try call.evidenceKeys()
        try call.withBook {
            try $0.decide(
                terminal: kid, sequence: sequence, release: isReleased, reason: reason,
                keys: keys, allowUnproven: call.flag("unproven"), now: call.now)
        }
        let word = isReleased ? "released" : "refused"
        call.print(
            .record([
                "terminal": .text(call.words[0]), "seq": .integer(Int64(clamping: sequence)),
                "verdict": .text(word),
            ]), ["entry \(sequence) of \(call.words[0]) is \(word)"])
    }

    /// Why a held entry cannot be released, and what to do.
    static func failure(_ code: String) -> Failure {
        let (sentence, hint) =
            switch code {
            case "counter-repeated":
                (
                    "another operation has used the card's counter: this one is never booked",
                    "refuse it; what its holder is owed, card topup gives back"
                )
            case "booked-before":
                ("the same operation is booked under another number", "refuse it")
            case "card-unknown":
                ("its card is not registered", "eco-ledger card add, then release it again")
            case "keys-missing":
                (
                    "nobody has proven yet that the card signed it",
                    "give --keys and --passphrase-file; or --unproven, if you answer for it"
                )
            case "epoch-unknown":
                (
                    "these keys are of other epochs than the card's",
                    "give the newest bundle; or --unproven, if you answer for it"
                )
            case "evidence-forged", "evidence-digest", "evidence-uid":
                (
                    "the card did not sign this operation (\(code))",
                    "refuse it; or --unproven, if you answer for it"
                )
            case "closure-number":
                (
                    "the closure does not go on where the last one ended",
                    "decide about the closures before it first"
                )
            case "payment-unknown", "entry-unknown":
                ("the operation it is about is not here (\(code))", "wait until it is sent")
            case "payment-not-settled", "target-not-settled":
                (
                    "the operation it is about is not booked (\(code))",
                    "decide about that one first"
                )
            default: ("it cannot be booked: \(code)", "refuse it, or mend that first")
            }
        return Failure(sentence, hint: hint)
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
