public import Journal
import Linux
import Operations

/// The terminal's time: never before anything it has seen (a Pi has no clock of its own).
///
/// The system clock when it is synchronised; else corrected by the ledger's once that answered in
/// this run; else as it is, untrusted. `floor` holds the highest time known: the journal's last
/// entry, the last contact, the policy's issue, each with what has passed of this run since.
/// Beyond `ceiling` nothing is sold, and a clock nobody vouches for is not believed there: the time
/// it tells would stand in the journal and hold every later entry once the clock is mended.
public struct TerminalClock: Equatable, Sendable {
    /// Milliseconds since the Unix epoch.
    public var system: UInt64
    /// True when the kernel says the clock is synchronised.
    public var isSynchronised: Bool
    /// The ledger's clock minus ours, milliseconds; nil before it answered in this run.
    public var ledgerOffset: Int64?
    /// Highest time known, milliseconds.
    public var floor: UInt64
    /// End of the policy in force, milliseconds; nil without one.
    public var ceiling: UInt64?

    /// A reading of the clock. Pure; `TerminalClock.read` takes one.
    public init(
        system: UInt64, isSynchronised: Bool, ledgerOffset: Int64?, floor: UInt64,
        ceiling: UInt64? = nil
    ) {
        self.system = system
        self.isSynchronised = isSynchronised
        self.ledgerOffset = ledgerOffset
        self.floor = floor
        self.ceiling = ceiling
    }

    /// Reads the machine's clock.
    public static func read(
        ledgerOffset: Int64?, floor: UInt64, ceiling: UInt64?
    ) -> TerminalClock {
        TerminalClock(
            system: Clock.realtimeMilliseconds(), isSynchronised: Clock.synchronised(),
            ledgerOffset: ledgerOffset, floor: floor, ceiling: ceiling)
    }

    /// The moment to stamp an entry with.
    public var moment: Moment {
        if isSynchronised, system >= floor {
            return Moment(milliseconds: system, trust: .synchronised)
        }
        if let ledgerOffset {
            let corrected = UInt64(clamping: Int64(clamping: system) &+ ledgerOffset)
            return Moment(milliseconds: max(corrected, floor), trust: .monotonicSinceSync)
        }
        let isBeyond = ceiling.map { system >= $0 } ?? false
        return Moment(milliseconds: isBeyond ? floor : max(system, floor), trust: .untrusted)
    }

    /// The latest time that it may be: what dates are held against.
    public var latest: UInt64 {
        let moment = moment
        return moment.trust == .untrusted ? max(system, moment.milliseconds) : moment.milliseconds
    }

    /// How far a clock may be behind the highest time known: what the ledger's and ours differ by
    /// is no fault.
    private static let tolerance: UInt64 = 60_000

    /// What somebody should mend; nil when the clock is well, or the ledger's stands in for it.
    public var fault: ServiceFault? {
        if system < ServiceFault.clockFloor { return .clockUnset }
        guard moment.trust == .untrusted else { return nil }
        if let ceiling, system >= ceiling { return .clockAhead }
        return system + Self.tolerance < floor ? .clockBehind : nil
    }
}
