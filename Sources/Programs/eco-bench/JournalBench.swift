import CommandLineTool
import Crypto
import Journal
import KeyStore
import Linux
import Operations
import Tokens

let journalCommand = Command(
    ["journal"], "a journal of years beside one of 1,000 operations, each thing a terminal asks",
    options: [
        .value("entries", "N", "operations of the long one, 1,000 to 3,000,000 (657000: 6 years)"),
        .value("pairs", "N", "interleaved pairs, 3 to 101 (31)"),
        .value("directory", "DIR", "where the durable journals go (the present folder)"),
    ],
    examples: ["eco-bench journal", "eco-bench journal --entries 50000 --json"],
    run: benchJournal)

private let small: UInt64 = 1_000

/// One thing a terminal asks of its journal, how often in a sample, and what it wants.
private struct Question: Sendable {
    let name: String
    let times: Int
    /// Nil: no limit is set.
    var limit: Double?
    let ask: @Sendable (JournalFixture) throws -> Void

    init(
        _ name: String, times: Int = 1, limit: Double? = 1.5,
        _ ask: @escaping @Sendable (JournalFixture) throws -> Void
    ) {
        (self.name, self.times, self.limit, self.ask) = (name, times, limit, ask)
    }
}

private let questions = [
    Question("append, without the fsync", times: 20) { try $0.append() },
    Question("action day of a card", times: 20) {
        _ = try $0.journal.actions("repas", of: $0.card, day: $0.day, isTraining: false)
    },
    Question("unsent totals", times: 1_000) { _ = $0.journal.unsent },
    Question("next batch of 100", times: 5) {
        _ = try $0.journal.nextBatch(count: 100, sizeMax: 1 << 20)
    },
    Question("rejected, counted", times: 20) { _ = try $0.journal.rejectedCount() },
    Question("standing of a payment", times: 20) { fixture in
        _ = try fixture.newest.map { try fixture.journal.standing($0) }
    },
    Question("standing of the oldest payment", times: 20, limit: nil) { fixture in
        _ = try fixture.oldest.map { try fixture.journal.standing($0) }
    },
    Question("list, a page of 100") { _ = try $0.journal.find(JournalQuery(limit: 100)) },
    Question("payments, the newest 100") { _ = try $0.journal.payments(limit: 100) },
    Question("search by last four, 5 lines", times: 10) {
        _ = try $0.journal.find(JournalQuery(lastFour: $0.card.lastFour, limit: 5))
    },
    Question("refunds, the newest 3", times: 10) {
        _ = try $0.journal.find(JournalQuery(kinds: [.refund], limit: 3))
    },
    Question("totals since the day's closure", times: 5) { _ = try $0.journal.openTotals(.day) },
    Question("totals of today", times: 5) { _ = try $0.journal.totals(days: $0.day...$0.day) },
    Question("perpetual total", times: 5) { _ = try $0.journal.perpetualTotal() },
    Question("open (start of the terminal)") { try $0.reopen() },
    Question("totals since the month's closure", limit: nil) {
        _ = try $0.journal.openTotals(.month)
    },
    Question("totals since the year's closure", limit: nil) {
        _ = try $0.journal.openTotals(.year)
    },
]

private struct Answer {
    let name: String
    var limit: Double?
    /// Microseconds, medians.
    var before = 0.0
    var after = 0.0
    var ratios: [Double] = []
    /// Steps of SQLite's machine, of one time.
    var steps: (before: UInt64, after: UInt64)?
}

@Sendable private func benchJournal(_ invocation: Invocation) throws {
    let entries = UInt64(
        try invocation.number("entries", in: Int64(small)...3_000_000, default: 657_000))
    let pairs = Int(try invocation.number("pairs", in: 3...101, default: 31))
    let name = "/eco-bench-" + Hexadecimal.text(randomBytes(8))
    let (fast, slow) = (volatileFolder + name, (invocation.value("directory") ?? ".") + name)
    defer {
        removeFolder(fast)
        removeFolder(slow)
    }
    let keys = (try SigningKey.create(), try SigningKey.create())
    let (few, many) = (
        try fixture(fast, "few", small, keys), try fixture(fast, "many", entries, keys)
    )
    var answers = try questions.map { try measure($0, few, many, pairs) }
    let (fewOnDisk, manyOnDisk) = (try copy(few, slow), try copy(many, slow))
    let durable = Question("append, with the fsync", times: 3) { try $0.append() }
    answers.insert(try measure(durable, fewOnDisk, manyOnDisk, pairs), at: 1)
    answers.append(try verification(few, many))
    tell(answers, invocation, few: few, many: many)
}

private func fixture(
    _ folder: String, _ name: String, _ entries: UInt64, _ keys: (SigningKey, SigningKey)
) throws -> JournalFixture {
    try Files.makeDirectory(folder + "/" + name)
    let fixture = try JournalFixture(
        folder + "/" + name + "/journal.sqlite", signer: keys.0, ledger: keys.1)
    try fixture.fill(entries)
    return fixture
}

/// The newest file is all that an append asks for, and the one before it.
private func copy(_ fixture: JournalFixture, _ folder: String) throws -> JournalFixture {
    let parts = fixture.path.split(separator: "/").suffix(2).map(String.init)
    let (source, target) = (
        String(fixture.path.dropLast(parts[1].count + 1)), folder + "/" + parts[0]
    )
    try fixture.reopen()
    try Files.makeDirectory(target)
    try copyJournal(from: source, to: target)
    return try JournalFixture(copy: target + "/" + parts[1], of: fixture)
}

/// A B B A …: who comes first finds colder caches, so they take turns.
private func measure(
    _ question: Question, _ few: JournalFixture, _ many: JournalFixture, _ pairs: Int
) throws -> Answer {
    func once(_ fixture: JournalFixture) throws -> Double {
        let start = Clock.monotonicNanoseconds()
        for _ in 0..<question.times { try question.ask(fixture) }
        return Double(Clock.monotonicNanoseconds() - start) / 1_000 / Double(question.times)
    }
    func steps(_ fixture: JournalFixture) throws -> UInt64 {
        let start = fixture.journal.steps
        try question.ask(fixture)
        let end = fixture.journal.steps
        return end >= start ? end - start : end
    }
    for _ in 0..<3 { _ = (try once(few), try once(many)) }
    var answer = Answer(name: question.name, limit: question.limit)
    answer.steps = (try steps(few), try steps(many))
    var (before, after): ([Double], [Double]) = ([], [])
    for pair in 0..<pairs {
        if pair % 2 == 0 { before.append(try once(few)) }
        after.append(try once(many))
        if pair % 2 == 1 { before.append(try once(few)) }
    }
    (answer.before, answer.after) = (before.median, after.median)
    answer.ratios = zip(after, before).map { $0 / $1 }
    return answer
}

/// Once, for an entry: it reads all of them.
private func verification(_ few: JournalFixture, _ many: JournalFixture) throws -> Answer {
    func once(_ fixture: JournalFixture) throws -> Double {
        let start = Clock.monotonicNanoseconds()
        let found = try JournalVerifier(
            path: fixture.path, terminal: fixture.terminal, ledger: fixture.ledgerKey
        ).run()
        guard found.faults.isEmpty else {
            throw Failure("the journal is not sound: \(found.faults)", hint: "report it")
        }
        return Double(Clock.monotonicNanoseconds() - start) / 1_000 / Double(found.entries)
    }
    let (before, after) = (
        (0..<5).map { _ in try? once(few) }.compactMap(\.self).median,
        try once(many)
    )
    return Answer(
        name: "verify, for each entry", limit: 1.5, before: before, after: after,
        ratios: [after / before])
}

private func tell(
    _ answers: [Answer], _ invocation: Invocation, few: JournalFixture, many: JournalFixture
) {
    let sizes = (few.journal.position.sequence, many.journal.position.sequence)
    let years = (try? JournalYear.list(many.path).count) ?? 0
    invocation.print(
        .record([
            "schema": .text("eco.bench-journal.1"), "entries": .integer(Int64(sizes.1)),
            "files": .integer(Int64(years)), "besideEntries": .integer(Int64(sizes.0)),
            "answers": .array(answers.map(object)),
        ]),
        [
            "\(sizes.1) entries in \(years) file(s) beside \(sizes.0); medians, microseconds",
            row("", "few", "many", "ratio", "least–most", "steps of SQLite"),
        ] + answers.map(line))
}

private func object(_ answer: Answer) -> JSONValue {
    .record([
        "name": .text(answer.name), "beforeNanoseconds": .integer(Int64(answer.before * 1_000)),
        "afterNanoseconds": .integer(Int64(answer.after * 1_000)),
        "ratioPerMille": .integer(Int64(answer.ratios.median * 1_000)),
        "limitPerMille": answer.limit.map { .integer(Int64($0 * 1_000)) } ?? .null,
        "stepsBefore": answer.steps.map { .integer(Int64($0.before)) } ?? .null,
        "stepsAfter": answer.steps.map { .integer(Int64($0.after)) } ?? .null,
    ])
}

private func line(_ answer: Answer) -> String {
    let ratio = answer.ratios.median
    let range = "\(hundredths(answer.ratios.min() ?? 0))–\(hundredths(answer.ratios.max() ?? 0))"
    let steps = answer.steps.map { "\($0.before) → \($0.after)" } ?? "–"
    let over = (answer.limit.map { ratio > $0 } ?? false) ? "  over 1.50" : ""
    return row(
        answer.name, hundredths(answer.before), hundredths(answer.after), hundredths(ratio), range,
        steps) + over
}

private func row(
    _ name: String, _ few: String, _ many: String, _ ratio: String, _ range: String,
    _ steps: String
) -> String {
    func pad(_ text: String, _ width: Int) -> String {
        String(repeating: " ", count: max(0, width - text.count)) + text
    }
    return name + String(repeating: " ", count: max(1, 34 - name.count)) + pad(few, 10)
        + pad(many, 11) + pad(ratio, 8) + pad(range, 16) + "   " + steps
}
