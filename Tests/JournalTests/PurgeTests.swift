import Crypto
import Journal
import KeyStore
import Linux
import Operations
import SQLite
import Testing
import Tokens

/// A year goes only whole, oldest first, closed, receipted and archived (J9).
@Suite struct PurgeTests {
    private func years(_ count: Int, receipted: Bool = true) throws -> (JournalBench, [Entry]) {
        let bench = try JournalBench()
        let journal = try bench.open()
        var entries: [Entry] = []
        for _ in 0..<count { entries += try bench.year(journal) }
        entries.append(try bench.append(journal))
        if receipted { try bench.acknowledge(journal) }
        return (bench, entries)
    }

    private func file(_ bench: JournalBench, _ index: Int) throws -> JournalYear {
        let years = try JournalYear.list(bench.path)
        return try #require(index < years.count ? years[index] : nil)
    }

    private func archive(_ bench: JournalBench, _ index: Int? = nil) throws -> [UInt8] {
        let year = try index.map { try file(bench, $0) }
        return try JournalArchive.bytes(
            of: bench.path, year: year, signer: bench.terminal, made: 7)
    }

    private func purge(_ bench: JournalBench, _ archive: [UInt8], _ index: Int = 0) throws -> Entry
    {
        let year = try file(bench, index)
        return try bench.open().purge(
            year, archive: archive, ledger: bench.ledger.publicKey, at: bench.moment())
    }

    private func expectRefusal(
        _ refusal: PurgeRefusal, _ bench: JournalBench, _ archive: [UInt8], _ index: Int = 0,
        _ location: SourceLocation = #_sourceLocation
    ) throws {
        let (names, last) = (try bench.files(), try bench.open().position.sequence)
        #expect(throws: refusal, sourceLocation: location) {
            try purge(bench, archive, index)
        }
        #expect(try bench.files() == names, sourceLocation: location)
        #expect(try bench.open().position.sequence == last, sourceLocation: location)
    }

    @Test func `A year's archive holds exactly its entries and proves itself`() throws {
        let (bench, _) = try years(2)
        let contents = try (0...1).map { try JournalArchive.verify(archive(bench, $0)) }
        #expect(contents.map(\.from) == [1, 6] && contents.map(\.to) == [5, 10])
        #expect(contents[1].before == contents[0].head && contents[0].receipts == 2)
        let whole = try JournalArchive.verify(archive(bench))
        #expect(whole.from == 1 && whole.to == 11 && whole.receipts == 5)
    }

    @Test func `After a purge the chain, the totals and the numbers go on`() throws {
        let (bench, entries) = try years(2)
        let head = try bench.open().hash(of: 5)
        let event = try purge(bench, archive(bench, 0))
        guard case .technicalEvent(let record) = event.body else {
            return #expect(Bool(false), "no event")
        }
        #expect(record.code == "purge" && record.details.hasPrefix("entries=1-5 head="))
        #expect(record.details.utf8.count <= 256)
        #expect(try bench.files() == ["journal-6.sqlite", "journal-11.sqlite"])
        #expect(try Files.list(bench.folder).filter { $0.hasPrefix("journal.sqlite") } == [])
        var found = try bench.verify()
        #expect(found.faults == [] && found.entries == 7 && found.last == 12)
        #expect(found.archived?.through == 5 && found.archived?.head == head)
        #expect(found.acknowledged == 11)
        var journal = try bench.open()
        #expect(try journal.standing(entries[0].id) == nil, "a purged payment is not refunded")
        #expect(throws: RuleRefusal.entryUnknown) {
            try checkRefund(
                of: journal.standing(entries[0].id), amount: .zero, isTraining: false)
        }
        #expect(try journal.standing(entries[2].id) != nil)
        #expect(try journal.hash(of: 5) == head && journal.hash(of: 4) == nil)
        #expect(try journal.perpetualTotal() == 6_250)
        #expect(try bench.year(journal).count == 2)
        #expect(try journal.lastClosure(.year)?.number == 3)
        // The next year goes too, and with it the word on the first.
        try bench.acknowledge(journal)
        _ = try purge(bench, archive(bench, 0))
        try bench.acknowledge(try bench.open())
        _ = try purge(bench, archive(bench, 0))
        found = try bench.verify()
        #expect(found.faults == [] && found.archived?.through == 17 && found.last == 19)
        journal = try bench.open()
        #expect(try journal.perpetualTotal() == 8_750)
        #expect(journal.position == (19, 18))
        #expect(try bench.files().count == 1)
        try bench.year(journal)
        #expect(try journal.lastClosure(.day)?.number == 4)
        #expect(try bench.verify().faults == [])
    }

    @Test func `A year that is open, not the oldest, or not receipted stays`() throws {
        let (bench, _) = try years(1, receipted: false)
        let good = try archive(bench, 0)
        try expectRefusal(.notReceipted(5), bench, good)
        let journal = try bench.open()
        try bench.acknowledge(journal, upTo: 4)
        try expectRefusal(.notReceipted(1), bench, try archive(bench, 0))
        try bench.acknowledge(journal)
        try expectRefusal(.notClosed, bench, try archive(bench, 1), 1)
        let (two, _) = try years(2)
        try expectRefusal(.notOldest, two, try archive(two, 1), 1)
    }

    @Test func `An archive that is damaged, foreign, old or of more or less is refused`() throws {
        let (bench, _) = try years(2)
        let good = try archive(bench, 0)
        for other in [try archive(bench, 1), try archive(bench)] {
            try expectRefusal(.archiveDiffers, bench, other)
        }
        var altered = good
        altered[good.count / 2] ^= 1
        #expect(throws: PurgeRefusal.self) { try purge(bench, altered) }
        #expect(throws: PurgeRefusal.self) { try purge(bench, Array(good.dropLast())) }
        #expect(throws: PurgeRefusal.self) { try purge(bench, []) }
        let (stranger, _) = try years(1)
        try expectRefusal(.archive(.otherTerminal), bench, try archive(stranger, 0))
        // Made before the last receipts came.
        let (late, _) = try years(1, receipted: false)
        try late.acknowledge(try late.open(), upTo: 3)
        let early = try archive(late, 0)
        try late.acknowledge(try late.open())
        try expectRefusal(.archiveDiffers, late, early)
        _ = try purge(late, archive(late, 0))
    }

    @Test func `A file that is not sound, or whose receipts are another ledger's, stays`() throws {
        let (bench, _) = try years(1)
        let good = try archive(bench, 0)
        let year = try JournalYear.list(bench.path)[0]
        #expect(throws: PurgeRefusal.notSound("entry 3: receipt does not verify")) {
            try bench.open().purge(
                year, archive: good, ledger: bench.terminal.publicKey, at: bench.moment())
        }
        try bench.raw("journal.sqlite").run("UPDATE lines SET value = 1 WHERE seq = 2")
        try expectRefusal(
            .notSound("entry 2: a line differs from what was signed"), bench, good)
    }

    @Test func `Cut between the word and the removal, a year is purged again`() throws {
        let (bench, _) = try years(1)
        let good = try archive(bench, 0)
        let file = try Files.read(bench.path, atMost: 1 << 24)
        _ = try purge(bench, good)
        try Files.writeAtomically(file, to: bench.path)
        #expect(try bench.verify().faults == [] && bench.verify().entries == 7)
        _ = try purge(bench, good)
        #expect(try bench.files() == ["journal-6.sqlite"])
        #expect(try bench.verify().faults == [])
    }

    @Test func `The only year there is may go, and the word on it begins the next file`() throws {
        let bench = try JournalBench()
        let journal = try bench.open()
        try bench.year(journal)
        try bench.acknowledge(journal)
        let event = try purge(bench, archive(bench, 0))
        #expect(event.sequence == 6)
        #expect(try bench.open().position == (6, 5), "what was purged had its receipts")
        #expect(try bench.files() == ["journal-6.sqlite"])
        #expect(try bench.verify().faults == [])
        #expect(try bench.append(try bench.open()).sequence == 7)
    }
}
