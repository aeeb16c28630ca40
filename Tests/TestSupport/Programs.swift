public import Foundation

/// The built programs, which lie beside the test's own executable.
public enum Programs {
    /// Where they lie.
    public static let folder = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
        .deletingLastPathComponent()

    /// Where one of them lies.
    public static func path(_ name: String) -> String { folder.appending(path: name).path }

    /// What a program printed and how it ended.
    public struct Result {
        /// Its exit code.
        public let code: Int32
        /// Its standard output and its standard error.
        public let out: String
        public let error: String
        /// What it printed, as one JSON object; empty when it is none.
        public var json: [String: Any] {
            (try? JSONSerialization.jsonObject(with: Data(out.utf8))) as? [String: Any] ?? [:]
        }
    }

    /// Starts a built program, or any other by its whole path, with its output in files or a pipe,
    /// without a terminal.
    public static func start(
        _ name: String, _ words: [String], environment: [String: String] = [:], output: Any,
        errors: Any
    ) throws -> Process {
        let process = Process()
        process.executableURL = URL(filePath: name, relativeTo: folder).absoluteURL
        process.arguments = words
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        process.standardError = errors
        CalendarClock.set(process)
        try process.run()
        return process
    }

    /// Runs a program to its end, without a terminal.
    public static func run(
        _ name: String, _ words: [String], environment: [String: String] = [:]
    ) throws -> Result {
        let (out, errors) = (Pipe(), Pipe())
        let process = try start(
            name, words, environment: environment, output: out, errors: errors)
        let text = out.fileHandleForReading.readDataToEndOfFile()
        let talk = errors.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return Result(
            code: process.terminationStatus, out: String(decoding: text, as: UTF8.self),
            error: String(decoding: talk, as: UTF8.self))
    }

    /// Asks again until it holds; false after `seconds`, which only guard against a hang.
    public static func wait(
        _ seconds: Double = 60, every pause: Double = 0.05, _ holds: () throws -> Bool
    ) rethrows -> Bool {
        let end = ContinuousClock.now + .seconds(seconds)
        repeat {
            if try holds() { return true }
            Thread.sleep(forTimeInterval: pause)
        } while ContinuousClock.now < end
        return try holds()
    }
}
