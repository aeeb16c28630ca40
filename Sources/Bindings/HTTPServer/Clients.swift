import Glibc
import Synchronization

/// The open connections and the instant by which each must have done its part.
///
/// libmicrohttpd's own time-out starts anew with every byte, so a client could hold a thread for
/// hours; this one does not.
final class Clients: Sendable {
    private struct Client {
        let socket: Int32
        var deadline: ContinuousClock.Instant?
    }

    private struct State {
        var clients: [UInt: Client] = [:]
        var isStopping = false
    }

    private let state = Mutex(State())
    private let patience: Duration
    private let wakeReader: Int32
    private let wakeWriter: Int32

    /// Nil when the process has no descriptor left. Calls `pipe`.
    init?(patience: Duration) {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { return nil }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        (wakeReader, wakeWriter) = (ends[0], ends[1])
        self.patience = max(patience, .milliseconds(1))
    }

    deinit {
        close(wakeReader)
        close(wakeWriter)
    }

    var isStopping: Bool { state.withLock { $0.isStopping } }

    func opened(_ connection: OpaquePointer, socket: Int32) {
        let client = Client(socket: socket, deadline: .now + patience)
        let isFirst = state.withLock { state in
            state.clients[UInt(bitPattern: connection)] = client
            return state.clients.count == 1
        }
        if isFirst { wake() }
    }

    func closed(_ connection: OpaquePointer) {
        // libmicrohttpd closes the socket after this, so the number is still the client's own
        // whenever `watch` uses it under the same lock.
        state.withLock { $0.clients[UInt(bitPattern: connection)] = nil }
    }

    /// The client must do its next step within `patience` from now.
    func expect(_ connection: OpaquePointer) {
        let deadline = ContinuousClock.now + patience
        state.withLock { $0.clients[UInt(bitPattern: connection)]?.deadline = deadline }
    }

    /// It is the server's turn: the client owes nothing.
    func serve(_ connection: OpaquePointer) {
        state.withLock { $0.clients[UInt(bitPattern: connection)]?.deadline = nil }
    }

    func stop() {
        state.withLock { $0.isStopping = true }
        wake()
    }

    /// Cuts late connections until `stop()`; sleeps while there is none.
    /// Calls `poll` and `shutdown`; the connection's own thread closes.
    func watch() {
        let period = Int32(min(patience / 4, .seconds(1)) / .milliseconds(1)) + 1
        var isIdle = true
        while true {
            var waking = pollfd(fd: wakeReader, events: Int16(POLLIN), revents: 0)
            if poll(&waking, 1, isIdle ? -1 : period) > 0 {
                var byte: UInt8 = 0
                read(wakeReader, &byte, 1)
            }
            let now = ContinuousClock.now
            let isStopping = state.withLock { state in
                for client in state.clients.values {
                    if let deadline = client.deadline, deadline < now {
                        shutdown(client.socket, Int32(SHUT_RDWR))
                    }
                }
                isIdle = state.clients.isEmpty
                return state.isStopping
            }
            if isStopping { return }
        }
    }

    private func wake() {
        var byte: UInt8 = 0
        write(wakeWriter, &byte, 1)
    }
}
