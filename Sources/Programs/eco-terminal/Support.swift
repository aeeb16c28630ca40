import CommandLineTool
import Crypto
import Journal
import KeyStore
import LedgerClient
import Linux
import Operations

let supportCommand = Command(
    ["support", "bundle"], words: "FILE",
    "write what a technician needs to help from afar, to FILE or with - to the standard output: no "
        + "name, card, amount or secret is in it",
    options: [configurationOption],
    examples: [
        "eco-terminal support bundle -c terminal.conf caisse.json",
        "eco-terminal support bundle caisse.json --json",
    ], run: writeBundle)

@Sendable private func writeBundle(_ invocation: Invocation) throws {
    let path = invocation.words[0]
    let place = invocation.value("config") ?? ConfigurationFile.standardPath
    if path == "-" {
        let scratch = "/tmp/eco-support-" + Hexadecimal.text(randomBytes(8)) + ".log"
        Console.out(SupportBundle(configuration: place, scratch: scratch).document.text)
        return
    }
    let file = try NewFile(path)
    let bundle = SupportBundle(configuration: place, scratch: path + ".log")
    let text = bundle.document.text + "\n"
    try file.write(Array(text.utf8))
    invocation.print(
        .record([
            "schema": .text("eco.support-bundle.1"), "file": .text(path),
            "bytes": .integer(Int64(text.utf8.count)),
        ]),
        [
            "\(path): \(text.utf8.count) bytes. It names no person, card or amount; read it before "
                + "you send it."
        ])
}

/// What is gathered. Each part that cannot be had is null: a broken terminal is what it is for.
struct SupportBundle {
    /// Lines of the system's journal.
    private static let linesMax = 400
    let document: JSONValue

    /// `scratch`: a file that is made and removed.
    init(configuration place: String, scratch: String) {
        var test = SelfTest(isSilent: true)
        test.walk(place, withCard: false)
        let configuration = try? Configuration(path: place)
        let misplaced = configuration.flatMap { Self.misplaced($0) }
        func clean(_ text: String) -> String {
            misplaced.map { text.replacing($0, with: "…") } ?? text
        }
        document = .record([
            "schema": .text("eco.support.1"), "program": .text(Program.version),
            "time": .integer(Int64(clamping: Clock.realtimeMilliseconds())),
            "clock-synchronised": .bool(Clock.synchronised()),
            "since-boot-seconds": .integer(
                Int64(clamping: Clock.bootNanoseconds() / 1_000_000_000)),
            "system": Self.firstLines("/etc/os-release", 3),
            "kernel": Self.firstLines("/proc/version", 1),
            "board": Self.firstLines("/proc/device-tree/model", 1),
            "memory": Self.firstLines("/proc/meminfo", 3),
            "settings": .array(Self.settings(configuration, place).map { .text(clean($0)) }),
            "selftest": .array(
                test.findings.map { name, finding in
                    .record([
                        "check": .text(name), "result": .text(finding.mark.word),
                        "text": .text(clean(finding.bundled)),
                        "hint": finding.hint.map { .text(clean($0)) } ?? .null,
                    ])
                }),
            "entries": Self.entries(configuration),
            "log": Self.log(scratch).map { .array($0.map { .text(clean($0)) }) } ?? .null,
        ])
    }

    private static func firstLines(_ path: String, _ count: Int) -> JSONValue {
        guard let bytes = try? Files.read(path, atMost: 1 << 16) else { return .null }
        let lines = Files.lines(bytes.filter { $0 != 0 }).filter { !$0.isEmpty }
        return .array(lines.prefix(count).map { .text($0) })
    }

    private static func settings(_ configuration: Configuration?, _ place: String) -> [String] {
        guard let configuration else {
            let faults = (try? readConfiguration(place))?.faults ?? []
            return faults.map { "\($0.file):\($0.line): \($0.sentence)" }
        }
        return configuration.inForce.map { "\($0.name) = \($0.value)" }
    }

    /// The passphrase, where somebody wrote it in the place of the file that holds it.
    private static func misplaced(_ configuration: Configuration) -> String? {
        let value = configuration.inForce.first { $0.name == "passphrase-file" }?.value ?? ""
        let isPlace = value.hasPrefix("credential:") || value.hasPrefix("/") || Files.exists(value)
        return isPlace || value.isEmpty ? nil : value
    }

    /// How many entries of each kind, and the technical events of the last ones: kinds and times,
    /// no amount and no card.
    private static func entries(_ configuration: Configuration?) -> JSONValue {
        guard let configuration, let directory = try? configuration.directory,
            let signer = try? configuration.readOnlySigningKey(),
            let verifier = try? JournalVerifier(
                path: directory + "/journal.sqlite", terminal: signer.publicKey, ledger: nil)
        else { return .null }
        var counts: [String: Int64] = [:]
        var events: [JSONValue] = []
        let found = try? verifier.run { entry, _ in
            counts["\(entry.body.kind)", default: 0] += 1
            guard case .technicalEvent(let event) = entry.body else { return }
            events.append(
                .record([
                    "seq": .integer(Int64(clamping: entry.sequence)),
                    "time": .integer(Int64(clamping: entry.time)),
                    "clock": .text("\(entry.clockTrust)"), "code": .text(event.code),
                ]))
        }
        return .record([
            "sound": .bool(found?.faults.isEmpty ?? false),
            "faults": .array(
                (found?.faults ?? []).prefix(20).map { .text("\($0.sequence): \($0.what)") }),
            "kinds": .object(
                counts.sorted { $0.key < $1.key }.map { .init($0.key, .integer($0.value)) }),
            "events": .array(Array(events.suffix(100))),
        ])
    }

    /// The service's own lines, where there is a journal to ask.
    private static func log(_ path: String) -> [String]? {
        guard !Files.exists(path) else { return nil }
        defer { try? Files.remove(path) }
        guard
            let child = try? ChildProcess.start(
                "journalctl",
                [
                    "--unit=eco-terminal", "--lines=\(linesMax)", "--output=short-iso",
                    "--no-hostname", "--quiet", "--no-pager",
                ], output: path), child.wait() == 0,
            let bytes = try? Files.read(path, atMost: 1 << 20)
        else { return nil }
        return Files.lines(bytes).filter { !$0.isEmpty }
    }
}
