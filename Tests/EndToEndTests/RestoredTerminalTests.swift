import Foundation
import Linux
import TestSupport
import Testing

/// A terminal whose disk was put back from an old image: told at the first contact, nothing sold,
/// and one command after another to catch up; the real programs.
@Suite(.serialized) struct RestoredTerminalTests {
    @Test func `An old image sells nothing, books nothing wrong, and catches up by one command`()
        throws
    {
        let old = try RestoredBench()
        let bench = old.bench
        let before = try old.sellPastAnImage {
            let asked = try old.recover([try old.copies()])
            #expect(asked.json["recovered"] as? Bool == false)
        }
        try old.start()
        try old.expectOld()
        #expect(try old.recover([try old.copies()]).code == 75, "serve runs")
        bench.stopTerminal()
        #expect(try old.entries() == before)
        let done = try old.recover([try old.copies()])
        #expect(done.code == 0, "\(done.error)")
        #expect(done.json["recovered"] as? Bool == true && done.json["operations"] as? Int == 0)
        #expect((done.json["strays"] as? Int ?? 0) > 0, "its start, at the least")
        try old.start()
        try old.settle()
        try bench.pay(300)
        try old.settle()
        bench.stopTerminal()
        let proof = try bench.must(
            "eco-terminal", ["journal", "verify", "--receipts"] + bench.configuration)
        #expect(proof.contains("3 payments, 6,00 ECO") && proof.contains("The chain is whole"))
        let list = try bench.must("eco-terminal", ["journal", "list"] + bench.configuration)
        #expect(list.components(separatedBy: "event restore").count == 2)
        let report = try Programs.run("eco-ledger", ["report", "--json"] + bench.database)
        #expect(report.json["cents"] as? Int == 600)
        #expect(try old.entries() > before)
    }

    /// Where the ledger keeps its book.
    enum Store: CaseIterable, Sendable { case file, server }

    private func image(_ store: Store) throws -> RestoredBench {
        try RestoredBench(store == .file ? nil : try Cluster.shared.get().create())
    }

    /// Money that is in no book is told by whoever is asked, its sum only here.
    private func expectTold(_ old: RestoredBench, _ archive: String) throws {
        let bench = old.bench
        let told = try bench.selfTest()
        #expect(told.code == 11 && told.checks["set aside"]?.result == "fault", "\(told.printed)")
        #expect(told.checks["set aside"]?.text.contains("4,00 ECO") == true)
        #expect(told.checks["set aside"]?.hint.hasSuffix("journal claim " + archive) == true)

        let bundle = bench.folder + "/support.json"
        try bench.must("eco-terminal", ["support", "bundle", bundle] + bench.configuration)
        let sent = String(decoding: try Files.read(bundle, atMost: 1 << 20), as: UTF8.self)
        #expect(sent.contains("operations in no book: 1\"") && !sent.contains("4,00"))

        let waiting = try old.unsent()
        #expect(waiting.code == 6 && waiting.json["set-aside"] as? Int == 1, "\(waiting.out)")
        #expect(waiting.json["set-aside-cents"] as? Int == 400)
    }

    @Test(arguments: Store.allCases)
    func `What an old image sold before its first contact comes to the books once`(store: Store)
        throws
    {
        let old = try image(store)
        let bench = old.bench
        let before = try old.sellPastAnImage()
        bench.stopLedger()
        try old.start()
        // Nothing can know yet: offline is the normal case.
        try bench.pay(400)
        try bench.startLedger()
        try old.expectOld()
        bench.stopTerminal()
        #expect(try old.entries() == before)
        let path = try old.copies()
        let refused = try old.recover([path])
        #expect(refused.code == 7, "\(refused.error)")
        #expect(refused.error.contains("1 operations that the ledger never had"))
        #expect(refused.error.contains("4,00 ECO"))
        let done = try old.recover([path, "--set-aside"])
        #expect(done.code == 0 && done.json["cents"] as? Int == 400, "\(done.error)")
        let aside = try #require(done.json["set-aside"] as? String)
        let archive = aside + "/old.eco-archive"
        let proof = try bench.must("eco-terminal", ["journal", "archive", "verify", archive])
        #expect(proof.contains("2 payments"))
        #expect(Files.exists(aside + "/journal.sqlite"))
        try expectMissing(old, archive)
        try expectRefusals(old, archive)
        try expectTold(old, archive)
        let looked = try old.claim(archive, "--dry-run")
        #expect(looked.json["claimed"] as? Int == 1 && looked.json["written"] as? Bool == false)
        let claimed = try old.claim(archive)
        #expect(claimed.code == 0 && claimed.json["claimed"] as? Int == 1, "\(claimed.error)")
        #expect(claimed.json["cents"] as? Int == 400)
        try old.start()
        #expect(try old.claim(archive).code == 75, "serve runs")
        try old.settle()
        try bench.pay(50)
        try old.settle()
        bench.stopTerminal()
        let well = try bench.selfTest()
        #expect(well.code == 0 && well.checks["set aside"]?.result == "good", "\(well.printed)")
        #expect(try old.unsent().code == 0)
        let again = try old.claim(archive)
        #expect(again.code == 0 && again.json["claimed"] as? Int == 0, "\(again.error)")
        #expect(again.json["known"] as? Int == 1)

        #expect(try old.report() == 750)
        let cards = try old.balance()
        #expect(cards.contains("42,50"), "\(cards)")
        let books = try old.books()
        let flagged = books["flagged"] as? [[String: Any]] ?? []
        #expect(flagged.map { $0["reason"] as? String } == ["recovered"])
        let audit = try bench.must(
            "eco-ledger", ["audit", "--set-aside", archive] + bench.database)
        #expect(audit.contains("1 operations after entry") && audit.contains("sound"))
        let whole = try bench.must(
            "eco-terminal", ["journal", "verify", "--receipts"] + bench.configuration)
        #expect(whole.contains("4 payments, 7,50 ECO") && whole.contains("The chain is whole"))
        // Both sides have it in words, signed.
        let bytes = try Files.read(try old.copies(), atMost: 1 << 20)
        #expect(
            String(decoding: bytes, as: UTF8.self).contains(
                "1 operations, 1 payments of 400 cents"))
    }

    /// Held at the ledger, decided by a person, told at the stall.
    @Test(arguments: Store.allCases)
    func `A terminal learns what became of what the ledger held`(store: Store) throws {
        let old = try image(store)
        let bench = old.bench
        let card = "100000000024"
        try old.start()
        try bench.pay(100)
        try old.settle()
        bench.stopLedger()
        try bench.pay(400)
        try bench.pay(30)
        try bench.must("eco-ledger", ["card", "block", card, "--reason", "lost"] + bench.database)
        try bench.startLedger()
        try old.settle()
        let held = try Programs.run("eco-ledger", ["held", "list", "--json"] + bench.database)
        let entries = held.json["held"] as? [[String: Any]] ?? []
        #expect(entries.map { $0["cents"] as? Int } == [400, 30], "\(held.out)")
        for (entry, word) in zip(entries, ["release", "refuse"]) {
            try bench.must(
                "eco-ledger",
                [
                    "held", word, entry["terminal"] as? String ?? "",
                    "\(entry["seq"] as? Int ?? 0)", "--reason", "seen the slip",
                ] + bench.database)
        }
        let page = Page(port: bench.pagePort)
        #expect(Programs.wait { page.open() && (try? page.sendNow()) != nil })
        let told = Programs.wait {
            let text = (try? page.text("/api/journal")) ?? ""
            return text.contains("\"verdict\":\"released\"")
                && text.contains("\"verdict\":\"refused\"")
        }
        #expect(told)
        let isClear = Programs.wait { (try? page.rejected()) == 0 }
        #expect(isClear, "nothing is left to call about")
        bench.stopTerminal()
        let list = try bench.must("eco-terminal", ["journal", "list"] + bench.configuration)
        #expect(list.contains("4,00 ECO  …0024  rejected (card-blocked), released"), "\(list)")
        #expect(list.contains("0,30 ECO  …0024  rejected (card-blocked), refused"), "\(list)")
        #expect(try old.report() == 500)
    }

    /// Until it is claimed, the association sees what its book does not have.
    private func expectMissing(_ old: RestoredBench, _ archive: String) throws {
        let audit = try Programs.run(
            "eco-ledger", ["audit", "--json", "--set-aside", archive] + old.bench.database)
        #expect(audit.code == 11)
        let faults = audit.json["faults"] as? [[String: Any]] ?? []
        #expect(faults.map { $0["code"] as? String } == ["set-aside-missing"], "\(audit.out)")
    }

    /// One byte altered, and the archive of another terminal: nothing is entered of either.
    private func expectRefusals(_ old: RestoredBench, _ archive: String) throws {
        let bytes = try Files.read(archive, atMost: 1 << 20)
        let altered = old.bench.folder + "/altered.eco-archive"
        for place in [bytes.count / 3, bytes.count - 1] {
            var copy = bytes
            copy[place] ^= 1
            try Files.writeAtomically(copy, to: altered)
            let told = try old.claim(altered)
            #expect(told.code == 11 && told.error.contains("is not what was archived"))
        }
        let stranger = try RestoredBench()
        let other = stranger.bench
        try stranger.start()
        try other.pay(100)
        other.stopTerminal()
        let foreign = other.folder + "/foreign.eco-archive"
        try other.must("eco-terminal", ["journal", "archive", foreign] + other.configuration)
        let told = try old.claim(foreign)
        #expect(told.code == 11 && told.error.contains("is of another terminal"), "\(told.error)")
        #expect(try old.claim(archive, "--dry-run").json["claimed"] as? Int == 1)
    }
}
