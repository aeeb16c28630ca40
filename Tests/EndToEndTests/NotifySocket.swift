import Foundation
import Linux
import TestSupport
import Threads

/// The service manager's end of the notify protocol: a datagram socket in the file system. What
/// comes is taken at once, as systemd does: a queue that nobody empties would hold the sender.
final class NotifySocket {
    let path: String
    private let queue = Monitor<(messages: [[String]], isOver: Bool)>(([], false))
    private let reader: NamedThread

    init(_ path: String) throws {
        self.path = path
        let socket = Once(try UnixDatagrams(path))
        let queue = queue
        reader = NamedThread.start("manager") {
            while !queue.read({ $0.isOver }) {
                guard let bytes = try? socket.value.receive(timeout: .milliseconds(100)) else {
                    continue
                }
                let lines = String(decoding: bytes, as: UTF8.self)
                    .split(separator: "\n").map(String.init)
                queue.update { $0.messages.append(lines) }
            }
        }
    }

    /// A socket that a closure can hold.
    private final class Once: Sendable {
        let value: UnixDatagrams
        init(_ value: consuming UnixDatagrams) { self.value = value }
    }

    deinit {
        queue.update { $0.isOver = true }
        reader.join()
    }

    /// The words that make a program report here and expect the watchdog to wait so long.
    func environment(patience: Duration) -> [String] {
        let microseconds = Int(patience / .microseconds(1))
        return ["NOTIFY_SOCKET=" + path, "WATCHDOG_USEC=\(microseconds)"]
    }

    /// The next message's lines; nil when none comes within `limit`.
    func next(within limit: Duration) -> [String]? {
        queue.wait(atMost: limit) { $0.messages.isEmpty ? nil : $0.messages.removeFirst() }
    }

    /// Reads until a message has such a line; that line, or nil after `limit`.
    func line(
        within limit: Duration = .seconds(60), _ fits: (String) -> Bool
    ) -> String? {
        let end = ContinuousClock.now + limit
        while ContinuousClock.now < end {
            let rest = ContinuousClock.now.duration(to: end)
            if let found = next(within: rest)?.first(where: fits) { return found }
        }
        return nil
    }

    /// Forgets all that was sent until now, also what nobody has taken from the socket yet.
    func drain() throws {
        let mark = "MARK=" + UUID().uuidString
        let sent = try Programs.run(
            "/usr/bin/systemd-notify", ["--no-block", mark], environment: ["NOTIFY_SOCKET": path])
        guard sent.code == 0, line({ $0 == mark }) != nil else {
            throw LinuxError(call: sent.error, code: EIO)
        }
    }
}

/// One thread of a child held still, as one that waits for ever (ptrace); it goes on when this is
/// released.
final class HeldThread {
    private let state = Monitor<(isHeld: Bool?, isReleased: Bool)>((nil, false))
    private let holder: NamedThread
    private let call: String
    /// `__WALL`: threads that are no children too.
    private static let everyThread: Int32 = 0x4000_0000

    /// - Throws: when there is no such thread, or the kernel refuses.
    init(_ name: String, of process: Int32) throws {
        let tasks = "/proc/\(process)/task"
        let found = try Files.list(tasks).first { task in
            let bytes = (try? Files.read("\(tasks)/\(task)/comm", atMost: 64)) ?? []
            return String(decoding: bytes, as: UTF8.self) == name + "\n"
        }
        guard let thread = found.flatMap({ Int32($0) }) else {
            throw LinuxError(call: "no thread " + name, code: ESRCH)
        }
        call = "\(tasks)/\(thread)/syscall"
        let state = state
        // The kernel lets a thread go when the one that holds it ends.
        holder = NamedThread.start("hold") {
            typealias Call = @convention(c) (Int, Int32, Int, Int) -> Int
            let ptrace = dlsym(nil, "ptrace").map { unsafeBitCast($0, to: Call.self) }
            let (seize, interrupt) = (0x4206, 0x4207)
            var status: Int32 = 0
            // It stops some time after it was told to.
            let isHeld =
                ptrace?(seize, thread, 0, 0) == 0 && ptrace?(interrupt, thread, 0, 0) == 0
                && waitpid(thread, &status, Self.everyThread) == thread
            state.update { $0.isHeld = isHeld }
            _ = state.wait(atMost: .seconds(120)) { $0.isReleased ? true : nil }
        }
        guard state.wait(atMost: .seconds(60), { $0.isHeld }) == true else {
            release()
            throw LinuxError(call: "ptrace", code: EPERM)
        }
    }

    /// Holds it while it waits for something. One that is held in the middle of its work may have
    /// the lock of the memory, without which no thread could tell of it.
    static func waiting(_ name: String, of process: Int32) throws -> HeldThread {
        let end = ContinuousClock.now + .seconds(60)
        while ContinuousClock.now < end {
            let held = try HeldThread(name, of: process)
            if held.isInCall { return held }
            held.release()
        }
        throw LinuxError(call: "no wait of " + name, code: EBUSY)
    }

    /// True when the kernel has it, and no mere look at the clock or yield.
    private var isInCall: Bool {
        // futex, poll, ppoll, select, pselect6, nanosleep, clock_nanosleep, epoll_pwait, and
        // restart_syscall: one of them that goes on after it was held before
        #if arch(x86_64)
            let waits: Set<Substring> = [
                "202", "7", "271", "23", "270", "35", "230", "281", "219",
            ]
        #else
            let waits: Set<Substring> = ["98", "73", "72", "101", "115", "22", "128"]
        #endif
        let bytes = (try? Files.read(call, atMost: 256)) ?? []
        let number = String(decoding: bytes, as: UTF8.self).split(separator: " ").first
        return number.map { waits.contains($0) } ?? false
    }

    func release() {
        state.update { $0.isReleased = true }
        holder.join()
    }
}
