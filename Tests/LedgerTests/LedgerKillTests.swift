import Crypto
import Foundation
import Glibc
import HTTPClient
import LedgerMessages
import Linux
import TestSupport
import Testing
import Threads

/// R16: ledgers die by SIGKILL at random instants while terminals pour in batches; what got no
/// answer is sent again, to whichever ledger lives. `ECO_LEDGER_KILLS` is how many die, on each
/// store; PostgreSQL is served by two at once.
@Suite(.serialized) struct LedgerKillTests {
    private struct Told {
        var entries = 0
        var cents: Int64 = 0
        var repeats = 0
        var failure: String?
        var isOver = false
        var urls: [String] = []
    }

    /// One terminal: its card pays five times a batch until the load is over; each batch is sent
    /// until it has its receipt.
    private static func load(
        _ till: Till, _ card: SoftwareCard, _ key: Ed25519PublicKey, _ told: Monitor<Told>
    ) throws {
        let sender = Sender(till: till)
        while !told.read({ $0.isOver }) {
            // Enough to meet every death; the audit at the end looks at each.
            Clock.sleep(.milliseconds(10))
            let cents = (0..<5).map { _ in Int64.random(in: 1...200) }
            let time = Clock.realtimeMilliseconds()
            let batch = try cents.flatMap { try till.pay(card, $0, time: time) }
            while true {
                let url = told.read { $0.urls.randomElement() } ?? ""
                let answer = try? sender.post(url, batch)
                guard let answer, answer.status == 200 else {
                    // A kept connection that broke is tried by libcurl once more, with the nonce
                    // that a living ledger has seen. Any other refusal is none of a dead ledger.
                    let code = answer.map { Problem($0.body).code } ?? "replayed"
                    guard answer?.status == 503 || code == "replayed" else {
                        throw Unexpected(what: code)
                    }
                    told.read { $0.repeats += 1 }
                    Clock.sleep(.milliseconds(20))
                    continue
                }
                let receipt = try Receipt(answer.body, ledger: key)
                guard receipt.outcomes == [Outcome](repeating: .settled, count: 5) else {
                    throw Unexpected(what: "\(receipt.outcomes)")
                }
                break
            }
            let sum = cents.reduce(0, +)
            told.update {
                $0.entries += 5
                $0.cents += sum
            }
        }
    }

    private struct Unexpected: Error { let what: String }

    /// Starts a ledger in the place of one that died.
    private func kill(
        _ count: Int, _ deployment: Deployment,
        _ serving: [(port: UInt16, ledger: Deployment.Serving)], _ told: Monitor<Told>
    ) throws {
        var serving = serving
        var dice = Seed.dice()
        for round in 0..<count {
            let victim = round % serving.count
            // Under load: something was booked since the last one came up.
            let before = told.read(\.entries)
            _ = told.wait(atMost: .seconds(60)) { $0.entries > before ? true : nil }
            Clock.sleep(.microseconds(Int64.random(in: 0...60_000, using: &dice)))
            let process = serving[victim].ledger.process
            Glibc.kill(process.processIdentifier, SIGKILL)
            process.waitUntilExit()
            // At the same port: nobody else is answered for it.
            serving[victim].ledger = try deployment.serve(port: serving[victim].port)
            if let failure = told.read(\.failure) { throw Unexpected(what: failure) }
        }
        let last = told.read(\.entries)
        _ = told.wait(atMost: .seconds(60)) { $0.entries >= last + 50 ? true : nil }
        told.update { $0.isOver = true }
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
        let told = Monitor(Told())
        told.update { $0.urls = serving.map(\.ledger.url) }
        let threads = try (1...4).map { serial in
            let card = try deployment.card(Int64(serial), cents: 90_000_000)
            let till = Till()
            let code = try deployment.run(
                "terminal", "code", "-d", deployment.database, "--merchant", "La Ressourcerie")
            let key = try Sender(till: till).pair(
                serving[0].ledger.url, code.out.trimmingCharacters(in: .whitespacesAndNewlines))
            return Sending(till: till, card: card).start { till, card in
                do { try Self.load(till, card, key, told) } catch {
                    told.update { $0.failure = "\(error)" }
                }
            }
        }
        let failure = Result { try kill(kills, deployment, serving, told) }
        told.update { $0.isOver = true }
        threads.forEach { $0.join() }
        try failure.get()
        let end = told.read { $0 }
        #expect(end.failure == nil)
        let report = try deployment.run("report", "-d", deployment.database, "--json")
        #expect(report.json["cents"] as? Int64 == end.cents)
        let audit = try deployment.run("audit", "-d", deployment.database, "--json")
        #expect(audit.code == 0, "\(audit.out)")
        #expect(audit.json["entries"] as? Int == end.entries)
        #expect(audit.json["transactions"] as? Int == end.entries + 4)
        print(
            "\(store.rawValue): \(kills) ledgers killed of \(serving.count) at once, "
                + "\(end.entries) entries with receipts, all booked once, \(end.repeats) batches "
                + "sent again, in \(start.duration(to: .now))")
    }
}
