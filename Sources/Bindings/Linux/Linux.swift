// Linux: the system calls of the product, as values and typed errors.
//
// Purpose: files, a file lock, pseudo terminals, TCP on this machine's network, sockets in the
// file system, clocks, signals, child processes, the console and `getopt_long`. It knows no word
// of the product.
//
// Promises: a call interrupted by a signal goes on; descriptors close on exec; a refused call is
// a `LinuxError` with the call's name and the `errno`; reads have limits given by the caller.
//
// Does not promise: anything about paths in directories an enemy may write; fair time-outs below
// one millisecond; that a time-out of an address look-up is kept (`getaddrinfo` has its own).
//
// Threads: every function may be called from any thread. A `~Copyable` handle belongs to whoever
// holds it; `TCPConnection` may be shared, one reader and one writer at a time.
// Units: `Duration`, nanoseconds or milliseconds as the name says; modes in octal.

import CLinux
import Glibc

/// A system call that was refused: which one, and the `errno` it gave.
/// For `getaddrinfo` the code is a (negative) `EAI_…` value.
public struct LinuxError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The C call, e.g. "open".
    public let call: String
    /// The `errno` after the call.
    public let code: Int32

    /// An error of `call` with the `errno` value `code`.
    public init(call: String, code: Int32) {
        self.call = call
        self.code = code
    }

    /// True when what was named is not there.
    public var isMissing: Bool { code == ENOENT }

    /// "open: ENOENT No such file or directory". Calls `strerrorname_np`.
    public var description: String {
        if call == "getaddrinfo", code < 0 {
            return "getaddrinfo: \(code) \(String(cString: gai_strerror(code)))"
        }
        guard let name = linux_error_name(code), let sentence = linux_error_sentence(code) else {
            return "\(call): \(code)"
        }
        return "\(call): \(String(cString: name)) \(String(cString: sentence))"
    }
}

/// Repeats `body` while a signal interrupts it; the answer, or the `errno` as an error.
func check<T: SignedInteger>(_ call: String, _ body: () -> T) throws(LinuxError) -> T {
    while true {
        let answer = body()
        if answer >= 0 { return answer }
        let code = errno
        if code != EINTR { throw LinuxError(call: call, code: code) }
    }
}

extension Duration {
    /// Whole milliseconds, rounded up, 0…Int32.max, as `poll` takes them.
    var pollMilliseconds: Int32 {
        let (seconds, attoseconds) = max(self, .zero).components
        if seconds >= 2_000_000 { return .max }
        return Int32(seconds * 1000 + (attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000)
    }

    /// As `timespec`, 0…one year.
    var timeSpecification: timespec {
        let (seconds, attoseconds) = min(max(self, .zero), .seconds(31_536_000)).components
        return timespec(tv_sec: Int(seconds), tv_nsec: Int(attoseconds / 1_000_000_000))
    }
}
