// CommandLineTool: the shared front of the five programs.
//
// Purpose: commands and options declared once, help made from the declaration, exit codes, output.
// Promises: data on stdout, talk on stderr; `--json` gives one object; every refusal is one
// sentence (what happened), one hint (what to do) and a code; unknown options and missing values
// exit with 2.
// Does not promise: colour, paging, or anything clever.
// Threads: main.

import Linux

/// Exit codes, the same for all programs.
public enum ExitCode: Int32, CaseIterable, Sendable {
    /// Done.
    case success = 0
    /// A failure none of the others names.
    case failure = 1
    /// The command line is wrong.
    case usage = 2
    /// No reader.
    case noReader = 3
    /// No card came in time.
    case noCard = 4
    /// The card refused, or is not authentic.
    case cardRefused = 5
    /// Done in part: run it again to finish.
    case partial = 6
    /// A policy or a cap forbids it.
    case policy = 7
    /// The ledger is out of reach; what was to be sent is queued.
    case ledgerUnreachable = 8
    /// The ledger said no.
    case ledgerRejected = 9
    /// A key is missing or wrong.
    case keys = 10
    /// Stored data is not what was written, or a card tells another thing than it signs.
    case integrity = 11
    /// Busy: try again.
    case tryAgain = 75
    /// Stopped by ctrl-C.
    case interrupted = 130

    /// The meaning, for manuals; a sentence.
    var meaning: String {
        switch self {
        case .success: "Done."
        case .failure: "A failure none of the others names."
        case .usage: "The command line is wrong."
        case .noReader: "No reader."
        case .noCard: "No card came in time."
        case .cardRefused: "The card refused, or is not authentic."
        case .partial: "Done in part: run it again to finish."
        case .policy: "A policy or a cap forbids it."
        case .ledgerUnreachable: "The ledger is out of reach; what was to be sent is queued."
        case .ledgerRejected: "The ledger said no."
        case .keys: "A key is missing or wrong, or the module that holds it fails."
        case .integrity:
            "Stored data is not what was written, or a card tells another thing than it signs."
        case .tryAgain: "Busy: try again."
        case .interrupted: "Stopped by Ctrl+C."
        }
    }
}

/// A refusal: what happened, what to do, a code.
public struct Failure: Error, Equatable, Sendable {
    /// What happened, one sentence without a full stop.
    public let sentence: String
    /// What to do, one sentence without a full stop.
    public let hint: String
    /// The exit code.
    public let code: ExitCode
    /// The command has printed its result, which says the same: `--json` adds no second object.
    public let isTold: Bool
    /// The same in one French sentence that says what to do, for the page and the service's
    /// status; nil where only command lines meet it.
    public let advice: String?

    /// A refusal.
    public init(
        _ sentence: String, hint: String, code: ExitCode = .failure, isTold: Bool = false,
        advice: String? = nil
    ) {
        self.advice = advice
        self.sentence = sentence
        self.hint = hint
        self.code = code
        self.isTold = isTold
    }
}

/// One option of a command.
public struct OptionSpecification: Sendable {
    let name: String
    let letter: Character?
    let placeholder: String?
    let help: String
    var isRepeatable = false

    /// An option with a value.
    public static func value(
        _ name: String, _ placeholder: String, letter: Character? = nil, _ help: String
    ) -> OptionSpecification {
        OptionSpecification(name: name, letter: letter, placeholder: placeholder, help: help)
    }

    /// An option with a value that may stand more than once.
    public static func values(
        _ name: String, _ placeholder: String, _ help: String
    ) -> OptionSpecification {
        OptionSpecification(
            name: name, letter: nil, placeholder: placeholder, help: help, isRepeatable: true)
    }

    /// An option without a value.
    public static func flag(
        _ name: String, letter: Character? = nil, _ help: String
    ) -> OptionSpecification {
        OptionSpecification(name: name, letter: letter, placeholder: nil, help: help)
    }
}

/// One command: `eco-card card provision`.
public struct Command: Sendable {
    let path: [String]
    let words: String
    let summary: String
    let options: [OptionSpecification]
    let examples: [String]
    let run: @Sendable (Invocation) throws -> Void

    /// A command. `words` shows its positional words, such as "NUMBER AMOUNT"; each is required,
    /// but those in brackets, which come last.
    public init(
        _ path: [String], words: String = "", _ summary: String,
        options: [OptionSpecification] = [], examples: [String],
        run: @escaping @Sendable (Invocation) throws -> Void
    ) {
        self.path = path
        self.words = words
        self.summary = summary
        self.options = options
        self.examples = examples
        self.run = run
    }

    /// Options every command has.
    static let common: [OptionSpecification] = [
        .flag("json", "print one JSON object (or one a line) instead of text"),
        .flag("help", letter: "h", "print this help"),
    ]

    var allOptions: [OptionSpecification] { options + Self.common }
}

/// A command line, read.
public struct Invocation: Sendable {
    let values: [String: [String]]
    let flags: Set<String>
    /// The positional words.
    public let words: [String]

    /// True with `--json`.
    public var isJSON: Bool { flags.contains("json") }

    /// The value of an option, or nil.
    public func value(_ name: String) -> String? { values[name]?.first }

    /// The values of an option that may stand more than once, in order.
    public func values(_ name: String) -> [String] { values[name] ?? [] }

    /// True when the flag was given.
    public func flag(_ name: String) -> Bool { flags.contains(name) }

    /// The value of an option that must be there.
    /// - Throws: `Failure` with `ExitCode.usage`.
    public func required(_ name: String) throws -> String {
        guard let value = value(name) else {
            throw Failure("--\(name) is missing", hint: "see --help", code: .usage)
        }
        return value
    }

    /// A whole number within bounds, or the default.
    /// - Throws: `Failure` with `ExitCode.usage`.
    public func number(
        _ name: String, in range: ClosedRange<Int64>, default standard: Int64? = nil
    ) throws -> Int64 {
        guard let text = value(name) else {
            guard let standard else { return try Int64(required(name)) ?? 0 }
            return standard
        }
        guard let number = Int64(text), range.contains(number) else {
            throw Failure(
                "--\(name) takes a whole number from \(range.lowerBound) to \(range.upperBound)",
                hint: "\(text) is none", code: .usage)
        }
        return number
    }

    /// Prints the result: the object with `--json`, else the lines.
    public func print(_ object: JSONValue, _ lines: [String]) {
        if isJSON { return Console.out(object.text) }
        for line in lines { Console.out(line) }
    }
}
