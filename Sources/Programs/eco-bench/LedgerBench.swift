import CommandLineTool
import Crypto
import LedgerBook
import LedgerMessages
import Linux
import Operations
import Threads
import Tokens

let ledgerCommand = Command(
    ["ledger"], "entries a second beside a bare SQL loop and pgbench; a hot merchant; growth",
    options: [
        .value("database", "ADDRESS", letter: "d", "an empty sqlite:PATH or postgresql://…"),
        .value("bare", "ADDRESS", "another empty one of the same kind, for the anchor"),
        .value("clients", "N", "who send at once (8)"),
        .value("rounds", "N", "pairs of a measurement (7)"),
        .value("fill", "N", "book N entries and compare the end with the start (0)"),
        .flag("check", "end with 1 when a ratio is under its limit"),
    ],
    examples: [
        "eco-bench ledger --database sqlite:/tmp/a.sqlite --bare sqlite:/tmp/b.sqlite",
        "eco-bench ledger -d postgresql:///a --bare postgresql:///b --fill 1000000 --json",
    ], run: benchLedger)

private func benchLedger(_ call: Invocation) throws {
    func number(_ name: String, _ usual: Int) throws -> Int {
        guard let text = call.value(name) else { return usual }
        guard let value = Int(text), (0...100_000_000).contains(value) else {
            throw Failure("--\(name) is no number", hint: "for example 8", code: .usage)
        }
        return value
    }
    func address(_ name: String) throws -> StoreAddress {
        guard let address = StoreAddress(try call.required(name)) else {
            throw Failure(
                "--\(name) is no address", hint: "sqlite:PATH or postgresql://…", code: .usage)
        }
        return address
    }
    let bench = try LedgerBench(
        address: try address("database"), bare: try address("bare"),
        clients: max(try number("clients", 8), 1), rounds: max(try number("rounds", 7), 1))
    var lines: [String] = []
    var batches: [JSONValue] = []
    var filled = JSONValue.null
    var missed: [String] = []
    for count in [1, 100, 1_000] {
        let pair = try bench.beside(count)
        let (ours, bare, ratio) = (Int64(pair.ours), Int64(pair.bare), hundredths(pair.ratio))
        lines.append(
            "batch of \(count): \(ours) entries/s, bare loop \(bare), ratio \(ratio), "
                + "processor \(Int(pair.processor)) us an entry, bare \(Int(pair.bareProcessor))")
        if count == 100 {
            // On a server the anchor is what pgbench inserts.
            missed += shortfall(pair.raw?.ratio ?? pair.ratio, of: 0.5, "a batch of 100")
        }
        if let raw = pair.raw {
            lines.append(
                "  pgbench's raw insert \(Int64(raw.rows)) rows/s, ratio \(hundredths(raw.ratio))")
        }
        batches.append(
            .record([
                "batch": .integer(Int64(count)), "entriesPerSecond": .integer(ours),
                "bare": .integer(bare), "ratio": .text(ratio),
                "pgbench": pair.raw.map { .integer(Int64($0.rows)) } ?? .null,
                "pgbenchRatio": pair.raw.map { .text(hundredths($0.ratio)) } ?? .null,
            ]))
    }
    let hot = try bench.hotMerchant()
    try bench.ledger.checkAllSettled()
    missed += shortfall(hot, of: 0.8, "one hot merchant")
    lines.append("one hot merchant against 1,000 merchants: \(hundredths(hot))")
    let fill = try number("fill", 0)
    if fill > 0 {
        let growth = try bench.grow(to: fill)
        try bench.ledger.checkAllSettled()
        lines += [
            "\(fill) entries: cost at the end \(hundredths(growth.ratio)) of the start",
            "balance \(growth.balance) us, authorisation \(growth.authorisation) us (medians)",
        ]
        filled = .record([
            "entries": .integer(Int64(fill)), "endOverStart": .text(hundredths(growth.ratio)),
            "balanceMicroseconds": .integer(growth.balance),
            "authorisationMicroseconds": .integer(growth.authorisation),
        ])
    }
    call.print(
        .record([
            "batches": .array(batches), "hotMerchant": .text(hundredths(hot)), "fill": filled,
        ]), lines)
    guard call.flag("check"), !missed.isEmpty else { return }
    throw Failure("under the limit: \(missed.joined(separator: "; "))", hint: "an idle machine?")
}

private func shortfall(_ ratio: Double, of limit: Double, _ what: String) -> [String] {
    ratio < limit ? ["\(what): \(hundredths(ratio)), wanted \(limit)"] : []
}

/// Entries a second, and microseconds of this process's processors for an entry; medians.
private struct Pair {
    let ours: Double
    let bare: Double
    /// Of the pairs, ours over bare.
    let ratio: Double
    let processor: Double
    let bareProcessor: Double
    /// What pgbench inserts in the same turns, and ours over it.
    let raw: (rows: Double, ratio: Double)?
}

private final class LedgerBench {
    let ledger: BenchLedger
    private let bare: BareRows
    private let raw: RawInserts?
    private let bareCards: [String]
    private let clients: Int
    private let rounds: Int
    private let tills: [BenchTill]

    init(address: StoreAddress, bare: StoreAddress, clients: Int, rounds: Int) throws {
        ledger = try BenchLedger(address, clients: clients, cardsEach: 200)
        tills = try ledger.tills(clients, merchants: clients)
        let other = try BenchLedger(bare, clients: clients, cardsEach: 200)
        _ = try other.tills(clients, merchants: 1)
        bareCards = other.cards.map(\.digits)
        self.bare = try BareRows(bare, clients: clients)
        raw = try RawInserts(bare, clients: clients)
        self.clients = clients
        self.rounds = rounds
    }

    deinit { raw?.clear() }

    /// Seconds that `clients` threads take, each for its share of `items`.
    private func seconds<T: Sendable>(
        _ items: [[T]], _ body: @escaping @Sendable (T) throws -> Void
    ) throws -> Double {
        let failures = Monitor<[String]>([])
        let start = ContinuousClock.now
        let threads = items.map { share in
            NamedThread.start("client") {
                do { for item in share { try body(item) } } catch {
                    failures.update { $0.append("\(error)") }
                }
            }
        }
        threads.forEach { $0.join() }
        let taken = start.duration(to: .now)
        if let failure = failures.read({ $0.first }) {
            throw Failure("a client failed: \(failure)", hint: "this is a fault: report it")
        }
        return Double(taken.components.seconds) + Double(taken.components.attoseconds) / 1e18
    }

    /// Ours and the bare loop in turns (A B B A): medians, entries a second, and the median of the
    /// pairs' ratios.
    func beside(_ count: Int) throws -> Pair {
        let share = max(count == 1 ? 60 : 1_600 / count, 1)
        let total = Double(share * count * clients)
        var (ours, anchors, raws): ([Double], [Double], [Double]) = ([], [], [])
        var (processor, bareProcessor): ([Double], [Double]) = ([], [])
        for round in 0...rounds {
            let batches = try tills.enumerated().map { client, till in
                try (0..<share).map { _ in try ledger.batch(till, of: client, count) }
            }
            let turns = (0..<clients).map { [Int](repeating: $0, count: share) }
            func mine() throws -> Double {
                let before = Clock.processMicroseconds()
                let taken = try seconds(batches) { [ledger] in try ledger.book($0) }
                processor.append(Double(Clock.processMicroseconds() - before) / total)
                return total / taken
            }
            func plain() throws -> Double {
                let before = Clock.processMicroseconds()
                let taken = try seconds(turns) { [bare, bareCards] in
                    try bare.insert(count, of: $0, cards: bareCards)
                }
                bareProcessor.append(Double(Clock.processMicroseconds() - before) / total)
                return total / taken
            }
            let first = round.isMultiple(of: 2) ? try mine() : 0
            let anchor = try plain()
            let own = round.isMultiple(of: 2) ? first : try mine()
            // The first round prepares statements.
            if round > 0 {
                ours.append(own)
                anchors.append(anchor)
                if let raw { raws.append(try raw.measure()) }
            }
        }
        let beside = raws.isEmpty ? nil : (middle(raws), middle(zip(ours, raws).map { $0 / $1 }))
        return Pair(
            ours: middle(ours), bare: middle(anchors),
            ratio: middle(zip(ours, anchors).map { $0 / $1 }), processor: middle(processor),
            bareProcessor: middle(bareProcessor), raw: beside)
    }

    /// Entries a second of terminals of one merchant, over those of 1,000 merchants.
    func hotMerchant() throws -> Double {
        let many = try ledger.tills(1_000, merchants: 1_000)
        let hot = try ledger.tills(clients, merchants: 1)
        var ratios: [Double] = []
        var next = 0
        for round in 0...rounds {
            let spread = try (0..<clients).map { client in
                try (0..<50).map { _ in
                    next = (next + 1) % many.count
                    return try ledger.batch(many[next], of: client, 10)
                }
            }
            let one = try hot.enumerated().map { client, till in
                try (0..<50).map { _ in try ledger.batch(till, of: client, 10) }
            }
            func time(_ items: [[BenchBatch]]) throws -> Double {
                try seconds(items) { [ledger] in try ledger.book($0) }
            }
            if round.isMultiple(of: 2) {
                let first = try time(one)
                if round > 0 {
                    ratios.append(try time(spread) / first)
                } else {
                    _ = try time(spread)
                }
            } else {
                let first = try time(spread)
                ratios.append(first / (try time(one)))
            }
        }
        return middle(ratios)
    }

    /// Books until there are `count` entries more; compares the cost of an entry.
    func grow(
        to count: Int
    ) throws -> (ratio: Double, balance: Int64, authorisation: Int64) {
        let step = 100 * clients
        var costs: [Double] = []
        for _ in 0..<max(count / step, 20) {
            let batches = try tills.enumerated().map { client, till in
                [try ledger.batch(till, of: client, 100)]
            }
            costs.append(try seconds(batches) { [ledger] in try ledger.book($0) })
        }
        let tenth = max(costs.count / 20, 1)
        let ratio = middle(Array(costs.suffix(tenth))) / middle(Array(costs.prefix(tenth)))
        let numbers = ledger.cards
        let balance = try ledger.with { book in
            try middle(
                (0..<500).map { index in
                    try microseconds {
                        _ = try book.balance(
                            of: numbers[index * 7 % numbers.count], now: BenchLedger.time)
                    }
                })
        }
        let authorisation = try middle(ledger.authorisations(500, by: tills[0]))
        return (ratio, Int64(balance), Int64(authorisation))
    }
}

func microseconds(_ body: () throws -> Void) rethrows -> Double {
    let start = ContinuousClock.now
    try body()
    let taken = start.duration(to: .now).components
    return Double(taken.seconds) * 1e6 + Double(taken.attoseconds) / 1e12
}

private func middle(_ values: [Double]) -> Double { values.isEmpty ? 0 : values.median }
