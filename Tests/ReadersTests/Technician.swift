import Foundation
import Linux
import TestSupport

/// A technician's folder and the real eco-card.
final class Technician {
    let folder = NSTemporaryDirectory() + "/eco-card-" + UUID().uuidString
    var keys: [String] { ["--keys", folder + "/keys", "--passphrase-file", folder + "/pass"] }

    private static let program = "eco-card"

    init() throws {
        try Files.makeDirectory(folder)
        try Files.writeAtomically(Array("correct horse\n".utf8), to: folder + "/pass")
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    /// Runs a command to its end, without a terminal.
    func run(
        _ words: [String], environment: [String: String] = [:]
    ) throws -> Programs.Result {
        try Programs.run(Self.program, words, environment: environment)
    }

    /// Starts a command that goes on until it is ended.
    func start(_ words: [String]) throws -> (Process, FileHandle) {
        let out = Pipe()
        let process = try Programs.start(
            Self.program, words, output: out, errors: FileHandle.standardError)
        return (process, out.fileHandleForReading)
    }

    /// The next line, or what came before the end.
    static func line(_ handle: FileHandle) -> String {
        var line: [UInt8] = []
        while let byte = handle.readData(ofLength: 1).first, byte != 0x0A { line.append(byte) }
        return String(decoding: line, as: UTF8.self)
    }

    func run(_ words: String...) throws -> Programs.Result { try run(words) }
}
