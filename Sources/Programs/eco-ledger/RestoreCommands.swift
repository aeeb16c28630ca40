import CommandLineTool
import Crypto
import LedgerBook
import Linux

/// What follows a backup that was put back: of the ledger, or of a terminal.
enum RestoreCommands {
    static let all = [
        Command(
            ["restored"], "say that the database was put back from a backup, before serve runs",
            options: [.database],
            examples: [
                "eco-ledger restored -d sqlite:ledger.sqlite",
                "eco-ledger restored -d sqlite:ledger.sqlite --json",
            ], run: restored),
        Command(
            ["terminal", "entries"], words: "ID FILE",
            "write what a terminal has sent, and its receipts, to FILE: for journal recover",
            options: [.database],
            examples: [
                "eco-ledger terminal entries -d sqlite:ledger.sqlite 0f1e2d3c4b5a6978 x.entries",
                "eco-terminal journal recover -c terminal.conf x.entries",
            ], run: entries),
    ]

    /// What a backup can forget, kind by kind: how it is called, how far the book goes, what only a
    /// person can do again.
    private static func forgotten(
        _ newest: NewestActs
    ) -> [(key: String, what: String, time: UInt64?, again: String)] {
        let version = newest.version.map { " (version \($0))" } ?? ""
        return [
            ("entry", "entry received", newest.entry, "nothing: terminals send theirs again"),
            ("revoked", "terminal revoked", newest.revoked, "terminal revoke: trusted until then"),
            ("paired", "terminal paired", newest.paired, "terminal code; it keeps its journal"),
            (
                "settings", "policy or catalogue\(version)", newest.settings,
                "policy set, catalogue load, merchant add"
            ), ("card", "card registered", newest.card, "card add"),
            (
                "topUp", "money issued here", newest.topUp,
                "card topup; with its --reference it counts once"
            ), ("block", "card blocked or unblocked", newest.block, "card block, card unblock"),
            (
                "verdict", "held entry decided", newest.verdict,
                "held release or refuse, once terminals have sent"
            ),
        ]
    }

    private static func restored(_ call: Invocation) throws {
        let (terminals, findings, newest) = try call.withBook { book in
            try book.noteRestored()
            return (
                try book.terminals().filter { $0.revoked == nil }, try book.audit(),
                try book.newestActs()
            )
        }
        let kinds = forgotten(newest)
        call.print(
            .record([
                "terminals": .integer(Int64(terminals.count)),
                "entries": .integer(Int64(findings.entries)),
                "sound": .bool(findings.faults.isEmpty),
                "newest": .object(
                    kinds.map { kind in
                        .init(kind.key, kind.time.map { .text(Day.time($0)) } ?? .null)
                    }),
            ]),
            [
                "\(findings.entries) entries of \(terminals.count) terminals; "
                    + (findings.faults.isEmpty ? "the book is sound" : "the book is BROKEN"),
                "The newest of each kind in this book. What was done later is forgotten; do it "
                    + "again before serve, in this order:",
            ]
                + kinds.map { kind in
                    "  \(kind.what): \(kind.time.map(Day.time) ?? "never")  -> \(kind.again)"
                } + ["Then start serve."])
        guard findings.faults.isEmpty else {
            throw Failure(
                "the backup is not sound", hint: "eco-ledger audit says where; take another one",
                code: .integrity, isTold: true)
        }
    }

    private static func entries(_ call: Invocation) throws {
        let (id, path) = (call.words[0], call.words[1])
        let kid = try terminalKid(id)
        let file = try NewFile(path)
        var (bytes, count): ([UInt8], Int64) = ([], 0)
        let receipts = try call.withBook { book in
            var (all, number): ([UInt8], Int64) = ([], 0)
            try book.copies(of: kid) { _, entry, _ in
                all += entry
                number += 1
            }
            (bytes, count) = (all, number)
            return try book.receipts(of: kid)
        }
        try file.write(bytes + receipts.flatMap { $0 })
        call.print(
            .record([
                "terminal": .text(id), "entries": .integer(count),
                "receipts": .integer(Int64(receipts.count)),
            ]), ["\(count) entries and \(receipts.count) receipts of \(id)"])
    }
}
