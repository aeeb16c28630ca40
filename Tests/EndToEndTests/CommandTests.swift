import Foundation
import TestSupport
import Testing

/// Bad command lines and files: one sentence, one hint, the documented exit code, nothing on
/// stdout.
/// eco-card, eco-ledger and eco-sim have tables of their own beside their machines.
@Suite struct CommandTests {
    struct Line: Sendable {
        let program: String
        let words: [String]
        let code: Int32
        let says: String

        init(_ program: String, _ words: [String], _ code: Int32, _ says: String) {
            self.program = program
            self.words = words
            self.code = code
            self.says = says
        }
    }

    static let folder = FileManager.default.temporaryDirectory.path + "/eco-commands"
    static let good = folder + "/good.conf"

    static let lines: [Line] = [
        Line("eco-terminal", ["sell"], 2, "there is no command 'sell'"),
        Line("eco-terminal", ["journal"], 2, "there is no command 'journal'"),
        Line("eco-terminal", ["serve"], 2, "--config is missing"),
        Line("eco-terminal", ["serve", "--config"], 2, "--config needs a value"),
        Line("eco-terminal", ["serve", "--loud"], 2, "there is no option '--loud'"),
        Line("eco-terminal", ["serve", "now", "-c", good], 2, "eco-terminal serve takes no words"),
        Line("eco-terminal", ["serve", "-c", good, "-c", good], 2, "--config stands twice"),
        Line("eco-terminal", ["serve", "-c", folder + "/none"], 2, "cannot be read"),
        Line("eco-terminal", ["serve", "-c", folder + "/odd.conf"], 2, "line 2 of"),
        Line("eco-terminal", ["serve", "-c", folder + "/twice.conf"], 2, "line 2 of"),
        Line("eco-terminal", ["serve", "-c", folder + "/open.conf"], 10, "passphrase file"),
        Line("eco-terminal", ["serve", "-c", good], 10, "the terminal's key cannot be opened"),
        Line("eco-terminal", ["pair", "-c", good], 2, "--ledger is missing"),
        Line(
            "eco-terminal", ["pair", "-c", good, "--ledger", "ftp://x", "--code", "A"], 2,
            "ftp://x is no ledger address"),
        Line(
            "eco-terminal", ["pair", "-c", good, "--ledger", "http://127.0.0.1:9", "--code", "A"],
            8,
            "the ledger does not answer"),
        Line("eco-terminal", ["journal", "export", "-c", good], 2, "takes FILE"),
        Line("eco-bench", ["load", folder, "many"], 2, "COUNT is no number"),
        Line("eco-bench", ["tap", "--pairs", "two"], 2, "--pairs takes a whole number"),
    ]

    @Test(arguments: [
        Line("deb", ["--programs"], 2, "needs a value"),
        Line("deb", ["--architecture", "arm64"], 2, "there is no option '--architecture'"),
        Line("deb", ["--arch", "riscv64"], 2, "not 'riscv64'"),
        Line("arm64", ["--suite", "sid"], 2, "not 'sid'"),
        Line("arm64", ["--output"], 2, "needs a value"),
    ])
    func `A wrong command line of a script that builds packages is one sentence`(line: Line) throws
    {
        let refused = try Programs.run(
            BuiltPackages.repository + "/Hardware/" + line.program, line.words)
        #expect(refused.code == line.code && refused.out.isEmpty, "\(refused.out)")
        #expect(refused.error.contains(line.says), "\(refused.error)")
        #expect(refused.error.split(separator: "\n").count == 1, "\(refused.error)")
    }

    @Test(.serialized, arguments: lines)
    func `A bad command line is refused with a sentence, a hint and its code`(line: Line) throws {
        try Self.prepare()
        let result = try Programs.run(line.program, line.words)
        #expect(result.code == line.code, "\(line.words): \(result.error)")
        #expect(result.error.contains(line.says), "\(line.words): \(result.error)")
        #expect(result.error.contains("(code \(line.code))"), "\(result.error)")
        #expect(result.out.isEmpty, "\(result.out)")
    }

    @Test(arguments: ["eco-terminal", "eco-card", "eco-ledger", "eco-sim", "eco-bench"])
    func `Every program explains itself and tells its version`(program: String) throws {
        let help = try Programs.run(program, ["--help"])
        #expect(help.code == 0 && help.out.contains("Usage:") && help.error.isEmpty)
        let version = try Programs.run(program, ["--version"])
        #expect(version.code == 0 && version.out.hasPrefix("\(program) "))
        #expect(try Programs.run(program, []).code == 2)
    }

    /// Configurations: a good one, one with an unknown name, one with a name twice, one whose
    /// passphrase file others can read.
    private static func prepare() throws {
        let files = FileManager.default
        try files.createDirectory(atPath: folder, withIntermediateDirectories: true)
        func write(_ name: String, _ text: String, _ mode: Int) {
            let data = Data(text.utf8)
            _ = files.createFile(
                atPath: folder + "/" + name, contents: data,
                attributes: [.posixPermissions: mode])
        }
        let head = "directory = \(folder)/state\nkeys = \(folder)/terminal.keys\n"
        write("pass", "a passphrase of a test\n", 0o600)
        write("open", "a passphrase of a test\n", 0o644)
        write("good.conf", head + "passphrase-file = \(folder)/pass\n", 0o600)
        write("open.conf", head + "passphrase-file = \(folder)/open\n", 0o600)
        write("odd.conf", "# a comment\ncolour = green\n", 0o600)
        write("twice.conf", "language = fr\nlanguage = en\n", 0o600)
        try? files.removeItem(atPath: folder + "/state")
    }
}
