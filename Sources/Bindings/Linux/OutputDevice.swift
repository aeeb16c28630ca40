import Glibc

/// A device, FIFO or terminal that bytes go to, never waited for longer than asked.
/// Dropping it closes it. The first one makes the process ignore SIGPIPE, which a FIFO raises when
/// its reader goes.
public struct OutputDevice: ~Copyable {
    private let file: Int32
    /// True when it is a character device: one that may answer.
    public let canAnswer: Bool

    /// Opens without waiting: `ENOENT` or `ENODEV` when nothing is there, `ENXIO` for a FIFO nobody
    /// reads, `EINVAL` for what is no device (a file, a directory). Calls `open` and `fstat`.
    public init(_ path: String) throws(LinuxError) {
        signal(SIGPIPE, SIG_IGN)
        var found = stat()
        _ = try check("stat") { stat(path, &found) }
        let kind = found.st_mode & S_IFMT
        guard kind == S_IFCHR || kind == S_IFIFO else {
            throw LinuxError(call: "open", code: EINVAL)
        }
        // A FIFO opened both ways would read back its own bytes.
        let way = kind == S_IFCHR ? O_RDWR : O_WRONLY
        let file = try check("open") { open(path, way | O_NONBLOCK | O_NOCTTY | O_CLOEXEC) }
        self.file = file
        canAnswer = kind == S_IFCHR
    }

    deinit { close(file) }

    /// What it says, at most `limit` bytes; empty when it says nothing within `timeout`.
    /// Calls `poll` and `read`.
    public func read(atMost limit: Int, timeout: Duration) throws(LinuxError) -> [UInt8] {
        guard try isReady(file, POLLIN, within: timeout) else { return [] }
        var bytes = [UInt8](repeating: 0, count: max(1, limit))
        let count = Glibc.read(file, &bytes, bytes.count)
        if count < 0, errno != EAGAIN, errno != EINTR {
            throw LinuxError(call: "read", code: errno)
        }
        return Array(bytes.prefix(max(0, count)))
    }

    /// Writes what it takes within `timeout`, 0 bytes when it takes none. Calls `poll` and `write`.
    public func write(
        _ bytes: ArraySlice<UInt8>, timeout: Duration
    ) throws(LinuxError) -> Int {
        guard try isReady(file, POLLOUT, within: timeout) else { return 0 }
        let rest = Array(bytes.prefix(4_096))
        let count = Glibc.write(file, rest, rest.count)
        if count < 0, errno != EAGAIN, errno != EINTR {
            throw LinuxError(call: "write", code: errno)
        }
        return max(0, count)
    }
}
