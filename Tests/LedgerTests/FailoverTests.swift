import Foundation
import TestSupport
import Testing

/// R16: a primary that dies under load, with a synchronous standby that takes its place. Two
/// ledgers live through it. `ECO_FAILOVERS` is how often.
@Suite struct FailoverTests {
    @Test func `no receipt is lost and nothing is booked twice when the primary dies`() throws {
        let environment = ProcessInfo.processInfo.environment
        let count = environment["ECO_FAILOVERS"].flatMap { Int($0) } ?? 2
        let start = ContinuousClock.now
        let twins = try Twins()
        let deployment = try Deployment(Place(server: twins.address))
        #expect(try deployment.initialise().code == 0)
        let ledgers = try (0..<2).map { _ in try deployment.serve() }
        let load = try TerminalLoad(deployment, ledgers.map(\.url))
        for round in 0..<count {
            // Each failover finds terminals at work. A receipt that the promoted standby does not
            // know would show as a gap at its terminal.
            try load.moves(by: 100)
            let names = round.isMultiple(of: 2) ? ("a", "b") : ("b", "a")
            try twins.failOver(names.0, to: names.1)
        }
        try load.moves(by: 100)
        for ledger in ledgers { #expect(ledger.process.isRunning) }
        let told = try load.expectBookedOnce()
        print(
            "\(count) failovers under two ledgers: \(told.entries) entries with receipts, all "
                + "booked once, \(told.repeats) batches sent again, in "
                + "\(start.duration(to: .now))")
    }
}
