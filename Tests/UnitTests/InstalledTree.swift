import Foundation

/// A folder that goes when it is no longer held.
class TemporaryTree {
    let path: String

    init() throws {
        path = FileManager.default.temporaryDirectory.path + "/eco-units-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}

/// A root with our files where packages put them, systemd's own units, and programs of our names.
final class InstalledTree: TemporaryTree {
    private(set) var paths: [String] = []

    /// The lines of `systemd/files`.
    static func table() throws -> [(package: String, file: String, place: String)] {
        let text = try String(contentsOfFile: UnitTests.folder + "/files", encoding: .utf8)
        return text.split(separator: "\n").filter { !$0.hasPrefix("#") }.map { line in
            let words = line.split(separator: " ").map(String.init)
            return (words[0], words[1], words[2])
        }
    }

    override init() throws {
        try super.init()
        let files = FileManager.default
        try files.createDirectory(
            atPath: path + "/usr/lib/systemd", withIntermediateDirectories: true)
        try files.copyItem(
            atPath: "/usr/lib/systemd/system", toPath: path + "/usr/lib/systemd/system")
        for (_, file, place) in try Self.table() {
            let target = path + "/" + place
            try files.createDirectory(
                atPath: (target as NSString).deletingLastPathComponent,
                withIntermediateDirectories: true)
            try files.copyItem(atPath: UnitTests.folder + "/" + file, toPath: target)
            paths.append(place)
        }
        for folder in ["/usr/bin", "/var/lib/systemd/catalog", "/etc"] {
            try files.createDirectory(atPath: path + folder, withIntermediateDirectories: true)
        }
        for program in ["eco-terminal", "eco-ledger", "eco-card", "sh"] {
            _ = files.createFile(
                atPath: path + "/usr/bin/" + program, contents: nil,
                attributes: [.posixPermissions: 0o755])
        }
    }
}

/// Runs a program to its end: its exit code and all that it said.
func run(_ program: String, _ words: [String]) throws -> (code: Int32, text: String) {
    let (process, pipe) = (Process(), Pipe())
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = ["LC_ALL=C.UTF-8", "SYSTEMD_PAGER=", program] + words
    process.standardOutput = pipe
    process.standardError = pipe
    try process.run()
    let text = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: text, as: UTF8.self))
}
