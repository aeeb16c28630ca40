import LedgerMessages

/// How long the link waits, and how much it sends at once. Fixed when it is made.
public struct LinkPace: Sendable {
    /// For a whole call.
    public var call = Duration.seconds(20)
    /// Between two turns when nothing is to be sent.
    public var idle = Duration.seconds(15)
    /// After a refusal (L4).
    public var refused = Duration.seconds(60)
    /// After the first fault; doubled with each that follows.
    public var backoffFirst = Duration.seconds(1)
    /// After many faults.
    public var backoffMax = Duration.seconds(60)
    /// Entries of one batch, at most `batchCountMax`.
    public var batchCount = batchCountMax

    /// FORMATS §5.
    public static let standard = LinkPace()

    /// The times of FORMATS §5, for whoever changes some.
    public init() {}
}

/// The first wait, doubled up to the longest, each with jitter of half its length.
struct Backoff {
    private var base: Duration
    private let longest: Duration

    init(_ pace: LinkPace) {
        (base, longest) = (pace.backoffFirst, pace.backoffMax)
    }

    mutating func next() -> Duration {
        let half = base / 2
        base = min(base * 2, longest)
        return half + half * Double.random(in: 0...1)
    }
}
