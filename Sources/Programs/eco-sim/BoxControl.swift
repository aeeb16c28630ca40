import CommandLineTool
import FoundationEssentials
import Glibc
import Linux

/// How `eco-sim tap`, `present` and `remove` reach a running box or demonstration.
///
/// In its directory, below `control`: `lock` is locked for as long as somebody serves; each asker
/// writes `N.request` (one JSON object) and waits for `N.reply` (empty: done; else a sentence).
struct BoxControl: ~Copyable {
    private let folder: String
    private let lock: FileLock

    /// What is asked for.
    enum Request: Codable, Equatable {
        /// Lay the card down, take it away after some milliseconds on the reader.
        case tap(String, milliseconds: Int)
        /// Lay the card down.
        case present(String)
        /// Take the card away.
        case remove
    }

    /// A request and the name its answer goes by.
    struct Ticket {
        let request: Request
        fileprivate let name: String
    }

    /// Begins to serve `directory`; requests left by others are dropped.
    init(serving directory: String) throws {
        let folder = Self.folder(directory)
        let lock = try Self.takeLock(folder, of: directory)
        for name in (try? Files.list(folder)) ?? [] where name != "lock" {
            try? Files.remove(folder + "/" + name)
        }
        self.folder = folder
        self.lock = lock
    }

    /// The oldest request that waits, taken off the list.
    func next() -> Ticket? {
        guard let names = try? Files.list(folder) else { return nil }
        for name in names where name.hasSuffix(".request") {
            let path = folder + "/" + name
            let bytes = try? Files.read(path, atMost: 4_096)
            try? Files.remove(path)
            let ticket = String(name.dropLast(".request".count))
            if let bytes,
                let request = try? JSONDecoder().decode(Request.self, from: Data(bytes))
            {
                return Ticket(request: request, name: ticket)
            }
            answer(ticket, "the request was not understood")
        }
        return nil
    }

    /// Answers a request: nil when it was done, else why not.
    func answer(_ ticket: Ticket, _ refusal: String?) { answer(ticket.name, refusal) }

    private func answer(_ name: String, _ refusal: String?) {
        let path = folder + "/" + name + ".reply"
        try? Files.writeAtomically(Array((refusal ?? "").utf8), to: path)
    }

    /// The asker's side: asks and waits for the answer.
    /// - Throws: `Failure` with `noCard` when nobody serves, or with the refusal.
    static func ask(_ request: Request, in directory: String, atMost limit: Duration) throws {
        let folder = folder(directory)
        // Names sort by time, so the oldest is served first.
        let name = "\(Clock.realtimeMilliseconds())-\(Clock.monotonicNanoseconds())"
        let paths = (folder + "/\(name).request", folder + "/\(name).reply")
        try requireServer(folder)
        do {
            let bytes = try JSONEncoder().encode(request)
            try Files.writeAtomically(Array(bytes), to: paths.0)
        } catch {
            throw Failure("\(directory) cannot be asked: \(error)", hint: "check its rights")
        }
        defer {
            try? Files.remove(paths.0)
            try? Files.remove(paths.1)
        }
        let end = ContinuousClock.now + limit
        while ContinuousClock.now < end {
            if let reply = try? Files.read(paths.1, atMost: 4_096) {
                if reply.isEmpty { return }
                throw Failure(String(decoding: reply, as: UTF8.self), hint: "see eco-sim --help")
            }
            try requireServer(folder)
            Clock.sleep(.milliseconds(20))
        }
        throw Failure("no answer came within \(limit)", hint: "try again", code: .tryAgain)
    }

    private static func folder(_ directory: String) -> String { directory + "/control" }

    /// An asker looks at the lock for an instant: a server that starts then tries again.
    private static func takeLock(_ folder: String, of directory: String) throws -> FileLock {
        var failure = LinuxError(call: "flock", code: EWOULDBLOCK)
        for _ in 0..<20 {
            do throws(LinuxError) {
                try Files.makeDirectory(folder)
                return try FileLock(folder + "/lock")
            } catch {
                failure = error
            }
            Clock.sleep(.milliseconds(10))
        }
        throw Failure(
            "\(directory) is served already, or closed: \(failure)",
            hint: "end the other eco-sim", code: .tryAgain)
    }

    private static func requireServer(_ folder: String) throws {
        let isServed: Bool
        do throws(LinuxError) {
            // The lock can be had: nobody serves.
            if Files.exists(folder + "/lock") { _ = try FileLock(folder + "/lock") }
            isServed = false
        } catch {
            isServed = true
        }
        guard isServed else {
            throw Failure(
                "no box and no demonstration runs there", hint: "start eco-sim box or demo",
                code: .noCard)
        }
    }
}
