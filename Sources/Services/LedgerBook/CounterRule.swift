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
    /// Lower, and not explained.
    case lower
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
/// - the three clocks deserve some trust: an untrusted time fits anywhere and proves nothing.
/// Settled so, it is flagged `late` for the audit.
func judgeCounter(
    _ place: CounterPlace, time: UInt64, trust: ClockTrust
) -> CounterVerdict {
    guard let higher = place.higher else { return place.isBehindOwnTerminal ? .lower : .rising }
    guard !place.isBehindOwnTerminal, trust != .untrusted, higher.trust != .untrusted,
        time <= higher.time.saturated(adding: counterTolerance)
    else { return .lower }
    guard let lower = place.lower else { return .late }
    guard lower.trust != .untrusted, lower.time <= time.saturated(adding: counterTolerance) else {
        return .lower
    }
    return .late
}

extension UInt64 {
    func saturated(adding other: UInt64) -> UInt64 {
        let (sum, isOver) = addingReportingOverflow(other)
        return isOver ? .max : sum
    }
}
