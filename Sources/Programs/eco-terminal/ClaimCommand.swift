import CommandLineTool
import Journal
import Linux
import Operations
import Tokens

let claimCommand = Command(
    ["journal", "claim"], words: "FILE",
    "enter what a journal that was set aside holds and the ledger never had",
    options: [configurationOption, .flag("dry-run", "say what would be entered, enter nothing")],
    examples: [
        "eco-terminal journal claim -c terminal.conf "
            + "/var/lib/carte-eco/set-aside-1795773600000/old.eco-archive --dry-run",
        "eco-terminal journal claim -c terminal.conf old.eco-archive --json",
    ], run: claimSetAside)

@Sendable private func claimSetAside(_ invocation: Invocation) throws {
    let path = invocation.words[0]
    let configuration = try Configuration(path: try invocation.required("config"))
    let terminal = try StoppedTerminal(configuration)
    defer { _ = terminal }
    let archive: [UInt8]
    do { archive = try Files.read(path, atMost: JournalArchive.sizeMax) } catch {
        throw Failure("\(path) cannot be read: \(error)", hint: "check the path")
    }
    do {
        guard try JournalFiles.exist(terminal.journal) else {
            throw Failure(
                "there is no journal to enter anything in",
                hint: "eco-terminal journal recover makes it of what the ledger has")
        }
        let journal = try Journal(path: terminal.journal, signer: terminal.signer)
        let found = try journal.claim(from: archive)
        if !invocation.flag("dry-run") {
            let now = Clock.realtimeMilliseconds()
            try journal.enter(found, at: Moment(milliseconds: now, trust: .untrusted))
            journal.checkpoint()
        }
        try tell(found, journal, invocation)
    } catch let error as Failure { throw error } catch let error as ArchiveError {
        throw failure(error, path)
    } catch {
        throw Failure(
            "the journal takes nothing: \(error)",
            hint: "the same command again enters what is missing", code: .integrity)
    }
}

private func tell(_ found: SetAsideClaim, _ journal: Journal, _ invocation: Invocation) throws {
    var objects: [JSONValue] = []
    var lines: [String] = []
    for operation in found.operations {
        let entry = operation.entry
        let (kind, cents, card) = words(entry.body)
        let place = try journal.entry(entry.id)?.sequence
        objects.append(
            .record([
                "seq": .integer(Int64(clamping: entry.sequence)), "id": .text("\(entry.id)"),
                "time": .integer(Int64(clamping: operation.origin.time)), "kind": .text(kind),
                "cents": cents.map { .integer($0) } ?? .null,
                "card": card.map { .text($0.digits) } ?? .null,
                "fate": .text(operation.fate.rawValue),
                "entry": place.map { .integer(Int64(clamping: $0)) } ?? .null,
            ]))
        let amount = cents.flatMap { Amount(cents: $0) }.map { "  \($0.text) ECO" } ?? ""
        lines.append(
            "\(entry.sequence)  \(kind)\(amount)\(card.map { "  …\($0.lastFour)" } ?? "")  "
                + operation.fate.text + (place.map { ", entry \($0)" } ?? ""))
    }
    func count(_ fate: ClaimedEntry.Fate) -> JSONValue {
        .integer(Int64(clamping: found.total(fate).count))
    }
    let claimed = found.total(.claimed)
    let verb = invocation.flag("dry-run") ? "would be entered" : "entered"
    let sum = (Amount(cents: claimed.sum) ?? .zero).text
    invocation.print(
        .record([
            "schema": .text("eco.journal-claim.1"),
            "common": .integer(Int64(clamping: found.common)), "claimed": count(.claimed),
            "cents": .integer(claimed.sum), "known": count(.known),
            "cancelled": count(.cancelled), "unsupported": count(.unsupported),
            "written": .bool(!invocation.flag("dry-run")), "operations": .array(objects),
        ]),
        lines + [
            "The old copy agrees up to entry \(found.common); \(claimed.count) operations after "
                + "it are \(verb), payments of \(sum) ECO among them."
        ]
            + (claimed.count > 0
                ? ["The ledger judges them like all others when they are sent."] : []))
}

extension ClaimedEntry.Fate {
    fileprivate var text: String {
        switch self {
        case .claimed: "claimed"
        case .known: "in the journal already"
        case .cancelled: "cancelled there"
        case .unsupported: "not entered: give it back as a refund, with the card"
        }
    }
}
