import CLinux
import Glibc

/// Signals taken by a thread that waits for them, never by a handler.
public enum Signals {
    /// Blocks `signals` in this thread and in the threads it starts later: call it first in
    /// `main`, then `wait`. Calls `pthread_sigmask`.
    public static func block(_ signals: [Int32]) {
        var set = set(signals)
        pthread_sigmask(SIG_BLOCK, &set, nil)
    }

    /// The next of the blocked `signals` that comes; nil once `atMost` has passed.
    /// Calls `sigtimedwait`.
    public static func wait(_ signals: [Int32], atMost: Duration) -> Int32? {
        var set = set(signals)
        let deadline = ContinuousClock.now + min(atMost, .seconds(31_536_000))
        while true {
            var limit = ContinuousClock.now.duration(to: deadline).timeSpecification
            let signal = sigtimedwait(&set, nil, &limit)
            if signal > 0 { return signal }
            if errno != EINTR { return nil }
        }
    }

    private static func set(_ signals: [Int32]) -> sigset_t {
        var set = sigset_t()
        sigemptyset(&set)
        for signal in signals { sigaddset(&set, signal) }
        return set
    }
}

/// What others may see of this process.
public enum Processes {
    /// The folder that the service manager made for sockets; nil when it made none.
    public static var runFolder: String? {
        getenv("RUNTIME_DIRECTORY").map { String(cString: $0) }
    }

    /// From now on its memory is written to no core file and only root can look into it.
    /// Calls `prctl` with `PR_SET_DUMPABLE`.
    public static func forbidDumps() throws(LinuxError) {
        _ = try check("prctl") { linux_forbid_dumps() }
    }
}

extension Processes {
    /// Takes code and constants of the program and its libraries out of this process's memory, as
    /// far as nobody writes to them; what is used again comes back from the page cache, by a minor
    /// fault for some pages at a time. Bytes of the segments.
    /// Calls `dl_iterate_phdr`, `madvise` with `MADV_DONTNEED`.
    @discardableResult public static func restCode() -> Int { linux_rest_code() }
}

/// A process this one started. Dropping it kills and reaps it: none is left behind.
public struct ChildProcess: ~Copyable {
    /// The process number, ours until this value is dropped.
    public let identifier: Int32

    /// Starts the program at `path` (looked up in PATH when it has no slash) with `arguments`,
    /// without the program's own name. It inherits the environment; stdin is /dev/null; stdout and
    /// stderr are inherited, or appended to the files `output` and `errors` (made with mode 0600);
    /// nothing else that is open here is open in it; no signal is blocked or ignored in it.
    /// Calls `posix_spawnp`.
    public static func start(
        _ path: String, _ arguments: [String], output: String? = nil, errors: String? = nil
    ) throws(LinuxError) -> ChildProcess {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        for (stream, file) in [(Int32(1), output), (Int32(2), errors)] {
            guard let file else { continue }
            posix_spawn_file_actions_addopen(
                &actions, stream, file, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        }
        let refusal = linux_close_from(&actions, 3)
        if refusal != 0 { throw LinuxError(call: "posix_spawn_file_actions", code: refusal) }
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        sigaddset(&signals, SIGPIPE)
        posix_spawnattr_setsigdefault(&attributes, &signals)
        let flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF
        posix_spawnattr_setflags(&attributes, Int16(flags))
        var words = ([path] + arguments).map { strdup($0) }
        defer { for word in words { free(word) } }
        words.append(nil)
        var identifier: pid_t = 0
        let code = posix_spawnp(
            &identifier, path, &actions, &attributes, words, linux_environment())
        if code != 0 { throw LinuxError(call: "posix_spawnp", code: code) }
        return ChildProcess(identifier: identifier)
    }

    deinit {
        kill(identifier, SIGKILL)
        var status: Int32 = 0
        while waitpid(identifier, &status, 0) == -1, errno == EINTR {}
    }

    /// Sends a signal; does nothing when the child has ended. Calls `kill`.
    public func signal(_ signal: Int32) { kill(identifier, signal) }

    /// The exit code when it has ended (128 + the signal when a signal ended it), nil while it
    /// runs. Calls `waitid` with `WNOHANG`.
    public func hasExited() -> Int32? {
        var code: Int32 = 0
        return linux_child_ended(identifier, 0, &code) == 1 ? code : nil
    }

    /// Waits for the end; the same code as `hasExited()`. May be called again. Calls `waitid`.
    public func wait() -> Int32 {
        var code: Int32 = 0
        while linux_child_ended(identifier, 1, &code) != 1 {
            if errno != EINTR { return -1 }
        }
        return code
    }
}
