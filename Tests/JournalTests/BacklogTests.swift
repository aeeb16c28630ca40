import Foundation
import Journal
import Operations
import Testing

/// What a journal says of itself to those who hold no key.
@Suite struct BacklogTests {
    @Test func `What the ledger lacks is counted over the years, beside whoever writes`() throws {
        let bench = try JournalBench()
        #expect(try JournalBacklog(of: bench.path).isSettled, "no journal at all")
        let journal = try bench.open()
        let first = try bench.year(journal)[0]
        try bench.append(journal)
        try bench.append(journal, JournalBench.refund(first.id, 50))
        var found = try JournalBacklog(of: bench.path)
        #expect(found.operations == 4 && found.closures == 3 && found.notes == 0)
        #expect(found.paymentCents == 3 * 1_250 && found.oldest == first.time)
        try bench.acknowledge(journal, upTo: 4)
        found = try JournalBacklog(of: bench.path)
        #expect(found.operations == 2 && found.closures == 1 && found.paymentCents == 1_250)
        try bench.acknowledge(journal)
        found = try JournalBacklog(of: bench.path)
        #expect(found.isSettled && found.oldest == nil)
        try bench.append(journal)
        #expect(try JournalBacklog(of: bench.path).operations == 1)
    }

    @Test func `Events of the service and what was practice hold nobody up`() throws {
        let bench = try JournalBench()
        let journal = try bench.open()
        try bench.append(journal, .technicalEvent(TechnicalEvent(code: "start")))
        try bench.append(journal, isTraining: true)
        let found = try JournalBacklog(of: bench.path)
        #expect(found.isSettled && found.notes == 2 && found.paymentCents == 0)
    }

    @Test func `A year that is not here any more had its receipts`() throws {
        let bench = try JournalBench()
        let journal = try bench.open()
        try bench.year(journal)
        try bench.acknowledge(journal)
        try bench.append(journal)
        try FileManager.default.removeItem(atPath: bench.path)
        let found = try JournalBacklog(of: bench.path)
        #expect(found.operations == 1 && found.closures == 0)
    }

    @Test(.enabled(if: getuid() == 0, "needs root to become another user"))
    func `A folder that cannot be listed is no empty one`() async {
        await #expect(processExitsWith: .success) {
            let bench = try JournalBench()
            try bench.append(try bench.open())
            #expect(try JournalBacklog(of: bench.path).operations == 1)
            seteuid(65_534)
            #expect(throws: JournalError.self) { try JournalBacklog(of: bench.path) }
            #expect(throws: JournalError.self) { try JournalFiles.exist(bench.path) }
            seteuid(0)
            let absent = bench.folder + "/none/journal.sqlite"
            #expect(try !JournalFiles.exist(absent))
        }
    }

    @Test func `A journal that cannot be read is no empty one`() throws {
        let bench = try JournalBench()
        try Data("this is no journal, whatever its name says".utf8).write(
            to: URL(filePath: bench.path))
        #expect(throws: JournalError.self) { try JournalBacklog(of: bench.path) }
    }
}
