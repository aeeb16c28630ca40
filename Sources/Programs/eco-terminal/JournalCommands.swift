import COSE
import CommandLineTool
import Crypto
import Glibc
import Journal
import KeyStore
import LedgerClient
import LedgerMessages
import Linux
import Operations
import Tokens

let journalCommands: [Command] = [
    Command(
        ["journal", "verify"], "prove that nothing is missing, doubled or altered",
        options: [configurationOption, .flag("receipts", "check the ledger's receipts too")],
        examples: [
            "eco-terminal journal verify -c terminal.conf",
            "eco-terminal journal verify -c terminal.conf --receipts --json",
        ], run: verifyJournal),
    Command(
        ["journal", "list"], "list the entries, oldest first", options: [configurationOption],
        examples: [
            "eco-terminal journal list -c terminal.conf",
            "eco-terminal journal list -c terminal.conf --json",
        ], run: listJournal),
    Command(
        ["journal", "export"], words: "FILE",
        "write all entries to FILE as a CBOR sequence of COSE_Sign1",
        options: [configurationOption],
        examples: [
            "eco-terminal journal export -c terminal.conf journal.cborseq",
            "eco-terminal journal export -c terminal.conf journal.cborseq --json",
        ], run: exportJournal),
]

private func verifier(_ invocation: Invocation, receipts: Bool) throws -> JournalVerifier {
    let configuration = try Configuration(path: try invocation.required("config"))
    let terminal = try configuration.readOnlySigningKey().publicKey
    let ledger = receipts ? try configuration.ledger().key : nil
    do {
        return try JournalVerifier(
            path: try configuration.directory + "/journal.sqlite", terminal: terminal,
            ledger: ledger)
    } catch let error as JournalError {
        throw Failure("the journal cannot be read: \(error)", hint: "check the path and rights")
    }
}

private func run(
    _ verifier: JournalVerifier, _ each: (Entry, Sign1) -> Void = { _, _ in }
) throws -> JournalVerification {
    do { return try verifier.run(each: each) } catch {
        throw Failure("the journal cannot be read: \(error)", hint: "check the disk")
    }
}

@Sendable private func verifyJournal(_ invocation: Invocation) throws {
    let receipts = invocation.flag("receipts")
    let found = try run(verifier(invocation, receipts: receipts))
    let faults = found.faults.map {
        "fault: \($0.code.rawValue)  entry \($0.sequence)  \($0.what)"
    }
    var lines = [
        "\(found.entries) entries, \(found.payments) payments, "
            + "\((Amount(cents: found.paymentCents) ?? .zero).text) ECO."
    ]
    if let archived = found.archived {
        lines.append(
            "Entries 1 to \(archived.through) are "
                + (archived.isRecorded ? "archived" : "missing") + "; the last one's SHA-256 is "
                + Hexadecimal.text(archived.head) + ".")
    }
    if receipts { lines.append("Receipts cover \(found.acknowledged) of \(found.last) entries.") }
    lines += faults.isEmpty ? ["The chain is whole and every signature verifies."] : faults
    invocation.print(
        .record([
            "schema": .text("eco.journal-verify.2"), "entries": .integer(Int64(found.entries)),
            "payments": .integer(Int64(found.payments)), "cents": .integer(found.paymentCents),
            "acknowledged": .integer(Int64(found.acknowledged)),
            "last": .integer(Int64(found.last)),
            "archived": found.archived.map {
                .record([
                    "through": .integer(Int64($0.through)),
                    "head": .text(Hexadecimal.text($0.head)),
                ])
            } ?? .null,
            "faults": .array(
                found.faults.map {
                    .record([
                        "code": .text($0.code.rawValue),
                        "seq": .integer(Int64(clamping: $0.sequence)), "sentence": .text($0.what),
                    ])
                }),
        ]), lines)
    guard faults.isEmpty else {
        throw Failure(
            "the journal is not sound: \(faults.count) fault(s)",
            hint: "keep the file as it is and call the association", code: .integrity,
            isTold: true)
    }
}

@Sendable private func listJournal(_ invocation: Invocation) throws {
    let verifier = try verifier(invocation, receipts: false)
    let rejected = try codes(verifier)
    let verdicts = try verdicts(invocation)
    _ = try run(verifier) { entry, _ in
        let code = rejected[entry.sequence]
        let verdict = verdicts[entry.sequence].map { $0.isReleased ? "released" : "refused" }
        let (what, cents, card) = words(entry.body)
        let object = JSONValue.record([
            "schema": .text("eco.journal-entry.1"), "seq": .integer(Int64(entry.sequence)),
            "id": .text("\(entry.id)"), "time": .integer(Int64(entry.time)),
            "clock": .text("\(entry.clockTrust)"), "kind": .text(what),
            "cents": cents.map { .integer($0) } ?? .null,
            "card": card.map { .text($0.digits) } ?? .null,
            "rejected": code.map { .text($0) } ?? .null,
            "verdict": verdict.map { .text($0) } ?? .null,
        ])
        let amount = cents.flatMap { Amount(cents: $0) }.map { "  \($0.text) ECO" } ?? ""
        let line =
            "\(entry.sequence)  \(entry.id)  \(what)\(amount)"
            + (card.map { "  …\($0.lastFour)" } ?? "")
            + (code.map { "  rejected (\($0))" } ?? "") + (verdict.map { ", \($0)" } ?? "")
        Console.out(invocation.isJSON ? object.text : line)
    }
}

/// The ledger's codes of what it declined or holds.
private func codes(_ verifier: JournalVerifier) throws -> [UInt64: String] {
    do { return try verifier.rejected() } catch {
        throw Failure("the journal cannot be read: \(error)", hint: "check the disk")
    }
}

/// What the association decided of held entries, as far as this terminal was told.
private func verdicts(_ invocation: Invocation) throws -> [UInt64: Verdict] {
    let configuration = try Configuration(path: try invocation.required("config"))
    // A terminal that is not paired yet was told nothing.
    guard let ledger = try? configuration.ledger() else { return [:] }
    return StoredNews(
        directory: try configuration.directory, address: ledger,
        terminal: try configuration.readOnlySigningKey().publicKey.kid
    ).verdicts
}

func words(_ body: EntryBody) -> (String, Int64?, CardNumber?) {
    switch body {
    case .technicalEvent(let event): ("event \(event.code)", nil, nil)
    case .action(let action): ("action \(action.code)", nil, body.card)
    case .closure(let closure): ("closure \(closure.period) \(closure.number)", nil, nil)
    case .payment, .refund, .reversal, .topUp, .enrolment, .cardEvent:
        ("\(body.kind)", body.amount?.cents, body.card)
    }
}

@Sendable private func exportJournal(_ invocation: Invocation) throws {
    let file = try NewFile(invocation.words[0])
    var bytes: [UInt8] = []
    let found = try run(verifier(invocation, receipts: false)) { bytes += $1.bytes }
    guard found.faults.isEmpty else {
        throw Failure(
            "the journal is not sound", hint: "eco-terminal journal verify says where",
            code: .integrity)
    }
    try file.write(bytes)
    invocation.print(
        .record([
            "schema": .text("eco.journal-export.1"), "entries": .integer(Int64(found.entries)),
            "bytes": .integer(Int64(bytes.count)), "sha256": .text(Hexadecimal.text(sha256(bytes))),
        ]),
        [
            "\(found.entries) entries, \(bytes.count) bytes, "
                + "SHA-256 \(Hexadecimal.text(sha256(bytes)))"
        ])
}
