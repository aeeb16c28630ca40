import Threads

/// Sequence numbers seen by several threads.
final class Counters: Sendable {
    private let seen = Monitor<[UInt64]>([])
    func add(_ value: UInt64) { seen.update { $0.append(value) } }
    var sorted: [UInt64] { seen.read { $0.sorted() } }
}

enum ThreadBox {
    static func start(_ body: @escaping @Sendable () -> Void) -> NamedThread {
        NamedThread.start("lane", body)
    }
}
