import Glibc

/// A value that threads share under one lock, and whose changes they can wait for.
public final class Monitor<State>: @unchecked Sendable {  // because `mutex` guards `state`
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let changed = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var state: State

    /// A monitor of `state`, which nobody else may hold any more.
    /// Calls `pthread_mutex_init` and `pthread_cond_init` (monotonic clock).
    public init(_ state: sending State) {
        self.state = state
        mutex.initialize(to: pthread_mutex_t())
        changed.initialize(to: pthread_cond_t())
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        let codes = (pthread_mutex_init(mutex, nil), pthread_cond_init(changed, &attributes))
        pthread_condattr_destroy(&attributes)
        precondition(codes == (0, 0), "threads: no mutex or condition")
    }

    deinit {
        pthread_cond_destroy(changed)
        pthread_mutex_destroy(mutex)
        changed.deallocate()
        mutex.deallocate()
    }

    /// Runs `body` under the lock and wakes nobody: for looking, or for changes nobody waits for.
    /// Calls `pthread_mutex_lock`.
    public func read<R, E: Error>(_ body: (inout State) throws(E) -> R) throws(E) -> R {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return try body(&state)
    }

    /// Runs `body` under the lock, then wakes every waiter, also when `body` throws.
    /// Calls `pthread_cond_broadcast`.
    public func update<R, E: Error>(_ body: (inout State) throws(E) -> R) throws(E) -> R {
        pthread_mutex_lock(mutex)
        defer {
            pthread_cond_broadcast(changed)
            pthread_mutex_unlock(mutex)
        }
        return try body(&state)
    }

    /// Waits until `body` gives a value; nil once `limit` has passed. `body` runs under the lock:
    /// at once, after each update, and a last time at the limit. A negative limit is zero.
    /// Calls `pthread_cond_timedwait`.
    public func wait<R>(atMost limit: Duration, _ body: (inout State) -> R?) -> R? {
        var deadline = Self.deadline(after: limit)
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        var expired = limit <= .zero
        while true {
            if let value = body(&state) {
                pthread_cond_broadcast(changed)
                return value
            }
            if expired { return nil }
            expired = pthread_cond_timedwait(changed, mutex, &deadline) == ETIMEDOUT
        }
    }

    private static func deadline(after limit: Duration) -> timespec {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        // A year stands for "for ever", so the sum below cannot overflow.
        let (seconds, attoseconds) = min(max(limit, .zero), .seconds(31_536_000)).components
        let nanoseconds = now.tv_nsec + Int(attoseconds / 1_000_000_000)
        return timespec(
            tv_sec: now.tv_sec + Int(seconds) + nanoseconds / 1_000_000_000,
            tv_nsec: nanoseconds % 1_000_000_000)
    }
}
