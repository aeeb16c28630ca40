import CommandLineTool
import LedgerClient
import Linux

let selfTestCommand = Command(
    ["selftest"], "check in words all that this terminal needs; write nothing that stays",
    options: [
        configurationOption,
        .flag("card", "read a card too, laid on the reader within 20 seconds; nothing is written"),
    ],
    examples: [
        "eco-terminal selftest -c terminal.conf", "eco-terminal selftest -c terminal.conf --card",
    ], run: runSelfTest)

/// What one check found: a line.
struct Finding {
    enum Mark: String {
        case good = "✓"
        /// It works, and somebody should see to it.
        case doubtful = "!"
        case fault = "✗"
        /// Could not be looked at, for the reason told.
        case open = "–"

        /// The mark in JSON.
        var word: String {
            switch self {
            case .good: "good"
            case .doubtful: "doubtful"
            case .fault: "fault"
            case .open: "open"
            }
        }
    }

    let mark: Mark
    let sentence: String
    /// The sentence as it may leave the terminal in a support bundle: no name and no amount.
    let bundled: String
    let hint: String?
    let code: ExitCode
    let members: [JSONValue.Member]

    private init(
        _ mark: Mark, _ sentence: String, bundled: String? = nil, _ hint: String?, _ code: ExitCode,
        _ members: [JSONValue.Member]
    ) {
        self.mark = mark
        self.sentence = sentence
        self.bundled = bundled ?? sentence
        self.hint = hint
        self.code = code
        self.members = members
    }

    static func good(
        _ sentence: String, bundled: String? = nil, _ members: [JSONValue.Member] = []
    ) -> Finding {
        Finding(.good, sentence, bundled: bundled, nil, .success, members)
    }

    static func doubtful(
        _ sentence: String, bundled: String? = nil, hint: String,
        _ members: [JSONValue.Member] = []
    ) -> Finding {
        Finding(.doubtful, sentence, bundled: bundled, hint, .success, members)
    }

    /// Nothing is known to be wrong, but it must be known: the test does not end well.
    static func open(_ sentence: String, hint: String, code: ExitCode = .tryAgain) -> Finding {
        Finding(.open, sentence, hint, code, [])
    }

    static func fault(_ failure: Failure, bundled: String? = nil) -> Finding {
        Finding(
            .fault, failure.sentence, bundled: bundled, failure.hint, failure.code, [])
    }
}

/// The checks so far, in the order they are told.
struct SelfTest {
    private(set) var findings: [(name: String, finding: Finding)] = []
    /// Nothing is told before the end.
    let isSilent: Bool

    /// Makes every check of the configuration at `path`.
    mutating func walk(_ path: String, withCard: Bool) {
        let configuration = check("configuration") {
            let configuration = try Configuration(path: path)
            _ = try configuration.screen
            return (configuration, .good("\(path) is understood"))
        }
        if let configuration { run(&self, configuration, withCard: withCard) }
    }

    /// Adds a check, and tells it at once.
    mutating func add(_ name: String, _ finding: Finding) {
        findings.append((name, finding))
        if isSilent { return }
        let hint = finding.hint.map { " → \($0)" } ?? ""
        Console.out("\(finding.mark.rawValue) \(name): \(finding.sentence)\(hint)")
    }

    /// Adds a check that gives a value to those after it.
    mutating func check<Value>(_ name: String, _ body: () throws -> (Value, Finding)) -> Value? {
        do {
            let (value, finding) = try body()
            add(name, finding)
            return value
        } catch let failure as Failure { add(name, .fault(failure)) } catch {
            add(name, .fault(Failure("\(error)", hint: "this is a fault of the program")))
        }
        return nil
    }

    /// The code of the first fault, else of the first check left open.
    var code: ExitCode {
        let faults = findings.filter { $0.finding.mark == .fault }
        let open = findings.filter { $0.finding.code != .success }
        return (faults.first ?? open.first)?.finding.code ?? .success
    }

    var object: JSONValue {
        .record([
            "schema": .text("eco.selftest.1"), "well": .bool(code == .success),
            "code": .integer(Int64(code.rawValue)),
            "checks": .array(
                findings.map { name, finding in
                    let head: [JSONValue.Member] = [
                        .init("check", .text(name)), .init("result", .text(finding.mark.word)),
                        .init("text", .text(finding.sentence)),
                        .init("hint", finding.hint.map { .text($0) } ?? .null),
                    ]
                    return .object(head + finding.members)
                }),
        ])
    }
}

@Sendable private func runSelfTest(_ invocation: Invocation) throws {
    let path = try invocation.required("config")
    var test = SelfTest(isSilent: invocation.isJSON)
    test.walk(path, withCard: invocation.flag("card"))
    let wrong = test.findings.filter { $0.finding.code != .success }.count
    let all = test.findings.count
    invocation.print(
        test.object, wrong == 0 ? ["All that this terminal needs is well (\(all) checks)."] : [])
    guard wrong == 0 else {
        throw Failure(
            "\(wrong) of \(all) checks did not end well", hint: "each line says what to do",
            code: test.code, isTold: true)
    }
}

private func run(_ test: inout SelfTest, _ configuration: Configuration, withCard: Bool) {
    let bench = SelfTestBench(configuration)
    let isServing = test.check("process") { try bench.process() } ?? false
    _ = test.check("disk") { try bench.disk() }
    guard let own = test.check("own key", { try bench.ownKey() }) else {
        test.add("rest", .open("needs the own key", hint: "mend that first", code: .keys))
        return
    }
    let keys = test.check("card keys") { try bench.cardKeys(own) }
    let address = test.check("pairing") { try bench.pairing(own) }
    let probe = address.flatMap { address in test.check("ledger") { try bench.ask(address, own) } }
    let asides = test.check("journal") { try bench.journal(own, address, probe) } ?? []
    for aside in asides { _ = test.check("set aside") { try aside.finding() } }
    let news = address.map { bench.news($0, own) }
    if let news {
        _ = test.check("policy") { try bench.policy(news, probe) }
        _ = test.check("deny-list") { try bench.denyList(news) }
    }
    _ = test.check("clock") { bench.clock(probe) }
    let desk = SelfTestDesk(configuration: configuration, isServing: isServing)
    let isThere = test.check("reader") { try desk.reader() } ?? false
    guard withCard else { return }
    let policy = news.flatMap { bench.policyInForce($0, probe) }
    guard isThere || isServing, let keys, let policy, let news else {
        return test.add(
            "card", .open("needs reader, card keys and policy", hint: "mend those first"))
    }
    _ = test.check("card") {
        try desk.card(keys: keys, policy: policy, denied: news.denied, now: bench.now(news))
    }
}
