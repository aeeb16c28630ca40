import CardEmulation
import Crypto
import Foundation
import Journal
import KeyStore
import Linux
import Operations
import Testing
import Threads

@testable import LedgerClient
@testable import Terminal

/// What time entries get, what dates are held against, and what is told of the clock.
@Suite struct ClockTests {
    private static let seen: UInt64 = 1_800_000_000_000
    private static let ends: UInt64 = seen + 1_000_000_000
    private static let year: UInt64 = 31_536_000_000

    private func clock(
        _ system: UInt64, isSynchronised: Bool = false, ledger: Int64? = nil
    ) -> TerminalClock {
        TerminalClock(
            system: system, isSynchronised: isSynchronised, ledgerOffset: ledger,
            floor: Self.seen, ceiling: Self.ends)
    }

    @Test func `A clock nobody vouches for is believed between what was seen and the policy's end`()
    {
        let now = clock(Self.seen + 5_000)
        #expect(now.moment == Moment(milliseconds: Self.seen + 5_000, trust: .untrusted))
        #expect(now.latest == Self.seen + 5_000 && now.fault == nil)
    }

    @Test func `A clock that stands behind stamps the highest time that was seen`() {
        for (system, fault) in [
            (UInt64(60_000), ServiceFault.clockUnset), (Self.seen - Self.year, .clockUnset),
            (Self.seen - 120_000, .clockBehind),
        ] where system < ServiceFault.clockFloor || fault == .clockBehind {
            let late = clock(system)
            #expect(late.moment == Moment(milliseconds: Self.seen, trust: .untrusted))
            #expect(late.latest == Self.seen && late.fault == fault, "\(system)")
        }
        #expect(clock(Self.seen - 30_000).fault == nil, "half a minute is no fault")
    }

    @Test func `A clock beyond the policy's end ends the sale and leaves no time behind`() {
        let early = clock(Self.seen + Self.year)
        #expect(early.moment == Moment(milliseconds: Self.seen, trust: .untrusted))
        #expect(early.latest == Self.seen + Self.year && early.fault == .clockAhead)
        #expect(clock(Self.ends).fault == .clockAhead && clock(Self.ends - 1).fault == nil)
    }

    @Test func `The ledger's time stands in for any of them, and a synchronised clock for itself`()
    {
        for system in [UInt64(60_000), Self.seen - Self.year, Self.seen + Self.year] {
            let offset = Int64(Self.seen) - Int64(system) + 7_000
            let helped = clock(system, ledger: offset)
            let moment = Moment(milliseconds: Self.seen + 7_000, trust: .monotonicSinceSync)
            #expect(helped.moment == moment && helped.latest == moment.milliseconds)
            #expect(helped.fault == (system < ServiceFault.clockFloor ? .clockUnset : nil))
        }
        let true_ = clock(Self.seen + Self.year, isSynchronised: true)
        #expect(
            true_.moment == Moment(milliseconds: Self.seen + Self.year, trust: .synchronised))
        #expect(true_.fault == nil)
        // A kernel that calls a clock synchronised which stands behind is not believed.
        #expect(clock(Self.seen - Self.year / 2, isSynchronised: true).moment.trust == .untrusted)
    }

    /// A Pi without a clock that runs for a month without a network must not stay at one moment:
    /// the limit of hours, the policy and tokens end there too.
    @Test func `Time passes under a clock that stands behind what was seen`() throws {
        let bench = try LiveBench()
        let seen = Clock.realtimeMilliseconds() + 3_600_000
        _ = try bench.journal.append(
            .technicalEvent(TechnicalEvent(code: "start")), id: EntryID(milliseconds: seen),
            at: Moment(milliseconds: seen, trust: .synchronised))
        let world = LiveWorld(
            journal: bench.journal, link: bench.world.link,
            keys: try bench.issuer.terminalBundle(), terminal: bench.world.terminal, log: { _ in })
        let first = world.clock
        #expect(first.fault == .clockBehind && first.moment.milliseconds >= seen)
        let end = ContinuousClock.now + .seconds(60)
        while world.clock.moment.milliseconds < seen + 50, ContinuousClock.now < end {}
        #expect(world.clock.moment.milliseconds >= seen + 50)
    }

    @Test func `The ledger's last answer and the policy's date have been seen as well`() throws {
        let bench = try LiveBench()
        let now = Clock.realtimeMilliseconds()
        let (hour, later) = (now + 3_600_000, now + 7_000_000)
        #expect(bench.world.clock.moment.milliseconds < hour)
        bench.world.link.state.update { $0.lastContact = hour }
        #expect(bench.world.clock.moment.milliseconds >= hour)
        bench.world.link.state.update { $0.lastContact = nil }
        #expect(bench.world.clock.moment.milliseconds < hour)
        bench.world.link.state.update { $0.policy?.issued = later / 1_000 }
        #expect(bench.world.clock.moment.milliseconds >= later / 1_000 * 1_000)
    }

    /// R7: the persisted high-water mark. The card's token ends in an hour, the policy later; the
    /// machine's clock never gets there, but the journal has seen the hour pass.
    @Test
    func `A token that ended before the highest time seen is refused whatever the clock says`()
        throws
    {
        let bench = try LiveBench()
        let start = Clock.realtimeMilliseconds()
        func stage(after milliseconds: UInt64) throws -> Stage {
            _ = try bench.journal.append(
                .technicalEvent(TechnicalEvent(code: "start")),
                id: EntryID(milliseconds: start + milliseconds),
                at: Moment(milliseconds: start + milliseconds, trust: .synchronised))
            var machine = CheckoutMachine()
            let amount = try #require(Amount(cents: 100))
            _ = try machine.arm(EntryID(milliseconds: start), amount, at: 0)
            try bench.tap(&machine)
            return machine.stage
        }
        #expect(MachineTests.name(try stage(after: 3_500_000)) == .accepted)
        guard case .refused(_, _, .expired) = try stage(after: 3_601_000) else {
            Issue.record("a token that has ended was taken")
            return
        }
        // As after a new start of the program: nothing but the files.
        try bench.journal.reopen()
        guard case .refused(_, _, .expired) = try stage(after: 0) else {
            Issue.record("a token that has ended was taken after a new start")
            return
        }
    }
}
