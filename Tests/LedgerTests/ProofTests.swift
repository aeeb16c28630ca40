import COSE
import Crypto
import Foundation
import Journal
import LedgerMessages
import Operations
import Proofs
import SQLite
import TestSupport
import Testing

@testable import LedgerBook

/// Each way to spoil a record, once, and the name it gets.
@Suite struct ProofTests {
    @Test func `a sound archive is proven with the ledger's key alone`() throws {
        let bench = try ArchiveBench(.sqlite)
        let proof = bench.proof()
        #expect(bench.codes(proof) == [])
        #expect(proof.terminal == bench.till.signer.publicKey)
        #expect((proof.from, proof.to, proof.entries, proof.receipts) == (1, 9, 9, 3))
        #expect(bench.codes(try bench.compared()) == [])
        // Receipts may come apart from the archive.
        let files = bench.receipts
        bench.receipts = []
        try bench.sign()
        #expect(bench.codes() == ["outcome-missing 1-9"])
        #expect(bench.codes(bench.proof(files: [files.flatMap { $0 }])) == [])
        #expect(bench.codes(bench.proof(files: Array(files[..<2]))) == ["outcome-missing 7-9"])
        #expect(bench.codes(bench.proof(files: Array(files[..<2]), isOpen: true)) == [])
        #expect(
            bench.codes(bench.proof(files: Array(files[1...]), isOpen: true))
                == ["outcome-missing 1-3"])
    }

    @Test func `archives of two stretches are one record`() throws {
        let bench = try ArchiveBench(.sqlite)
        let (entries, receipts) = (bench.entries, bench.receipts)
        (bench.entries, bench.receipts) = (Array(entries[..<6]), Array(receipts[..<2]))
        try bench.sign()
        let first = bench.bytes
        (bench.entries, bench.receipts) = (Array(entries[6...]), Array(receipts[2...]))
        let before = sha256(entries[5])
        bench.manifest =
            bench.till.signer.sign(
                payload: CBOR.record([
                    1: .text("later"), 2: .bytes(bench.till.signer.publicKey.bytes),
                    3: .unsigned(7),
                    4: .unsigned(9), 5: .bytes(before), 6: .bytes(sha256(entries[8])),
                    7: .unsigned(1), 8: .bytes(sha256(sha256(receipts[2]))), 9: .unsigned(0),
                ]).encoded
            ).bytes
        let second = bench.bytes
        #expect(bench.codes(bench.proof(archives: [second, first])) == [])
        #expect(bench.codes(bench.proof(archives: [second])) == [])
        #expect(bench.proof(archives: [second]).from == 7)
        #expect(bench.codes(bench.proof(archives: [first, first, second])) == [])
    }

    /// What stands in the file after somebody had it; the terminal's key was not needed.
    @Test func `what is done to the file is named`() throws {
        func spoiled(_ change: (ArchiveBench) throws -> Void) throws -> [String] {
            let bench = try ArchiveBench(.sqlite)
            try change(bench)
            return bench.codes()
        }
        #expect(try spoiled { $0.entries.remove(at: 4) } == ["entry-missing 5"])
        #expect(try spoiled { $0.entries.removeSubrange(1...3) } == ["entry-missing 2-4"])
        #expect(try spoiled { $0.entries.removeLast(2) } == ["entry-missing 8-9"])
        #expect(
            try spoiled { $0.entries.insert($0.entries[3], at: 4) } == ["entry-doubled 4"])
        #expect(try spoiled { $0.entries[4][120] ^= 1 } == ["entry-altered 5"])
        let last = try spoiled { $0.entries[8][$0.entries[8].count - 1] ^= 1 }
        #expect(last == ["entry-altered 9"])
        let stranger = try spoiled { $0.entries[4] = try $0.resign(4, by: TestSigner()) { _ in } }
        #expect(stranger == ["entry-other-terminal 5"])
        #expect(
            try spoiled { $0.receipts.removeLast() } == ["archive-receipts", "outcome-missing 7-9"])
        #expect(try spoiled { $0.receipts[1][60] ^= 1 }.first?.hasPrefix("receipt-") == true)
        #expect(try spoiled { $0.manifest[200] ^= 1 } == ["archive-damaged"])
        #expect(try spoiled { $0.receipts[2].removeLast() } == ["archive-damaged"])
    }

    /// What a dishonest merchant can sign: the manifest fits, the ledger's receipts do not.
    @Test func `what is signed anew is named`() throws {
        func forged(_ change: (ArchiveBench) throws -> Void) throws -> [String] {
            let bench = try ArchiveBench(.sqlite)
            try change(bench)
            try bench.sign()
            return bench.codes()
        }
        // The chain ends earlier: the ledger knows better.
        let cut = try forged {
            $0.entries.removeLast(3)
            $0.receipts.removeLast()
        }
        #expect(cut == [])
        #expect(try forged { $0.entries.removeLast(3) } == ["entry-missing 7-9"])
        let fork = try forged { bench in
            bench.entries[8] = try bench.resign(8) { $0[4] = .unsigned(Sunday.noon + 8_000_000) }
        }
        #expect(fork == ["receipt-fork 9", "outcome-missing 7-9"])
        let two = try forged { bench in
            bench.entries.insert(try bench.resign(4) { $0[9] = .bool(true) }, at: 5)
        }
        #expect(two.contains("entry-forked 5"))
        let middle = try forged { bench in
            bench.entries[4] = try bench.resign(4) { $0[9] = .bool(true) }
        }
        #expect(middle == ["entry-forked 6"])
        let again = try forged { bench in
            let id = try CBOR.decode(
                Sign1(parsing: bench.entries[2], limit: 4_096).payload, limit: 4_096)[2]
            bench.entries[8] = try bench.resign(8) { $0[2] = id }
        }
        #expect(again.contains("entry-doubled 9"))
        let early = try forged { bench in
            bench.entries[8] = try bench.resign(8) { $0[4] = .unsigned(Sunday.noon) }
        }
        #expect(early.contains("time-backwards 9"))
    }

    /// The entries are sound: it is what the terminal says of them that is not.
    @Test func `a manifest that names other ends or other receipts is named`() throws {
        let other = CBOR.bytes([UInt8](repeating: 9, count: 32))
        for (field, code) in [(6, "entry-forked 9"), (8, "archive-receipts")] as [(Int64, String)] {
            let bench = try ArchiveBench(.sqlite)
            bench.manifest = try resigned(bench.manifest, by: bench.till.signer) {
                $0[field] = other
            }
            #expect(bench.codes() == [code])
        }
        let bench = try ArchiveBench(.sqlite)
        let before = sha256(bench.entries[5])
        bench.entries.removeFirst(6)
        bench.receipts.removeFirst(2)
        try bench.sign(from: 7)
        #expect(bench.codes() == ["entry-forked 7"])
        bench.manifest = try resigned(bench.manifest, by: bench.till.signer) {
            $0[5] = .bytes(before)
        }
        #expect(bench.codes() == [])
    }

    @Test func `receipts that prove nothing are named`() throws {
        func receipts(_ more: (ArchiveBench) throws -> [UInt8]) throws -> [String] {
            let bench = try ArchiveBench(.sqlite)
            return bench.codes(bench.proof(files: [try more(bench)]))
        }
        #expect(try receipts { $0.receipt(1, 3) } == [])
        #expect(try receipts { $0.receipt(1, 3, by: TestSigner()) } == ["receipt-other-ledger"])
        let other = try receipts { $0.receipt(1, 3, terminal: TestSigner().publicKey.kid) }
        #expect(other == ["receipt-other-terminal 1"])
        let fork = try receipts { $0.receipt(1, 3, head: [UInt8](repeating: 7, count: 32)) }
        #expect(fork == ["receipt-fork 3"])
        let two = try receipts {
            $0.receipt(1, 3, outcomes: [.settled, .declined(code: "x"), .settled])
        }
        #expect(two == ["outcome-conflict 2"])
        let altered = try receipts { bench in
            var bytes = bench.receipt(1, 3)
            bytes[bytes.count - 1] ^= 1
            return bytes
        }
        #expect(altered == ["receipt-altered"])
        let shape = try receipts { bench in
            bench.ledger.signer.sign(payload: CBOR.record([1: .unsigned(1)]).encoded).bytes
        }
        #expect(shape == ["receipt-damaged"])
        #expect(try receipts { _ in [0x9F] } == ["receipt-damaged"])
        #expect(try receipts { _ in [0xA0] } == ["receipt-damaged"])
        let later = try receipts {
            $0.receipt(10, 11, head: [UInt8](repeating: 7, count: 32))
        }
        #expect(later == ["entry-missing 10-11"])
    }

    @Test(arguments: Store.all) func `the ledger's copies are compared byte for byte`(store: Store)
        throws
    {
        func beside(_ script: String) throws -> [String] {
            let bench = try ArchiveBench(store)
            let sql = try bench.ledger.sql()
            try sql.unguard("entries")
            try sql.run(
                store == .sqlite
                    ? "PRAGMA foreign_keys=OFF" : "SET session_replication_role = replica")
            try sql.run(script)
            return bench.codes(try bench.compared())
        }
        #expect(
            try beside("UPDATE entries SET cose = hash WHERE seq = 4") == ["copy-differs 4"])
        #expect(
            try beside("UPDATE entries SET outcome = 'held', code = 'x' WHERE seq = 4")
                == ["copy-outcome 4"])
        #expect(try beside("DELETE FROM entries WHERE seq = 9") == ["copy-missing 9"])
        let bench = try ArchiveBench(store)
        _ = try bench.ledger.sendRaw(bench.till, [try later(bench)])
        #expect(bench.codes(try bench.compared()) == ["entry-missing 10"])
    }

    @Test(arguments: Store.all)
    func `A closed year is proven beside a ledger that goes on`(store: Store) throws {
        let bench = try ArchiveBench(store)
        _ = try bench.ledger.sendRaw(bench.till, [try later(bench)])
        let all = try bench.compared()
        #expect(bench.codes(all) == ["entry-missing 10"] && all.beyond == nil)
        let year = try bench.compared(isUpToArchive: true)
        #expect(bench.codes(year) == [] && year.beyond == 10)
        // A receipt that goes over the year's end counts for what is within.
        let over = bench.receipt(
            7, 10, head: [UInt8](repeating: 7, count: 32),
            outcomes: [.settled, .settled, .declined(code: "x"), .settled])
        let twice = bench.proof(files: [over], isUpToArchive: true)
        #expect(bench.codes(twice) == ["outcome-conflict 9"] && twice.beyond == 10)
        // What is missing within, or lost at the ledger, stays a fault; without more, no word.
        bench.entries.remove(at: 4)
        #expect(bench.codes(try bench.compared(isUpToArchive: true)) == ["entry-missing 5"])
        let other = try ArchiveBench(store)
        let sql = try other.ledger.sql()
        try sql.unguard("entries")
        try sql.run(
            store == .sqlite
                ? "PRAGMA foreign_keys=OFF" : "SET session_replication_role = replica")
        try sql.run("DELETE FROM entries WHERE seq = 9")
        let lost = try other.compared(isUpToArchive: true)
        #expect(other.codes(lost) == ["copy-missing 9"] && lost.beyond == nil)
    }

    private func later(_ bench: ArchiveBench) throws -> [UInt8] {
        try bench.pay(bench.ledger.card(), 50, at: 20)
        return try #require(try bench.journal.nextBatch(count: 1, sizeMax: 9_999).first).bytes
    }

    @Test func `hostile files are findings and nothing worse`() throws {
        let bench = try ArchiveBench(.sqlite)
        let other = try ArchiveBench(.sqlite)
        #expect(bench.codes(bench.proof(archives: [bench.bytes, other.bytes])).count == 1)
        #expect(bench.codes(bench.proof(archives: [[]])) == ["archive-damaged"])
        #expect(bench.codes(bench.proof(archives: [[0x9F]])) == ["archive-damaged"])
        #expect(bench.codes(bench.proof(archives: [])) == [])
        // Numbers beyond all time would make loops without an end.
        bench.manifest =
            bench.till.signer.sign(
                payload: CBOR.record([
                    1: .text(""), 2: .bytes(bench.till.signer.publicKey.bytes),
                    3: .unsigned(UInt64(Int64.max) - 1), 4: .unsigned(UInt64(Int64.max)),
                    5: .bytes([]), 6: .bytes([]), 7: .unsigned(0), 8: .bytes([]), 9: .unsigned(0),
                ]).encoded
            ).bytes
        #expect(bench.codes() == ["archive-damaged"])
        var dice = Seed.dice()
        for _ in 0..<300 {
            let bench = other
            var bytes = bench.bytes
            for _ in 0...dice.next(4) {
                bytes[Int.random(in: 0..<bytes.count, using: &dice)] = dice.bytes(1)[0]
            }
            let proof = bench.proof(archives: [bytes])
            #expect(bytes == bench.bytes || !proof.findings.isEmpty)
        }
    }

    @Test(arguments: Store.all)
    func `every sentence of the book's audit has a code of its own`(store: Store) throws {
        let book = try TestLedger(store).book
        let codes = AuditFindings.codes.map(\.code)
        #expect(Set(codes).count == codes.count)
        let sentences = (book.store.integrityQuestions + book.questions).map(\.0)
        for sentence in sentences + book.bookedQuestions.map(\.sentence) {
            #expect(
                AuditFindings.codes.filter { sentence.contains($0.sentence) }.count == 1,
                "\(sentence)")
        }
        #expect(Set(Finding.Code.allCases.map(\.sentence)).count == Finding.Code.allCases.count)
    }
}
