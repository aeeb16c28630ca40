import CommandLineTool
import Foundation
import Linux
import Testing

@Suite struct CommandLineToolTests {
    private static let program = Program(
        "eco-try", "tries the command line",
        commands: [
            Command(
                ["card", "pay"], words: "AMOUNT", "pays",
                options: [
                    .value("reader", "NAME", letter: "r", "which reader"),
                    .value("count", "N", "how often"), .flag("dry-run", letter: "n", "only say it"),
                ],
                examples: ["eco-try card pay 12", "eco-try card pay 12 -n"],
                run: { invocation in
                    let count = try invocation.number("count", in: 1...3, default: 1)
                    let reader = invocation.value("reader") ?? "none"
                    invocation.print(
                        .record([
                            "words": .array(invocation.words.map { .text($0) }),
                            "count": .integer(count), "reader": .text(reader),
                            "dry": .bool(invocation.flag("dry-run")), "none": .null,
                        ]), ["\(invocation.words) \(count) \(reader)"])
                }),
            Command(
                ["card", "fail"], "fails", examples: ["eco-try card fail", "eco-try card fail -h"],
                run: { _ in throw Failure("no card", hint: "put one down", code: .noCard) }),
        ])

    /// What one command line gives in a process of its own.
    private func output(_ result: ExitTest.Result?) -> (out: String, error: String) {
        (
            String(decoding: result?.standardOutputContent ?? [], as: UTF8.self),
            String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
        )
    }

    @Test func `options in every form are read, data goes to stdout alone`() async throws {
        let result = await #expect(
            processExitsWith: .success,
            observing: [\.standardOutputContent, \.standardErrorContent]
        ) {
            for words in [
                ["card", "pay", "12", "--reader", "A", "--json", "-n"],
                ["card", "pay", "-nrB", "--count=2", "12"], ["card", "pay", "--", "-12"],
            ] {
                #expect(Self.program.run(words) == .success)
            }
        }
        let (out, error) = output(result)
        #expect(
            out.contains(
                #"{"words":["12"],"count":1,"reader":"A","dry":true,"none":null}"# + "\n"))
        #expect(out.contains(#"["12"] 2 B"# + "\n" + #"["-12"] 1 none"# + "\n"))
        #expect(!error.contains("eco-try"))
    }

    @Test func `each mistake is one sentence and one hint on stderr, and code 2`() async {
        let result = await #expect(
            processExitsWith: .success,
            observing: [\.standardOutputContent, \.standardErrorContent]
        ) {
            let mistakes = [
                ["card", "pay", "1", "--colour"], ["card", "pay", "1", "-nz"],
                ["card", "pay", "1", "--reader"], ["card", "pay", "1", "-r"],
                ["card", "pay", "1", "-r", "a", "-r", "b"], ["card", "pay"],
                ["card", "pay", "1", "2"], ["card", "pay", "1", "--count", "4"],
                ["card", "pay", "1", "--count", "99999999999999999999"],
                ["card", "pay", "1", "--dry-run=yes"], ["card", "burn"], ["nothing"],
            ]
            for words in mistakes { #expect(Self.program.run(words) == .usage) }
        }
        let (out, error) = output(result)
        for sentence in [
            "there is no option '--colour'", "there is no option '-z'", "--reader needs a value",
            "--reader stands twice", "card pay takes AMOUNT",
            "--count takes a whole number from 1 to 3", "there is no option '--dry-run=yes'",
            "there is no command 'card burn'", "there is no command 'nothing'",
        ] {
            #expect(error.contains(sentence))
        }
        let talk = error.split(separator: "\n").filter { $0.hasPrefix("eco-try:") }
        #expect(talk.count == 24)
        #expect(!out.contains("eco-try"))
    }

    @Test func `a refusal keeps its code and is an object with --json`() async {
        let result = await #expect(
            processExitsWith: .exitCode(4),
            observing: [\.standardOutputContent, \.standardErrorContent]
        ) { exit(Self.program.run(["card", "fail", "--json"]).rawValue) }
        let (out, error) = output(result)
        #expect(out.contains(#"{"error":"no card","hint":"put one down","code":4}"# + "\n"))
        #expect(error.contains("eco-try: no card\neco-try: put one down (code 4)\n"))
    }

    @Test func `help comes from the declaration and ends with two examples`() async {
        let result = await #expect(
            processExitsWith: .success, observing: [\.standardOutputContent]
        ) {
            #expect(Self.program.run(["card", "pay", "--help"]) == .success)
        }
        let lines = output(result).out.split(separator: "\n").map(String.init)
        #expect(lines.contains("  -r, --reader NAME  which reader"))
        #expect(lines.contains("eco-try card pay AMOUNT"))
        #expect(lines.contains { $0.hasPrefix("      --json") })
        let examples = ["Examples:", "  eco-try card pay 12", "  eco-try card pay 12 -n"]
        let place = lines.firstIndex(of: "Examples:") ?? 0
        #expect(Array(lines[place...].prefix(3)) == examples)
    }

    @Test func `the program tells its version, and its commands when asked nothing`() async {
        let result = await #expect(
            processExitsWith: .success, observing: [\.standardOutputContent]
        ) {
            #expect(Self.program.run(["--version"]) == .success)
            #expect(Self.program.run([]) == .usage)
        }
        #expect(output(result).out.contains("eco-try \(Program.version)\n"))
        #expect(output(result).out.contains("  eco-try card fail        fails\n"))
    }

    @Test func `JSON text survives a real JSON reader`() throws {
        let nasty = "\"\\\n\r\t\u{0}\u{1F}\u{7F}\u{2028}é€😀</script>"
        let value = JSONValue.record([
            nasty: .text(nasty), "n": .integer(.min), "a": .array([.bool(true), .null]),
            "o": .object([]),
        ])
        let read = try JSONSerialization.jsonObject(with: Data(value.text.utf8)) as? [String: Any]
        #expect(read?[nasty] as? String == nasty)
        #expect(read?["n"] as? Int64 == .min)
        #expect((read?["a"] as? [Any])?.count == 2)
        #expect(!value.text.contains("\n"))
    }

    @Test func `getopt_long is read back in order, letters and beginnings too`() {
        let options: [OptionScanner.Option] = [
            .init(name: "verbose", letter: "v", takesValue: false),
            .init(name: "file", letter: "f", takesValue: true),
            .init(name: "format", letter: nil, takesValue: true),
        ]
        func scan(_ words: String...) -> [OptionScanner.Item] { OptionScanner.scan(words, options) }
        #expect(
            scan("a", "-vf", "x", "b", "--fi=y", "--", "-v")
                == [
                    .word("a"), .option(0, value: nil), .option(1, value: "x"), .word("b"),
                    .option(1, value: "y"), .word("-v"),
                ])
        #expect(scan("--f", "x") == [.unknown("--f"), .word("x")])
        #expect(scan("-x", "--format") == [.unknown("-x"), .valueMissing(2)])
        #expect(scan("", "-", "--file", "") == [.word(""), .word("-"), .option(1, value: "")])
        #expect(scan() == [])
    }
}
