import Operations

/// A settled payment of the same card, beside the one judged in the order of the card's counter.
struct CounterNeighbour: Equatable {
    let counter: UInt32
    let time: UInt64
    let trust: ClockTrust
}

/// Where a counter stands among those the card has already used.
struct CounterPlace: Equatable {
    /// The settled payment with the next lower counter.
    var lower: CounterNeighbour?
    /// The settled payment with the next higher counter.
    var higher: CounterNeighbour?
    /// The terminal that sends this one has sent a higher counter of this card before.
    var isBehindOwnTerminal = false
}

/// What the counter says of a payment whose evidence is proven and whose counter is new.
enum CounterVerdict: Equatable {
    /// Higher than any settled one.
    case rising
    /// Lower, and explained: it waited in an offline terminal.
    case late
    /// Lower, and against what clocks or a terminal's own order say.
    case lower
    /// Lower, and no clock vouches for its place: a terminal without a network or a battery looks
    /// like that. A person decides; the card stays in use.
    case unclear
}

/// Clock differences between terminals that are still called consistent, milliseconds.
let counterTolerance: UInt64 = 10 * 60_000

/// The counter rule.
///
/// Offline is the normal case: a market stall may send Saturday's payments on Monday, after a shop
/// online has sent Sunday's of the same card. So a lower counter alone is no fraud, and holding it
/// would punish every merchant without a network. What a clone cannot do is fit in: it counts on
/// its own, so sooner or later it repeats a counter (the database refuses the second) or it uses a
/// counter at a time that breaks the order in which the true card counted. Hence a lower counter
/// settles only when
/// - it comes from another terminal than the higher ones: one terminal's journal is ordered, so
///   within it a card's counters can only rise;
/// - its time lies between the times of its neighbours in counter order, within 10 minutes; and
/// - the three clocks deserve some trust: an untrusted time fits anywhere and proves nothing, for
///   the payment or against its card.
/// Settled so, it is flagged `late` for the audit.
func judgeCounter(
    _ place: CounterPlace, time: UInt64, trust: ClockTrust
) -> CounterVerdict {
    if place.isBehindOwnTerminal { return .lower }
    guard let higher = place.higher else { return .rising }
    let isKnown = trust != .untrusted
    func isBefore(_ first: UInt64, _ second: UInt64) -> Bool {
        first <= second.saturated(adding: counterTolerance)
    }
    let isBelow = higher.trust == .untrusted ? nil : isBefore(time, higher.time)
    let isAbove =
        place.lower.map { $0.trust == .untrusted ? nil : isBefore($0.time, time) } ?? true
    if isKnown, isBelow == false || isAbove == false { return .lower }
    return isKnown && isBelow == true && isAbove == true ? .late : .unclear
}

extension UInt64 {
    func saturated(adding other: UInt64) -> UInt64 {
        let (sum, isOver) = addingReportingOverflow(other)
        return isOver ? .max : sum
    }
}
