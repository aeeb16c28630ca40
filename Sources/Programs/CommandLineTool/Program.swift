import Linux

/// A program: its name, what it is, its commands.
public struct Program: Sendable {
    /// The version all programs carry.
    public static let version = "0.1.0"
    private let name: String
    private let summary: String
    private let commands: [Command]

    /// A program.
    public init(_ name: String, _ summary: String, commands: [Command]) {
        self.name = name
        self.summary = summary
        self.commands = commands
    }

    /// Runs the command a command line names and gives the exit code.
    /// - Parameter words: without the program's name.
    public func run(_ words: [String]) -> ExitCode {
        if words.isEmpty || words == ["--help"] || words == ["-h"] || words == ["help"] {
            for line in help() { Console.out(line) }
            return words.isEmpty ? .usage : .success
        }
        if words == ["--version"] {
            Console.out("\(name) \(Self.version)")
            return .success
        }
        if let page = printed(words) {
            for line in page { Console.out(line) }
            return .success
        }
        let isJSON = words.contains("--json")
        do {
            let (command, rest) = try choose(words)
            let invocation = try read(rest, command)
            if invocation.flag("help") {
                for line in help(of: command) { Console.out(line) }
                return .success
            }
            try check(invocation, command)
            try command.run(invocation)
            return .success
        } catch let failure as Failure {
            say(failure, isJSON)
            return failure.code
        } catch {
            say(Failure("\(error)", hint: "this is a fault of the program: report it"), isJSON)
            return .failure
        }
    }

    /// What packages install beside the program: its manual page and its completion.
    private func printed(_ words: [String]) -> [String]? {
        switch words {
        case ["--man"]:
            ManualPage(name: name, summary: summary, version: Self.version, commands: commands)
                .lines
        case ["--completion", "bash"]: ShellCompletion(name: name, commands: commands).lines
        default: nil
        }
    }

    private func say(_ failure: Failure, _ isJSON: Bool) {
        Console.error("\(name): \(failure.sentence)")
        Console.error("\(name): \(failure.hint) (code \(failure.code.rawValue))")
        guard isJSON, !failure.isTold else { return }
        Console.out(
            JSONValue.record([
                "error": .text(failure.sentence), "hint": .text(failure.hint),
                "code": .integer(Int64(failure.code.rawValue)),
            ]).text)
    }

    /// The longest path that begins the words.
    private func choose(_ words: [String]) throws -> (Command, [String]) {
        let matching = commands.filter { Array(words.prefix($0.path.count)) == $0.path }
        if let command = matching.max(by: { $0.path.count < $1.path.count }) {
            return (command, Array(words.dropFirst(command.path.count)))
        }
        let began = commands.filter { $0.path.first == words.first }.map {
            $0.path.joined(separator: " ")
        }
        let hint =
            began.isEmpty
            ? "\(name) --help lists the commands" : "there is: " + began.joined(separator: ", ")
        let named = words.prefix(2).prefix { !$0.hasPrefix("-") }
        throw Failure(
            named.isEmpty
                ? "no command is named"
                : "there is no command '\(named.joined(separator: " "))'",
            hint: hint, code: .usage)
    }

    private func read(_ words: [String], _ command: Command) throws -> Invocation {
        let options = command.allOptions
        let items = OptionScanner.scan(
            words,
            options.map {
                .init(name: $0.name, letter: $0.letter, takesValue: $0.placeholder != nil)
            })
        var values: [String: [String]] = [:]
        var flags: Set<String> = []
        var positional: [String] = []
        let hint = "\(name) \(command.path.joined(separator: " ")) --help shows the options"
        for item in items {
            switch item {
            case .word(let word): positional.append(word)
            case .unknown(let word):
                throw Failure("there is no option '\(word)'", hint: hint, code: .usage)
            case .valueMissing(let index):
                throw Failure("--\(options[index].name) needs a value", hint: hint, code: .usage)
            case .option(let index, let value):
                let option = options[index]
                guard values[option.name] == nil || option.isRepeatable else {
                    throw Failure("--\(option.name) stands twice", hint: hint, code: .usage)
                }
                guard let value else {
                    flags.insert(option.name)
                    continue
                }
                values[option.name, default: []].append(value)
            }
        }
        return Invocation(values: values, flags: flags, words: positional)
    }

    private func check(_ invocation: Invocation, _ command: Command) throws {
        let words = command.words.split(separator: " ")
        let required = words.prefix { !$0.hasPrefix("[") }.count
        guard (required...words.count).contains(invocation.words.count) else {
            let what = words.isEmpty ? "no words" : command.words
            throw Failure(
                "\(name) \(command.path.joined(separator: " ")) takes \(what)",
                hint: "\(invocation.words.count) given; see --help", code: .usage)
        }
    }

    private func help() -> [String] {
        let width = commands.map { usage($0).count }.max() ?? 0
        return [summary, "", "Usage:"]
            + commands.map { command in
                let text = usage(command)
                return "  " + text + String(repeating: " ", count: width - text.count + 2)
                    + command.summary
            }
            + [
                "", "\(name) COMMAND --help explains a command; --version prints the version.",
                "--man prints the manual page, --completion bash a completion script.",
            ]
    }

    private func usage(_ command: Command) -> String {
        "\(name) " + (command.path + [command.words]).filter { !$0.isEmpty }.joined(separator: " ")
    }

    private func help(of command: Command) -> [String] {
        let left = command.allOptions.map { option in
            let short = option.letter.map { "-\($0), " } ?? "    "
            return short + "--" + option.name + (option.placeholder.map { " \($0)" } ?? "")
        }
        let width = left.map(\.count).max() ?? 0
        let options = zip(left, command.allOptions).map { text, option in
            "  " + text + String(repeating: " ", count: width - text.count + 2) + option.help
        }
        return [usage(command), command.summary, "", "Options:"] + options + ["", "Examples:"]
            + command.examples.map { "  " + $0 }
    }
}
