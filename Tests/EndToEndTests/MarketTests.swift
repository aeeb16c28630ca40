import Foundation
import ReaderEmulation
import TestSupport
import Testing

extension StallSuites {
    /// Real programs, a real pcscd, a software card: what a stall lives through.
    @Suite struct MarketTests {
        @Test(.timeLimit(.minutes(20)))
        func `The network cut, payments go on within the limits, and on return all settle once`()
            throws
        {
            let stall = try Stall()
            #expect(stall.page.waitUntilReady(network: "online"))
            #expect(try stall.pay(1_250).stage == "accepted")
            #expect(try settles(stall, count: 1))

            stall.killLedger()
            // The first tap after the cut learns of it while it waits for the authorisation.
            #expect(try stall.pay(2_000).stage == "accepted", "exactly at the limit of 20,00")
            #expect(stall.page.waitUntilReady(network: "offline"))
            let over = try stall.pay(2_001)
            #expect(over.stage == "refused" && over.code == "P02", "one cent above: \(over)")
            #expect(try stall.page.snapshot().queue == 1)
            #expect(try stall.pay(500).stage == "accepted")
            #expect(try stall.page.snapshot().queue == 2)

            try stall.startLedger()
            try stall.page.sendNow()
            #expect(try settles(stall, count: 3))
            try checkBooks(stall, cents: 1_250 + 2_000 + 500)
        }

        @Test(.timeLimit(.minutes(20)))
        func `A terminal killed in the middle of taps charges each of them once or not at all`()
            throws
        {
            let stall = try Stall()
            #expect(stall.page.waitUntilReady(network: "online"))
            var accepted = 0
            for round in 0..<6 {
                #expect(try stall.page.arm(100))
                let before = stall.slot.traffic.commands
                try stall.lay()
                // Killed after another APDU each time.
                let wanted = before + 2 + round
                #expect(Programs.wait { stall.slot.traffic.commands >= wanted })
                stall.killTerminal()
                stall.slot.remove()
                try stall.startTerminal()
                #expect(stall.page.waitUntilReady(network: "online"))
                let count = try stall.page.operations().count
                #expect(count - accepted <= 1)
                accepted = count
            }
            #expect(try stall.pay(100).stage == "accepted", "the card still pays")
            #expect(try settles(stall, count: accepted + 1))
            try checkBooks(stall, cents: (accepted + 1) * 100)
        }

        /// True when so many operations stand there and all are settled.
        private func settles(_ stall: Stall, count: Int) throws -> Bool {
            try Programs.wait {
                let operations = try stall.page.operations()
                return operations.count == count && operations.allSatisfy { $0.status == "settled" }
            }
        }

        /// Terminal and ledger tell the same sum, and both prove their books.
        private func checkBooks(_ stall: Stall, cents: Int) throws {
            let journal = try stall.must(
                "eco-terminal", ["journal", "verify", "--receipts", "--json"] + stall.configuration)
            #expect(journal.contains("\"cents\":\(cents)"), "\(journal)")
            #expect(journal.contains("\"faults\":[]"))
            _ = try stall.must("eco-ledger", ["audit"] + stall.database)
            let cards = try stall.must("eco-ledger", ["card", "list", "--json"] + stall.database)
            #expect(cards.contains("\(5_000 - cents)"), "\(cards)")
        }
    }
}
