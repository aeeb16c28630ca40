import COSE
import CommandLineTool
import Crypto
import Journal
import KeyStore
import LedgerClient
import Linux
import Operations

let recoverCommand = Command(
    ["journal", "recover"], words: "FILE",
    "catch up after an old image was put back, from what eco-ledger terminal entries wrote",
    options: [
        configurationOption,
        .flag("set-aside", "also when the old copy holds operations the ledger never had"),
    ],
    examples: [
        "eco-ledger terminal entries -d sqlite:ledger.sqlite 0f1e2d3c4b5a6978 x.entries",
        "eco-terminal journal recover -c terminal.conf x.entries",
        "eco-terminal journal recover -c terminal.conf x.entries --set-aside --json",
    ], run: recoverJournal)

@Sendable private func recoverJournal(_ invocation: Invocation) throws {
    let path = invocation.words[0]
    let configuration = try Configuration(path: try invocation.required("config"))
    let terminal = try StoppedTerminal(configuration)
    defer { _ = terminal }
    let (journal, signer) = (terminal.journal, terminal.signer)
    let copies: LedgerCopies
    do {
        copies = try LedgerCopies(
            try Files.read(path, atMost: JournalArchive.sizeMax), terminal: signer.publicKey,
            ledger: try configuration.ledger().key)
    } catch let error as ArchiveError { throw failure(error, path) } catch let error as LinuxError {
        throw Failure("\(path) cannot be read: \(error)", hint: "check the path")
    }
    let now = Clock.realtimeMilliseconds()
    let aside = SetAsideFolder.path(in: terminal.directory, at: now)
    do throws(JournalError) {
        guard let found = try Journal.compare(journal, with: copies, signer: signer) else {
            return tell(nil, copies, aside, invocation)
        }
        if found.operations > 0, !invocation.flag("set-aside") {
            throw .refused(Strays.text(found))
        }
        try Strays.archive(journal, to: aside, signer, now)
        try Journal.recover(
            journal, from: copies, found, aside: aside, signer: signer,
            at: Moment(milliseconds: now, trust: .untrusted))
        tell(found, copies, aside, invocation)
    } catch {
        if case .refused(let sentence) = error {
            throw Failure(
                sentence,
                hint: "call the association; with --set-aside the old copy is kept beside the "
                    + "journal, with its archive", code: .policy)
        }
        throw Failure(
            "the journal cannot be made anew: \(error)",
            hint: "keep \(terminal.directory) as it is and call the association", code: .integrity)
    }
}

/// Entries of the old copy that the ledger never had.
private enum Strays {
    static func text(_ found: Recovery) -> String {
        let sum = (Amount(cents: found.payments.sum) ?? .zero).text
        return "the old copy holds \(found.operations) operations that the ledger never had "
            + "(\(found.payments.count) payments, \(sum) ECO)"
    }

    /// The old copy as one signed file, for whoever decides about it.
    static func archive(
        _ journal: String, to folder: String, _ signer: SigningKey, _ now: UInt64
    ) throws(JournalError) {
        do {
            try Files.makeDirectory(folder)
            guard try JournalFiles.exist(journal) else { return }
            let bytes = try JournalArchive.bytes(of: journal, signer: signer, made: now)
            try Files.writeAtomically(bytes, to: SetAsideFolder.archive(in: folder))
        } catch { throw .unusable("\(error)") }
    }
}

private func tell(
    _ found: Recovery?, _ copies: LedgerCopies, _ aside: String, _ invocation: Invocation
) {
    func number(_ value: UInt64) -> JSONValue { .integer(Int64(clamping: value)) }
    invocation.print(
        .record([
            "schema": .text("eco.journal-recover.1"), "recovered": .bool(found != nil),
            "last": number(copies.last), "common": found.map { number($0.common) } ?? .null,
            "strays": number(found?.strays ?? 0), "operations": number(found?.operations ?? 0),
            "cents": .integer(found?.payments.sum ?? 0),
            "set-aside": found == nil ? .null : .text(aside),
        ]),
        found.map { found in
            [
                "The journal holds entries 1 to \(found.last) again, with their receipts.",
                "The old copy is in \(aside): it agreed up to entry \(found.common), and "
                    + "\(found.strays) entries after it are nowhere else.",
            ]
                + (found.operations > 0
                    ? [
                        Strays.text(found) + ".",
                        "Before selling: eco-terminal journal claim "
                            + SetAsideFolder.archive(in: aside),
                    ] : [])
        } ?? ["Nothing to do: the journal holds all that the ledger has."])
}
