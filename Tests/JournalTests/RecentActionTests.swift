import Journal
import Operations
import Testing
import Tokens

@Suite struct RecentActionTests {
    @Test func `A card's last actions, newest first, without what was reversed or practised`()
        throws
    {
        let bench = try JournalBench()
        let journal = try bench.open()
        let card = JournalBench.proof.card
        func recent(since day: UInt64 = 0, training: Bool = false) throws -> [String] {
            try journal.recentActions(of: card, since: day, isTraining: training)
        }
        #expect(try recent() == [])
        try bench.append(journal, JournalBench.action(1_000, code: "a"))
        let second = try bench.append(journal, JournalBench.action(1_000, code: "b"))
        try bench.append(journal, JournalBench.action(1_000, code: "c"), isTraining: true)
        try bench.append(journal, JournalBench.action(1_000, code: "d"))
        #expect(try recent() == ["d", "b", "a"])
        #expect(try recent(training: true) == ["c"])
        try bench.append(journal, .reversal(Reversal(entry: second.id, reason: .wrongEntry)))
        #expect(try recent() == ["d", "a"])
        #expect(try recent(since: UTCDay.number(journal.lastTime) + 1) == [])
        for _ in 0..<12 { try bench.append(journal, JournalBench.action(1_000, code: "e")) }
        #expect(try recent() == Array(repeating: "e", count: 10))
        let stranger = try #require(CardNumber(serial: 4_321))
        #expect(try journal.recentActions(of: stranger, since: 0, isTraining: false) == [])
    }
}
