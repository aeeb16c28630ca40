import Foundation
import Glibc
import PostgreSQL

/// A real PostgreSQL server of this test run: `Hardware/private-postgresql` beside a shell that
/// waits for the end of its standard input, which comes when this process ends, however it ends.
public final class Cluster: Sendable {
    /// Started when it is first asked for.
    public static let shared = Result { try Cluster() }

    /// The address of the server's own database.
    private let base: String
    private let lifeline: Int32

    /// Why there is no server; what the script said instead of an address.
    public struct Absent: Error { let what: String }

    /// Starts a server; `options` for its configuration.
    public init(options: String = "") throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        let process = Process()
        process.executableURL = root.appending(path: "Hardware/private-postgresql")
        process.arguments = ["sh", "-c", "echo \"$ECO_POSTGRESQL\"; read line"]
        process.environment = ProcessInfo.processInfo.environment.merging(
            ["ECO_POSTGRESQL_OPTIONS": options], uniquingKeysWith: { $1 })
        let (input, output) = (Pipe(), Pipe())
        lifeline = dup(input.fileHandleForWriting.fileDescriptor)
        // Nobody else shall hold the line when this process is gone.
        _ = fcntl(lifeline, F_SETFD, FD_CLOEXEC)
        _ = fcntl(input.fileHandleForWriting.fileDescriptor, F_SETFD, FD_CLOEXEC)
        process.standardInput = input.fileHandleForReading
        process.standardOutput = output
        try process.run()
        try input.fileHandleForWriting.close()
        let line = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
        base = line.trimmingCharacters(in: .whitespacesAndNewlines)
        guard base.hasPrefix("postgresql://") else { throw Absent(what: line) }
    }

    deinit { close(lifeline) }

    /// The address of one of its databases.
    public func address(_ database: String, user: String = "postgres") -> String {
        base.replacingOccurrences(of: "postgres@/postgres", with: "\(user)@/\(database)")
    }

    /// A fresh database; gives its address. It goes with the server: dropping costs a checkpoint.
    public func create() throws -> String {
        let name = "t" + UUID().uuidString.lowercased().filter { $0 != "-" }
        try Session(address("postgres")).script("CREATE DATABASE \(name)")
        return address(name)
    }
}
