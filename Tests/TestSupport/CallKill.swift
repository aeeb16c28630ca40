import Foundation

/// kill -9 of a built program at its n-th system call of a name, by strace.
public enum CallKill {
    private static let strace = "/usr/bin/strace"

    /// False, and told on standard output, where strace is missing.
    public static var isPossible: Bool {
        if FileManager.default.isExecutableFile(atPath: strace) { return true }
        print("skipped: no \(strace) to kill at a call with")
        return false
    }

    /// How the program ended (code 9: killed) and what it printed before; nil when it has no such
    /// call and ends well.
    public static func run(
        _ name: String, _ words: [String], at call: String, _ number: Int
    ) throws -> Programs.Result? {
        let result = try Programs.run(
            strace,
            [
                "-f", "-qq", "-o", "/dev/null", "-e", "trace=\(call)", "-e",
                "inject=\(call):signal=KILL:when=\(number)",
                Programs.folder.appending(path: name).path,
            ] + words)
        return result.code == 0 ? nil : result
    }
}
