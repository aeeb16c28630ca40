/// When a checkout that rests gives back the memory of code that it does not run: soon after its
/// start, most of which is never run again, and long after work that called some of it back.
/// Pure; asked at each round of the watch.
public struct CodeRest: Sendable {
    /// Rounds without work after the start, and after work.
    static let (afterStart, afterWork) = (2, 300)

    private var quiet = 0
    private var wanted = CodeRest.afterStart
    private var isGiven = false

    /// A checkout that starts.
    public init() {}

    /// True once for each rest, when it has lasted long enough.
    public mutating func isDue(isIdle: Bool) -> Bool {
        guard isIdle else {
            quiet = 0
            if isGiven { wanted = Self.afterWork }
            isGiven = false
            return false
        }
        quiet += 1
        if isGiven || quiet < wanted { return false }
        isGiven = true
        return true
    }
}
