import COSE
import Crypto
import Journal
import KeyStore
import LedgerMessages
import Operations
import Testing
import Threads

/// Receipts on paper are numbered by the journal alone.
@Suite struct PrintTraceTests {
    private func trace(_ journal: Journal, _ bench: JournalBench, _ entry: EntryID) throws -> UInt64
    {
        let moment = bench.moment()
        return try journal.tracePrint(
            of: entry, id: EntryID(milliseconds: moment.milliseconds), at: moment)
    }

    @Test func `Copies are counted over the change of file`() throws {
        let bench = try JournalBench()
        let journal = try bench.open()
        let old = try bench.append(journal)
        #expect(try trace(journal, bench, old.id) == 0)
        for _ in 1...2 { try bench.year(journal) }
        let new = try bench.append(journal)
        #expect(try bench.files().count == 3)
        for copy in 1...2 as ClosedRange<UInt64> {
            #expect(try trace(journal, bench, old.id) == copy)
            #expect(try trace(journal, bench, new.id) == copy - 1)
        }
        #expect(try bench.verify().faults == [])
    }

    @Test func `The first print is one, each later one a copy, also after a crash`() throws {
        let bench = try JournalBench()
        var journal: Journal? = try bench.open()
        let first = try bench.append(try #require(journal))
        let second = try bench.append(try #require(journal))
        #expect(try trace(#require(journal), bench, first.id) == 0)
        // The process dies here: nobody knows whether the paper came out.
        journal = nil
        let again = try bench.open()
        #expect(try trace(again, bench, first.id) == 1)
        #expect(try trace(again, bench, second.id) == 0)
        try again.reopen()
        #expect(try trace(again, bench, first.id) == 2)
        #expect(try bench.verify().faults == [])
    }

    @Test func `Prints count in no total, close nothing and correct nothing`() throws {
        let bench = try JournalBench()
        let journal = try bench.open()
        let paid = try bench.append(journal)
        _ = try bench.close(journal, .day)
        let before = (try journal.openTotals(.year), try journal.perpetualTotal())
        for _ in 0..<5 { _ = try trace(journal, bench, paid.id) }
        #expect(try journal.openTotals(.year) == before.0)
        #expect(try journal.perpetualTotal() == before.1)
        #expect(throws: ClosingError.rule(.nothingToClose)) { try bench.close(journal, .day) }
        let standing = try #require(try journal.standing(paid.id))
        #expect(!standing.isReversed && standing.refunded == .zero)
        #expect(try journal.find(JournalQuery()).lines.count == 1)
        #expect(try bench.verify().faults == [])
    }

    @Test func `Nobody else gets the same number`() throws {
        let bench = try JournalBench()
        let journal = try bench.open()
        let paid = try bench.append(journal)
        let moments = (0..<40).map { _ in bench.moment() }
        let seen = Counters()
        let lanes = (0..<4).map { lane in
            ThreadBox.start {
                for moment in moments[(lane * 10)..<(lane * 10 + 10)] {
                    let copy = try? journal.tracePrint(
                        of: paid.id, id: EntryID(milliseconds: moment.milliseconds), at: moment)
                    seen.add(copy ?? 999)
                }
            }
        }
        for lane in lanes { lane.join() }
        #expect(seen.sorted == Array(0..<40))
    }

    @Test func `Only the trace's own spelling is a trace`() {
        let id = EntryID(milliseconds: 1_800_000_000_000)
        let trace = ReceiptTrace(entry: id, copy: 3)
        #expect(ReceiptTrace(trace.event) == trace)
        for details in [
            "", "entry=\(id)", "entry=\(id) copy=03", "entry=\(id) copy=-1", "entry=\(id)  copy=3",
            "entry=\(id) copy=3 ", "copy=3 entry=\(id)", "entry=\("\(id)".uppercased()) copy=3",
        ] {
            #expect(ReceiptTrace(TechnicalEvent(code: "receipt", details: details)) == nil)
        }
        #expect(ReceiptTrace(TechnicalEvent(code: "start", details: trace.event.details)) == nil)
    }

    @Test func `What a closure would say is what it says, and the rule is told before`() throws {
        let bench = try JournalBench()
        let journal = try bench.open()
        #expect(try journal.nextClosure(.day).forbidden == .nothingToClose)
        try bench.append(journal)
        #expect(try journal.nextClosure(.month).forbidden == .shorterPeriodOpen)
        #expect(try journal.nextClosure(.year).forbidden == .shorterPeriodOpen)
        for period in [ClosurePeriod.day, .month, .year] {
            let next = try journal.nextClosure(period)
            #expect(next.forbidden == nil, "\(period)")
            #expect(next.lastHash == journal.headHash)
            #expect(try bench.close(journal, period) == next.closure)
            #expect(try journal.nextClosure(period).forbidden == .nothingToClose)
        }
    }

    @Test func `One entry is found with the ledger's answer`() throws {
        let bench = try JournalBench()
        let journal = try bench.open()
        let paid = try bench.append(journal)
        #expect(try journal.line(paid.id)?.outcome == nil)
        let (receipt, bytes) = try bench.receipt(
            journal, from: 1, to: 1, outcomes: [.declined(code: "counter")])
        try journal.store(receipt, bytes: bytes)
        #expect(
            try journal.line(paid.id)?.outcome == StoredOutcome(isBooked: false, code: "counter"))
        #expect(try journal.line(EntryID(milliseconds: 1)) == nil)
    }
}
