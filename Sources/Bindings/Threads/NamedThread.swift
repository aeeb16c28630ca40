import CLinux
import Glibc
import Synchronization

/// A POSIX thread with a name that `ps -L`, `top` and a debugger show.
///
/// The thread runs on when the value is dropped; call `join()` to wait for its end.
public final class NamedThread: Sendable {
    private final class Start {
        let name: String
        let body: @Sendable () -> Void
        init(_ name: String, _ body: @escaping @Sendable () -> Void) {
            self.name = name
            self.body = body
        }
    }

    private let handle: pthread_t
    private let joined = Mutex(false)

    private init(_ handle: pthread_t) { self.handle = handle }

    deinit {
        if !joined.withLock({ $0 }) { pthread_detach(handle) }
    }

    /// Starts a thread that runs `body` once. `name`: at most 15 bytes are kept.
    /// Traps when the system has no thread left: the product starts a handful, all at its start.
    /// Calls `pthread_create` and, on the new thread, `pthread_setname_np`.
    @discardableResult
    public static func start(
        _ name: String, _ body: @escaping @Sendable () -> Void
    ) -> NamedThread {
        var handle = pthread_t()
        let context = Unmanaged.passRetained(Start(name, body)).toOpaque()
        let code = pthread_create(
            &handle, nil,
            { context in
                guard let context else { return nil }
                let start = Unmanaged<Start>.fromOpaque(context).takeRetainedValue()
                linux_name_thread(start.name)
                start.body()
                return nil
            }, context)
        precondition(code == 0, "threads: pthread_create refused")
        return NamedThread(handle)
    }

    /// Waits until the thread has ended; at once if it was joined before.
    /// A thread must not join itself. Calls `pthread_join`.
    public func join() {
        joined.withLock { joined in
            if joined { return }
            let code = pthread_join(handle, nil)
            precondition(code == 0, "threads: a thread joined itself")
            joined = true
        }
    }
}
