import Terminal

/// What the terminal keeps of the person before it while she is there: her language. Pure; times
/// are monotonic milliseconds.
///
/// The language goes back to the terminal's own when she is done: a result (accepted, done, refused)
/// has gone back to rest with nothing left to pay, and the next operation begins or
/// `farewell` is over. Cancelling keeps it: she is still there and the amount is corrected. A
/// choice that nothing follows lapses after `idle`.
struct Person: Equatable, Sendable {
    /// How long the last thanks stay on the customer display, once the terminal is at rest.
    static let farewell: UInt64 = 20_000
    /// How long a chosen language waits for an operation.
    static let idle: UInt64 = 60_000

    /// The terminal's own.
    let usual: String
    /// BCP 47, one of `Languages.person`.
    private(set) var language: String
    /// When she was done; nil while she is not.
    private(set) var doneAt: UInt64?
    private var touchedAt: UInt64 = 0
    private var hadResult = false

    init(usual: String) {
        self.usual = usual
        language = usual
    }

    /// The languages she may choose: the policy's, as far as there are tables; all of them while no
    /// policy names any.
    static func offered(by policy: [String]) -> [String] {
        let named = Languages.person.filter(policy.contains)
        return named.isEmpty ? Languages.person : named
    }

    /// She chooses; false: nobody offered that.
    mutating func choose(_ wanted: String, of offered: [String], at now: UInt64) -> Bool {
        guard offered.contains(wanted) else { return false }
        language = wanted
        touchedAt = now
        doneAt = nil
        return true
    }

    /// Takes what follows from a stage, or from time.
    mutating func see(_ snapshot: Snapshot, at now: UInt64) {
        switch snapshot.stage {
        case .presentCard, .reading, .removedTooSoon, .unknownResult:
            if doneAt != nil { leave() }
            hadResult = false
            touchedAt = now
        case .accepted, .completed, .refused:
            hadResult = true
            touchedAt = now
        case .amountEntry, .outOfService:
            if hadResult, snapshot.rest == nil {
                hadResult = false
                doneAt = now
            }
            let isDone = doneAt.map { now >= $0 + Self.farewell } ?? false
            if isDone || (doneAt == nil && now >= touchedAt + Self.idle && snapshot.rest == nil) {
                leave()
            }
        }
    }

    private mutating func leave() {
        language = usual
        doneAt = nil
    }
}
