import Terminal

/// What the terminal keeps of the person before it while she is there: her language, and the last
/// thanks. Pure; times are monotonic milliseconds.
///
/// The language goes back to the terminal's own when she is done: a result (accepted, done,
/// refused) has gone back to rest with nothing left to pay, and the next operation begins or
/// `farewellFor` is over. Cancelling keeps it: she is still there and the amount is corrected. A
/// choice that nothing follows lapses after `idle`. Who chooses a language while the last thanks
/// stand is there for what comes next: it is kept for one more operation.
struct Person: Equatable, Sendable {
    /// How long the last thanks stay on the customer display, once the terminal is at rest.
    static let farewellFor: UInt64 = 20_000
    /// How long a chosen language waits for an operation.
    static let idle: UInt64 = 60_000

    /// The terminal's own.
    let usual: String
    /// BCP 47, one of `Languages.person`.
    private(set) var language: String
    /// The action or card check she is thanked for, while the terminal is at rest already.
    private(set) var farewell: Completion?
    /// When she was done; nil while she is not.
    private var doneAt: UInt64?
    private var touchedAt: UInt64 = 0
    private var hadResult = false
    private var hasChosenSince = false
    private var last: Completion?

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
        if doneAt != nil {
            doneAt = now
            hasChosenSince = true
        }
        return true
    }

    /// Takes what follows from a stage, or from time.
    mutating func see(_ snapshot: Snapshot, at now: UInt64) {
        switch snapshot.stage {
        case .presentCard, .reading, .removedTooSoon, .unknownResult:
            if doneAt != nil { leave(keepsLanguage: hasChosenSince) }
            (hadResult, touchedAt, last) = (false, now, nil)
        case .accepted, .completed, .refused:
            (hadResult, touchedAt, last) = (true, now, nil)
            if case .completed(let completion) = snapshot.stage, !completion.opportunities.isEmpty {
                last = completion
            }
        case .amountEntry, .outOfService: rest(snapshot, at: now)
        }
    }

    private mutating func rest(_ snapshot: Snapshot, at now: UInt64) {
        if hadResult, snapshot.rest == nil {
            (hadResult, doneAt) = (false, now)
            farewell = last
            farewell?.isCardPresent = false
        }
        let isOver: Bool
        if let doneAt {
            isOver = now >= doneAt + Self.farewellFor
        } else {
            isOver = now >= touchedAt + Self.idle && snapshot.rest == nil
        }
        if isOver { leave(keepsLanguage: false) }
    }

    private mutating func leave(keepsLanguage: Bool) {
        if !keepsLanguage { language = usual }
        (doneAt, farewell, last, hasChosenSince) = (nil, nil, nil, false)
    }
}
