import COSE
import CommandLineTool
import Crypto
import Journal
import KeyStore
import LedgerClient
import Linux
import Operations

/// Which year of the journal is meant.
let yearOptions: [OptionSpecification] = [
    .value("year", "YYYY", "the fiscal year, by the UTC year of its first operation"),
    .value("from", "N", "its first entry, where two years began in YYYY"),
]

let yearCommands: [Command] = [
    Command(
        ["journal", "years"], "list the fiscal years, a file each, oldest first",
        options: [configurationOption],
        examples: [
            "eco-terminal journal years -c terminal.conf",
            "eco-terminal journal years -c terminal.conf --json",
        ], run: listYears),
    Command(
        ["journal", "purge"],
        "remove the oldest year's file, once its archive holds all of it and so does the ledger",
        options: [configurationOption] + yearOptions + [
            .value("archive", "FILE", "the archive of exactly this year"),
            .flag("dry-run", "check everything, remove nothing"),
        ],
        examples: [
            "eco-terminal journal archive -c terminal.conf --year 2026 2026.eco-archive",
            "eco-terminal journal purge -c terminal.conf --year 2026 --archive 2026.eco-archive "
                + "--dry-run",
            "eco-terminal journal purge -c terminal.conf --year 2026 --archive 2026.eco-archive",
        ], run: purgeYear),
]

private func years(_ journal: String) throws -> [JournalYear] {
    do { return try JournalYear.list(journal) } catch {
        throw Failure("the journal cannot be read: \(error)", hint: "check the path and rights")
    }
}

/// The year that `--year` and `--from` name.
func chosenYear(_ invocation: Invocation, in journal: String) throws -> JournalYear {
    let text = try invocation.required("year")
    guard let number = Int(text), (1_970...9_999).contains(number) else {
        throw Failure("--year takes four digits", hint: "for example --year 2026", code: .usage)
    }
    let all = try years(journal)
    let from =
        try invocation.value("from") == nil
        ? nil : UInt64(invocation.number("from", in: 1...Int64.max, default: 1))
    let found = all.filter { $0.year == number && (from == nil || $0.from == from) }
    guard let year = found.first else {
        throw Failure(
            "no year is here that began in \(number)" + (from.map { " with entry \($0)" } ?? ""),
            hint: "see what there is: eco-terminal journal years", code: .usage)
    }
    guard found.count == 1 else {
        let first = found.map { "\($0.from)" }.joined(separator: " or ")
        throw Failure(
            "\(found.count) years began in \(number)", hint: "say which: --from \(first)",
            code: .usage)
    }
    return year
}

@Sendable private func listYears(_ invocation: Invocation) throws {
    let configuration = try Configuration(path: try invocation.required("config"))
    let all = try years(try configuration.directory + "/journal.sqlite")
    if invocation.isJSON {
        return invocation.print(
            .record(["schema": .text("eco.journal-years.1"), "years": .array(all.map(object))]),
            [])
    }
    for year in all {
        let count = year.to + 1 - year.from
        let state = year.isClosed ? "closed" : "open"
        Console.out(
            "\(year.year.map { "\($0)" } ?? "–")  entries \(year.from) to \(year.to)  \(state)"
                + "  receipts \(year.receipted) of \(count)  \((year.size + 1_023) / 1_024) KiB"
                + "  \(fileName(year))")
    }
    if all.isEmpty { Console.out("No journal yet; eco-terminal serve makes it.") }
}

private func object(_ year: JournalYear) -> JSONValue {
    .record([
        "year": year.year.map { .integer(Int64($0)) } ?? .null,
        "from": .integer(Int64(clamping: year.from)), "to": .integer(Int64(clamping: year.to)),
        "closed": .bool(year.isClosed), "receipted": .integer(Int64(clamping: year.receipted)),
        "bytes": .integer(Int64(clamping: year.size)), "file": .text(fileName(year)),
        "head": .text(Hexadecimal.text(year.head)),
    ])
}

private func fileName(_ year: JournalYear) -> String {
    year.path.split(separator: "/").last.map(String.init) ?? year.path
}

@Sendable private func purgeYear(_ invocation: Invocation) throws {
    let configuration = try Configuration(path: try invocation.required("config"))
    let archivePath = try invocation.required("archive")
    let directory = try configuration.directory
    let path = directory + "/journal.sqlite"
    // serve takes entries and receipts: it and a purge exclude one another.
    let lock = try invocation.flag("dry-run") ? nil : claim(directory)
    defer { _ = lock }
    let year = try chosenYear(invocation, in: path)
    let archive: [UInt8]
    do { archive = try Files.read(archivePath, atMost: JournalArchive.sizeMax) } catch {
        throw Failure("\(archivePath) cannot be read: \(error)", hint: "check the path")
    }
    let ledger = try configuration.ledger().key
    let recorded: Entry?
    do {
        if lock == nil {
            let own = try configuration.readOnlySigningKey().publicKey
            _ = try Journal.checkPurge(
                of: year, in: path, archive: archive, terminal: own, ledger: ledger)
            recorded = nil
        } else {
            let journal = try Journal(
                path: path, signer: try configuration.signingKey(creating: false))
            recorded = try journal.purge(
                year, archive: archive, ledger: ledger,
                at: Moment(milliseconds: Clock.realtimeMilliseconds(), trust: .untrusted))
        }
    } catch let error as PurgeRefusal {
        throw failure(error, year, archivePath)
    } catch let error as JournalError {
        throw failure(.journal(error), year, archivePath)
    }
    tell(year, recorded, invocation)
}

private func failure(
    _ refusal: PurgeRefusal, _ year: JournalYear, _ archive: String
) -> Failure {
    let name = "the year of entries \(year.from) to \(year.to)"
    return switch refusal {
    case .notClosed:
        Failure(
            "\(name) is not closed", hint: "close day, month and year at the terminal first",
            code: .policy)
    case .notOldest:
        Failure(
            "an older year stands before entry \(year.from)",
            hint: "purge years in their order: eco-terminal journal years", code: .policy)
    case .notReceipted(let count):
        Failure(
            "the ledger has not receipted \(count) entries of this year",
            hint: "let eco-terminal serve send them first", code: .policy)
    case .notSound(let fault):
        Failure(
            "\(name) is not sound: \(fault)",
            hint: "keep the file as it is and call the association", code: .integrity)
    case .archive(let error): failure(error, archive)
    case .archiveDiffers:
        Failure(
            "\(archive) is sound, but it is not the archive of entries \(year.from) to \(year.to)",
            hint: "archive this year again: eco-terminal journal archive --year", code: .integrity)
    case .journal(let error):
        Failure(
            "the journal does not take it: \(error)", hint: "eco-terminal journal verify",
            code: .integrity)
    }
}

private func tell(_ year: JournalYear, _ recorded: Entry?, _ invocation: Invocation) {
    let head = Hexadecimal.text(year.head)
    invocation.print(
        .record([
            "schema": .text("eco.journal-purge.1"), "from": .integer(Int64(clamping: year.from)),
            "to": .integer(Int64(clamping: year.to)), "head": .text(head),
            "file": .text(fileName(year)), "bytes": .integer(Int64(clamping: year.size)),
            "purged": .bool(recorded != nil),
            "entry": recorded.map { .integer(Int64(clamping: $0.sequence)) } ?? .null,
        ]),
        [
            "Entries \(year.from) to \(year.to) are closed, receipted and in the archive; the "
                + "last one's SHA-256 is \(head).",
            recorded.map { "\(fileName(year)) was removed; entry \($0.sequence) records it." }
                ?? "Nothing was removed; without --dry-run \(fileName(year)) would be.",
        ])
}
