import Foundation
import Glibc
import Linux
import TestSupport
import Testing

/// R16: ledgers die by SIGKILL at random instants while terminals pour in batches; what got no
/// answer is sent again, to whichever ledger lives. `ECO_LEDGER_KILLS` is how many die, on each
/// store; PostgreSQL is served by two at once.
@Suite(.serialized) struct LedgerKillTests {
    /// Kills ledgers in turn, and starts each again in its place.
    private func kill(
        _ count: Int, _ deployment: Deployment,
        _ serving: [(port: UInt16, ledger: Deployment.Serving)], _ load: TerminalLoad
    ) throws {
        var serving = serving
        var dice = Seed.dice()
        for round in 0..<count {
            let victim = round % serving.count
            // Under load: something was booked since the last one came up.
            try load.moves(by: 5)
            Clock.sleep(.microseconds(Int64.random(in: 0...60_000, using: &dice)))
            let process = serving[victim].ledger.process
            Glibc.kill(process.processIdentifier, SIGKILL)
            process.waitUntilExit()
            // At the same port: nobody else is answered for it.
            serving[victim].ledger = try deployment.serve(port: serving[victim].port)
        }
        try load.moves(by: 50)
    }

    @Test(arguments: Store.all)
    func `ledgers that are killed under load lose nothing and double nothing`(store: Store) throws {
        let environment = ProcessInfo.processInfo.environment
        let kills = environment["ECO_LEDGER_KILLS"].flatMap { Int($0) } ?? 20
        let start = ContinuousClock.now
        let deployment = try Deployment(store)
        #expect(try deployment.initialise().code == 0)
        let serving = try (0..<(store == .postgreSQL ? 2 : 1)).map { _ in
            let port = try Ports.free()
            return (port: port, ledger: try deployment.serve(port: port))
        }
        let load = try TerminalLoad(deployment, serving.map(\.ledger.url))
        try kill(kills, deployment, serving, load)
        let told = try load.expectBookedOnce()
        print(
            "\(store.rawValue): \(kills) ledgers killed of \(serving.count) at once, "
                + "\(told.entries) entries with receipts, all booked once, \(told.repeats) "
                + "batches sent again, in \(start.duration(to: .now))")
    }
}
