import Foundation
import Linux
import TestSupport
import Testing

/// A terminal whose disk was put back from an old image, and what a person does about it.
struct RestoredBench {
    let bench: TerminalBench
    var folder: String { bench.folder + "/terminal" }

    init(_ database: String? = nil) throws {
        bench = try TerminalBench(ledger: database)
        try bench.must("eco-ledger", ["card", "topup", "100000000024", "50,00"] + bench.database)
    }

    func start() throws {
        #expect(try bench.startTerminal(until: "event=reader-changed present=true"))
    }

    /// Has the terminal look for its ledger now: it may be waiting out that there was none.
    private func sendNow() {
        let page = Page(port: bench.pagePort)
        #expect(Programs.wait { page.open() && (try? page.sendNow()) != nil })
    }

    /// Waits until the ledger has receipted everything.
    func settle() throws {
        sendNow()
        let settled = try Programs.wait {
            try bench.selfTest().checks["journal"]?.text.hasSuffix("unsent: 0") == true
        }
        #expect(settled)
    }

    func journalFiles() throws -> [String] {
        try Files.list(folder).filter { $0.hasPrefix("journal") }
    }

    func copy(from: String, to: String) throws {
        try Files.makeDirectory(to)
        for name in try Files.list(from) where name.hasPrefix("journal") {
            try FileManager.default.copyItem(atPath: "\(from)/\(name)", toPath: "\(to)/\(name)")
        }
    }

    /// The disk is the image again, or what another copy holds.
    func putBack(_ copy: String = "image") throws {
        for name in try journalFiles() { try Files.remove("\(folder)/\(name)") }
        try self.copy(from: bench.folder + "/" + copy, to: folder)
    }

    /// A payment, an image of the disk, another payment, and the image again; what the ledger has.
    func sellPastAnImage(_ checkImage: () throws -> Void = {}) throws -> Int {
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

    /// Payments while there is no ledger.
    func sellAlone(_ payments: Int64...) throws {
        bench.stopLedger()
        try start()
        for cents in payments { try bench.pay(cents) }
        bench.stopTerminal()
        try bench.startLedger()
    }

    func books() throws -> [String: Any] {
        let audit = try Programs.run("eco-ledger", ["audit", "--json"] + bench.database)
        #expect(audit.code == 0, "\(audit.out)")
        return audit.json
    }

    func entries() throws -> Int { try books()["entries"] as? Int ?? -1 }

    /// What the terminal shows, says to a monitor and says in a self-test.
    func expectOld() throws {
        sendNow()
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

    func copies() throws -> String {
        let list = try bench.must("eco-ledger", ["terminal", "list"] + bench.database)
        let path = bench.folder + "/\(UUID()).entries"
        try bench.must(
            "eco-ledger", ["terminal", "entries", String(list.prefix(16)), path] + bench.database)
        return path
    }

    func recover(_ words: [String]) throws -> Programs.Result {
        try Programs.run(
            "eco-terminal", ["journal", "recover", "--json"] + words + bench.configuration)
    }

    func claim(_ archive: String, _ words: String...) throws -> Programs.Result {
        try Programs.run(
            "eco-terminal", ["journal", "claim", "--json", archive] + words + bench.configuration)
    }

    func unsent() throws -> Programs.Result {
        try Programs.run("eco-terminal", ["journal", "unsent", "--json"] + bench.configuration)
    }

    func report() throws -> Int? {
        try Programs.run("eco-ledger", ["report", "--json"] + bench.database).json["cents"] as? Int
    }

    /// What the ledger says of the one card.
    func balance() throws -> String {
        try bench.must("eco-ledger", ["card", "list"] + bench.database)
    }
}
