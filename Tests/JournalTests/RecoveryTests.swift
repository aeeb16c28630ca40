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

/// A journal made anew of what the ledger holds.
@Suite struct RecoveryTests {
    /// Two years and a bit, all of it receipted; what a ledger would give of it.
    private func sound(
        like twin: JournalBench? = nil
    ) throws -> (JournalBench, entries: [[UInt8]], receipts: [[UInt8]]) {
        let bench = try JournalBench(like: twin)
        let journal = try bench.open()
        for _ in 0..<2 { try bench.year(journal) }
        for _ in 0..<3 { try bench.append(journal) }
        try bench.acknowledge(journal)
        let entries = try entries(bench)
        // An answer that was lost left a receipt that overlaps.
        let (_, lost) = try bench.receipt(journal, from: 1, to: 2)
        return (bench, entries, [lost] + (try receipts(bench)))
    }

    private func entries(_ bench: JournalBench) throws -> [[UInt8]] {
        var entries: [[UInt8]] = []
        _ = try JournalVerifier(
            path: bench.path, terminal: bench.terminal.publicKey, ledger: nil
        ).run { entries.append($1.bytes) }
        return entries
    }

    private func receipts(_ bench: JournalBench) throws -> [[UInt8]] {
        try bench.files().flatMap { name in
            try Database(path: bench.folder + "/" + name, access: .readOnly)
                .rows("SELECT cose FROM receipts ORDER BY upto").compactMap { $0[0].blob }
        }
    }

    private func copies(
        _ bench: JournalBench, _ parts: [[UInt8]]
    ) throws -> LedgerCopies {
        try LedgerCopies(
            parts.flatMap { $0 }, terminal: bench.terminal.publicKey,
            ledger: bench.ledger.publicKey)
    }

    @Test func `Every year's file comes again as it was, with its receipts`() throws {
        let (bench, entries, receipts) = try sound()
        let whole = try copies(bench, entries + receipts)
        #expect(try Journal.compare(bench.path, with: whole, signer: bench.terminal) == nil)
        let before = try bench.verify()
        for name in try bench.files() { try Files.remove(bench.folder + "/" + name) }
        let found = try recover(bench, whole, aside: "aside")
        #expect(found.common == 0 && found.strays == 0 && found.last == UInt64(entries.count))
        let after = try bench.verify()
        #expect(after.faults == [] && after.entries == before.entries + 1)
        #expect(after.payments == before.payments && after.acknowledged == before.last)
        #expect(try bench.files() == ["journal.sqlite", "journal-6.sqlite", "journal-11.sqlite"])
        #expect(try self.receipts(bench) == Array(receipts.dropFirst()))
        let journal = try bench.open()
        try bench.append(journal)
        #expect(try bench.verify().faults == [])
    }

    /// The journal in `to` is the one in `from`, whoever has it open.
    private func copy(from: String, to: String) throws {
        try Files.makeDirectory(to)
        for name in try Files.list(to) where name.hasPrefix("journal") {
            try Files.remove(to + "/" + name)
        }
        for name in try Files.list(from) where name.hasPrefix("journal") {
            try FileManager.default.copyItem(atPath: from + "/" + name, toPath: to + "/" + name)
        }
    }

    /// What the ledger would give of a journal.
    private func copies(_ bench: JournalBench) throws -> LedgerCopies {
        try copies(bench, entries(bench) + receipts(bench))
    }

    /// Two years and an entry on an old image, which then took a payment of 700 cents that lies in
    /// its log alone; what the ledger has, with two entries more.
    private func oldImage() throws -> (JournalBench, LedgerCopies) {
        let bench = try JournalBench()
        let image = bench.folder + "/image"
        do {
            let journal = try bench.open()
            for _ in 0..<2 { try bench.year(journal) }
            try bench.append(journal)
            try copy(from: bench.folder, to: image)
            for _ in 0..<2 { try bench.append(journal) }
            try bench.acknowledge(journal)
        }
        let whole = try copies(bench)
        try copy(from: image, to: bench.folder)
        do {
            let journal = try bench.open()
            try bench.append(journal, JournalBench.payment(cents: 700))
            // Its power fails here.
            try copy(from: bench.folder, to: image)
        }
        try copy(from: image, to: bench.folder)
        #expect(try Files.size(bench.folder + "/journal-11.sqlite-wal") > 0)
        return (bench, whole)
    }

    /// What `journal recover` does, into a folder of its own.
    private func recover(
        _ bench: JournalBench, _ copies: LedgerCopies, aside: String
    ) throws -> Recovery {
        let found = try #require(
            try Journal.compare(bench.path, with: copies, signer: bench.terminal))
        try Journal.recover(
            bench.path, from: copies, found, aside: bench.folder + "/" + aside,
            signer: bench.terminal, at: bench.moment())
        return found
    }

    private func expectWhole(_ bench: JournalBench) throws {
        let after = try bench.verify()
        #expect(after.faults == [] && after.acknowledged == 13 && after.last == 14)
        #expect(try bench.files() == ["journal.sqlite", "journal-6.sqlite", "journal-11.sqlite"])
        try bench.append(try bench.open())
        #expect(try bench.verify().faults == [])
    }

    @Test(arguments: ["journal-11.sqlite", "journal-6.sqlite", "journal.sqlite"])
    func `A recovery that ended before a file was set aside is finished by the next`(
        file: String
    ) throws {
        let (bench, whole) = try oldImage()
        // A file cannot take a folder's place.
        try Files.makeDirectory(bench.folder + "/first/" + file)
        #expect(throws: JournalError.self) { try recover(bench, whole, aside: "first") }
        let found = try recover(bench, whole, aside: "second")
        let isLive = file == "journal-11.sqlite"
        #expect(
            found.strays == (isLive ? 1 : 0)
                && found.common
                    == [
                        "journal-11.sqlite": 11, "journal-6.sqlite": 10, "journal.sqlite": 5,
                    ][file]
        )
        try expectWhole(bench)
        // The payment lies in one of the two, in a file that needs no log.
        let kept = bench.folder + (isLive ? "/second" : "/first") + "/journal-11.sqlite"
        #expect(!Files.exists(kept + "-wal"))
        let rows = try Database(path: kept, access: .readOnly)
            .rows("SELECT cents FROM entries ORDER BY seq DESC LIMIT 1")
        #expect(rows == [[.integer(700)]])
    }

    @Test(arguments: 0...2)
    func `A recovery that ended before all files came home is finished by the next`(
        came: Int
    ) throws {
        let (bench, whole) = try oldImage()
        #expect(try recover(bench, whole, aside: "first").strays == 1)
        for name in try bench.files().dropFirst(came) {
            try Files.remove(bench.folder + "/" + name)
        }
        let found = try recover(bench, whole, aside: "second")
        #expect(found.common == UInt64(5 * came) && found.strays == 0)
        try expectWhole(bench)
    }

    @Test func `What was cut, altered, of others or not receipted is refused`() throws {
        let (bench, entries, receipts) = try sound()
        var altered = entries
        altered[4][altered[4].count / 2] ^= 1
        let stranger = try SigningKey.create()
        let (_, forged) = try bench.receipt(try bench.open(), from: 1, to: 3, by: stranger)
        let (_, forked) = try bench.receipt(
            try bench.open(), from: 1, to: 3, head: [UInt8](repeating: 3, count: 32))
        let (_, foreign) = try bench.receipt(
            try bench.open(), from: 1, to: 3, terminal: stranger.publicKey.kid)
        for (parts, what) in [
            (entries + receipts + [foreign], "of another terminal"),
            ([], "nothing"), (altered + receipts, "altered"), (Array(entries.dropFirst()), "cut"),
            (entries, "no receipts"), (entries + receipts.dropLast(), "a receipt less"),
            (entries.dropLast() + receipts, "an entry less"), (entries + [forged], "forged"),
            (entries + receipts + [forked], "forked"), ([[0x00]], "no item"),
            (entries + [Array(receipts[0].dropLast())], "truncated"),
        ] as [([[UInt8]], String)] {
            #expect(throws: ArchiveError.self, "\(what)") { try copies(bench, parts) }
        }
    }

    @Test func `What was purged is common ground, though all that is left here differs`() throws {
        let bench = try JournalBench()
        let image = bench.folder + "/image"
        let whole: LedgerCopies
        do {
            let journal = try bench.open()
            try bench.year(journal)
            try bench.acknowledge(journal)
            try copy(from: bench.folder, to: image)
            for _ in 0..<2 { try bench.append(journal) }
            try bench.acknowledge(journal)
            whole = try copies(bench)
        }
        try copy(from: image, to: bench.folder)
        let year = try JournalYear.list(bench.path)[0]
        let archive = try JournalArchive.bytes(
            of: bench.path, year: year, signer: bench.terminal, made: 7)
        _ = try bench.open().purge(
            year, archive: archive, ledger: bench.ledger.publicKey, at: bench.moment())
        let found = try recover(bench, whole, aside: "aside")
        #expect(found.common == 5 && found.strays == 1 && found.operations == 0)
        let after = try bench.verify()
        #expect(after.faults == [] && after.last == 8 && after.acknowledged == 7)
    }

    /// An entry that only the terminal's own key could make.
    private func made(
        _ bench: JournalBench, _ sequence: UInt64, after previous: [UInt8], time: UInt64
    ) -> Sign1 {
        let entry = Entry(
            sequence: sequence, id: EntryID(milliseconds: time), previous: previous, time: time,
            clockTrust: .synchronised, body: .technicalEvent(TechnicalEvent(code: "x")))
        return bench.terminal.sign(payload: entry.item.encoded)
    }

    @Test func `A chain that the terminal signed and that does not follow is refused where it is`()
        throws
    {
        let bench = try JournalBench()
        let (none, odd) = ([UInt8](repeating: 0, count: 32), [UInt8](repeating: 9, count: 32))
        let first = made(bench, 1, after: none, time: 2_000_000_000_000)
        for (parts, error) in [
            ([made(bench, 2, after: none, time: 1)], .damaged("entry 1")),
            ([first, made(bench, 2, after: odd, time: 2_000_000_000_000)], .damaged("entry 2")),
            ([first, made(try JournalBench(), 2, after: first.digest, time: 1)], .otherTerminal),
        ] as [([Sign1], ArchiveError)] {
            #expect(throws: error) { try copies(bench, parts.map(\.bytes)) }
        }
        // Its times go back: the chain is told apart from a journal's when one is made of it.
        let journal = try bench.open()
        try bench.append(journal)
        let second = made(bench, 2, after: first.digest, time: 1_999_999_999_999)
        let (_, receipt) = try bench.receipt(journal, from: 1, to: 2, head: second.digest)
        // A receipt of nothing says nothing.
        let (_, empty) = try bench.receipt(journal, from: 2, to: 1, outcomes: [], head: odd)
        let back = try copies(bench, [first.bytes, second.bytes, empty, receipt])
        let found = try #require(
            try Journal.compare(bench.path, with: back, signer: bench.terminal))
        #expect(throws: JournalError.refused("an entry does not follow")) {
            try Journal.recover(
                bench.path, from: back, found, aside: bench.folder + "/aside",
                signer: bench.terminal, at: bench.moment())
        }
        #expect(try bench.verify().faults == [] && bench.verify().last == 1, "as it was")
    }

    @Test func `A journal that differs is told by what it holds, an unsound one not at all`() throws
    {
        let (bench, entries, receipts) = try sound()
        let whole = try copies(bench, entries + receipts)
        // The image of after the first year; then a start and two payments, one for training.
        for name in try bench.files().dropFirst() { try Files.remove(bench.folder + "/" + name) }
        let journal = try bench.open()
        try bench.append(journal, .technicalEvent(TechnicalEvent(code: "start")))
        try bench.append(journal, JournalBench.payment(cents: 700))
        try bench.append(journal, isTraining: true)
        let found = try #require(
            try Journal.compare(bench.path, with: whole, signer: bench.terminal))
        #expect(found.common == 5 && found.strays == 3 && found.operations == 1)
        #expect(found.payments == KindTotal(count: 1, sum: 700))
        try bench.unguarded().run("UPDATE entries SET cents = 1 WHERE seq = 1")
        #expect(throws: JournalError.self) {
            try Journal.compare(bench.path, with: whole, signer: bench.terminal)
        }
    }

    @Test func `Years that were purged here and are others at the ledger are no common ground`()
        throws
    {
        let (bench, entries, receipts) = try sound()
        let year = try JournalYear.list(bench.path)[0]
        let archive = try JournalArchive.bytes(
            of: bench.path, year: year, signer: bench.terminal, made: 7)
        _ = try bench.open().purge(
            year, archive: archive, ledger: bench.ledger.publicKey, at: bench.moment())
        let own = try copies(bench, entries + receipts)
        #expect(try Journal.compare(bench.path, with: own, signer: bench.terminal) == nil)
        // Another chain under the same keys, and one that ends within what was purged.
        let (twin, others, theirs) = try sound(like: bench)
        let short = try JournalBench(like: bench)
        let journal = try short.open()
        try short.append(journal)
        let one = try journal.nextBatch(count: 1, sizeMax: 1 << 20).map(\.bytes)
        try short.acknowledge(journal)
        for foreign in [
            try copies(twin, others + theirs), try copies(short, one + self.receipts(short)),
        ] {
            #expect(
                throws: JournalError.refused(
                    "the years that were purged here are others at the ledger")
            ) { try Journal.compare(bench.path, with: foreign, signer: bench.terminal) }
        }
    }
}
