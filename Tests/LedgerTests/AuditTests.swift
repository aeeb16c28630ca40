import COSE
import Crypto
import LedgerMessages
import Operations
import SQLite
import Testing

@testable import LedgerBook

/// What the audit finds where whoever can write to the database made rows agree with each other:
/// the ledger's receipts, and what the terminals signed, say something else.
@Suite struct AuditTests {
    /// Of one terminal: 1 and 2 payments, 3 the reversal of 2, 4 a lost card's replacement that was
    /// released, 5 a late payment of the lost card that was released, 6 and 7 training.
    private struct Scene {
        let ledger: TestLedger
        let till: Till
        let database: Outsider

        init(_ store: Store) throws {
            ledger = try TestLedger(store)
            till = try ledger.till()
            let (card, lost) = (try ledger.card(), try ledger.card())
            let fresh = try ledger.card(0)
            let ids = (0..<3).map { EntryID(milliseconds: Sunday.noon + $0) }
            let late = try lost.read(digest: till.digest(ids[2], 700, lost.number))
            let batches = [
                [
                    try till.pay(card, 100, id: ids[0]),
                    try till.pay(card, 250, id: ids[1]),
                    till.reverse(ids[1]),
                ], [till.enrol(fresh, replaces: lost)],
                [till.append(.payment(till.payment(lost, 700, late)), id: ids[2])],
                [
                    till.append(
                        .reversal(Reversal(entry: ids[0], reason: .wrongEntry)), isTraining: true),
                    till.enrol(fresh, replaces: card, isTraining: true),
                ],
            ]
            let wanted: [[Outcome]] = [
                [.settled, .settled, .settled], [.held(code: "replacement")],
                [.held(code: "card-blocked")], [.settled, .settled],
            ]
            for (batch, outcomes) in zip(batches, wanted) {
                #expect(try ledger.send(till, batch).outcomes == outcomes)
            }
            for sequence in [4, 5] as [UInt64] {
                try ledger.book.decide(
                    terminal: till.kid, sequence: sequence, release: true, reason: "seen",
                    now: Sunday.noon)
            }
            database = try ledger.sql()
            try database.run(
                store == .sqlite
                    ? "PRAGMA foreign_keys=OFF" : "SET session_replication_role = replica")
            for table in [
                "entries", "postings", "transactions", "card_counters", "links", "receipts",
                "replacements", "enrolments", "flags", "verdicts",
            ] { try database.unguard(table) }
        }

        /// Takes away what was booked for entries from `sequence` on, and makes balances fit.
        func unbook(_ condition: String) throws {
            let ids = "(SELECT id FROM entries WHERE \(condition))"
            for sql in [
                "DELETE FROM postings WHERE txn IN (SELECT id FROM transactions "
                    + "WHERE entry IN \(ids))",
                "DELETE FROM transactions WHERE entry IN \(ids)",
                "DELETE FROM card_counters WHERE entry IN \(ids)",
                "DELETE FROM links WHERE entry IN \(ids)",
                "UPDATE balances SET cents = (SELECT coalesce(sum(cents), 0) FROM postings p "
                    + "WHERE p.account = balances.account)",
            ] { try database.run(sql) }
        }

        func codes(_ key: Ed25519PublicKey? = nil) throws -> [String] {
            try ledger.book.audit(ledger: key).coded.map(\.code)
        }
    }

    @Test(arguments: Store.all)
    func `A sound book is sound beside its receipts, with and without the ledger's key`(
        store: Store
    ) throws {
        let scene = try Scene(store)
        let found = try scene.ledger.book.audit(ledger: scene.ledger.signer.publicKey)
        #expect(found.faults == [] && found.receipts == 4 && found.entries == 7)
        #expect(try scene.codes() == [])
        // What is sent again, alone or with more, leaves receipts that overlap.
        let other = try scene.ledger.till()
        let entries = (0..<5).map { other.event("\($0)") }
        for stretch in [0..<2, 0..<4, 1..<3, 2..<5, 4..<5] {
            _ = try scene.ledger.send(other, Array(entries[stretch]))
        }
        _ = try scene.ledger.send(other, [])
        let again = try scene.ledger.book.audit(ledger: scene.ledger.signer.publicKey)
        #expect(again.faults == [] && again.receipts == 10)
    }

    @Test(arguments: Store.all)
    func `A chain whose end was cut, with all that was booked, has receipts against it`(
        store: Store
    ) throws {
        let scene = try Scene(store)
        try scene.unbook("seq >= 6")
        for table in ["flags", "verdicts"] {
            try scene.database.run(
                "DELETE FROM \(table) WHERE entry IN (SELECT id FROM entries WHERE seq >= 6)")
        }
        try scene.database.run("DELETE FROM entries WHERE seq >= 6")
        #expect(try scene.codes() == ["entry-missing"])
        let sentence = try #require(try scene.ledger.book.audit().faults.first)
        #expect(
            sentence == "terminal \(scene.till.id): entry 6 is missing, as all up to 7 are: "
                + "a receipt names it")
        // The receipts gone too, nothing here says so: that takes the terminal's archive.
        try scene.database.run("DELETE FROM receipts WHERE upto > 5")
        #expect(try scene.codes() == [])
    }

    @Test(arguments: Store.all)
    func `An outcome that was turned into another, with its postings, is named`(store: Store) throws
    {
        let scene = try Scene(store)
        try scene.unbook("seq = 1")
        try scene.database.run(
            "UPDATE entries SET outcome = 'declined', code = 'evidence-forged', counter = NULL "
                + "WHERE seq = 1")
        #expect(try scene.codes() == ["outcome-differs"])
    }

    @Test(arguments: Store.all)
    func `Receipts that are gone, altered, of another stretch or forged are told apart`(
        store: Store
    ) throws {
        func spoiled(
            key: Bool = false, _ change: (Scene) throws -> Void
        ) throws -> [String] {
            let scene = try Scene(store)
            try change(scene)
            return try scene.codes(key ? scene.ledger.signer.publicKey : nil)
        }
        func put(_ bytes: [UInt8], _ scene: Scene) throws {
            try scene.database.run(
                "UPDATE receipts SET cose = $1 WHERE since = 1", [.blob(bytes)])
        }
        func receipt(
            _ scene: Scene, by signer: TestSigner? = nil, head: [UInt8]? = nil,
            outcomes: [Outcome] = [.settled, .settled, .settled], terminal: [UInt8]? = nil
        ) throws -> [UInt8] {
            let rows = try scene.database.rows("SELECT hash FROM entries WHERE seq = 3")
            guard case .blob(let hash) = rows[0][0] else { return [] }
            let made = Receipt(
                terminal: terminal ?? scene.till.kid, from: 1, to: UInt64(outcomes.count),
                head: head ?? hash, outcomes: outcomes)
            return (signer ?? scene.ledger.signer).withKey { made.signed(by: $0).bytes }
        }
        #expect(
            try spoiled { try $0.database.run("DELETE FROM receipts WHERE since = 1") }
                == ["receipt-missing"])
        #expect(
            try spoiled { try $0.database.run("DELETE FROM receipts WHERE since = 6") }
                == ["receipt-missing"])
        #expect(
            try spoiled { try $0.database.run("UPDATE receipts SET upto = 2 WHERE since = 1") }
                == ["column-differs", "receipt-missing"])
        #expect(
            try spoiled { try put(receipt($0, head: [UInt8](repeating: 7, count: 32)), $0) }
                == ["receipt-fork"])
        #expect(
            try spoiled { try put(receipt($0, terminal: TestSigner().publicKey.kid), $0) }
                == ["receipt-altered", "receipt-missing"])
        #expect(try spoiled { try put([0xA0], $0) } == ["receipt-altered", "receipt-missing"])
        #expect(
            try spoiled(key: true) { try put(receipt($0, by: TestSigner()), $0) }
                == ["receipt-altered", "receipt-missing"])
        #expect(
            try spoiled { try put(receipt($0, by: TestSigner()), $0) } == [],
            "without the key nobody can tell")
        #expect(
            try spoiled {
                try put(receipt($0, outcomes: Array(repeating: .settled, count: 1_001)), $0)
            } == ["receipt-altered", "receipt-missing"])
    }

    @Test(arguments: Store.all)
    func `Reversals, replacements and what was released must be booked`(store: Store) throws {
        func spoiled(_ changes: (Scene) throws -> Void) throws -> [String] {
            let scene = try Scene(store)
            try changes(scene)
            return try scene.codes()
        }
        #expect(try spoiled { try $0.unbook("seq = 3") } == ["reversal-differs"])
        #expect(
            try spoiled {
                try $0.database.run(
                    "UPDATE links SET target = (SELECT id FROM entries WHERE seq = 1), cents = 100")
            } == ["reversal-differs"])
        #expect(try spoiled { try $0.unbook("seq = 5") } == ["released-differs"])
        // Of the two accounts it could go to, another one has it.
        #expect(
            try spoiled {
                try $0.database.run(
                    "UPDATE postings SET account = 'card:000000000000' WHERE cents = -700")
                try $0.database.run("DELETE FROM balances")
                try $0.database.run(
                    "INSERT INTO balances SELECT account, CAST(sum(cents) AS BIGINT) "
                        + "FROM postings WHERE account LIKE 'card:%' GROUP BY account")
            } == ["released-differs"])
        #expect(
            try spoiled {
                try $0.unbook("seq = 4")
                try $0.database.run("DELETE FROM replacements")
            }.contains("enrolment-differs"))
        #expect(
            try spoiled { try $0.database.run("DELETE FROM enrolments") }
                == ["enrolment-differs"])
        #expect(
            try spoiled {
                try $0.database.run(
                    "DELETE FROM verdicts WHERE entry IN "
                        + "(SELECT id FROM entries WHERE seq = 5)")
            } == ["unsettled-booked"])
    }
}
