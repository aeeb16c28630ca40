import Foundation
import TestSupport
import Testing
import Tokens

extension StallSuites {
    /// Receipts of the real programs: printed by the page, by the command, before and after a kill.
    @Suite struct ReceiptProgramTests {
        private func size(_ path: String) -> Int {
            (try? FileManager.default.attributesOfItem(atPath: path)[.size] as? Int) ?? 0
        }

        @Test(.timeLimit(.minutes(20)))
        func `After a kill the next print of a receipt is a copy, and the journal says each`()
            throws
        {
            let stall = try Stall()
            let paper = stall.folder + "/paper"
            let configuration = stall.folder + "/terminal.conf"
            stall.killTerminal()
            let text = try String(contentsOfFile: configuration, encoding: .utf8)
            try (text + "receipt-printer = file:\(paper)\nreceipt-width = 576\n").write(
                toFile: configuration, atomically: true, encoding: .utf8)
            try stall.startTerminal()
            #expect(stall.page.waitUntilReady(network: "online"))
            #expect(try stall.pay(1_250).stage == "accepted")
            let id = try #require(try stall.page.identifiers().first)
            #expect(try stall.page.print(id) == 204)
            #expect(Programs.wait { size(paper) > 10_000 })
            // Killed while it prints, or just after: nobody knows, so the next one is a copy.
            #expect(try stall.page.print(id) == 204)
            stall.killTerminal()
            let before = size(paper)
            let command = ["receipt", "print", id, "--json"] + stall.configuration
            let out = try stall.must("eco-terminal", command)
            #expect(size(paper) > before)
            let copy = try JSONSerialization.jsonObject(with: Data(out.utf8)) as? [String: Any]
            #expect([1, 2].contains(copy?["copy"] as? Int ?? 0), "\(out)")
            let shown = try stall.must(
                "eco-terminal", ["receipt", "show", id] + stall.configuration)
            #expect(shown.contains("12,50 ECO") && shown.contains("Café des Halles"))
            #expect(!shown.contains(stall.cards[0].number.digits))
            try stall.must(
                "eco-terminal", ["journal", "verify", "--receipts"] + stall.configuration)
            // A terminal that serves has the journal for itself.
            try stall.startTerminal()
            #expect(stall.page.waitUntilReady(network: "online"))
            #expect(try Programs.run("eco-terminal", command).code == 75)
        }
    }
}
