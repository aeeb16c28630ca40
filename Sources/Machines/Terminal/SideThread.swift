import Threads

/// One thread beside the reader's, for work that can run while the card answers: an Ed25519
/// verification costs as much as two exchanges.
public final class SideThread: Sendable {
    private struct Work: Sendable {
        let run: @Sendable () -> Void
    }

    private struct State {
        var work: [Work] = []
        var isStopping = false
    }

    private let state: Monitor<State>
    private let thread: NamedThread

    /// Starts the thread. Dropping the last reference does not end it: call `stop`.
    public init(_ name: String) {
        let state = Monitor(State())
        self.state = state
        thread = NamedThread.start(name) {
            while true {
                let next = state.wait(atMost: .seconds(3_600)) { state -> Work?? in
                    if !state.work.isEmpty { return .some(state.work.removeFirst()) }
                    return state.isStopping ? .some(nil) : nil
                }
                switch next {
                case .none: continue
                case .some(.none): return
                case .some(.some(let work)): work.run()
                }
            }
        }
    }

    /// Ends the thread after what it was given, and waits for it.
    public func stop() {
        state.update { $0.isStopping = true }
        thread.join()
    }

    /// Runs `body` on the thread; the result is there when `value()` returns.
    func begin<R: Sendable>(_ body: @escaping @Sendable () -> R) -> Result<R> {
        let result = Result<R>()
        state.update { $0.work.append(Work { result.set(body()) }) }
        return result
    }

    /// A value that is on its way.
    final class Result<R: Sendable>: Sendable {
        private let monitor = Monitor<R?>(nil)

        func set(_ value: R) { monitor.update { $0 = value } }

        /// Waits for the value; the thread always gives one.
        func value() -> R {
            while true {
                if let value = monitor.wait(atMost: .seconds(3_600), { $0 }) { return value }
            }
        }
    }
}
