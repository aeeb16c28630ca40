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
    for _ in 0..<3 { _ = try (volatile.tap(), unknown.tap(), bareLoop(card, count: 9)) }

    var taps: [Double] = []
    var replays: [Double] = []
    var bares: [Double] = []
    for index in 0..<pairs {
        // Whoever comes first finds colder caches: they take turns.
        let isFirst = index % 2 == 0
        if isFirst { taps.append(try volatile.tap()) }
        bares.append(try bareLoop(card, count: volatile.exchanges.count))
        replays.append(try replay(card, volatile.exchanges))
        if !isFirst { taps.append(try volatile.tap()) }
    }
    var firsts: [Double] = []
    var firstReplays: [Double] = []
    var durables: [Double] = []
    // Apart from the durable taps: what follows a wait for the disk finds colder caches.
    for _ in 0..<pairs {
        firsts.append(try unknown.tap())
        firstReplays.append(try replay(card, unknown.exchanges))
    }
    for _ in 0..<pairs { durables.append(try durable.tap()) }
    report(
        invocation, volatile,
        Figures(
            tap: taps.median, first: firsts.median, replay: replays.median, bare: bares.median,
            durable: durables.median, ratio: ratio(taps, replays),
            firstRatio: ratio(firsts, firstReplays), bareRatio: ratio(taps, bares),
            fsyncs: countFsyncs()))
}

/// The median of the ratios, pair by pair.
private func ratio(_ left: [Double], _ right: [Double]) -> Double {
    zip(left, right).map { $0 / $1 }.median
}

private struct Figures {
    let tap: Double
    let first: Double
    let replay: Double
    let bare: Double
    let durable: Double
    let ratio: Double
    let firstRatio: Double
    let bareRatio: Double
    let fsyncs: Double?
}

private func report(_ invocation: Invocation, _ run: TapRun, _ figures: Figures) {
    let exchanges = run.exchanges.map { (command: $0.command.count, answer: $0.answer.count) }
    let sent = exchanges.reduce(0) { $0 + $1.command }
    let received = exchanges.reduce(0) { $0 + $1.answer }
    let (slow, fast) = (airTime(exchanges, .kilobits106), airTime(exchanges, .kilobits848))
    let fsyncs = figures.fsyncs.map { hundredths($0) } ?? "not measured (no strace)"
    invocation.print(
        .record([
            "schema": .text("eco.bench-tap.2"), "apdus": .integer(Int64(exchanges.count)),
            "bytesSent": .integer(Int64(sent)), "bytesReceived": .integer(Int64(received)),
            "tapMicroseconds": .integer(Int64(figures.tap)),
            "firstTapMicroseconds": .integer(Int64(figures.first)),
            "replayMicroseconds": .integer(Int64(figures.replay)),
            "idleCardMicroseconds": .integer(Int64(figures.bare)),
            "ratioPerMille": .integer(Int64(figures.ratio * 1_000)),
            "firstTapRatioPerMille": .integer(Int64(figures.firstRatio * 1_000)),
            "idleCardRatioPerMille": .integer(Int64(figures.bareRatio * 1_000)),
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
            "bare SCardTransmit loop  \(Int(figures.replay)) us   "
                + "(the tap's own commands once more, byte for byte)",
            "ratio                    \(hundredths(figures.ratio)), first tap "
                + "\(hundredths(figures.firstRatio))   (at most 1.50)",
            "loop over an idle card   \(Int(figures.bare)) us, ratio "
                + "\(hundredths(figures.bareRatio))   (as many reads, nothing to compute)",
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

func hundredths(_ value: Double) -> String {
    let scaled = Int((value * 100).rounded())
    let rest = scaled % 100
    return "\(scaled / 100)." + (rest < 10 ? "0" : "") + "\(rest)"
}

/// A journal in one place and the taps that go into it.
private final class TapRun {
    private let context: Context
    private let world: BenchWorld
    private let verified: VerifiedTokens?
    private let card: BenchCard
    private let path: String
    private(set) var exchanges: [Exchange] = []

    init(
        _ card: BenchCard, directory: String, now: UInt64, remembers: Bool = true
    ) throws {
        verified = remembers ? VerifiedTokens() : nil
        context = try Context()
        self.card = card
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
        card.past.rewind()
        let start = Clock.monotonicNanoseconds()
        let channel = BenchChannel(try BenchCard.open(context, card.reader))
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

/// The anchor: connect, then a tap's own commands with nothing around them, microseconds. The card
/// is what it was before the tap and answers what it answered then: it does the same work.
private func replay(_ card: BenchCard, _ exchanges: [Exchange]) throws -> Double {
    let context = try Context()
    card.past.rewind()
    var answers: [[UInt8]] = []
    let start = Clock.monotonicNanoseconds()
    let powered = try BenchCard.open(context, card.reader)
    for exchange in exchanges { answers.append(try powered.transmit(exchange.command)) }
    let spent = Double(Clock.monotonicNanoseconds() - start) / 1_000
    try? powered.disconnect(.unpower)
    guard answers == exchanges.map(\.answer) else {
        throw Failure("a replay was answered otherwise", hint: "this is a fault: report it")
    }
    return spent
}

/// The floor beneath the anchor: as many exchanges for which the card computes nothing.
private func bareLoop(_ card: BenchCard, count: Int) throws -> Double {
    let context = try Context()
    let select = APDU.iso(ins: 0xA4, p1: 4, p2: 0x0C, data: NTAG424.application)
    let plain = APDU.iso(ins: 0xB0, p1: 0x83, p2: 0, le: 32)
    let start = Clock.monotonicNanoseconds()
    let powered = try BenchCard.open(context, card.reader)
    for index in 0..<count { _ = try powered.transmit(index % 2 == 1 ? plain : select) }
    let spent = Double(Clock.monotonicNanoseconds() - start) / 1_000
    try? powered.disconnect(.unpower)
    return spent
}

/// fsyncs of one append: a child under strace, 100 appends less the same child with none.
private func countFsyncs() -> Double? {
    func count(_ appends: Int) -> Int? {
        let name = volatileFolder + "/eco-bench-" + Hexadecimal.text(randomBytes(8))
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
