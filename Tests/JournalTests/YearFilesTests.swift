import COSE
import Crypto
import Foundation
import Journal
import KeyStore
import LedgerMessages
import Linux
import Operations
import SQLite
import Testing
import Tokens

extension JournalBench {
    /// Two payments, and the closures that end the year.
    @discardableResult
    func year(_ journal: Journal) throws -> [Entry] {
        let entries = [try append(journal), try append(journal)]
        for period in [.day, .month, .year] as [ClosurePeriod] { _ = try close(journal, period) }
        return entries
    }

    /// Receipts for everything up to `last`, as the link would get them.
    func acknowledge(_ journal: Journal, upTo last: UInt64 = .max, _ outcome: Outcome = .settled)
        throws
    {
        while let first = try journal.nextBatch(count: 3, sizeMax: 1 << 20).first?.sequence,
            first <= last
        {
            let batch = try journal.nextBatch(count: 3, sizeMax: 1 << 20)
            let to = min(last, batch[batch.count - 1].sequence)
            let (receipt, bytes) = try receipt(
                journal, from: first, to: to,
                outcomes: [Outcome](repeating: outcome, count: Int(to - first + 1)))
            try journal.store(receipt, bytes: bytes)
        }
    }

    /// The names of the journal's files, oldest first.
    func files() throws -> [String] {
        try JournalYear.list(path).map { String($0.path.dropFirst(folder.count + 1)) }
    }

    func raw(_ name: String) throws -> Database {
        let database = try Database(path: folder + "/" + name, access: .readWrite)
        try database.run("PRAGMA foreign_keys = OFF")
        for row in try database.rows("SELECT name FROM sqlite_master WHERE type = 'trigger'") {
            try database.run("DROP TRIGGER \(try #require(row[0].text))")
        }
        return database
    }
}

/// One file a fiscal year.
@Suite struct YearFilesTests {
    @Test func `A closure of the year ends a file, and the chain goes on in the next one`() throws {
        let bench = try JournalBench()
        var journal = try bench.open()
        let first = try bench.year(journal)
        #expect(try bench.files() == ["journal.sqlite"], "made by the next entry, not before")
        let head = journal.headHash
        let next = try bench.append(journal)
        #expect(next.sequence == 6 && next.previous == head)
        #expect(try bench.files() == ["journal.sqlite", "journal-6.sqlite"])
        #expect(try bench.verify().faults == [] && bench.verify().entries == 6)
        journal = try bench.open()
        #expect(try bench.append(journal).sequence == 7)
        #expect(try journal.entry(first[0].id) == first[0])
        #expect(try journal.hash(of: 5) == head && journal.hash(of: 6) != nil)
        let years = try JournalYear.list(bench.path)
        #expect(years.map(\.from) == [1, 6] && years.map(\.to) == [5, 7])
        #expect(years.map(\.isClosed) == [true, false] && years.map(\.year) == [2027, 2027])
        #expect(years[0].head == head)
    }

    @Test func `An id of the first year is refused in the third, though those between are smaller`()
        throws
    {
        let bench = try JournalBench()
        let journal = try bench.open()
        // A clock that was ahead.
        let early = EntryID(milliseconds: bench.moment().milliseconds + 400 * UTCDay.length)
        try bench.append(journal, id: early)
        for _ in 0..<2 { try bench.year(journal) }
        try bench.append(journal)
        #expect(try bench.files().count == 3)
        for journal in [journal, try bench.open()] {
            #expect(throws: JournalError.alreadyRecorded) { try bench.append(journal, id: early) }
        }
    }

    @Test func `A file that is not what its name says, or what follows, is not gone on from`()
        throws
    {
        let bench = try JournalBench()
        let journal = try bench.open()
        let first = try bench.year(journal)[0]
        try bench.append(journal)
        let names = ["/journal-6.sqlite", "/journal-7.sqlite"].map { bench.folder + $0 }
        try Files.move(names[0], to: names[1])
        #expect(throws: JournalError.self) { try bench.open() }
        try Files.move(names[1], to: names[0])
        #expect(try bench.open().entry(first.id) == first)
        let raw = try bench.raw("journal.sqlite")
        try raw.run(
            """
            UPDATE entries SET cose = (SELECT cose FROM entries WHERE seq = 4) WHERE seq = 5
            """)
        #expect(throws: JournalError.self) { try bench.open().entry(first.id) }
    }

    @Test func `Numbers of closures and the perpetual total go on over the change of file`() throws
    {
        let bench = try JournalBench()
        var journal = try bench.open()
        for turn in 1...4 as ClosedRange<UInt64> {
            try bench.year(journal)
            for period in ClosurePeriod.allCases {
                #expect(try journal.lastClosure(period)?.number == turn)
                #expect(throws: ClosingError.rule(.nothingToClose)) {
                    try bench.close(journal, period)
                }
            }
            #expect(try journal.perpetualTotal() == Int64(turn) * 2_500)
            journal = try bench.open()
            #expect(try journal.perpetualTotal() == Int64(turn) * 2_500)
            #expect(try journal.openTotals(.year) == .none)
        }
        #expect(try bench.files().count == 4)
        try bench.append(journal)
        #expect(throws: ClosingError.rule(.shorterPeriodOpen)) { try bench.close(journal, .year) }
        let day = try bench.close(journal, .day)
        #expect(day.number == 5 && day.from == 18 && day.totals.payments.count == 1)
        #expect(day.perpetual == 11_250)
        #expect(try bench.verify().faults == [])
    }

    @Test func `What last year did not send is sent, and its receipts are kept`() throws {
        let bench = try JournalBench()
        var journal = try bench.open()
        try bench.year(journal)
        try bench.append(journal)
        try bench.append(journal)
        journal = try bench.open()
        #expect(journal.position == (7, 0) && journal.unsent.count == 4)
        let batch = try journal.nextBatch(count: 100, sizeMax: 1 << 20)
        #expect(batch.map(\.sequence) == Array(1...5), "a batch keeps to one file")
        let spanning = try bench.receipt(journal, from: 1, to: 6)
        #expect(throws: JournalError.refused("receipt spans two years")) {
            try journal.store(spanning.0, bytes: spanning.1)
        }
        #expect(try journal.rejectedCount() == 0)
        try bench.acknowledge(journal, upTo: 3, .declined(code: "x"))
        #expect(journal.position.acknowledged == 3 && journal.unsent.count == 2)
        #expect(try journal.rejectedCount() == 3)
        journal = try bench.open()
        #expect(journal.position.acknowledged == 3 && journal.unsent.count == 2)
        #expect(try journal.rejectedCount() == 3)
        try bench.acknowledge(journal)
        #expect(journal.position == (7, 7) && journal.unsent.count == 0)
        #expect(try journal.rejectedCount() == 3)
        journal = try bench.open()
        #expect(journal.position == (7, 7))
        #expect(try bench.verify().faults == [] && bench.verify().acknowledged == 7)
        #expect(try JournalYear.list(bench.path).map(\.receipted) == [5, 2])
    }

    @Test func `A receipt that stands before its file covers nothing of it`() throws {
        let bench = try JournalBench()
        let journal = try bench.open()
        try bench.year(journal)
        try bench.append(journal)
        try bench.acknowledge(journal)
        try bench.raw("journal-6.sqlite").run("UPDATE receipts SET upto = upto - 5")
        #expect(try JournalYear.list(bench.path).map(\.receipted) == [5, 0])
        #expect(try !bench.verify().faults.isEmpty)
    }

    @Test func `Lists, refunds and limits reach back into older files`() throws {
        let bench = try JournalBench()
        let journal = try bench.open()
        try bench.append(journal, JournalBench.action(2_000))
        let paid = try bench.year(journal)[0]
        try bench.append(journal, JournalBench.action(3_000))
        try bench.append(journal, JournalBench.refund(paid.id, 250))
        try bench.year(journal)
        try bench.append(journal, JournalBench.refund(paid.id, 100))
        #expect(try bench.files().count == 3)
        let standing = try #require(try journal.standing(paid.id))
        #expect(standing.refunded.cents == 350 && standing.isClosed && !standing.isReversed)
        func found(_ query: JournalQuery) throws -> [UInt64] {
            try journal.find(query).lines.map(\.entry.sequence)
        }
        #expect(try found(JournalQuery()) == [14, 10, 9, 8, 7, 3, 2, 1])
        let page = try journal.find(JournalQuery(limit: 3))
        #expect(page.lines.map(\.entry.sequence) == [14, 10, 9] && page.next == 9)
        #expect(try found(JournalQuery(before: 9, limit: 3)) == [8, 7, 3])
        #expect(try journal.find(JournalQuery(before: 3, limit: 2)).next == nil)
        let line = try journal.find(JournalQuery(before: 3, limit: 1)).lines[0]
        #expect(line.entry == paid && line.standing == standing)
        #expect(try found(JournalQuery(lastFour: JournalBench.proof.card.lastFour)).count == 8)
        #expect(try found(JournalQuery(status: .pending)).count == 8)
        #expect(try journal.payments(limit: 3).map(\.entry.sequence) == [10, 9, 3])
        let day = UTCDay.number(journal.lastTime)
        #expect(try found(JournalQuery(day: day)).count == 8)
        #expect(try found(JournalQuery(day: day + 1)) == [])
        let done = try journal.actions(
            "repas", of: JournalBench.proof.card, day: day, isTraining: false)
        #expect(done == ActionDay(quantity: 5_000, count: 2))
        let totals = try journal.totals(days: day...day)
        #expect(totals.payments == KindTotal(count: 4, sum: 5_000))
        #expect(totals.refunds == KindTotal(count: 2, sum: 350))
        #expect(totals.actions == ["repas": KindTotal(count: 2, sum: 5_000)])
        #expect(try journal.totals(days: (day + 1)...(day + 1)) == .none)
    }

    @Test func `An id of an older year is not recorded again, whatever the clock says`() throws {
        let bench = try JournalBench()
        var journal = try bench.open()
        let first = try bench.year(journal)[0]
        #expect(throws: JournalError.alreadyRecorded) { try bench.append(journal, id: first.id) }
        #expect(try bench.files().count == 1, "a refused entry begins no file")
        try bench.append(journal)
        #expect(throws: JournalError.alreadyRecorded) { try bench.append(journal, id: first.id) }
        journal = try bench.open()
        #expect(throws: JournalError.alreadyRecorded) { try bench.append(journal, id: first.id) }
        // A clock that starts in 1970 makes small ids: they are looked for, and taken.
        #expect(try bench.append(journal, id: EntryID(milliseconds: 1)).sequence == 7)
        #expect(try bench.verify().faults == [])
    }

    @Test func `What a crash leaves of a next file is made again`() throws {
        let bench = try JournalBench()
        var journal = try bench.open()
        try bench.year(journal)
        let unfinished = bench.path.dropLast(7) + "-6.sqlite.new"
        for bytes in [[], [UInt8](repeating: 0x41, count: 5_000)] {
            try Files.writeAtomically(bytes, to: String(unfinished))
            try Files.writeAtomically(bytes, to: unfinished + "-journal")
            journal = try bench.open()
            #expect(journal.position.sequence == 5)
        }
        try bench.append(journal)
        #expect(!Files.exists(String(unfinished)) && !Files.exists(unfinished + "-journal"))
        // The next file stands there, and its first entry is not in it yet.
        let raw = try bench.raw("journal-6.sqlite")
        try raw.script("DELETE FROM lines; DELETE FROM entries")
        raw.close()
        journal = try bench.open()
        #expect(journal.position.sequence == 5 && journal.unsent.count == 2)
        #expect(try journal.perpetualTotal() == 2_500)
        #expect(try bench.append(journal).sequence == 6)
        #expect(try bench.verify().faults == [] && bench.files().count == 2)
    }

    @Test func `When the next file cannot be made, nothing is taken and nothing is lost`() throws {
        let bench = try JournalBench()
        let journal = try bench.open()
        try bench.year(journal)
        // Something that is no file, in its way.
        let obstacle = bench.folder + "/journal-6.sqlite.new"
        try Files.makeDirectory(obstacle + "/full")
        let id = EntryID(milliseconds: 7)
        #expect(throws: JournalError.self) { try bench.append(journal, id: id) }
        #expect(!journal.isOpen)
        try journal.reopen()
        #expect(try journal.entry(id) == nil && journal.position.sequence == 5)
        try Files.remove(obstacle + "/full")
        #expect(try bench.append(journal, id: id).sequence == 6)
        #expect(try bench.verify().faults == [])
    }

    @Test func `A file of the second version that ends with its year goes on in a next one`() throws
    {
        let bench = try JournalBench()
        var journal = try bench.open()
        try bench.year(journal)
        let raw = try bench.raw("journal.sqlite")
        try raw.run("DROP TABLE origin")
        try raw.run("DROP INDEX lines_kind")
        try raw.run("PRAGMA user_version = 2")
        #expect(try bench.verify().faults == [], "sound as it is")
        raw.close()
        journal = try bench.open()
        #expect(try bench.append(journal).sequence == 6)
        #expect(try bench.files() == ["journal.sqlite", "journal-6.sqlite"])
        #expect(try bench.verify().faults == [])
    }

    @Test func `The first row of a file is as append-only as the rest`() throws {
        let bench = try JournalBench()
        let journal = try bench.open()
        try bench.year(journal)
        try bench.append(journal)
        let raw = try Database(path: bench.folder + "/journal-6.sqlite", access: .readWrite)
        for statement in ["UPDATE origin SET seq = 9", "DELETE FROM origin"] {
            #expect(throws: SQLiteError.self) { try raw.run(statement) }
        }
        #expect(
            try raw.rows("SELECT seq, hash FROM origin") == [
                [.integer(5), .blob(try #require(try journal.hash(of: 5)))]
            ])
    }
}

/// Faults planted in files that follow one another.
@Suite struct YearVerificationTests {
    private func three() throws -> JournalBench {
        let bench = try JournalBench()
        let journal = try bench.open()
        try bench.year(journal)
        try bench.year(journal)
        try bench.append(journal)
        try bench.acknowledge(journal)
        #expect(try bench.verify().faults == [])
        #expect(try bench.files().count == 3)
        return bench
    }

    @Test func `A missing file is found, by the check and when it is asked for`() throws {
        let bench = try three()
        try Files.remove(bench.folder + "/journal-6.sqlite")
        #expect(try bench.verify().faults.map(\.sequence).contains(6))
        let journal = try bench.open()
        #expect(throws: JournalError.self) { try journal.find(JournalQuery()) }
        #expect(try bench.append(journal).sequence == 12, "selling goes on")
    }

    @Test func `The first file may not go without a word in the chain`() throws {
        let bench = try three()
        try Files.remove(bench.path)
        let found = try bench.verify()
        #expect(
            found.faults.map(\.what) == ["no entry records where those before it went"])
        #expect(found.archived?.through == 5 && found.last == 11 && found.entries == 6)
    }

    @Test(arguments: [
        "seq = 4", "hash = zeroblob(32)", "last_id = zeroblob(16)", "day = month",
        "day = (SELECT cose FROM entries WHERE seq = 8)", "year = zeroblob(90)",
    ])
    func `An origin that is not what was read before is found`(change: String) throws {
        let bench = try three()
        try bench.raw("journal-6.sqlite").run("UPDATE origin SET \(change)")
        #expect(try bench.verify().faults.first?.sequence == 6)
    }

    @Test func `A forged closure in an origin is found though its file stands alone`() throws {
        let bench = try three()
        let stranger = try SigningKey.create()
        let raw = try bench.raw("journal-11.sqlite")
        let closure = Closure(
            period: .month, number: 7, from: 1, to: 8, totals: .none, perpetual: 1, unsent: 0)
        let entry = Entry(
            sequence: 9, id: EntryID(milliseconds: 1), previous: [UInt8](repeating: 1, count: 32),
            time: 1, clockTrust: .untrusted, body: .closure(closure))
        try raw.run(
            "UPDATE origin SET month = ?",
            [.blob(stranger.sign(payload: entry.item.encoded).bytes)])
        for name in ["journal.sqlite", "journal-6.sqlite"] {
            try Files.remove(bench.folder + "/" + name)
        }
        #expect(
            try bench.verify().faults.map(\.what).contains(
                "the file follows a closure that does not verify"))
    }

    @Test func `A changed byte of an old year is found, and an entry moved between files`() throws {
        let bench = try three()
        let raw = try bench.raw("journal-6.sqlite")
        try raw.run("UPDATE entries SET cents = 1 WHERE seq = 7")
        #expect(try bench.verify().faults.first?.sequence == 7)
        try raw.run("UPDATE entries SET cents = 1250 WHERE seq = 7")
        #expect(try bench.verify().faults == [])
        try raw.run("DELETE FROM entries WHERE seq = 10")
        #expect(!(try bench.verify().faults.isEmpty))
    }
}
