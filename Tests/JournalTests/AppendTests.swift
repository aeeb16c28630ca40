import COSE
import Crypto
import Journal
import KeyStore
import LedgerMessages
import Linux
import Operations
import SQLite
import Testing
import Threads

@Suite struct AppendTests {
    @Test func `Entries are gapless, chained by hash and read back by id`() throws {
        let bench = try JournalBench()
        let journal = try bench.open()
        #expect(journal.position == (0, 0) && journal.lastTime == 0)
        var previous = [UInt8](repeating: 0, count: 32)
        for sequence in 1...20 as ClosedRange<UInt64> {
            let entry = try bench.append(journal)
            #expect(entry.sequence == sequence && entry.previous == previous)
            #expect(try journal.entry(entry.id) == entry)
            previous = journal.headHash
            #expect(try journal.hash(of: sequence) == previous)
        }
        let batch = try journal.nextBatch(count: 100, sizeMax: 1 << 20)
        #expect(batch.map(\.sequence) == Array(1...20))
        for (index, item) in batch.enumerated() {
            let message = try Sign1(parsing: item.bytes, limit: Entry.sizeMax)
            let payload = try message.verified(by: bench.terminal.publicKey)
            #expect(try Entry(payload: payload).sequence == UInt64(index + 1))
        }
        #expect(sha256(batch[19].bytes) == journal.headHash)
        #expect(try journal.entry(EntryID(milliseconds: 1)) == nil)
    }

    @Test func `An id stands in the journal once, before and after reopening`() throws {
        let bench = try JournalBench()
        var journal = try bench.open()
        let entry = try bench.append(journal)
        #expect(throws: JournalError.alreadyRecorded) { try bench.append(journal, id: entry.id) }
        #expect(journal.isOpen)
        #expect(try bench.append(journal).sequence == 2)
        journal = try bench.open()
        #expect(throws: JournalError.alreadyRecorded) { try bench.append(journal, id: entry.id) }
        #expect(journal.position.sequence == 2)
        #expect(journal.unsent.count == 2)
    }

    @Test func `A row that another writer put in the way is not taken for our own entry`() throws {
        let bench = try JournalBench()
        let journal = try bench.open()
        try bench.append(journal)
        let stranger = Entry(
            sequence: 2, id: EntryID(milliseconds: 1), previous: journal.headHash,
            time: journal.lastTime, clockTrust: .untrusted, body: JournalBench.payment())
        let raw = try bench.raw()
        try raw.run(
            """
            INSERT INTO entries(seq, id, kind, time, cents, training, cose)
            VALUES(2,?,1,?,1250,0,?)
            """,
            [
                .blob(stranger.id.bytes), .integer(Int64(stranger.time)),
                .blob(bench.terminal.sign(payload: stranger.item.encoded).bytes),
            ])
        raw.close()
        let id = EntryID(milliseconds: 2)
        #expect {
            try bench.append(journal, id: id)
        } throws: { error in
            guard case JournalError.suspended = error else { return false }
            return true
        }
        #expect(!journal.isOpen)
        try journal.reopen()
        #expect(try journal.entry(id) == nil)
        #expect(try bench.append(journal, id: id).sequence == 3)
        #expect(try bench.verify().faults == [])
    }

    @Test func `Time never goes back, even over a reopening`() throws {
        let bench = try JournalBench()
        var journal = try bench.open()
        let first = try journal.append(
            JournalBench.payment(), id: EntryID(milliseconds: 1),
            at: Moment(milliseconds: 5_000, trust: .synchronised))
        let second = try journal.append(
            JournalBench.payment(), id: EntryID(milliseconds: 2),
            at: Moment(milliseconds: 4_999, trust: .untrusted))
        journal = try bench.open()
        let third = try journal.append(
            JournalBench.payment(), id: EntryID(milliseconds: 3),
            at: Moment(milliseconds: 0, trust: .untrusted))
        #expect([first, second, third].map(\.time) == [5_000, 5_000, 5_000])
        #expect(
            [first, second, third].map(\.clockTrust) == [.synchronised, .untrusted, .untrusted])
        #expect(journal.lastTime == 5_000)
    }

    @Test(arguments: ["entries", "receipts", "outcomes", "owner"])
    func `The file refuses change and removal, whoever asks`(table: String) throws {
        let bench = try JournalBench()
        let journal = try bench.open()
        try bench.append(journal)
        let (receipt, bytes) = try bench.receipt(journal, from: 1, to: 1)
        try journal.store(receipt, bytes: bytes)
        let raw = try bench.raw()
        let column = table == "owner" ? "kid" : table == "outcomes" ? "code" : "cose"
        for statement in [
            "UPDATE \(table) SET \(column) = \(column)", "DELETE FROM \(table)",
            "UPDATE \(table) SET \(column) = \(table == "outcomes" ? "''" : "x'00'")",
        ] {
            #expect {
                try raw.run(statement)
            } throws: { error in
                (error as? SQLiteError)?.message.contains("append-only") == true
            }
        }
        #expect(try raw.rows("SELECT count(*) FROM \(table)") == [[.integer(1)]])
    }

    @Test func `A replacing insert does not get around the triggers`() throws {
        let bench = try JournalBench()
        let journal = try bench.open()
        let entry = try bench.append(journal)
        let raw = try bench.raw()
        #expect(throws: SQLiteError.self) {
            try raw.run(
                """
                INSERT OR REPLACE INTO entries(seq, id, kind, time, cents, training, cose)
                VALUES(1,?,1,0,1,0,x'00')
                """, [.blob(entry.id.bytes)])
        }
        #expect(try bench.verify().faults == [])
    }

    @Test func `Another terminal's key, a newer version or a foreign file is refused`() throws {
        let bench = try JournalBench()
        try bench.append(try bench.open())
        let stranger = try SigningKey.create()
        #expect(throws: JournalError.unusable("the journal belongs to another terminal key")) {
            try Journal(path: bench.path, signer: stranger)
        }
        let raw = try bench.raw()
        try raw.run("PRAGMA user_version=99")
        raw.close()
        #expect(throws: JournalError.unusable("the journal was written by a newer version")) {
            try bench.open()
        }
        let other = bench.folder + "/other.sqlite"
        try Files.writeAtomically([UInt8](repeating: 0x41, count: 8_192), to: other)
        #expect(throws: JournalError.self) { try Journal(path: other, signer: stranger) }
        #expect(throws: JournalError.self) {
            try Journal(path: bench.folder + "/none/journal.sqlite", signer: stranger)
        }
    }

    @Test func `After a failed write it takes nothing until it has read the file again`() throws {
        let bench = try JournalBench()
        let journal = try bench.open()
        let first = try bench.append(journal)
        let raw = try bench.raw()
        try raw.script(
            """
            CREATE TRIGGER broken BEFORE INSERT ON entries
            BEGIN SELECT RAISE(ABORT, 'broken'); END
            """)
        let id = EntryID(milliseconds: 3)
        func suspended(_ body: () throws -> Void) {
            #expect {
                try body()
            } throws: { error in
                guard case JournalError.suspended = error else { return false }
                return true
            }
        }
        suspended { try bench.append(journal, id: id) }
        try raw.run("DROP TRIGGER broken")
        #expect(!journal.isOpen)
        suspended { try bench.append(journal, id: id) }
        suspended { _ = try journal.entry(first.id) }
        suspended { _ = try journal.nextBatch(count: 1, sizeMax: 1) }
        try journal.reopen()
        #expect(try journal.entry(id) == nil)
        #expect(try bench.append(journal, id: id).sequence == 2)
        #expect(try bench.verify().faults == [])
    }

    @Test func `Two threads that append get one chain`() throws {
        let bench = try JournalBench()
        let journal = try bench.open()
        let signed = Counters()
        let threads = (0..<4).map { lane in
            ThreadBox.start {
                for index in 0..<25 {
                    let id = EntryID(milliseconds: UInt64(lane * 1_000 + index))
                    let moment = Moment(milliseconds: 1_000, trust: .untrusted)
                    if let entry = try? journal.append(JournalBench.payment(), id: id, at: moment) {
                        signed.add(entry.sequence)
                    }
                }
            }
        }
        for thread in threads { thread.join() }
        #expect(signed.sorted == Array(1...100))
        #expect(try bench.verify().faults == [])
    }
}
