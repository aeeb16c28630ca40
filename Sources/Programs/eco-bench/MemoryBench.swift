import CardEmulation
import CommandLineTool
import Crypto
import Linux
import MerchantEmulation
import ReaderEmulation

let memoryCommand = Command(
    ["memory"],
    "what eco-terminal holds in memory, idle and after taps, beside Node's hello server",
    options: [
        .value("taps", "N", "taps inside a process, 1000 to 1000000 (100000)"),
        .value("reader-taps", "N", "taps of the real program through pcscd, 0 to 10000 (150)"),
        .value("pairs", "N", "interleaved idle pairs, 1 to 31 (9)"),
        .value("vpcd", "HOST:PORT", "the virtual reader's slot (127.0.0.1:35963)"),
        .value("directory", "DIR", "where folders go (/dev/shm)"),
        .value("programs", "DIR", "folder of eco-terminal (where eco-bench is)"),
        .flag("check", "end with 1 when RssAnon or the growth is over its limit"),
    ],
    examples: [
        "Hardware/private-pcscd eco-bench memory",
        "Hardware/private-pcscd eco-bench memory --taps 5000 --reader-taps 20 --json",
    ], run: benchMemory)

/// Kilobytes that are wanted of an idle terminal, and what its own share of them (RssAnon) may be:
/// that does not depend on what the libraries of a machine are made of.
private let residentLimit = 15_360
private let anonymousLimit = 6_144
/// Bytes of growth that are granted to a tap, once the caches are full: below a page in a hundred
/// taps nothing is kept.
private let slopeLimit = 40.0
/// From the start of an idle program to its weighing: by then it has given back the memory of the
/// code that only the start needed.
private let settling = Duration.seconds(7)

/// What was weighed.
private struct Weights {
    var terminals: [ProcessMemory] = []
    var nodes: [ProcessMemory] = []
    /// Of the real program: taps so far and what it held then.
    var reader: [(taps: Int, memory: ProcessMemory)] = []
    /// Of the process that only taps: taps, resident, anonymous, kB.
    var taps: [(taps: Int, resident: Int, anonymous: Int)] = []
}

@Sendable private func benchMemory(_ invocation: Invocation) throws {
    let taps = Int(try invocation.number("taps", in: 1_000...1_000_000, default: 100_000))
    let readerTaps = Int(try invocation.number("reader-taps", in: 0...10_000, default: 150))
    let pairs = Int(try invocation.number("pairs", in: 1...31, default: 9))
    let place = (invocation.value("vpcd") ?? "127.0.0.1:35963").split(separator: ":")
    guard place.count == 2, let slotPort = UInt16(place[1]), slotPort < .max else {
        throw Failure("--vpcd takes HOST:PORT", hint: "127.0.0.1:35963", code: .usage)
    }
    let name = "/eco-bench-" + Hexadecimal.text(randomBytes(8))
    let site = try BenchSite((invocation.value("directory") ?? volatileFolder) + name)
    defer { site.remove() }
    let port = try TCPListener(port: 0).port
    try site.writeSettings(port: port, reader: "Virtual PCD 00")
    let program = programFolder(invocation) + "/eco-terminal"
    let hasNode = RunningNode.isThere
    var weights = Weights()
    for _ in 0..<pairs {
        let running = try RunningTerminal.start(site, program: program)
        try waitForReader(TerminalPage(port: port))
        Clock.sleep(settling)
        weights.terminals += [try weigh(running.child)]
        running.stop()
        guard hasNode else { continue }
        let node = try RunningNode.start()
        Clock.sleep(settling)
        weights.nodes += [try weigh(node.child)]
        node.stop()
    }
    if readerTaps > 0 {
        let slots = (0..<2).map {
            VirtualReaderSlot(host: String(place[0]), port: slotPort + UInt16($0))
        }
        defer { for slot in slots { slot.stop() } }
        weights.reader = try tapReader(
            site, program: program, page: TerminalPage(port: port), slots, readerTaps)
    }
    weights.taps = try tapInside(name, taps)
    try tell(weights, invocation)
}

private func weigh(_ child: borrowing ChildProcess) throws -> ProcessMemory {
    guard let memory = ProcessMemory(child.identifier) else {
        throw Failure("a program ended by itself", hint: "read serve.log; this is a fault")
    }
    return memory
}

private func waitForReader(_ page: TerminalPage) throws {
    let isReady = page.wait(atMost: .seconds(20)) {
        page.open() && page.standing()?.isReaderReady == true
    }
    guard isReady else {
        throw Failure(
            "the terminal sees no reader",
            hint: "run it as Hardware/private-pcscd eco-bench memory",
            code: .noReader)
    }
}

/// Payments at the real program: the page's orders, pcscd, a card laid down and taken away. The
/// slots take turns, so that a card lies there while pcscd still sees the other one leave.
private func tapReader(
    _ site: BenchSite, program: String, page: TerminalPage, _ slots: [VirtualReaderSlot],
    _ count: Int
) throws -> [(taps: Int, memory: ProcessMemory)] {
    let memory = try site.card().memory
    let running = try RunningTerminal.start(site, program: program)
    try waitForReader(page)
    Clock.sleep(settling)
    var weights = [(taps: 0, memory: try weigh(running.child))]
    for index in 1...count {
        guard page.arm(cents: 1) else {
            throw Failure("the terminal takes no amount", hint: "this is a fault: report it")
        }
        let slot = slots[index % 2]
        slot.insert(SoftwareNTAG424(memory))
        let isAccepted = page.wait(atMost: .seconds(20), every: .milliseconds(20)) {
            page.standing()?.stage == "accepted"
        }
        guard isAccepted else {
            let stage = page.standing()
            throw Failure(
                "a tap was not accepted: \(stage?.stage ?? "?") \(stage?.code ?? "")",
                hint: "this is a fault: report it")
        }
        slot.remove()
        weights.append((index, try weigh(running.child)))
    }
    running.stop()
    return weights
}

/// Payments as fast as they go, in a process of their own: world, tap, journal and software card.
private func tapInside(
    _ name: String, _ count: Int
) throws -> [(taps: Int, resident: Int, anonymous: Int)] {
    let folder = volatileFolder + name + "-load"
    defer { removeFolder(folder) }
    let output = folder + "/out"
    try Files.makeDirectory(folder)
    let own = CommandLine.arguments.first ?? "eco-bench"
    let child = try ChildProcess.start(
        own, ["load", folder, "\(count)", "--every", "\(max(count / 200, 1))"], output: output,
        errors: output)
    guard child.wait() == 0 else {
        throw Failure("eco-bench load ended early", hint: "run it by hand: eco-bench load --help")
    }
    let text = String(decoding: try Files.read(output, atMost: 1 << 20), as: UTF8.self)
    return text.split(separator: "\n").compactMap { line in
        let numbers = line.split(separator: " ").compactMap { Int($0) }
        return numbers.count == 3 ? (numbers[0], numbers[1], numbers[2]) : nil
    }
}

/// Bytes a tap, by least squares over the last half: caches are full by then.
private func slope(_ points: [(taps: Int, kilobytes: Int)]) -> Double? {
    let last = points.suffix(max(points.count / 2, 2)).map {
        (x: Double($0.taps), y: Double($0.kilobytes) * 1_024)
    }
    guard last.count > 2 else { return nil }
    let count = Double(last.count)
    let (x, y) = (
        last.reduce(0) { $0 + $1.x } / count, last.reduce(0) { $0 + $1.y } / count
    )
    let spread = last.reduce(0) { $0 + ($1.x - x) * ($1.x - x) }
    return spread == 0 ? nil : last.reduce(0) { $0 + ($1.x - x) * ($1.y - y) } / spread
}

private func middle(_ values: [ProcessMemory], _ key: (ProcessMemory) -> Int) -> Int {
    values.isEmpty ? 0 : values.map(key).sorted()[values.count / 2]
}

private func tell(_ weights: Weights, _ invocation: Invocation) throws {
    let resident = middle(weights.terminals, \.resident)
    let anonymous = middle(weights.terminals, \.anonymous)
    let inside = slope(weights.taps.map { ($0.taps, $0.anonymous) })
    let reader = slope(weights.reader.map { ($0.taps, $0.memory.anonymous) })
    let ratio =
        weights.nodes.isEmpty
        ? nil
        : zip(weights.terminals, weights.nodes).map {
            Double($0.resident) / Double($1.resident)
        }.median
    func bytes(_ slope: Double?) -> String { slope.map { hundredths($0) + " bytes a tap" } ?? "–" }
    func number(_ slope: Double?) -> JSONValue {
        slope.map { .integer(Int64(($0 * 1_000).rounded())) } ?? .null
    }
    let node = middle(weights.nodes, \.resident)
    let (first, last) = (weights.taps.first, weights.taps.last)
    let (start, end) = (weights.reader.first, weights.reader.last)
    invocation.print(
        .record([
            "schema": .text("eco.bench-memory.1"),
            "pairs": .integer(Int64(weights.terminals.count)),
            "idleResidentKilobytes": .integer(Int64(resident)),
            "idleAnonymousKilobytes": .integer(Int64(anonymous)),
            "idlePeakKilobytes": .integer(Int64(middle(weights.terminals, \.peak))),
            "nodeResidentKilobytes": weights.nodes.isEmpty ? .null : .integer(Int64(node)),
            "ratioPerMille": ratio.map { .integer(Int64($0 * 1_000)) } ?? .null,
            "readerTaps": .integer(Int64(end?.taps ?? 0)),
            "readerTapsAnonymousBefore": .integer(Int64(start?.memory.anonymous ?? 0)),
            "readerTapsAnonymousAfter": .integer(Int64(end?.memory.anonymous ?? 0)),
            "readerTapsMilliBytesEach": number(reader),
            "taps": .integer(Int64(last?.taps ?? 0)),
            "tapsAnonymousBefore": .integer(Int64(first?.anonymous ?? 0)),
            "tapsAnonymousAfter": .integer(Int64(last?.anonymous ?? 0)),
            "tapsMilliBytesEach": number(inside),
        ]),
        [
            "idle, one reader       VmRSS \(resident) kB   (wanted: \(residentLimit)), RssAnon "
                + "\(anonymous)   (at most \(anonymousLimit)), "
                + "\(middle(weights.terminals, \.threads)) threads, peak while its keys are "
                + "opened \(middle(weights.terminals, \.peak))",
            weights.nodes.isEmpty
                ? "Node is not on this machine: no anchor"
                : "Node hello server      VmRSS \(node) kB, RssAnon "
                    + "\(middle(weights.nodes, \.anonymous)); ratio \(hundredths(ratio ?? 0)), "
                    + "median of \(weights.nodes.count) pairs   (at most 0.40)",
            "\(end?.taps ?? 0) taps of the real program through pcscd: RssAnon "
                + "\(start?.memory.anonymous ?? 0) to \(end?.memory.anonymous ?? 0) kB; over the "
                + "last half " + bytes(reader),
            "\(last?.taps ?? 0) taps inside a process (journal, tap, software card): RssAnon "
                + "\(first?.anonymous ?? 0) to \(last?.anonymous ?? 0) kB; over the last half "
                + bytes(inside) + "   (at most \(Int(slopeLimit)))",
        ])
    guard invocation.flag("check") else { return }
    if anonymous > anonymousLimit || (inside ?? 0) > slopeLimit {
        throw Failure("a limit is missed", hint: "the lines above say which")
    }
}
