import CardEmulation
import Crypto
import Foundation
import Linux
import TestSupport

/// A terminal session as a text file: lines that begin with "$ " are commands, "> " goes on with
/// one; what follows is what they print, and "[5]" alone says how they end when not with 0.
struct Session: Sendable, CustomStringConvertible {
    struct Step: Sendable {
        /// The command's lines, without "$ " and "> ".
        var command: [String]
        var output: [String] = []

        /// As it stands in a file.
        var lines: [String] {
            command.enumerated().map { ($0.offset == 0 ? "$ " : "> ") + $0.element } + output
        }
    }

    static let folder = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "Sessions")
    /// Every session there is.
    static let all: [Session] = ((try? Files.list(folder.path)) ?? []).filter {
        $0.hasSuffix(".session")
    }.map { Session(name: String($0.dropLast(8)), path: folder.path + "/" + $0) }

    let name: String
    /// Lines before the first command: what the session is about.
    private(set) var title: [String] = []
    private(set) var steps: [Step] = []
    var description: String { name }

    init(name: String, path: String) {
        self.init(name: name, text: (try? String(contentsOfFile: path, encoding: .utf8)) ?? "")
    }

    init(name: String, text: String) {
        self.name = name
        var lines = Self.plain(text).split(separator: "\n", omittingEmptySubsequences: false).map(
            String.init)
        if lines.last == "" { lines.removeLast() }
        for line in lines {
            if line.hasPrefix("$ ") {
                steps.append(Step(command: [String(line.dropFirst(2))]))
            } else if steps.isEmpty {
                title.append(line)
            } else if line.hasPrefix("> "), steps[steps.count - 1].output.isEmpty {
                steps[steps.count - 1].command.append(String(line.dropFirst(2)))
            } else {
                steps[steps.count - 1].output.append(line)
            }
        }
    }

    /// Without carriage returns: a report's lines end with both.
    static func plain(_ text: String) -> String {
        String(String.UnicodeScalarView(text.unicodeScalars.filter { $0 != "\r" }))
    }

    /// True when what was printed is what stands in the file.
    static func matches(_ expected: ArraySlice<String>, _ printed: ArraySlice<String>) -> Bool {
        guard let first = expected.first else { return printed.isEmpty }
        let rest = expected.dropFirst()
        if first == "⋮" {
            return (0...printed.count).contains { matches(rest, printed.dropFirst($0)) }
        }
        guard let line = printed.first, matches(first, line) else { return false }
        return matches(rest, printed.dropFirst())
    }

    /// One line; "…" stands for any text.
    static func matches(_ expected: String, _ line: String) -> Bool {
        let parts = expected.components(separatedBy: "…")
        guard parts.count > 1 else { return expected == line }
        var rest = line[...]
        for (index, part) in parts.enumerated() {
            if index == 0 {
                guard rest.hasPrefix(part) else { return false }
                rest = rest.dropFirst(part.count)
            } else if index == parts.count - 1 {
                return rest.hasSuffix(part)
            } else if !part.isEmpty {
                guard let found = rest.firstRange(of: part) else { return false }
                rest = rest[found.upperBound...]
            }
        }
        return true
    }
}

/// A session played by a real bash with the built programs, in a folder of its own.
final class Play {
    struct Fault: Error { let what: String }

    private static let limit = Duration.seconds(600)
    private static let mark = "\u{1}"
    let folder = NSTemporaryDirectory() + "eco-session-" + UUID().uuidString
    /// What was printed, step by step.
    private(set) var steps: [Session.Step] = []

    init(_ session: Session) throws {
        // One session asks for the year it is.
        Midnight.stayClear(of: .seconds(180))
        try Files.makeDirectory(folder + "/.seen")
        let script = Self.preamble + session.steps.enumerated().map(Self.script).joined()
        try Files.writeAtomically(Array(script.utf8), to: folder + "/.script")
        let child = try ChildProcess.start(
            "/bin/bash", ["-c", "cd '\(folder)' && exec bash .script </dev/null"],
            output: folder + "/.printed", errors: folder + "/.printed")
        let end = ContinuousClock.now + Self.limit
        while child.hasExited() == nil {
            guard ContinuousClock.now < end else { throw Fault(what: "\(session.name) hangs") }
            Clock.sleep(.milliseconds(20))
        }
        let printed = Session.plain(
            String(decoding: try Files.read(folder + "/.printed", atMost: 1 << 24), as: UTF8.self))
        let parts = printed.components(separatedBy: Self.mark)
        guard parts.count == 2 * session.steps.count + 1 else {
            throw Fault(what: "\(session.name) broke off:\n\(printed)")
        }
        for (index, step) in session.steps.enumerated() {
            var lines = parts[2 * index].components(separatedBy: "\n")
            if lines.last == "" { lines.removeLast() }
            let code = parts[2 * index + 1]
            if code != "0" { lines.append("[\(code)]") }
            steps.append(Session.Step(command: step.command, output: lines))
        }
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    private static func script(_ index: Int, _ step: Session.Step) -> String {
        """
        \(step.command.joined(separator: "\n"))
        { __code=$?; printf '\\001%d\\001' $__code
        for __card in *.card; do cp "$__card" .seen/\(index)-"$__card"; done; } 2>/dev/null

        """
    }

    /// `lay CARD …` lays a card on the reader in software, `lift` takes it away; the reader is a
    /// PN532 that `$reader` names for `--nfc`. `$seeds` is what a deployment starts from.
    private static var preamble: String {
        let programs = Programs.folder.path
        let seeds = Session.folder.deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "seeds").path
        return """
            export PATH='\(programs)':$PATH LC_ALL=C.UTF-8 TZ=UTC HOME="$PWD"
            umask 077
            exec 2>&1
            reader=pn532_uart:reader
            seeds='\(seeds)'
            lay() {
                local card=$1; shift
                eco-sim card --image "$card" --pn532 reader "$@" >>sim.log 2>&1 & __player=$!
                local tries=0
                until [ -e reader ] || [ $((tries++)) -ge 500 ]; do sleep 0.02; done
            }
            lift() { kill $__player && wait $__player; }
            trap 'kill $(jobs -p) 2>/dev/null' EXIT

            """
    }

    /// True when a step ended with 3, "no reader", that is written down with another end.
    func metLateChip(_ session: Session) -> Bool {
        zip(session.steps, steps).contains { $0.output.last != "[3]" && $1.output.last == "[3]" }
    }

    /// The session as it went, to be pasted.
    func text(_ title: [String]) -> String {
        (title + steps.flatMap(\.lines)).joined(separator: "\n") + "\n"
    }

    /// What must never be printed: UIDs and keys the cards had at any time, and passphrases.
    func secrets() throws -> (uids: Set<String>, others: Set<String>) {
        var uids: Set<String> = []
        var others: Set<String> = []
        for name in try Files.list(folder + "/.seen") {
            var storage = ImageStorage(path: folder + "/.seen/" + name)
            let memory = try storage.load()
            uids.insert(Hexadecimal.text(memory.uid))
            for key in memory.keys where !key.isFactory {
                others.insert(Hexadecimal.text(key.value))
            }
        }
        for name in try Files.list(folder) where name.hasPrefix("pass") {
            let text = String(
                decoding: try Files.read(folder + "/" + name, atMost: 4_096), as: UTF8.self)
            others.insert(text.trimmingCharacters(in: .whitespacesAndNewlines).lowercased())
        }
        return (uids, others.subtracting([""]))
    }
}
