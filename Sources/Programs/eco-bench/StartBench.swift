import CommandLineTool
import Crypto
import Linux

let startCommand = Command(
    ["start"], "from exec to READY=1 with a long journal, beside a hello server of Node",
    options: [
        .value("entries", "N", "entries of the journal, 400 to 1000000 (100000)"),
        .value("pairs", "N", "interleaved pairs, 3 to 101 (15)"),
        .value("directory", "DIR", "where the terminal's folder goes (the present folder)"),
        .value("programs", "DIR", "folder of eco-terminal (where eco-bench is)"),
        .flag("check", "end with 1 when the limit is missed"),
    ],
    examples: ["eco-bench start", "eco-bench start --pairs 31 --json"], run: benchStart)

/// Milliseconds from exec to READY=1 that are granted.
private let readyLimit = 200.0

@Sendable private func benchStart(_ invocation: Invocation) throws {
    let entries = UInt64(try invocation.number("entries", in: 400...1_000_000, default: 100_000))
    let pairs = Int(try invocation.number("pairs", in: 3...101, default: 15))
    let name = "/eco-bench-" + Hexadecimal.text(randomBytes(8))
    let program = programFolder(invocation) + "/eco-terminal"
    let place = (invocation.value("directory") ?? ".") + name
    let (long, empty) = (try BenchSite(place + "-long"), try BenchSite(place + "-empty"))
    defer {
        long.remove()
        empty.remove()
    }
    try fill(long, entries)
    for site in [long, empty] {
        try site.writeSettings(port: try TCPListener(port: 0).port, reader: "Virtual PCD 00")
    }
    func terminal(_ site: BenchSite) throws -> Double {
        let running = try RunningTerminal.start(site, program: program)
        let ready = running.ready
        running.stop()
        return ready
    }
    func node() throws -> Double {
        let running = try RunningNode.start()
        let ready = running.ready
        running.stop()
        return ready
    }
    let hasNode = RunningNode.isThere
    // The first of each finds a cold page cache.
    _ = (try terminal(long), try terminal(empty), hasNode ? try node() : 0)
    var times = StartTimes()
    for pair in 0..<pairs {
        if pair % 2 == 0 { times.long.append(try terminal(long)) }
        if hasNode { times.node.append(try node()) }
        times.empty.append(try terminal(empty))
        if pair % 2 == 1 { times.long.append(try terminal(long)) }
    }
    tell(times, entries, invocation)
    if invocation.flag("check"), times.long.median > readyLimit {
        throw Failure(
            "READY=1 took \(hundredths(times.long.median)) ms, more than \(Int(readyLimit))",
            hint: "is the machine idle? eco-bench start --pairs 31 says more")
    }
}

/// The journal is made where a wait for the disk costs nothing, and copied.
private func fill(_ site: BenchSite, _ entries: UInt64) throws {
    let folder = volatileFolder + "/eco-bench-" + Hexadecimal.text(randomBytes(8))
    try Files.makeDirectory(folder)
    defer { removeFolder(folder) }
    let path = folder + "/journal.sqlite"
    do {
        let fixture = try JournalFixture(path, signer: site.signer, ledger: site.ledger)
        try fixture.fill(entries)
    }
    try copyJournal(from: folder, to: site.directory)
}

private struct StartTimes {
    var long: [Double] = []
    var empty: [Double] = []
    var node: [Double] = []

    var ratio: Double? {
        node.isEmpty ? nil : zip(long, node).map { $0 / $1 }.median
    }
}

private func tell(_ times: StartTimes, _ entries: UInt64, _ invocation: Invocation) {
    func range(_ values: [Double]) -> String {
        "\(hundredths(values.median)) ms   "
            + "(\(hundredths(values.min() ?? 0)) to \(hundredths(values.max() ?? 0)))"
    }
    func micro(_ values: [Double]) -> JSONValue {
        values.isEmpty ? .null : .integer(Int64(values.median * 1_000))
    }
    var lines = [
        "exec to READY=1, \(entries) entries   \(range(times.long))   (at most \(Int(readyLimit)))",
        "exec to READY=1, empty journal    \(range(times.empty))",
    ]
    if let ratio = times.ratio {
        lines += [
            "Node hello, exec to first answer  \(range(times.node))",
            "ratio to Node                     \(hundredths(ratio))   (median of "
                + "\(times.node.count) pairs)",
        ]
    } else {
        lines.append("Node is not on this machine: no anchor")
    }
    invocation.print(
        .record([
            "schema": .text("eco.bench-start.1"), "entries": .integer(Int64(entries)),
            "pairs": .integer(Int64(times.long.count)), "readyMicroseconds": micro(times.long),
            "emptyReadyMicroseconds": micro(times.empty), "nodeMicroseconds": micro(times.node),
            "ratioPerMille": times.ratio.map { .integer(Int64($0 * 1_000)) } ?? .null,
            "limitMicroseconds": .integer(Int64(readyLimit * 1_000)),
        ]), lines)
}
