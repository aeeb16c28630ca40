import CLinux
import Glibc

/// A serial line without a wire: whoever opens `path` talks with the holder of this value.
/// Dropping it hangs the line up: the other end's reads and writes fail from then on.
public struct PseudoTerminal: ~Copyable, Sendable {
    private let master: Int32
    /// Held open, so that the line outlives whoever opens and closes its other end.
    private let slave: Int32
    /// The other end, as `/dev/pts/7`; it appears and goes with this value.
    public let path: String

    /// A line in raw mode: no echo, eight bits. Calls `posix_openpt` and `cfmakeraw`.
    public init() throws(LinuxError) {
        var slave: Int32 = -1
        var name = [CChar](repeating: 0, count: 64)
        master = try check("posix_openpt") { linux_open_terminal(&slave, &name, name.count) }
        self.slave = slave
        path = String(
            decoding: name.prefix { $0 != 0 }.map { UInt8(truncatingIfNeeded: $0) }, as: UTF8.self)
    }

    deinit {
        close(slave)
        close(master)
    }

    /// What has come, 1...`limit` bytes; nil when nothing came within `timeout`.
    /// Calls `poll` and `read`.
    public func read(atMost limit: Int, timeout: Duration) throws(LinuxError) -> [UInt8]? {
        guard try isReady(master, POLLIN, within: timeout) else { return nil }
        var bytes = [UInt8](repeating: 0, count: max(limit, 1))
        let count = try check("read") { Glibc.read(master, &bytes, bytes.count) }
        return Array(bytes.prefix(count))
    }

    /// Writes every byte; the kernel keeps some 4,000 for the other end. `ETIMEDOUT` when that end
    /// does not take the rest within `timeout`. Calls `poll` and `write`.
    public func write(_ bytes: [UInt8], timeout: Duration) throws(LinuxError) {
        let end = ContinuousClock.now + timeout
        var done = 0
        while done < bytes.count {
            guard try isReady(master, POLLOUT, within: ContinuousClock.now.duration(to: end)) else {
                throw LinuxError(call: "write", code: ETIMEDOUT)
            }
            let rest = Array(bytes[done...])
            let count = Glibc.write(master, rest, rest.count)
            if count < 0, errno != EAGAIN, errno != EINTR {
                throw LinuxError(call: "write", code: errno)
            }
            done += max(count, 0)
        }
    }
}
