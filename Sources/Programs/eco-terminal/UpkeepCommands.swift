import CommandLineTool
import FoundationEssentials
import HTTPClient
import Journal
import Linux
import Operations

/// What a package manager asks before it restarts or removes the service.
let upkeepCommands: [Command] = [
    Command(
        ["idle"], "say whether a restart of the service would cut anything short now",
        options: [
            configurationOption,
            .value("wait", "SECONDS", "ask again for so long while it would (0)"),
        ],
        examples: ["eco-terminal idle", "eco-terminal idle --wait 60 --json"], run: askIdle),
    Command(
        ["journal", "unsent"],
        "count what the ledger has not acknowledged; exits 6 when accounts depend on it",
        options: [configurationOption],
        examples: [
            "eco-terminal journal unsent", "eco-terminal journal unsent -c terminal.conf --json",
        ], run: countUnsent),
]

/// The configuration; nil when nobody names one and the standard one is not there.
private func configuration(_ invocation: Invocation) throws -> Configuration? {
    if let path = invocation.value("config") { return try Configuration(path: path) }
    guard Files.exists(ConfigurationFile.standardPath) else { return nil }
    return try Configuration(path: ConfigurationFile.standardPath)
}

private struct Verdict: Decodable {
    let status: String
    let why: [String]
}

/// The service's own answer; nil when nobody gives one.
private func verdict(_ client: HTTPClient) -> Verdict? {
    let answer = try? client.send(
        method: "GET", url: "http://localhost/idle", headers: [], body: nil)
    guard let answer, [200, 503].contains(answer.status) else { return nil }
    return try? JSONDecoder().decode(Verdict.self, from: Data(answer.body))
}

@Sendable private func askIdle(_ invocation: Invocation) throws {
    let socket = try configuration(invocation)?.serviceSocket ?? Configuration.standardSocket
    let limit = try invocation.number("wait", in: 0...86_400, default: 0)
    let end = ContinuousClock.now + .seconds(limit)
    let client = HTTPClient(
        timeout: .seconds(5), connectTimeout: .seconds(2), answerLimit: 1 << 16, socket: socket)
    var found = verdict(client)
    // Nobody there may be one who is about to come: it is waited for as well.
    while found?.why.isEmpty != true, ContinuousClock.now < end {
        Clock.sleep(.milliseconds(250))
        found = verdict(client)
    }
    guard let found else {
        throw Failure(
            "no checkout answers at \(socket)",
            hint: "is eco-terminal serve running, and may you open its socket?")
    }
    invocation.print(
        .record([
            "schema": .text("eco.idle.1"), "idle": .bool(found.why.isEmpty),
            "why": .array(found.why.map { .text($0) }),
        ]), found.why.isEmpty ? ["The checkout is idle."] : [])
    guard found.why.isEmpty else {
        throw Failure(
            "the checkout is busy: \(found.why.joined(separator: ", "))",
            hint: "wait until the page shows the keypad again: --wait SECONDS", code: .tryAgain,
            isTold: true)
    }
}

/// What waits in a terminal's folder. Whoever removes a terminal goes by it: what cannot be looked
/// at is not empty. `isExpected`: there is a terminal here, so there is a folder.
private func backlog(in directory: String, isExpected: Bool) throws -> JournalBacklog {
    func unknown(_ sentence: String, _ hint: String) -> Failure {
        Failure("nobody can tell what was sent: " + sentence, hint: hint, code: .integrity)
    }
    do {
        if let place = try Mounts.missing(for: directory) {
            throw unknown("nothing is mounted at \(place)", "mount it: mount \(place)")
        }
        do throws(LinuxError) { _ = try Files.list(directory) } catch {
            if error.isMissing, !isExpected { return .none }
            throw error
        }
        return try JournalBacklog(
            of: directory + "/journal.sqlite", setAside: SetAsideFolder.archives(in: directory))
    } catch let error as LinuxError {
        throw unknown(
            "\(directory) \(error)",
            error.isMissing
                ? "check 'directory' of the configuration, and that its disk is mounted"
                : "run this as root")
    } catch let error as JournalError {
        throw unknown("the journal cannot be read: \(error)", "check its rights; run this as root")
    }
}

@Sendable private func countUnsent(_ invocation: Invocation) throws {
    let configuration = try configuration(invocation)
    let standard = Setting.named("directory")?.standard
    let backlog = try backlog(
        in: try configuration?.directory ?? standard ?? ".", isExpected: configuration != nil)
    invocation.print(
        .record([
            "schema": .text("eco.journal-unsent.1"),
            "operations": .integer(Int64(clamping: backlog.operations)),
            "closures": .integer(Int64(clamping: backlog.closures)),
            "cents": .integer(backlog.paymentCents),
            "oldest": backlog.oldest.map { .integer(Int64(clamping: $0)) } ?? .null,
            "notes": .integer(Int64(clamping: backlog.notes)),
            "set-aside": .integer(Int64(clamping: backlog.setAside.count)),
            "set-aside-cents": .integer(backlog.setAside.sum),
        ]), lines(backlog))
    guard backlog.isSettled else {
        let isOnlyAside = backlog.operations == 0 && backlog.closures == 0
        throw Failure(
            "the journal holds what the ledger does not",
            hint: isOnlyAside
                ? "stop the service and its socket, then: eco-terminal journal claim"
                : "let eco-terminal serve send it: give it a network and wait",
            code: .partial, isTold: true)
    }
}

/// A line for each thing that somebody has to see to.
private func lines(_ backlog: JournalBacklog) -> [String] {
    func text(_ cents: Int64) -> String { (Amount(cents: cents) ?? .zero).text }
    var lines: [String] = []
    if backlog.operations > 0 || backlog.closures > 0 {
        lines.append(
            "\(backlog.operations) operations (payments of \(text(backlog.paymentCents)) ECO) and "
                + "\(backlog.closures) closures are not acknowledged by the ledger.")
    }
    if backlog.setAside.count > 0 {
        lines.append(
            "\(backlog.setAside.count) operations (payments of \(text(backlog.setAside.sum)) ECO) "
                + "were set aside and are in no book: eco-terminal journal claim enters them.")
    }
    return lines.isEmpty
        ? ["Everything that accounts depend on is acknowledged by the ledger."] : lines
}
