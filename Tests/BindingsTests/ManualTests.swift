import Foundation
import Testing

@testable import CommandLineTool

/// What packages install beside a program, read by those who use it: man and bash.
@Suite struct ManualTests {
    private static let commands = [
        Command(
            ["card", "pay"], words: "AMOUNT", "pays",
            options: [
                .value("keys", "DIR", "a folder"), .flag("dry-run", letter: "n", "only say it"),
            ], examples: ["eco-try card pay 12", "eco-try card pay 12 -n"], run: { _ in }),
        Command(
            ["token", "show"], words: "FILE", "shows \\ a \"token\"",
            examples: [".hidden", "'quoted"], run: { _ in }),
    ]

    private func output(_ program: String, _ arguments: [String]) throws -> (String, Int32) {
        let process = Process()
        let pipe = Pipe()
        process.executableURL = URL(filePath: program)
        process.arguments = arguments
        process.standardOutput = pipe
        process.standardError = pipe
        try process.run()
        let data = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return (String(decoding: data, as: UTF8.self), process.terminationStatus)
    }

    @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/groff")))
    func `groff formats the page without a warning and loses nothing`() throws {
        let page = ManualPage(
            name: "eco-try", summary: "eco-try tries.", version: "1", commands: Self.commands)
        let folder = try TemporaryFolder()
        let path = folder.path + "/eco-try.1"
        try page.lines.joined(separator: "\n").appending("\n")
            .write(toFile: path, atomically: true, encoding: .utf8)
        let (text, status) = try output(
            "/usr/bin/groff", ["-man", "-ww", "-Tascii", "-P-cbou", path])
        #expect(status == 0)
        #expect(!text.contains("warning"), "\(text)")
        for part in [
            "eco-try - tries\n", "eco-try card pay AMOUNT", "-n, --dry-run", "--keys DIR",
            #"shows \ a "token""#, ".hidden", "'quoted", "130", "Stopped by Ctrl+C.",
        ] {
            #expect(text.contains(part), "\(part) is missing in\n\(text)")
        }
        // A longer one goes over the end of a line.
        let folded = text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
        for code in ExitCode.allCases { #expect(folded.contains(code.meaning)) }
    }

    @Test(arguments: [
        (["eco-try", ""], ["card", "token", "--help", "--version"]),
        (["eco-try", "to"], ["token"]),
        (["eco-try", "card", ""], ["pay"]),
        (["eco-try", "card", "pay", "--d"], ["--dry-run"]),
        (["eco-try", "card", "pay", "--keys", "f"], ["folder.d"]),
        (["eco-try", "token", "show", "fol"], ["folder.d"]),
    ])
    func `bash offers what can come next`(words: [String], expected: [String]) throws {
        let folder = try TemporaryFolder()
        let script = ShellCompletion(name: "eco-try", commands: Self.commands).lines
        try script.joined(separator: "\n")
            .write(toFile: folder.path + "/completion", atomically: true, encoding: .utf8)
        try FileManager.default.createDirectory(
            atPath: folder.path + "/folder.d", withIntermediateDirectories: false)
        let quoted = words.map { "'\($0)'" }.joined(separator: " ")
        let (text, status) = try output(
            "/bin/bash",
            [
                "-c",
                """
                cd '\(folder.path)'; source ./completion; COMP_WORDS=(\(quoted))
                COMP_CWORD=\(words.count - 1); _eco_try; printf '%s\\n' "${COMPREPLY[@]}"
                """,
            ])
        #expect(status == 0)
        #expect(text.split(separator: "\n").map(String.init) == expected)
    }
}
