import Foundation

/// The Python in which `Hardware/test` installs the clients others have written.
enum Python {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()
    private static let path = root.path + "/.build/interop/bin/python3"
    private static let scripts = root.path + "/Tests/InteropTests/Scripts/"

    struct Failure: Error, CustomStringConvertible { let description: String }

    /// True when these modules are there. Says why when they are not.
    static func has(_ modules: String...) -> Bool {
        guard FileManager.default.isExecutableFile(atPath: path) else {
            print("skipped: there is no .build/interop; Hardware/test makes it")
            return false
        }
        let names = modules.joined(separator: ", ")
        if (try? execute(["-c", "import " + names], "")) != nil { return true }
        print("skipped: Python does not have all of \(names); Hardware/test installs them")
        return false
    }

    /// What a script prints. - Throws: `Failure` with its last words when it does not end well.
    static func run(_ script: String, input: [String] = []) throws -> String {
        try execute([scripts + script + ".py"], input.joined(separator: "\n"))
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
