import COSE
import Crypto
import Journal
import KeyStore
import LedgerMessages
import Operations
import SQLite
import Testing

/// Each fault is planted in a real file, around its triggers, and must be found by name and place.
@Suite struct VerificationTests {
    /// Six payments, of which the ledger has acknowledged 1...2 and 3...4.
    private func sound() throws -> JournalBench {
        let bench = try JournalBench()
        let journal = try bench.open()
        for _ in 0..<6 { try bench.append(journal) }
        for start in [1, 3] as [UInt64] {
            let (receipt, bytes) = try bench.receipt(journal, from: start, to: start + 1)
            try journal.store(receipt, bytes: bytes)
        }
        return bench
    }

    private func cose(_ database: Database, _ sequence: Int64) throws -> [UInt8] {
        let row = try database.rows("SELECT cose FROM entries WHERE seq = ?", [.integer(sequence)])
        return try #require(row.first?.first?.blob)
    }

    private func expectFault(
        _ sequence: UInt64, _ what: String, in bench: JournalBench,
        _ location: SourceLocation = #_sourceLocation
    ) throws {
        let faults = try bench.verify().faults
        #expect(
            faults.contains { $0.sequence == sequence && $0.what == what },
            "\(faults)", sourceLocation: location)
    }

    @Test func `A sound journal has no fault, and its sums are told`() throws {
        let bench = try sound()
        let result = try bench.verify()
        #expect(result.faults == [])
        #expect(result.entries == 6 && result.acknowledged == 4)
        #expect(result.payments == 6 && result.paymentCents == 7_500)
        var seen: [UInt64] = []
        _ = try JournalVerifier(
            path: bench.path, terminal: bench.terminal.publicKey, ledger: nil
        ).run { entry, message in
            #expect(message.kid == bench.terminal.publicKey.kid)
            seen.append(entry.sequence)
        }
        #expect(seen == Array(1...6))
    }

    @Test(arguments: [1, 3, 6] as [Int64])
    func `A changed byte anywhere in an entry is found`(sequence: Int64) throws {
        let bench = try sound()
        let database = try bench.unguarded()
        let good = try cose(database, sequence)
        for index in stride(from: 0, to: good.count, by: 7) {
            var bad = good
            bad[index] ^= 0x04
            try database.run(
                "UPDATE entries SET cose = ? WHERE seq = ?", [.blob(bad), .integer(sequence)])
            let faults = try bench.verify().faults
            #expect(faults.first?.sequence == UInt64(sequence), "byte \(index)")
        }
    }

    @Test(arguments: [
        "cents = 1", "id = zeroblob(16)", "kind = 2", "time = time + 1", "training = 1",
    ])
    func `A column that is not what was signed is found`(change: String) throws {
        let bench = try sound()
        try bench.unguarded().run("UPDATE entries SET \(change) WHERE seq = 5")
        try expectFault(5, "columns differ from what was signed", in: bench)
    }

    @Test func `A missing entry is found`() throws {
        let bench = try sound()
        try bench.unguarded().run("DELETE FROM entries WHERE seq = 5")
        try expectFault(5, "gap: an entry is missing", in: bench)
    }

    @Test func `A missing entry is found though the others were renumbered`() throws {
        let bench = try sound()
        let database = try bench.unguarded()
        try database.run("DELETE FROM entries WHERE seq = 5")
        try database.run("UPDATE entries SET seq = 5 WHERE seq = 6")
        try expectFault(5, "sequence number differs", in: bench)
    }

    @Test func `Entries cut off the end are found as far as a receipt covers them`() throws {
        let bench = try sound()
        try bench.unguarded().run("DELETE FROM entries WHERE seq >= 4")
        try expectFault(4, "receipt does not fit the chain", in: bench)
    }

    @Test func `Two entries that changed places are found`() throws {
        let bench = try sound()
        let database = try bench.unguarded()
        let (two, three) = (try cose(database, 2), try cose(database, 3))
        try database.run("UPDATE entries SET cose = ? WHERE seq = 2", [.blob(three)])
        try database.run("UPDATE entries SET cose = ? WHERE seq = 3", [.blob(two)])
        try expectFault(2, "sequence number differs", in: bench)
        try expectFault(3, "sequence number differs", in: bench)
    }

    /// Puts an entry in the place of entry 6, signed by `signer`.
    private func replaceLast(
        _ bench: JournalBench, by signer: SigningKey, previous: [UInt8]? = nil, time: UInt64? = nil
    ) throws {
        let database = try bench.unguarded()
        let old = try Entry(
            payload: try Sign1(parsing: try cose(database, 6), limit: Entry.sizeMax).payload)
        let new = Entry(
            sequence: 6, id: old.id, previous: previous ?? old.previous, time: time ?? old.time,
            clockTrust: old.clockTrust, body: JournalBench.payment())
        let bytes = signer.sign(payload: new.item.encoded).bytes
        try database.run(
            "UPDATE entries SET cose = ?, time = ? WHERE seq = 6",
            [.blob(bytes), .integer(Int64(new.time))])
    }

    @Test func `An entry signed by a stranger is found`() throws {
        let bench = try sound()
        try replaceLast(bench, by: try SigningKey.create())
        try expectFault(6, "signature does not verify", in: bench)
    }

    @Test func `Even the terminal's own key cannot break the chain or turn back time`() throws {
        let broken = try sound()
        try replaceLast(broken, by: broken.terminal, previous: [UInt8](repeating: 1, count: 32))
        try expectFault(6, "chain is broken", in: broken)
        let late = try sound()
        try replaceLast(late, by: late.terminal, time: 5)
        try expectFault(6, "time goes back", in: late)
    }

    @Test func `A receipt of another ledger, a missing or a forged one is found`() throws {
        let foreign = try sound()
        let journal = try foreign.open()
        let (_, bytes) = try foreign.receipt(journal, from: 3, to: 4, by: try SigningKey.create())
        try foreign.unguarded().run("UPDATE receipts SET cose = ? WHERE upto = 4", [.blob(bytes)])
        try expectFault(4, "receipt does not verify", in: foreign)

        let missing = try sound()
        try missing.unguarded().run("DELETE FROM receipts WHERE upto = 2")
        try expectFault(4, "receipt does not fit the chain", in: missing)

        let moved = try sound()
        try moved.unguarded().run("UPDATE receipts SET upto = 5 WHERE upto = 4")
        try expectFault(5, "receipt does not fit the chain", in: moved)

        let forked = try sound()
        let (_, other) = try forked.receipt(
            try forked.open(), from: 3, to: 4, head: [UInt8](repeating: 7, count: 32))
        try forked.unguarded().run("UPDATE receipts SET cose = ? WHERE upto = 4", [.blob(other)])
        try expectFault(4, "receipt does not fit the chain", in: forked)

        let others = try sound()
        let (_, theirs) = try others.receipt(
            try others.open(), from: 3, to: 4, terminal: [UInt8](repeating: 7, count: 8))
        try others.unguarded().run("UPDATE receipts SET cose = ? WHERE upto = 4", [.blob(theirs)])
        try expectFault(4, "receipt does not fit the chain", in: others)
    }

    @Test func `Numbers and times below zero are found, whoever put them there`() throws {
        let moved = try sound()
        try moved.unguarded().run("UPDATE receipts SET upto = -1 WHERE upto = 4")
        #expect(try moved.verify().faults.map(\.code) == [.receiptFork])
        let early = try sound()
        try early.unguarded().run("UPDATE entries SET time = -1 WHERE seq = 6")
        try expectFault(6, "columns differ from what was signed", in: early)
        #expect(try early.open().unsent.oldest == 0)
    }

    @Test(arguments: [
        "UPDATE outcomes SET booked = 0 WHERE seq = 3",
        "UPDATE outcomes SET code = 'x' WHERE seq = 3", "DELETE FROM outcomes WHERE seq = 3",
        "INSERT INTO outcomes VALUES(6, 1, '')",
    ])
    func `An outcome that the receipt does not state is found`(change: String) throws {
        let bench = try sound()
        try bench.unguarded().run(change)
        let faults = try bench.verify().faults
        #expect(faults.contains { $0.what == "outcomes differ from the receipt" }, "\(faults)")
    }

    @Test func `Each fault has a code of its own, and the codes are those of an audit`() {
        let codes = JournalVerification.Fault.Code.allCases
        #expect(Set(codes.map(\.sentence)).count == codes.count)
        for code in codes {
            #expect(code.rawValue.allSatisfy { $0 == "-" || ("a"..."z").contains($0) })
        }
        // Stable: scripts and people on the telephone know them.
        #expect(
            codes.map(\.rawValue) == [
                "entry-missing", "entry-damaged", "entry-altered", "entry-malformed",
                "entry-renumbered", "entry-forked", "time-backwards", "column-differs",
                "closure-differs", "line-differs", "line-surplus", "receipt-altered",
                "receipt-fork", "outcome-differs", "file-unrooted", "file-closure", "file-forked",
                "years-missing",
            ])
    }

    @Test func `A file that is no journal is unusable, not sound`() throws {
        let bench = try JournalBench()
        #expect(throws: JournalError.self) { try bench.verify() }
    }
}
