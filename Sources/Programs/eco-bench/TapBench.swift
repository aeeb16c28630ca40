import CardEmulation
import Cards
import CommandLineTool
import Crypto
import Glibc
import Journal
import KeyStore
import Linux
import Operations
import PCSC
import ReaderEmulation
import Terminal

let tapCommand = Command(
    ["tap"], "a payment's tap beside a bare SCardTransmit loop of the same APDU count",
    options: [
        .value("vpcd", "HOST:PORT", "the virtual reader's slot (127.0.0.1:35963)"),
        .value("pairs", "N", "interleaved pairs, 3 to 61 (31)"),
        .value("directory", "DIR", "where the durable journal goes (the present folder)"),
    ],
    examples: [
        "Hardware/private-pcscd eco-bench tap",
        "Hardware/private-pcscd eco-bench tap --pairs 101 --json",
    ], run: benchTap)

let appendCommand = Command(
    ["append"], words: "JOURNAL COUNT",
    "append COUNT entries to a fresh journal (for counting fsyncs)",
    examples: [
        "eco-bench append /tmp/j.sqlite 100", "strace -f -e fdatasync eco-bench append j 9",
    ],
    run: { invocation in
        let count = Int(invocation.words[1]) ?? 0
        let journal = try Journal(
            path: invocation.words[0], signer: SigningKey.create())
        for _ in 0..<count { try appendOne(journal) }
        invocation.print(.record(["appended": .integer(Int64(count))]), ["\(count) appended"])
    })

private func appendOne(_ journal: Journal) throws {
    let now = Clock.realtimeMilliseconds()
    _ = try journal.append(
        .technicalEvent(TechnicalEvent(code: "bench")), id: EntryID(milliseconds: now),
        at: Moment(milliseconds: now, trust: .untrusted))
}

/// Interleaved A B B A …: a tap and as many bare exchanges; the median of the pairs' ratios.
@Sendable private func benchTap(_ invocation: Invocation) throws {
    let pairs = Int(try invocation.number("pairs", in: 3...61, default: 31))
    let place = (invocation.value("vpcd") ?? "127.0.0.1:35963").split(separator: ":")
    guard place.count == 2, let port = UInt16(place[1]) else {
        throw Failure("--vpcd takes HOST:PORT", hint: "127.0.0.1:35963", code: .usage)
    }
    let now = Clock.realtimeMilliseconds() / 1_000
    let card = try BenchCard(host: String(place[0]), port: port, now: now)
    defer { card.slot.stop() }
    let volatile = try TapRun(card, directory: "/dev/shm", now: now)
    let unknown = try TapRun(card, directory: "/dev/shm", now: now, remembers: false)
    let durable = try TapRun(card, directory: invocation.value("directory") ?? ".", now: now)
    defer { for run in [volatile, unknown, durable] { run.end() } }
    for _ in 0..<3 { _ = try (volatile.tap(), unknown.tap(), bareLoop(card, count: 9, .none)) }

    var taps: [Double] = []
    var bares: [Double] = []
    var working: [Double] = []
    var durables: [Double] = []
    for index in 0..<pairs {
        // Whoever comes first finds colder caches: they take turns.
        let isFirst = index % 2 == 0
        if isFirst { taps.append(try volatile.tap()) }
        bares.append(try bareLoop(card, count: volatile.exchanges.count, .none))
        working.append(try bareLoop(card, count: volatile.exchanges.count, .cryptogram))
        if !isFirst { taps.append(try volatile.tap()) }
    }
    var first: [Double] = []
    for _ in 0..<pairs {
        first.append(try unknown.tap())
        durables.append(try durable.tap())
    }
    let fsyncs = countFsyncs()
    report(
        invocation, volatile,
        Figures(
            tap: taps.median, first: first.median, bare: bares.median, durable: durables.median,
            ratio: zip(taps, bares).map { $0 / $1 }.median, working: working.median,
            workingRatio: zip(taps, working).map { $0 / $1 }.median, fsyncs: fsyncs))
}

private struct Figures {
    let tap: Double
    let first: Double
    let bare: Double
    let durable: Double
    let ratio: Double
    let working: Double
    let workingRatio: Double
    let fsyncs: Double?
}

private func report(_ invocation: Invocation, _ run: TapRun, _ figures: Figures) {
    let exchanges = run.exchanges
    let sent = exchanges.reduce(0) { $0 + $1.command }
    let received = exchanges.reduce(0) { $0 + $1.answer }
    let (slow, fast) = (airTime(exchanges, .kilobits106), airTime(exchanges, .kilobits848))
    let fsyncs = figures.fsyncs.map { hundredths($0) } ?? "not measured (no strace)"
    invocation.print(
        .record([
            "schema": .text("eco.bench-tap.1"), "apdus": .integer(Int64(exchanges.count)),
            "bytesSent": .integer(Int64(sent)), "bytesReceived": .integer(Int64(received)),
            "tapMicroseconds": .integer(Int64(figures.tap)),
            "firstTapMicroseconds": .integer(Int64(figures.first)),
            "bareMicroseconds": .integer(Int64(figures.bare)),
            "ratioPerMille": .integer(Int64(figures.ratio * 1_000)),
            "workingRatioPerMille": .integer(Int64(figures.workingRatio * 1_000)),
            "durableTapMicroseconds": .integer(Int64(figures.durable)),
            "fsyncsPerTapPerMille": figures.fsyncs.map { .integer(Int64($0 * 1_000)) } ?? .null,
            "air106Microseconds": .integer(slow), "air848Microseconds": .integer(fast),
        ]),
        [
            "APDUs per tap            \(exchanges.count)   (at most 9)",
            "bytes to and from card   \(sent) + \(received)",
            "fsyncs per tap           \(fsyncs)   (1)",
            "tap, without the fsync   \(Int(figures.tap)) us   "
                + "(median, journal on tmpfs, a card seen before)",
            "first tap of a card      \(Int(figures.first)) us   (its token is verified too)",
            "bare SCardTransmit loop  \(Int(figures.bare)) us   (median, same APDU count)",
            "ratio                    \(hundredths(figures.ratio))   (at most 1.50)",
            "the same under SDM       \(Int(figures.working)) us, ratio "
                + "\(hundredths(figures.workingRatio))   (the card computes in every second one)",
            "tap, with the fsync      \(Int(figures.durable)) us   (median)",
            "modelled on the air      \(hundredths(Double(slow) / 1_000)) ms at 106 kbit/s"
                + "   (at most 84), \(hundredths(Double(fast) / 1_000)) ms at 848",
        ])
}

/// Activation, air and the card's own time, microseconds.
private func airTime(
    _ exchanges: [(command: Int, answer: Int)], _ rate: AirPace.Rate
) -> Int64 {
    let cost = modelledAirTime(exchanges: exchanges, rate: rate)
    return (AirPace(rate).activation + cost.total).microseconds
}

private func hundredths(_ value: Double) -> String {
    let scaled = Int((value * 100).rounded())
    let rest = scaled % 100
    return "\(scaled / 100)." + (rest < 10 ? "0" : "") + "\(rest)"
}

/// A journal in one place and the taps that go into it.
private final class TapRun {
    private let context: Context
    private let world: BenchWorld
    private let verified: VerifiedTokens?
    private let reader: String
    private let path: String
    private(set) var exchanges: [(command: Int, answer: Int)] = []

    init(
        _ card: BenchCard, directory: String, now: UInt64, remembers: Bool = true
    ) throws {
        verified = remembers ? VerifiedTokens() : nil
        context = try Context()
        reader = card.reader
        path = directory + "/eco-bench-" + Hexadecimal.text(randomBytes(8)) + ".sqlite"
        let signer = try SigningKey.create()
        world = try BenchWorld(
            journal: try Journal(path: path, signer: signer), keys: card.keys,
            terminal: signer.publicKey.kid, now: now)
    }

    /// From the card's presence to the decision, microseconds.
    func tap() throws -> Double {
        let operation = Armed(
            id: EntryID(milliseconds: world.now * 1_000), amount: Amount(cents: 1) ?? .zero,
            deadline: .max)
        let start = Clock.monotonicNanoseconds()
        let channel = BenchChannel(try BenchCard.open(context, reader))
        var card = NTAG424Card(channel)
        let outcome = Tap(
            operation: operation, binding: nil, world: world, verified: verified,
            progress: { _ in },
            bind: { _ in }
        ).run(&card)
        let spent = Double(Clock.monotonicNanoseconds() - start) / 1_000
        let ended = card.end()
        exchanges = ended.exchanges
        ended.end()
        guard case .accepted = outcome else {
            throw Failure("a tap was not accepted: \(outcome)", hint: "this is a fault: report it")
        }
        return spent
    }

    func end() {
        for suffix in ["", "-wal", "-shm"] { try? Files.remove(path + suffix) }
    }
}

/// What the card does in the anchor's exchanges.
private enum BareWork {
    /// Reads of a plain file: the card computes nothing.
    case none
    /// Reads under SDM: the card computes a cryptogram each time, as it does in a tap.
    case cryptogram
}

/// The anchor: connect, then as many exchanges with nothing around them, microseconds.
private func bareLoop(_ card: BenchCard, count: Int, _ work: BareWork) throws -> Double {
    let context = try Context()
    let select = APDU.iso(ins: 0xA4, p1: 4, p2: 0x0C, data: NTAG424.application)
    let plain = APDU.iso(ins: 0xB0, p1: 0x83, p2: 0, le: 32)
    // Another command between two reads starts a new cryptogram; so does another offset's file.
    let image = APDU.iso(ins: 0xB0, p1: 0x84, p2: UInt8(NDEFImage.bodyOffset), le: 86)
    let start = Clock.monotonicNanoseconds()
    let powered = try BenchCard.open(context, card.reader)
    for index in 0..<count {
        let isRead = index % 2 == 1
        let read = work == .none ? plain : image
        _ = try powered.transmit(isRead ? read : select)
    }
    let spent = Double(Clock.monotonicNanoseconds() - start) / 1_000
    try? powered.disconnect(.unpower)
    return spent
}

/// fsyncs of one append: a child under strace, 100 appends less the same child with none.
private func countFsyncs() -> Double? {
    func count(_ appends: Int) -> Int? {
        let name = "/dev/shm/eco-bench-" + Hexadecimal.text(randomBytes(8))
        defer {
            for suffix in ["", ".log", ".sqlite", ".sqlite-wal", ".sqlite-shm"] {
                try? Files.remove(name + suffix)
            }
        }
        let own = CommandLine.arguments.first ?? "eco-bench"
        guard
            let child = try? ChildProcess.start(
                "strace",
                ["-f", "-qq", "-e", "trace=fsync,fdatasync", "-o", name + ".log", own, "append"]
                    + [name + ".sqlite", "\(appends)"], output: "/dev/null", errors: "/dev/null"),
            child.wait() == 0, let log = try? Files.read(name + ".log", atMost: 1 << 24)
        else { return nil }
        return log.count { $0 == 0x0a }
    }
    guard let with = count(100), let without = count(0) else { return nil }
    return Double(with - without) / 100
}

extension [Double] {
    var median: Double {
        let sorted = sorted()
        return sorted.isEmpty ? 0 : sorted[sorted.count / 2]
    }
}

extension Duration {
    var microseconds: Int64 {
        components.seconds * 1_000_000 + components.attoseconds / 1_000_000_000_000
    }
}
