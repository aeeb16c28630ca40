import Crypto
import Foundation
import HTTPClient
import LedgerMessages
import Linux
import TestSupport
import Testing
import Threads

/// Four terminals that pour batches into real ledgers, each again until it has its receipt, from
/// whichever ledger answers.
final class TerminalLoad {
    /// What the terminals got receipts for, over all of them.
    struct Told: Sendable {
        var entries = 0
        var cents: Int64 = 0
        var repeats = 0
        fileprivate var failure: (any Error)?
        fileprivate var isOver = false
    }

    private struct Unexpected: Error { let what: String }

    private static let terminals = 4
    private let deployment: Deployment
    private let told = Monitor(Told())
    private var threads: [NamedThread] = []

    /// Pairs the terminals at the first of the ledgers at `urls`, and lets them begin.
    init(_ deployment: Deployment, _ urls: [String]) throws {
        self.deployment = deployment
        for serial in 1...Self.terminals {
            let card = try deployment.card(Int64(serial), cents: 90_000_000)
            let till = Till()
            let code = try deployment.run(
                "terminal", "code", "-d", deployment.database, "--merchant", "La Ressourcerie")
            let key = try Sender(till: till).pair(
                urls[0], code.out.trimmingCharacters(in: .whitespacesAndNewlines))
            let sending = Sending(till: till, card: card)
            threads.append(
                sending.start { [told] till, card in
                    do { try Self.send(till, card, key, urls, told) } catch {
                        told.update { $0.failure = error }
                    }
                })
        }
    }

    deinit { end() }

    /// One terminal: its card pays five times a batch until the load is over.
    private static func send(
        _ till: Till, _ card: SoftwareCard, _ key: Ed25519PublicKey, _ urls: [String],
        _ told: Monitor<Told>
    ) throws {
        let sender = Sender(till: till)
        while !told.read(\.isOver) {
            // Enough to meet every death; the audit at the end looks at each.
            Clock.sleep(.milliseconds(10))
            let cents = (0..<5).map { _ in Int64.random(in: 1...200) }
            let time = Clock.realtimeMilliseconds()
            let batch = try cents.flatMap { try till.pay(card, $0, time: time) }
            let deadline = ContinuousClock.now + .seconds(120)
            while true {
                let answer = try? sender.post(urls.randomElement() ?? "", batch)
                guard let answer, answer.status == 200 else {
                    // A kept connection that broke is tried by libcurl once more, with the nonce
                    // that a living ledger has seen. Any other refusal is none of something dead.
                    let code = answer.map { Problem($0.body).code } ?? "replayed"
                    guard answer?.status == 503 || code == "replayed", .now < deadline else {
                        throw Unexpected(what: code)
                    }
                    told.update { $0.repeats += 1 }
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

    /// Waits until `count` more entries have their receipts.
    /// - Throws: what a terminal met; that it took more than a minute.
    func moves(by count: Int) throws {
        let before = told.read(\.entries)
        let hasMoved = told.wait(atMost: .seconds(60)) { told -> Result<Void, any Error>? in
            if let failure = told.failure { return .failure(failure) }
            return told.entries >= before + count ? .success(()) : nil
        }
        guard let hasMoved else { throw Unexpected(what: "no receipts for a minute") }
        try hasMoved.get()
    }

    private func end() {
        told.update { $0.isOver = true }
        threads.forEach { $0.join() }
        threads = []
    }

    /// Ends the load and holds the book against the receipts.
    func expectBookedOnce() throws -> Told {
        end()
        let end = told.read { $0 }
        #expect(end.failure == nil)
        let report = try deployment.run("report", "-d", deployment.database, "--json")
        #expect(report.json["cents"] as? Int64 == end.cents)
        let audit = try deployment.run("audit", "-d", deployment.database, "--json")
        #expect(audit.code == 0, "\(audit.out)")
        #expect(audit.json["entries"] as? Int == end.entries)
        #expect(audit.json["transactions"] as? Int == end.entries + Self.terminals)
        return end
    }
}

/// A terminal and its card, given to one thread.
private final class Sending: @unchecked Sendable {  // because only its thread uses them
    private let till: Till
    private let card: SoftwareCard

    init(till: Till, card: SoftwareCard) {
        self.till = till
        self.card = card
    }

    func start(_ body: @escaping @Sendable (Till, SoftwareCard) -> Void) -> NamedThread {
        NamedThread.start("terminal") { [self] in body(till, card) }
    }
}
