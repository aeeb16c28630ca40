import COSE
import Crypto
import Foundation
import HTTPClient
import Journal
import LedgerBook
import LedgerMessages
import Linux
import Operations
import SQLite
import TestSupport
import Testing

/// `eco-ledger audit` as an auditor runs it.
@Suite struct AuditProgramTests {
    /// A deployment whose ledger has booked six payments of one terminal, and its archive.
    private final class Case {
        let deployment: Deployment
        let till = Till()
        let archive: String
        let key: String

        init(_ store: Store) throws {
            deployment = try Deployment(store)
            #expect(try deployment.initialise().code == 0)
            let card = try deployment.card(1, cents: 10_000)
            let code = try deployment.run(
                "terminal", "code", "-d", deployment.database, "--merchant", "La Ressourcerie")
            let serving = try deployment.serve()
            defer {
                serving.process.terminate()
                serving.process.waitUntilExit()
            }
            let sender = Sender(till: till)
            let ledger = try sender.pair(
                serving.url, code.out.trimmingCharacters(in: .whitespacesAndNewlines))
            key = Hexadecimal.text(ledger.bytes)
            archive = deployment.folder + "/a.eco-archive"
            let path = deployment.folder + "/journal.sqlite"
            let journal = try Journal(path: path, signer: till.signer)
            for index in 0..<6 {
                let time = Clock.realtimeMilliseconds()
                let id = EntryID(milliseconds: time)
                let evidence = try card.read(digest: till.digest(id, 100, card.number))
                _ = try journal.append(
                    .payment(till.payment(card, 100, evidence)), id: id,
                    at: Moment(milliseconds: time, trust: .synchronised))
                guard index % 2 == 1 else { continue }
                let batch = try journal.nextBatch(count: 9, sizeMax: 99_999).flatMap(\.bytes)
                let answer = try sender.post(serving.url, batch)
                try journal.store(Receipt(answer.body, ledger: ledger), bytes: answer.body)
            }
            let bytes = try JournalArchive.bytes(of: path, signer: till.signer, made: 0)
            try Files.writeAtomically(bytes, to: archive)
        }

        func audit(_ words: String...) throws -> (result: Programs.Result, codes: [String]) {
            let result = try deployment.run(["audit", "--json"] + words)
            let faults = result.json["faults"] as? [[String: Any]] ?? []
            return (result, faults.compactMap { $0["code"] as? String })
        }

        var offline: [String] { ["--archive", archive, "--ledger-key", key] }
    }

    @Test(arguments: Store.all) func `an archive is proven on a machine without the ledger`(
        store: Store
    ) throws {
        let it = try Case(store)
        let sound = try it.audit("--archive", it.archive, "--ledger-key", it.key)
        #expect(sound.result.code == 0 && sound.codes == [])
        #expect(sound.result.json["entries"] as? Int == 6)
        #expect(sound.result.json["receipts"] as? Int == 3)
        #expect(sound.result.json["terminal"] as? String == it.till.id)
        let text = try it.deployment.run(["audit"] + it.offline)
        #expect(text.out.hasSuffix("sound: nothing is missing, doubled or forked\n"))
        let both = try it.deployment.run(
            ["audit", "--json", "-d", it.deployment.database] + it.offline)
        #expect(both.code == 0 && both.json["transactions"] as? Int == 7)
        let year = try it.deployment.run(
            ["audit", "--json", "--upto", "archive", "-d", it.deployment.database] + it.offline)
        #expect(year.code == 0 && year.json["beyond"] is NSNull)

        // The book alone, beside its own receipts; whose they are takes the key.
        let key = try it.deployment.run(
            "audit", "-d", it.deployment.database, "--ledger-key", it.key)
        #expect(key.out.hasPrefix("6 entries, 7 transactions, 3 receipts\nsound: "))
        let bare = try it.deployment.run("audit", "-d", it.deployment.database)
        #expect(bare.code == 0 && bare.out.contains("signatures were not checked"))
        let stranger = Hexadecimal.text(TestSigner().publicKey.bytes)
        let foreign = try it.audit("-d", it.deployment.database, "--ledger-key", stranger)
        #expect(
            foreign.result.code == 11
                && Set(foreign.codes) == ["receipt-altered", "receipt-missing"])

        // Receipts that the ledger writes out again are the same ones.
        let path = it.deployment.folder + "/r.receipts"
        let written = try it.deployment.run(
            "terminal", "receipts", it.till.id, path, "-d", it.deployment.database)
        #expect(written.code == 0)
        let again = try it.deployment.run(["audit", "--receipts", path] + it.offline)
        #expect(again.code == 0)
    }

    @Test(arguments: Store.all)
    func `another ledger's key, a spoiled file and a wrong line are told apart`(store: Store) throws
    {
        let it = try Case(store)
        let stranger = Hexadecimal.text(TestSigner().publicKey.bytes)
        let other = try it.audit("--archive", it.archive, "--ledger-key", stranger)
        #expect(other.result.code == 11)
        #expect(Set(other.codes) == ["receipt-other-ledger", "outcome-missing"])
        var items = try CBOR.sequence(
            Files.read(it.archive, atMost: 1 << 20), count: 99, limit: 1 << 20)
        items.remove(at: 3)
        try Files.writeAtomically(items.flatMap { $0 }, to: it.archive)
        let missing = try it.deployment.run(["audit"] + it.offline)
        #expect(missing.code == 11)
        #expect(missing.out.contains("fault: entry-missing  entry 3  an entry is missing\n"))
        for words in [
            ["audit", "--archive", it.archive], ["audit", "--receipts", it.archive],
            ["audit", "--ledger-key", "00", "-d", it.deployment.database],
            ["audit", "--upto", "archive", "-d", it.deployment.database],
            ["audit", "--archive", it.archive, "--ledger-key", "00"],
            ["audit", "--archive", it.archive, "--ledger-key", it.key, "--upto", "2026"],
        ] {
            #expect(try it.deployment.run(words).code == 2, "\(words)")
        }
        let nowhere = try it.deployment.run(
            "audit", "--archive", "/nowhere", "--ledger-key", it.key)
        #expect(nowhere.code == 1)
    }

    @Test(arguments: [
        (
            """
            INSERT INTO postings(txn, account, cents)
                SELECT max(id), 'issuance', 5 FROM transactions
            """, "postings-not-zero"
        ),
        (
            "DELETE FROM postings WHERE cents > 0 AND txn = (SELECT max(id) FROM transactions)",
            "posting-missing"
        ),
        (
            "DELETE FROM transactions WHERE id = (SELECT max(id) FROM transactions)",
            "payment-differs"
        ),
        (
            "DELETE FROM card_counters WHERE entry = (SELECT id FROM entries WHERE seq = 2)",
            "counter-unclaimed"
        ),
        ("UPDATE balances SET cents = cents + 1", "balance-differs"),
        ("DELETE FROM entries WHERE seq = 4", "entry-missing"),
        ("UPDATE entries SET cose = x'00' WHERE seq = 4", "entry-altered"),
        ("UPDATE entries SET cents = 1 WHERE seq = 4", "column-differs"),
    ])
    func `what is done to the database is named`(sql: String, code: String) throws {
        let it = try Case(.sqlite)
        let database = try it.deployment.place.outsider()
        try database.run("PRAGMA foreign_keys=OFF")
        for table in ["postings", "transactions", "card_counters", "entries"] {
            try database.unguard(table)
        }
        #expect(try it.audit("-d", it.deployment.database).codes == [])
        try database.run(sql)
        let found = try it.audit("-d", it.deployment.database)
        #expect(found.result.code == 11 && found.codes.contains(code), "\(found.codes)")
    }
}
