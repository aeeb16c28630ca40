import CLinux
import Glibc
import Synchronization

/// Whole files as bytes.
public enum Files {
    private static let temporaryNumber = Atomic<UInt64>(0)

    /// The whole file or pipe. Throws `EFBIG` when it has more than `limit` bytes.
    /// Calls `open` and `read`.
    public static func read(_ path: String, atMost limit: Int) throws(LinuxError) -> [UInt8] {
        let file = try open(path, O_RDONLY)
        defer { close(file) }
        var bytes: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 16_384)
        while true {
            let count = try check("read") { Glibc.read(file, &part, part.count) }
            if count == 0 { return bytes }
            if count > limit - bytes.count { throw LinuxError(call: "read", code: EFBIG) }
            bytes += part[..<count]
        }
    }

    /// The lines of a text without their ends: a line feed, also after a carriage return. (To
    /// Swift both together are one `Character`: a text that is split at "\n" stays whole there.)
    public static func lines(_ bytes: some Collection<UInt8>) -> [String] {
        bytes.split(separator: 0x0a, omittingEmptySubsequences: false).map { line in
            let isReturned = Array(line.suffix(1)) == [0x0d]
            return String(decoding: line.dropLast(isReturned ? 1 : 0), as: UTF8.self)
        }
    }

    /// Replaces the file whole: after a crash at any instant `path` holds the old bytes or the
    /// new ones, and once this returns, the new ones. A crash may leave a `….tmp` beside it.
    /// Calls `open`, `fchmod`, `write`, `fsync`, `rename`, then `fsync` on the directory.
    public static func writeAtomically(
        _ bytes: [UInt8], to path: String, mode: UInt32 = 0o600
    ) throws(LinuxError) {
        let number = temporaryNumber.wrappingAdd(1, ordering: .relaxed).newValue
        let temporary = "\(path).\(getpid()).\(number).tmp"
        unlink(temporary)  // only a crashed process with our number can have left it
        do throws(LinuxError) {
            try write(bytes, toNew: temporary, mode: mode)
            _ = try check("rename") { rename(temporary, path) }
        } catch {
            unlink(temporary)
            throw error
        }
        try syncDirectory(of: path)
    }

    /// Gives a file that is on disk its name: after a crash at any instant it has the one or the
    /// other, and once this returns, `path`. Calls `rename`, then `fsync` on the directory.
    public static func move(_ old: String, to path: String) throws(LinuxError) {
        _ = try check("rename") { rename(old, path) }
        try syncDirectory(of: path)
    }

    /// Removes a file; once this returns it does not come back after a crash.
    /// Calls `remove`, then `fsync` on the directory.
    public static func removeDurably(_ path: String) throws(LinuxError) {
        try remove(path)
        try syncDirectory(of: path)
    }

    private static func syncDirectory(of path: String) throws(LinuxError) {
        let directory = try open(parent(of: path), O_RDONLY | O_DIRECTORY)
        defer { close(directory) }
        _ = try check("fsync") { fsync(directory) }
    }

    /// Bytes of a file. Calls `stat`.
    public static func size(_ path: String) throws(LinuxError) -> UInt64 {
        var found = stat()
        _ = try check("stat") { stat(path, &found) }
        return UInt64(clamping: found.st_size)
    }

    /// Whether something is there, of whatever kind. Calls `access`.
    public static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

    /// The permission bits, 0o000…0o7777. Calls `stat`.
    public static func mode(_ path: String) throws(LinuxError) -> UInt32 {
        var found = stat()
        _ = try check("stat") { stat(path, &found) }
        return found.st_mode & 0o7777
    }

    /// Whether what is written where `path` is lies in memory, or over another file system, as
    /// under a read-only root: the next start may know nothing of it. Calls `statfs`.
    public static func isOfThisStart(_ path: String) throws(LinuxError) -> Bool {
        try check("statfs") { linux_is_of_this_start(path) } == 1
    }

    /// Bytes that a process without privileges may still write where `path` is. Calls `statvfs`.
    public static func freeBytes(_ path: String) throws(LinuxError) -> UInt64 {
        try room(path).freeBytes
    }

    /// The same room (`UInt64.max` where the file system counts none), and whether it is mounted
    /// read-only. Calls `statvfs`.
    public static func room(
        _ path: String
    ) throws(LinuxError) -> (freeBytes: UInt64, isReadOnly: Bool) {
        var found = statvfs()
        _ = try check("statvfs") { statvfs(path, &found) }
        let bytes = UInt64(found.f_bavail).multipliedReportingOverflow(by: UInt64(found.f_frsize))
        let isCounted = found.f_blocks > 0 && !bytes.overflow
        return (isCounted ? bytes.partialValue : .max, found.f_flag & UInt(ST_RDONLY) != 0)
    }

    /// Adds bytes at the end of a file, made with `mode` when it is missing, and waits until they
    /// are on disk. A refused write leaves the file as it was. Calls `open`, `fstat`, `write`,
    /// `fsync`, `ftruncate`.
    public static func append(
        _ bytes: [UInt8], to path: String, mode: UInt32 = 0o600
    ) throws(LinuxError) {
        let file = Glibc.open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, mode)
        guard file >= 0 else { throw LinuxError(call: "open", code: errno) }
        defer { close(file) }
        var before = stat()
        _ = try check("fstat") { fstat(file, &before) }
        do throws(LinuxError) {
            try writeAll(bytes, to: file)
            _ = try check("fsync") { fsync(file) }
        } catch {
            _ = ftruncate(file, before.st_size)
            throw error
        }
    }

    /// Makes a directory and those above it that are missing, all with `mode` (less the umask).
    /// Does nothing when it is there. Calls `mkdir`.
    public static func makeDirectory(_ path: String, mode: UInt32 = 0o700) throws(LinuxError) {
        var error = makeOne(path, mode)
        if error == ENOENT, parent(of: path) != path {
            try makeDirectory(parent(of: path), mode: mode)
            error = makeOne(path, mode)
        }
        if error != 0 { throw LinuxError(call: "mkdir", code: error) }
    }

    /// Makes `path` a symbolic link to `target`, in place of an older link; `EEXIST` when there is
    /// something else. Calls `lstat`, `symlink` and `rename`.
    public static func link(_ target: String, at path: String) throws(LinuxError) {
        var found = stat()
        if lstat(path, &found) == 0, found.st_mode & S_IFMT != S_IFLNK {
            throw LinuxError(call: "symlink", code: EEXIST)
        }
        let temporary = "\(path).\(getpid()).tmp"
        unlink(temporary)  // only a crashed process with our number can have left it
        _ = try check("symlink") { symlink(target, temporary) }
        do throws(LinuxError) {
            _ = try check("rename") { rename(temporary, path) }
        } catch {
            unlink(temporary)
            throw error
        }
    }

    /// Removes a file or an empty directory. Calls `remove`.
    public static func remove(_ path: String) throws(LinuxError) {
        _ = try check("remove") { Glibc.remove(path) }
    }

    /// The names in a directory, sorted, without "." and "..". Calls `readdir`.
    public static func list(_ path: String) throws(LinuxError) -> [String] {
        guard let directory = opendir(path) else { throw LinuxError(call: "opendir", code: errno) }
        defer { closedir(directory) }
        var names: [String] = []
        errno = 0
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
            errno = 0
        }
        if errno != 0 { throw LinuxError(call: "readdir", code: errno) }
        return names.sorted()
    }

    private static func open(_ path: String, _ flags: Int32) throws(LinuxError) -> Int32 {
        try check("open") { Glibc.open(path, flags | O_CLOEXEC) }
    }

    private static func write(
        _ bytes: [UInt8], toNew path: String, mode: UInt32
    ) throws(LinuxError) {
        let flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC
        let file = try check("open") { Glibc.open(path, flags, mode) }
        defer { close(file) }
        _ = try check("fchmod") { fchmod(file, mode) }
        try writeAll(bytes, to: file)
        _ = try check("fsync") { fsync(file) }
    }

    private static func makeOne(_ path: String, _ mode: UInt32) -> Int32 {
        if mkdir(path, mode) == 0 { return 0 }
        let code = errno
        var status = stat()
        let isDirectory = stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
        return code == EEXIST && isDirectory ? 0 : code
    }

    private static func parent(of path: String) -> String {
        var trimmed = path[...]
        while trimmed.count > 1, trimmed.last == "/" { trimmed.removeLast() }
        guard let slash = trimmed.lastIndex(of: "/") else { return "." }
        return slash == trimmed.startIndex ? "/" : String(trimmed[..<slash])
    }
}

/// Writes every byte to a descriptor.
func writeAll(_ bytes: [UInt8], to file: Int32) throws(LinuxError) {
    var done = 0
    while done < bytes.count {
        done += try check("write") {
            bytes.withUnsafeBytes { write(file, $0.baseAddress.map { $0 + done }, $0.count - done) }
        }
    }
}

/// The right to be the only process that uses something, held as a lock on a file.
/// The kernel lets it go when the holder ends, however it ends.
public struct FileLock: ~Copyable {
    private let file: Int32

    /// Takes the lock or throws at once: `EWOULDBLOCK` when another holder has it.
    /// The file is made when missing (mode 0600) and stays. Calls `open` and `flock`.
    public init(_ path: String) throws(LinuxError) {
        let file = try check("open") { open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600) }
        do throws(LinuxError) {
            _ = try check("flock") { flock(file, LOCK_EX | LOCK_NB) }
        } catch {
            close(file)
            throw error
        }
        self.file = file
    }

    /// Lets the lock go now rather than at the end of the scope. Calls `flock` and `close`.
    public consuming func release() {}

    // Closing alone is not enough: a program that is being started elsewhere in this process has a
    // copy of the descriptor until it runs.
    deinit {
        flock(file, LOCK_UN)
        close(file)
    }
}
