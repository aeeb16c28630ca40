import Foundation
import Linux
import TestSupport
import Testing

/// A terminal whose disk was put back from an old image: told at the first contact, nothing sold,
/// and one command after another to catch up; the real programs.
@Suite(.serialized) struct RestoredTerminalTests {
    private let bench: TerminalBench
    private var folder: String { bench.folder + "/terminal" }

    init() throws {
        bench = try TerminalBench()
        try bench.must("eco-ledger", ["card", "topup", "100000000024", "50,00"] + bench.database)
    }

    private func start() throws {
        #expect(try bench.startTerminal(until: "event=reader-changed present=true"))
    }

    /// Waits until the ledger has receipted everything.
    private func settle() throws {
        let settled = try Programs.wait {
            try bench.selfTest().checks["journal"]?.text.hasSuffix("unsent: 0") == true
        }
        #expect(settled)
    }

    private func journalFiles() throws -> [String] {
        try Files.list(folder).filter { $0.hasPrefix("journal") }
    }

    private func copy(from: String, to: String) throws {
        try Files.makeDirectory(to)
        for name in try Files.list(from) where name.hasPrefix("journal") {
            try FileManager.default.copyItem(atPath: "\(from)/\(name)", toPath: "\(to)/\(name)")
        }
    }

    /// The disk is the image again.
    private func putBack() throws {
        for name in try journalFiles() { try Files.remove("\(folder)/\(name)") }
        try copy(from: bench.folder + "/image", to: folder)
    }

    /// A payment, an image of the disk, another payment, and the image again; what the ledger has.
    private func sellPastAnImage(_ checkImage: () throws -> Void = {}) throws -> Int {
        try start()
        try bench.pay(100)
        try settle()
        bench.stopTerminal()
        try copy(from: folder, to: bench.folder + "/image")
        try checkImage()
        try start()
        try bench.pay(200)
        try settle()
        bench.stopTerminal()
        let before = try entries()
        try putBack()
        return before
    }

    private func books() throws -> [String: Any] {
        let audit = try Programs.run("eco-ledger", ["audit", "--json"] + bench.database)
        #expect(audit.code == 0, "\(audit.out)")
        return audit.json
    }

    private func entries() throws -> Int { try books()["entries"] as? Int ?? -1 }

    /// What the terminal shows, says to a monitor and says in a self-test.
    private func expectOld() throws {
        let page = Page(port: bench.pagePort)
        #expect(
            Programs.wait {
                page.open() && (try? page.stage()) == .init(name: "outOfService", code: "T07")
            })
        #expect(try page.arm(100) == false)
        let status = Programs.wait {
            let told = try? Programs.run(
                "/usr/bin/curl",
                ["-s", "--unix-socket", folder + "/status", "http://localhost/readyz"])
            return told?.out.contains("\"T07\"") == true
        }
        #expect(status)
        let test = try bench.selfTest()
        #expect(test.code == 11 && test.checks["journal"]?.text.hasPrefix("T07") == true)
        #expect(test.checks["journal"]?.hint.contains("journal recover") == true)
    }

    private func copies() throws -> String {
        let list = try bench.must("eco-ledger", ["terminal", "list"] + bench.database)
        let path = bench.folder + "/\(UUID()).entries"
        try bench.must(
            "eco-ledger", ["terminal", "entries", String(list.prefix(16)), path] + bench.database)
        return path
    }

    private func recover(_ words: [String]) throws -> Programs.Result {
        try Programs.run(
            "eco-terminal", ["journal", "recover", "--json"] + words + bench.configuration)
    }

    @Test func `An old image sells nothing, books nothing wrong, and catches up by one command`()
        throws
    {
        let before = try sellPastAnImage {
            let asked = try recover([try copies()])
            #expect(asked.json["recovered"] as? Bool == false)
        }
        try start()
        try expectOld()
        #expect(try recover([try copies()]).code == 75, "serve runs")
        bench.stopTerminal()
        #expect(try entries() == before)
        let done = try recover([try copies()])
        #expect(done.code == 0, "\(done.error)")
        #expect(done.json["recovered"] as? Bool == true && done.json["operations"] as? Int == 0)
        #expect((done.json["strays"] as? Int ?? 0) > 0, "its start, at the least")
        try start()
        try settle()
        try bench.pay(300)
        try settle()
        bench.stopTerminal()
        let proof = try bench.must(
            "eco-terminal", ["journal", "verify", "--receipts"] + bench.configuration)
        #expect(proof.contains("3 payments, 6,00 ECO") && proof.contains("The chain is whole"))
        let list = try bench.must("eco-terminal", ["journal", "list"] + bench.configuration)
        #expect(list.components(separatedBy: "event restore").count == 2)
        let report = try Programs.run("eco-ledger", ["report", "--json"] + bench.database)
        #expect(report.json["cents"] as? Int == 600)
        #expect(try entries() > before)
    }

    @Test func `What an old image sold before its first contact is kept, and a person decides`()
        throws
    {
        let before = try sellPastAnImage()
        bench.stopLedger()
        try start()
        // Nothing can know yet: offline is the normal case.
        try bench.pay(400)
        try bench.startLedger()
        try expectOld()
        bench.stopTerminal()
        #expect(try entries() == before)
        let path = try copies()
        let refused = try recover([path])
        #expect(refused.code == 7, "\(refused.error)")
        #expect(refused.error.contains("1 operations that the ledger never had"))
        #expect(refused.error.contains("4,00 ECO"))
        let done = try recover([path, "--set-aside"])
        #expect(done.code == 0 && done.json["cents"] as? Int == 400, "\(done.error)")
        let aside = try #require(done.json["set-aside"] as? String)
        let archive = try bench.must(
            "eco-terminal", ["journal", "archive", "verify", aside + "/old.eco-archive"])
        #expect(archive.contains("2 payments"))
        #expect(Files.exists(aside + "/journal.sqlite"))
        try start()
        try settle()
        bench.stopTerminal()
        #expect(try bench.selfTest().code == 0)
        let report = try Programs.run("eco-ledger", ["report", "--json"] + bench.database)
        #expect(report.json["cents"] as? Int == 300)
        // Both sides have it in words, signed.
        let bytes = try Files.read(try copies(), atMost: 1 << 20)
        #expect(
            String(decoding: bytes, as: UTF8.self).contains(
                "1 operations, 1 payments of 400 cents"))
    }
}
