import LedgerBook
import Threads

/// The sign that a backup was put back and nobody said so (`eco-ledger restored`): a terminal knows
/// a later epoch of the deny-list than this ledger ever gave out. Until somebody does, terminals
/// pass over each new block, for its epoch is one they have passed.
final class PutBack: Sendable {
    /// Between two sentences, milliseconds.
    static let pause: UInt64 = 3_600_000

    private struct State {
        /// The latest epoch that a terminal has shown.
        var shown: UInt64 = 0
        var told: UInt64?
    }

    private let state = Monitor(State())

    /// A terminal shows an epoch that the deny-list does not reach. Gives what to tell, once an
    /// hour; nil where the ledger has left it out.
    func note(_ shown: UInt64, of terminal: String, given: UInt64, now: UInt64) -> String? {
        guard shown > given else { return nil }
        return state.read { state in
            state.shown = max(state.shown, shown)
            if let told = state.told, told <= now, now - told < Self.pause { return nil }
            state.told = now
            return
                "put-back: terminal \(terminal) knows the deny-list to \(shown), this ledger gave "
                + "it out to \(given): an older database was put back. Cards that are blocked now "
                + "reach nobody until somebody runs eco-ledger restored"
        }
    }

    /// Whether the sign stands, of what the ledger has given out by now.
    func stands(_ given: () throws(BookError) -> UInt64) throws(BookError) -> Bool {
        let shown = state.read { $0.shown }
        guard shown > 0 else { return false }
        return shown > (try given())
    }
}
