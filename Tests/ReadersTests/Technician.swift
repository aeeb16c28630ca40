import Foundation
import Linux

/// A technician's folder and the real eco-card.
final class Technician {
    let folder = NSTemporaryDirectory() + "/eco-card-" + UUID().uuidString
    var keys: [String] { ["--keys", folder + "/keys", "--passphrase-file", folder + "/pass"] }

    /// The program beside the test's own executable.
    static let program = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
        .deletingLastPathComponent().appending(path: "eco-card")

    init() throws {
        try Files.makeDirectory(folder)
        try Files.writeAtomically(Array("correct horse\n".utf8), to: folder + "/pass")
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    struct Result {
        let code: Int32
        let out: String
        let error: String
        var json: [String: Any] {
            (try? JSONSerialization.jsonObject(with: Data(out.utf8))) as? [String: Any] ?? [:]
        }
    }

    /// Runs a command to its end, without a terminal.
    func run(_ words: [String], environment: [String: String] = [:]) throws -> Result {
        let process = Process()
        let own = ProcessInfo.processInfo.environment
        process.environment = own.merging(environment) { $1 }
        process.executableURL = Self.program
        process.arguments = words
        let (out, error) = (Pipe(), Pipe())
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = out
        process.standardError = error
        try process.run()
        let text = out.fileHandleForReading.readDataToEndOfFile()
        let talk = error.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return Result(
            code: process.terminationStatus, out: String(decoding: text, as: UTF8.self),
            error: String(decoding: talk, as: UTF8.self))
    }

    /// Starts a command that goes on until it is ended.
    func start(_ words: [String]) throws -> (Process, FileHandle) {
        let process = Process()
        process.executableURL = Self.program
        process.arguments = words
        process.standardInput = FileHandle.nullDevice
        let out = Pipe()
        process.standardOutput = out
        try process.run()
        return (process, out.fileHandleForReading)
    }

    /// The next line, or what came before the end.
    static func line(_ handle: FileHandle) -> String {
        var line: [UInt8] = []
        while let byte = handle.readData(ofLength: 1).first, byte != 0x0A { line.append(byte) }
        return String(decoding: line, as: UTF8.self)
    }

    func run(_ words: String...) throws -> Result { try run(words) }
}
