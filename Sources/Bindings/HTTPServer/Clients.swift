import Glibc
import Threads

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

    private let state = Monitor(State())
    private let patience: Duration

    init(patience: Duration) { self.patience = patience }

    var isStopping: Bool { state.read { $0.isStopping } }

    func opened(_ connection: OpaquePointer, socket: Int32) {
        let client = Client(socket: socket, deadline: .now + patience)
        state.update { $0.clients[UInt(bitPattern: connection)] = client }
    }

    func closed(_ connection: OpaquePointer) {
        // libmicrohttpd closes the socket after this, so the number is still the client's own
        // whenever `watch` uses it under the same lock.
        state.read { $0.clients[UInt(bitPattern: connection)] = nil }
    }

    /// The client must do its next step within `patience` from now.
    func expect(_ connection: OpaquePointer) {
        let deadline = ContinuousClock.now + patience
        state.read { $0.clients[UInt(bitPattern: connection)]?.deadline = deadline }
    }

    /// It is the server's turn: the client owes nothing.
    func serve(_ connection: OpaquePointer) {
        state.read { $0.clients[UInt(bitPattern: connection)]?.deadline = nil }
    }

    func stop() { state.update { $0.isStopping = true } }

    /// Cuts late connections until `stop()`. Calls `shutdown`; the connection's thread closes.
    func watch() {
        let period = min(patience / 4, .seconds(1))
        while true {
            _ = state.wait(atMost: .seconds(3600)) { state in
                state.isStopping || !state.clients.isEmpty ? true : nil
            }
            if state.wait(atMost: period, { $0.isStopping ? true : nil }) != nil { return }
            let now = ContinuousClock.now
            state.read { state in
                for client in state.clients.values {
                    if let deadline = client.deadline, deadline < now {
                        shutdown(client.socket, Int32(SHUT_RDWR))
                    }
                }
            }
        }
    }
}
