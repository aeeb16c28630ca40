import Crypto
import Foundation
import LedgerBook
import LedgerMessages
import Operations
import Testing
import Threads
import Tokens

/// A primary that dies under load, with a synchronous standby that takes its place.
@Suite struct FailoverTests {
    /// What terminals got receipts for, over all of them.
    private struct Told: Sendable {
        var entries = 0
        var cents: Int64 = 0
        var repeats = 0
        var failure: String?
        var isOver = false
    }

    /// One terminal: sends batches of five, and each again until it has a receipt.
    private static func send(
        _ till: Till, _ card: SoftwareCard, _ address: StoreAddress, _ authority: Authority,
        _ told: Monitor<Told>
    ) throws {
        var book: Book?
        while !told.read(\.isOver) {
            let batch = try VerifiedBatch(
                (0..<5).flatMap { _ in try till.pay(card, 10) }, key: till.signer.publicKey)
            let deadline = ContinuousClock.now + .seconds(120)
            while true {
                do throws(BookError) {
                    let open = if let book { book } else { try Book(address) }
                    book = open
                    // A receipt that a promoted standby does not know would show as a gap here.
                    _ = try open.book(batch, authority: authority, now: Sunday.noon)
                    break
                } catch {
                    guard case .storage = error, ContinuousClock.now < deadline else {
                        throw error
                    }
                    book = nil
                    told.read { $0.repeats += 1 }
                }
            }
            told.read {
                $0.entries += 5
                $0.cents += 50
            }
        }
    }

    @Test func `no receipt is lost and nothing is booked twice when the primary dies`() throws {
        let count =
            ProcessInfo.processInfo.environment["ECO_FAILOVERS"].flatMap { Int($0) } ?? 2
        let twins = try Twins()
        let address = try #require(StoreAddress(twins.address))
        let keys = try TestKeys()
        let authority = Authority(signer: TestSigner(), keys: keys)
        let setup = try Book(address, create: true)
        try setup.set(try PolicySettings(json: Array(TestLedger.policy.utf8)))
        try setup.add(merchants: ["Café des Halles"])
        let told = Monitor(Told())
        let threads = try (1...4).map { serial in
            let card = try SoftwareCard(serial: Int64(serial), keys: keys)
            try setup.registerCard(
                number: card.number, uid: card.uid, epoch: 1, cardClass: .member,
                now: Sunday.noon)
            let till = Till()
            let code = try setup.pairingCode(merchant: "Café des Halles", now: Sunday.noon)
            _ = try setup.pair(code: code, key: till.signer.publicKey, now: Sunday.noon)
            return Sending(till: till, card: card).start { till, card in
                do {
                    try Self.send(till, card, address, authority, told)
                } catch { told.read { $0.failure = "\(error)" } }
            }
        }
        for round in 0..<count {
            let before = told.read(\.entries)
            // Under load: each failover finds terminals at work.
            while told.read(\.entries) < before + 100, told.read(\.failure) == nil {
                _ = told.wait(atMost: .milliseconds(20)) { _ -> Bool? in nil }
            }
            try twins.failOver(
                round.isMultiple(of: 2) ? "a" : "b", to: round.isMultiple(of: 2) ? "b" : "a")
        }
        told.update { $0.isOver = true }
        threads.forEach { $0.join() }
        let end = told.read { $0 }
        #expect(end.failure == nil)
        let book = try Book(address)
        let taken = try book.report(from: 0, to: .max).reduce(0) { $0 + $1.cents }
        let audit = try book.audit()
        #expect(taken == end.cents)
        #expect(audit.entries == end.entries && audit.faults == [])
        print(
            "\(count) failovers: \(end.entries) entries with receipts, \(end.repeats) batches "
                + "sent again, \(audit.entries) booked")
    }
}

/// A terminal and its card, given to one thread.
final class Sending: @unchecked Sendable {  // because only its thread uses them
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
