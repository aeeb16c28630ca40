import Foundation
import Glibc
import PostgreSQL
import SQLite
import Testing

/// A real PostgreSQL server of this test run, in a folder of its own, on a Unix socket. Its shell
/// waits for the end of its standard input, which comes when this process ends, however it ends.
final class Cluster: Sendable {
    static let shared = Result { try Cluster() }

    let folder: String
    private let lifeline: Int32

    /// Where the newest server's programs are (Debian's place, or on the PATH).
    static let programs: String =
        ((try? FileManager.default.contentsOfDirectory(atPath: "/usr/lib/postgresql")) ?? [])
        .sorted { (Int($0) ?? 0) > (Int($1) ?? 0) }.first.map { "/usr/lib/postgresql/\($0)/bin" }
        ?? "/usr/bin"

    /// PostgreSQL refuses to run as root.
    static let asServer = getuid() == 0 ? ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] : []

    private init() throws {
        var template = Array("/tmp/eco-pg-XXXXXX".utf8CString)
        guard let made = mkdtemp(&template) else { throw POSIXError(.EIO) }
        folder = String(cString: made)
        if getuid() == 0 {
            guard let user = getpwnam("postgres") else { throw POSIXError(.ENOENT) }
            chown(folder, user.pointee.pw_uid, user.pointee.pw_gid)
        }
        let script = """
            cd "$0" || exit 1
            "$1/initdb" --no-sync -A trust -U postgres -D data > initdb.log 2>&1 || exit 1
            "$1/postgres" -D data -k "$0" -c listen_addresses= -c max_connections=300 \
                -c shared_buffers=64MB > server.log 2>&1 &
            read line
            kill -QUIT $!
            wait
            rm -rf "$0"
            """
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = Self.asServer + ["sh", "-c", script, folder, Self.programs]
        let pipe = Pipe()
        lifeline = dup(pipe.fileHandleForWriting.fileDescriptor)
        _ = fcntl(lifeline, F_SETFD, FD_CLOEXEC)
        _ = fcntl(pipe.fileHandleForWriting.fileDescriptor, F_SETFD, FD_CLOEXEC)
        process.standardInput = pipe.fileHandleForReading
        try process.run()
        try pipe.fileHandleForWriting.close()
        let deadline = ContinuousClock.now + .seconds(60)
        while (try? Session(address("postgres"))) == nil {
            guard ContinuousClock.now < deadline else { throw POSIXError(.ETIMEDOUT) }
            usleep(50_000)
        }
    }

    func address(_ database: String) -> String {
        "postgresql://postgres@/\(database)?host=\(folder)"
    }

    /// A fresh database; gives its name. It goes with the server: dropping it costs a checkpoint.
    func create() throws -> String {
        let name = "t" + UUID().uuidString.lowercased().filter { $0 != "-" }
        try Session(address("postgres")).script("CREATE DATABASE \(name)")
        return name
    }
}
