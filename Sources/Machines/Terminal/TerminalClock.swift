public import Journal
import Linux
import Operations

/// The terminal's time: never before anything it has seen (a Pi has no clock of its own).
///
/// The system clock when it is synchronised; else corrected by the ledger's once that answered in
/// this run; else as it is, untrusted. `floor` holds the highest time known: the journal's last
/// entry, the last contact, the policy's issue.
public struct TerminalClock: Equatable, Sendable {
    /// Milliseconds since the Unix epoch.
    public var system: UInt64
    /// True when the kernel says the clock is synchronised.
    public var isSynchronised: Bool
    /// The ledger's clock minus ours, milliseconds; nil before it answered in this run.
    public var ledgerOffset: Int64?
    /// Highest time known, milliseconds.
    public var floor: UInt64

    /// A reading of the clock. Pure; `TerminalClock.read` takes one.
    public init(system: UInt64, isSynchronised: Bool, ledgerOffset: Int64?, floor: UInt64) {
        self.system = system
        self.isSynchronised = isSynchronised
        self.ledgerOffset = ledgerOffset
        self.floor = floor
    }

    /// Reads the machine's clock.
    public static func read(ledgerOffset: Int64?, floor: UInt64) -> TerminalClock {
        TerminalClock(
            system: Clock.realtimeMilliseconds(), isSynchronised: Clock.synchronised(),
            ledgerOffset: ledgerOffset, floor: floor)
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
        return Moment(milliseconds: max(system, floor), trust: .untrusted)
    }
}
