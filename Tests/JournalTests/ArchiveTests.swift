import COSE
import Crypto
import Journal
import KeyStore
import Operations
import SQLite
import Testing

@Suite struct ArchiveTests {
    @Test func `An archive proves itself, and one changed byte anywhere is refused`() throws {
        let bench = try JournalBench()
        let journal = try bench.open()
        for _ in 0..<3 { try bench.append(journal) }
        try bench.append(journal, JournalBench.payment(cents: 9), isTraining: true)
        let (receipt, stored) = try bench.receipt(journal, from: 1, to: 3)
        try journal.store(receipt, bytes: stored)
        _ = try bench.close(journal, .day)
        let archive = try JournalArchive.bytes(of: bench.path, signer: bench.terminal, made: 7)
        let contents = try JournalArchive.verify(archive, terminal: bench.terminal.publicKey)
        #expect(contents.from == 1 && contents.to == 5 && contents.receipts == 1)
        #expect(contents.payments == KindTotal(count: 3, sum: 3_750) && contents.made == 7)
        for place in archive.indices {
            var altered = archive
            altered[place] ^= 1
            #expect(throws: ArchiveError.self, "byte \(place)") {
                try JournalArchive.verify(altered)
            }
        }
        for end in stride(from: 0, to: archive.count, by: 97) {
            #expect(throws: ArchiveError.self) { try JournalArchive.verify(Array(archive[..<end])) }
        }
        #expect(throws: ArchiveError.self) { try JournalArchive.verify(archive + [0]) }
        #expect(throws: ArchiveError.otherTerminal) {
            try JournalArchive.verify(archive, terminal: bench.ledger.publicKey)
        }
    }

    @Test func `A journal that is not sound is not archived`() throws {
        let bench = try JournalBench()
        try bench.append(try bench.open())
        try bench.unguarded().run("UPDATE entries SET cents = 1")
        #expect(throws: ArchiveError.journal(.unusable("the journal is not sound"))) {
            try JournalArchive.bytes(of: bench.path, signer: bench.terminal, made: 7)
        }
    }

    @Test func `A manifest over other entries proves nothing, nor one over a time that goes back`()
        throws
    {
        let bench = try JournalBench()
        let journal = try bench.open()
        for _ in 0..<3 { try bench.append(journal) }
        let items = try CBOR.sequence(
            JournalArchive.bytes(of: bench.path, signer: bench.terminal, made: 7), count: 9,
            limit: 1 << 20)
        let last = try Entry(payload: Sign1(parsing: items[3], limit: Entry.sizeMax).payload)
        let manifest = try Sign1(parsing: items[0], limit: 4_096)
        /// The archive with another third entry, which its manifest names or not.
        func archive(time: UInt64, isNamed: Bool) throws -> [UInt8] {
            let other = Entry(
                sequence: last.sequence, id: EntryID(milliseconds: 1), previous: last.previous,
                time: time, clockTrust: last.clockTrust, body: last.body)
            let entry = bench.terminal.sign(payload: other.item.encoded)
            let fields = try #require(CBOR.decode(manifest.payload, limit: 4_096).map).map {
                $0.key == .integer(6) && isNamed ? CBOR.Pair($0.key, .bytes(entry.digest)) : $0
            }
            return bench.terminal.sign(payload: CBOR.map(fields).encoded).bytes
                + items[1...2].flatMap { $0 } + entry.bytes
        }
        #expect(try JournalArchive.verify(archive(time: last.time, isNamed: true)).to == 3)
        for (time, isNamed) in [(last.time, false), (last.time - 5_000, true)] {
            #expect(throws: ArchiveError.damaged("entry 3")) {
                try JournalArchive.verify(archive(time: time, isNamed: isNamed))
            }
        }
    }
}
