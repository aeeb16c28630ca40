// PythonTools: the Python in which `Hardware/interop` installs what others have written, for the
// suites that hold our bytes against theirs.
//
// A script runs in a process of its own; what it prints is what the test sees. Without the tools a
// test says so and is skipped. One thread at a time.
import Foundation

/// The Python of `.build/interop`.
public enum Python {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()
    private static let path = root.path + "/.build/interop/bin/python3"

    /// A script that did not end well: its last words.
    public struct Failure: Error, CustomStringConvertible {
        /// What it said.
        public let description: String
    }

    /// True when these modules are there. Says why when they are not.
    public static func has(_ modules: String...) -> Bool {
        guard FileManager.default.isExecutableFile(atPath: path) else {
            print("skipped: there is no .build/interop; Hardware/test makes it")
            return false
        }
        let names = modules.joined(separator: ", ")
        if (try? execute(["-c", "import " + names], "")) != nil { return true }
        print("skipped: Python does not have all of \(names); Hardware/test installs them")
        return false
    }

    /// What `Tests/SUITE/Scripts/NAME.py` prints. - Throws: `Failure`.
    public static func run(
        _ script: String, of suite: String, input: [String] = []
    ) throws -> String {
        try execute(
            [root.path + "/Tests/\(suite)/Scripts/\(script).py"], input.joined(separator: "\n"))
    }

    private static func execute(_ arguments: [String], _ input: String) throws -> String {
        let process = Process()
        let (entry, output, talk) = (Pipe(), Pipe(), Pipe())
        process.executableURL = URL(filePath: path)
        process.arguments = ["-B"] + arguments
        process.standardInput = entry
        process.standardOutput = output
        process.standardError = talk
        try process.run()
        entry.fileHandleForWriting.write(Data(input.utf8))
        try entry.fileHandleForWriting.close()
        let text = output.fileHandleForReading.readDataToEndOfFile()
        let words = talk.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw Failure(description: String(decoding: words, as: UTF8.self))
        }
        return String(decoding: text, as: UTF8.self)
    }
}
