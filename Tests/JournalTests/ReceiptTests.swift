import Crypto
import KeyStore
import LedgerMessages
import Operations
import Testing

@testable import Journal

@Suite struct ReceiptTests {
    @Test func `A receipt shrinks the outbox and its outcomes are kept`() throws {
        let bench = try JournalBench()
        var journal = try bench.open()
        for _ in 0..<4 { try bench.append(journal) }
        try bench.append(journal, .technicalEvent(TechnicalEvent(code: "start")))
        let third = try #require(try journal.payments(limit: 9).first { $0.entry.sequence == 3 })
        let (receipt, bytes) = try bench.receipt(
            journal, from: 1, to: 3,
            outcomes: [.settled, .declined(code: "card-blocked"), .held(code: "counter")])
        try journal.store(receipt, bytes: bytes)
        for round in 0..<2 {
            #expect(journal.position == (5, 3), "round \(round)")
            #expect(journal.unsent.count == 1 && journal.unsent.total.cents == 1_250)
            #expect(try journal.rejectedCount() == 2)
            #expect(try journal.nextBatch(count: 9, sizeMax: 1 << 20).map(\.sequence) == [4, 5])
            let lines = try journal.payments(limit: 9)
            #expect(lines.map(\.entry.sequence) == [4, 3, 2, 1])
            #expect(
                lines.map(\.outcome)
                    == [
                        nil, StoredOutcome(isBooked: false, code: "counter"),
                        StoredOutcome(isBooked: false, code: "card-blocked"),
                        StoredOutcome(isBooked: true, code: ""),
                    ].map { $0 })
            #expect(lines[1].entry == third.entry)
            journal = try bench.open()
        }
        // Again, the same receipt changes nothing.
        try journal.store(receipt, bytes: bytes)
        #expect(journal.position == (5, 3))
        #expect(try bench.verify().faults == [])
        #expect(try bench.verify().acknowledged == 3)
    }

    @Test func `A receipt that does not follow, or names another chain, is refused`() throws {
        let bench = try JournalBench()
        let journal = try bench.open()
        for _ in 0..<6 { try bench.append(journal) }
        let first = try bench.receipt(journal, from: 1, to: 2)
        try journal.store(first.0, bytes: first.1)
        let wrong = [
            try bench.receipt(journal, from: 4, to: 5),
            try bench.receipt(journal, from: 2, to: 4),
            try bench.receipt(journal, from: 1, to: 4),
            try bench.receipt(journal, from: 3, to: 7),
            try bench.receipt(
                journal, from: 3, to: 4, head: [UInt8](repeating: 1, count: 32)),
            try bench.receipt(journal, from: 3, to: 4, head: try journal.hash(of: 3)),
            try bench.receipt(journal, from: 3, to: 4, terminal: [UInt8](repeating: 1, count: 8)),
        ]
        for (receipt, bytes) in wrong {
            #expect {
                try journal.store(receipt, bytes: bytes)
            } throws: { error in
                guard case JournalError.refused = error else { return false }
                return true
            }
            #expect(journal.position == (6, 2) && journal.isOpen)
        }
        let last = try bench.receipt(journal, from: 3, to: 6)
        try journal.store(last.0, bytes: last.1)
        #expect(journal.position == (6, 6))
        #expect(journal.unsent == Journal.Unsent(count: 0, total: .zero, oldest: nil))
    }

    @Test func `Unsent totals count payments for real, and nothing else`() throws {
        let bench = try JournalBench()
        var journal = try bench.open()
        try bench.append(journal, .technicalEvent(TechnicalEvent(code: "start")))
        let first = try bench.append(journal, JournalBench.payment(cents: 1))
        try bench.append(journal, JournalBench.payment(cents: 900), isTraining: true)
        try bench.append(journal, JournalBench.payment(cents: 20))
        let expected = Journal.Unsent(
            count: 2, total: try #require(Amount(cents: 21)), oldest: first.time)
        #expect(journal.unsent == expected)
        journal = try bench.open()
        #expect(journal.unsent == expected)
    }

    @Test func `A batch keeps to its count and size, but always holds one entry`() throws {
        let bench = try JournalBench()
        let journal = try bench.open()
        for _ in 0..<5 { try bench.append(journal) }
        let one = try journal.nextBatch(count: 9, sizeMax: 1)
        #expect(one.map(\.sequence) == [1])
        let size = one[0].bytes.count
        #expect(try journal.nextBatch(count: 3, sizeMax: 1 << 20).map(\.sequence) == [1, 2, 3])
        let two = try journal.nextBatch(count: 9, sizeMax: 2 * size + size / 2)
        #expect(two.map(\.sequence) == [1, 2])
    }
}
