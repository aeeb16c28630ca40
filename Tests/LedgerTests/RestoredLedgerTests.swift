import Crypto
import Foundation
import HTTPClient
import Journal
import LedgerBook
import LedgerClient
import LedgerMessages
import Linux
import Operations
import SQLite
import TestSupport
import Testing
import Tokens

/// A ledger put back from a backup that is older than receipts it gave out: the real program, real
/// journals, the terminals' own links.
@Suite(.serialized) struct RestoredLedgerTests {
    private static var pace: LinkPace {
        var pace = LinkPace()
        (pace.idle, pace.refused) = (.milliseconds(200), .milliseconds(200))
        (pace.backoffFirst, pace.backoffMax) = (.milliseconds(20), .milliseconds(200))
        pace.batchCount = 7
        return pace
    }

    private func drain(
        _ fleet: QueuedFleet,
        until holds: ([(link: LedgerLink, journal: Journal)]) -> Bool = { _ in true }
    ) throws -> [String] {
        let serving = try fleet.deployment.serve()
        defer {
            serving.process.terminate()
            serving.process.waitUntilExit()
        }
        return try fleet.drain(serving.url, pace: Self.pace, limit: .seconds(60), until: holds)
    }

    /// What each terminal's journal says of ledgers that forgot.
    private func told(_ fleet: QueuedFleet) throws -> [[String]] {
        try fleet.terminals.map { terminal in
            var details: [String] = []
            _ = try JournalVerifier(
                path: terminal.path, terminal: terminal.signer.publicKey, ledger: nil
            ).run { entry, _ in
                if case .technicalEvent(let event) = entry.body, event.code == "restore" {
                    details.append(event.details)
                }
            }
            return details
        }
    }

    @Test(arguments: Store.all)
    func `terminals send again what a restored ledger has lost, and every sum is as before`(
        store: Store
    ) throws {
        let fleet = try QueuedFleet(store, terminals: 3, payments: 40, seed: 1)
        #expect(try drain(fleet) == [])
        let backup = try Backup(of: fleet.deployment)
        for terminal in fleet.terminals { try terminal.sell(25) }
        #expect(try drain(fleet) == [])
        try fleet.check("before")
        try backup.putBack()
        let restored = try fleet.deployment.run("restored", "-d", fleet.deployment.database)
        #expect(restored.code == 0 && restored.out.contains("120 entries of 3 terminals"))
        // One of them has sold meanwhile; the others have nothing new to send.
        try fleet.terminals[0].sell(5)
        #expect(
            try drain(fleet) { $0.map(\.journal.position.sequence).sorted() == [66, 66, 71] } == [])
        try fleet.check("after")
        let expected = ["ledger forgot 41-65; differ 0"]
        #expect(try told(fleet) == [expected, expected, expected])
        // Once told, the matter is closed.
        #expect(try drain(fleet) { $0.allSatisfy { $0.link.isReachable } } == [])
        #expect(try told(fleet).joined().count == 3)
    }

    @Test(arguments: Store.all)
    func `what a restored ledger decides otherwise is told with its code, on both sides`(
        store: Store
    ) throws {
        let fleet = try QueuedFleet(store, terminals: 2, payments: 10, seed: 2)
        #expect(try drain(fleet) == [])
        let backup = try Backup(of: fleet.deployment)
        for terminal in fleet.terminals { try terminal.sell(4) }
        #expect(try drain(fleet) == [])
        try backup.putBack()
        // A card that was free then is blocked before the entries come again.
        let blocked = fleet.terminals[0].cards[0].number.digits
        let database = fleet.deployment.database
        #expect(try fleet.deployment.run("restored", "-d", database).code == 0)
        #expect(try fleet.deployment.run("card", "block", blocked, "-d", database).code == 0)
        #expect(
            try drain(fleet) { $0.allSatisfy { $0.journal.position.sequence == 15 } } == [])
        let told = try told(fleet)
        #expect(
            told[0] == [
                "ledger forgot 11-14; differ 2; 11 settled>held:card-blocked; "
                    + "13 settled>held:card-blocked"
            ])
        #expect(told[1] == ["ledger forgot 11-14; differ 0"])
        let (terminal, folder) = (fleet.terminals[0], fleet.terminals[0].folder)
        try Files.writeAtomically(try terminal.archive(), to: folder + "/archive")
        let audit = try fleet.deployment.run(
            "audit", "--archive", folder + "/archive", "--ledger-key",
            Hexadecimal.text(fleet.key.bytes), "-d", database, "--json")
        let faults = audit.json["faults"] as? [[String: Any]] ?? []
        #expect(audit.code == 11)
        #expect(faults.map { $0["code"] as? String } == ["copy-outcome", "copy-outcome"])
        #expect(faults.map { $0["seq"] as? Int } == [11, 13])
    }

    /// Its cards were made since the backup too: what `eco-ledger restored` tells to do.
    @Test(arguments: Store.all)
    func `a terminal that was paired since the backup is paired again, and sends all it has`(
        store: Store
    ) throws {
        let fleet = try QueuedFleet(store, terminals: 1, payments: 8, seed: 4)
        let backup = try Backup(of: fleet.deployment)
        try fleet.add(payments: 20)
        #expect(try drain(fleet) == [])
        try backup.putBack()
        #expect(
            try drain(fleet) {
                $0.map(\.link.standing) == [.good, .refused(code: "terminal-unknown")]
                    && $0[0].journal.position.sequence == 9
            } == [])
        try fleet.terminals[1].enter(Book(fleet.deployment.place.address))
        #expect(try drain(fleet) { $0[1].journal.position.sequence == 21 } == [])
        try fleet.check("paired again")
        #expect(
            try told(fleet) == [["ledger forgot 1-8; differ 0"], ["ledger forgot 1-20; differ 0"]])
    }

    @Test(arguments: Store.all)
    func `a ledger that is served after a backup was put back, without a word, says so`(
        store: Store
    ) throws {
        let fleet = try QueuedFleet(store, terminals: 1, payments: 1, seed: 5)
        let (deployment, card) = (fleet.deployment, fleet.terminals[0].cards[0].number)
        let here = ["-d", deployment.database]
        let backup = try Backup(of: deployment)
        #expect(try deployment.run(["card", "block", card.digits] + here).code == 0)
        #expect(
            try deployment.run(["terminal", "revoke", "0011223344556677"] + here).code == 1)
        #expect(try drain(fleet) { $0.allSatisfy { $0.link.isDenied(card) } } == [])
        try backup.putBack()
        let talk = Pipe()
        let serving = try deployment.serve(errors: talk.fileHandleForWriting)
        let client = HTTPClient(
            timeout: .seconds(60), connectTimeout: .seconds(20), answerLimit: 1 << 20)
        func isSaid(_ value: Int) throws -> Bool {
            let page = try client.send(
                method: "GET", url: serving.url + "/metrics", headers: [], body: nil)
            return String(decoding: page.body, as: UTF8.self)
                .contains("\neco_ledger_put_back \(value)\n")
        }
        #expect(try isSaid(0))
        #expect(
            try fleet.drain(serving.url, pace: Self.pace, limit: .seconds(60)) { _ in
                (try? isSaid(1)) ?? false
            } == [])
        let restored = try deployment.run(["restored"] + here)
        #expect(restored.code == 0)
        for line in [
            "  terminal revoked: never  -> terminal revoke", "  policy or catalogue (version 1): 2",
            "  card blocked or unblocked: never  -> card block, card unblock",
            "  held entry decided: never  -> held release or refuse", "  money issued here: 2",
        ] {
            #expect(restored.out.contains(line), "\(line) is not in\n\(restored.out)")
        }
        let newest = try deployment.run(["restored", "--json"] + here).json["newest"]
        let acts = newest as? [String: Any]
        #expect(acts?["revoked"] is NSNull && acts?["paired"] is String)
        #expect(try isSaid(0))
        serving.process.terminate()
        serving.process.waitUntilExit()
        try talk.fileHandleForWriting.close()
        let said = String(
            decoding: talk.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        #expect(said.split(separator: "\n").filter { $0.contains("put-back: ") }.count == 1)
    }

    @Test(arguments: Store.all)
    func `a card blocked at a restored ledger is blocked at terminals that know later lists`(
        store: Store
    ) throws {
        let fleet = try QueuedFleet(store, terminals: 1, payments: 1, seed: 3)
        let (database, cards) = (fleet.deployment.database, fleet.terminals[0].cards)
        let backup = try Backup(of: fleet.deployment)
        for act in ["block", "unblock", "block"] {
            #expect(
                try fleet.deployment.run("card", act, cards[0].number.digits, "-d", database)
                    .code == 0)
        }
        // Blocked and free again, then blocked: three changes that the backup does not have.
        #expect(try drain(fleet) { $0.allSatisfy { $0.link.isDenied(cards[0].number) } } == [])
        try backup.putBack()
        #expect(try fleet.deployment.run("restored", "-d", database).code == 0)
        #expect(
            try fleet.deployment.run("card", "block", cards[1].number.digits, "-d", database)
                .code == 0)
        #expect(try drain(fleet) { $0.allSatisfy { $0.link.isDenied(cards[1].number) } } == [])
        let news = StoredNews(
            directory: fleet.terminals[0].folder,
            address: LedgerAddress(url: "", key: fleet.key), terminal: fleet.terminals[0].kid)
        #expect(news.denied == Set(cards.map(\.number)) && news.isDenyListWhole)
    }
}

/// A copy of a deployment's database as an operator makes it, while nobody serves.
struct Backup {
    private let deployment: Deployment
    private var file: String { deployment.folder + "/backup" }

    init(of deployment: Deployment) throws {
        self.deployment = deployment
        switch deployment.place.store {
        case .sqlite:
            let database = try Database(path: path, access: .readWrite)
            try database.run("VACUUM INTO '\(file)'")
        case .postgreSQL:
            try run("/usr/bin/pg_dump", ["-Fc", "-f", file, "-d", deployment.database])
        }
    }

    private var path: String { deployment.folder + "/ledger.sqlite" }

    /// In place of what is there.
    func putBack() throws {
        switch deployment.place.store {
        case .sqlite:
            for rest in ["", "-wal", "-shm"] where Files.exists(path + rest) {
                try Files.remove(path + rest)
            }
            try FileManager.default.copyItem(atPath: file, toPath: path)
        case .postgreSQL:
            try run(
                "/usr/bin/pg_restore",
                ["--clean", "--if-exists", "--single-transaction", "-d", deployment.database, file])
        }
    }

    private func run(_ program: String, _ words: [String]) throws {
        let result = try Programs.run(program, words)
        try #require(result.code == 0, "\(program): \(result.error)")
    }
}
