import Foundation
import Linux
import TestSupport
import Testing

/// The program `eco-sim`, beside the test's own executable.
struct Simulator {
    static let program = Programs.path("eco-sim")
    static let root = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().path
    private static let outputLimit = 1 << 20

    let folder = NSTemporaryDirectory() + "eco-sim-" + UUID().uuidString

    init() throws { try Files.makeDirectory(folder) }

    func path(_ name: String) -> String { folder + "/" + name }

    func removeFolder() { try? FileManager.default.removeItem(atPath: folder) }

    /// Starts the program; it goes on until it is told to end.
    func start(_ arguments: [String], log: String = "log") throws -> ChildProcess {
        try ChildProcess.start(
            Self.program, arguments, output: path(log), errors: path(log))
    }

    /// Runs a program to its end: its exit code and what it wrote to both streams.
    func run(
        _ arguments: [String], program: String = Simulator.program
    ) throws -> (code: Int32, text: String) {
        let log = path("run-\(UUID().uuidString)")
        let child = try ChildProcess.start(program, arguments, output: log, errors: log)
        let code = child.wait()
        return (
            code, String(decoding: try Files.read(log, atMost: Self.outputLimit), as: UTF8.self)
        )
    }

    /// Waits until a log holds `text`.
    func waits(for text: String, log: String = "log") -> Bool {
        let deadline = ContinuousClock.now + DriverPeer.limit
        while ContinuousClock.now < deadline {
            if let bytes = try? Files.read(path(log), atMost: Self.outputLimit),
                String(decoding: bytes, as: UTF8.self).contains(text)
            {
                return true
            }
            Clock.sleep(.milliseconds(10))
        }
        return false
    }
}
