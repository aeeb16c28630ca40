import CommandLineTool
import LedgerBook
import Linux

/// `report`, `audit` and `held`.
enum BookCommands {
    private static let here = "-d sqlite:ledger.sqlite"

    static let all = [
        Command(
            ["report"], "what each terminal took",
            options: [
                .database, .value("from", "YYYY-MM-DD", "first day, UTC"),
                .value("to", "YYYY-MM-DD", "last day, UTC"),
            ],
            examples: [
                "eco-ledger report \(here)",
                "eco-ledger report \(here) --from 2025-06-01 --to 2025-06-30 --json",
            ], run: report),
        Command(
            ["audit"], "check sums, chains, signatures and uniqueness; exit 11 when broken",
            options: [.database],
            examples: ["eco-ledger audit \(here)", "eco-ledger audit \(here) --json"],
            run: audit),
        Command(
            ["held", "list"], "entries kept for a person to look at", options: [.database],
            examples: ["eco-ledger held list \(here)", "eco-ledger held list \(here) --json"],
            run: held),
    ]

    private static func report(_ call: Invocation) throws {
        let from = try call.value("from").map { try Day.start($0) } ?? 0
        let to = try call.value("to").map { try Day.start($0) + Day.length } ?? UInt64.max
        let (totals, issued, held) = try call.withBook { book in
            (
                try book.report(from: from, to: to), try book.issued(),
                try book.held().count
            )
        }
        let sum = totals.reduce(Int64(0)) { $0 + $1.cents }
        call.print(
            .record([
                "terminals": .array(
                    totals.map {
                        .record([
                            "terminal": .text($0.terminal), "merchant": .text($0.merchant),
                            "payments": .integer($0.count), "cents": .integer($0.cents),
                        ])
                    }), "cents": .integer(sum), "issuedCents": .integer(issued),
                "held": .integer(Int64(held)),
            ]),
            totals.map {
                "\($0.terminal)  \($0.count) payments  \(Money.text($0.cents)) ECO  "
                    + $0.merchant
            } + [
                "together \(Money.text(sum)) ECO; issued so far \(Money.text(issued)) ECO; "
                    + "\(held) entries held"
            ])
    }

    private static func audit(_ call: Invocation) throws {
        let findings = try call.withBook { try $0.audit() }
        call.print(
            .record([
                "entries": .integer(Int64(findings.entries)),
                "transactions": .integer(Int64(findings.transactions)),
                "faults": .array(findings.faults.map { .text($0) }),
                "flagged": .array(findings.flagged.map(object)),
            ]),
            [
                "\(findings.entries) entries, \(findings.transactions) transactions: "
                    + (findings.faults.isEmpty ? "sound" : "BROKEN")
            ] + findings.faults.map { "fault: \($0)" } + findings.flagged.map(line))
        if !findings.faults.isEmpty {
            throw Failure(
                "the book breaks \(findings.faults.count) promises",
                hint: "stop serving, keep the file, and compare with a copy", code: .integrity)
        }
    }

    private static func held(_ call: Invocation) throws {
        let entries = try call.withBook { try $0.held() }
        call.print(.record(["held": .array(entries.map(object))]), entries.map(line))
    }

    private static func object(_ entry: NotedEntry) -> JSONValue {
        .record([
            "reason": .text(entry.reason), "terminal": .text(entry.terminal),
            "seq": .integer(Int64(clamping: entry.sequence)), "id": .text(entry.id),
            "card": entry.card.map { .text($0) } ?? .null,
            "cents": entry.cents.map { .integer($0) } ?? .null,
            "time": .text(Day.time(entry.time)),
        ])
    }

    private static func line(_ entry: NotedEntry) -> String {
        let money = entry.cents.map { "  \(Money.text($0)) ECO" } ?? ""
        return "\(entry.reason)  \(Day.time(entry.time))  terminal \(entry.terminal) "
            + "entry \(entry.sequence)\(entry.card.map { "  card \($0)" } ?? "")\(money)"
    }
}
