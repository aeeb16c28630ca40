import COSE
import CommandLineTool
import Crypto
import Journal
import KeyStore
import Linux
import Operations

let archiveCommands: [Command] = [
    Command(
        ["journal", "archive"], words: "FILE",
        "write the journal, or one year of it, to FILE: signed and readable without this program",
        options: [configurationOption] + yearOptions,
        examples: [
            "eco-terminal journal archive -c terminal.conf --year 2026 2026.eco-archive",
            "eco-terminal journal archive -c terminal.conf all.eco-archive --json",
        ], run: archiveJournal),
    Command(
        ["journal", "archive", "verify"], words: "FILE",
        "prove an archive on any machine, from the file alone",
        options: [.value("key", "HEX", "the terminal's public key, to know whose archive it is")],
        examples: [
            "eco-terminal journal archive verify 2026.eco-archive",
            "eco-terminal journal archive verify 2026.eco-archive --json",
        ], run: verifyArchive),
]

@Sendable private func archiveJournal(_ invocation: Invocation) throws {
    let path = invocation.words[0]
    _ = try NewFile(path)
    let configuration = try Configuration(path: try invocation.required("config"))
    let signer = try configuration.signingKey(creating: false)
    let journal = try configuration.directory + "/journal.sqlite"
    let year = try invocation.value("year") == nil ? nil : chosenYear(invocation, in: journal)
    let contents: ArchiveContents
    do {
        let bytes = try JournalArchive.bytes(
            of: journal, year: year, signer: signer, made: Clock.realtimeMilliseconds())
        try Files.writeAtomically(bytes, to: path)
        // What counts is what can be read back.
        contents = try JournalArchive.verify(
            try Files.read(path, atMost: JournalArchive.sizeMax), terminal: signer.publicKey)
    } catch let error as ArchiveError { throw failure(error, path) } catch {
        throw Failure("\(path) cannot be written: \(error)", hint: "check rights and space")
    }
    tell(contents, invocation)
}

@Sendable private func verifyArchive(_ invocation: Invocation) throws {
    let path = invocation.words[0]
    var terminal: Ed25519PublicKey?
    if let text = invocation.value("key") {
        guard let key = Hexadecimal.bytes(text).flatMap({ try? Ed25519PublicKey($0) }) else {
            throw Failure("--key is no public key", hint: "64 hexadecimal characters", code: .usage)
        }
        terminal = key
    }
    let bytes: [UInt8]
    do { bytes = try Files.read(path, atMost: JournalArchive.sizeMax) } catch {
        throw Failure("\(path) cannot be read: \(error)", hint: "check the path")
    }
    do throws(ArchiveError) {
        tell(try JournalArchive.verify(bytes, terminal: terminal), invocation)
    } catch { throw failure(error, path) }
}

func failure(_ error: ArchiveError, _ path: String) -> Failure {
    switch error {
    case .damaged(let place):
        Failure("\(path) is not what was archived: \(place)", hint: "use a copy", code: .integrity)
    case .otherTerminal:
        Failure("\(path) is of another terminal", hint: "compare the key", code: .integrity)
    case .otherChain:
        Failure(
            "\(path) goes on from no entry that this journal has",
            hint: "eco-terminal journal recover first, or the archive of the years before",
            code: .integrity)
    case .journal(let cause):
        Failure(
            "the journal cannot be archived: \(cause)", hint: "eco-terminal journal verify",
            code: .integrity)
    }
}

private func tell(_ contents: ArchiveContents, _ invocation: Invocation) {
    invocation.print(
        .record([
            "schema": .text("eco.archive.1"),
            "key": .text(Hexadecimal.text(contents.terminal.bytes)),
            "from": .integer(Int64(clamping: contents.from)),
            "to": .integer(Int64(clamping: contents.to)),
            "receipts": .integer(Int64(clamping: contents.receipts)),
            "payments": .integer(Int64(clamping: contents.payments.count)),
            "cents": .integer(contents.payments.sum),
            "head": .text(Hexadecimal.text(contents.head)),
        ]),
        [
            "Entries \(contents.from) to \(contents.to), \(contents.receipts) receipts, "
                + "\(contents.payments.count) payments.",
            "The last entry's SHA-256 is \(Hexadecimal.text(contents.head)).",
            "Every signature verifies; the terminal's key is "
                + Hexadecimal.text(contents.terminal.bytes) + ".",
        ])
}
