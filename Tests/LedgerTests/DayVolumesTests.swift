import LedgerMessages
import Testing

@testable import LedgerBook

/// What a book keeps of the days it summed.
@Suite struct DayVolumesTests {
    private static let day: UInt64 = 86_400_000
    private static let today = Sunday.noon / day

    private func paid(_ book: Book) throws -> [UInt64: Int64] {
        let volumes = try book.volumes(days: Self.today - 400...Self.today)
        #expect(volumes.map(\.day) == volumes.map(\.day).sorted())
        return Dictionary(
            uniqueKeysWithValues: volumes.map { (Self.today - $0.day, $0.paymentCents) })
    }

    @Test(arguments: Store.all)
    func `a day is summed once, and anew when anything was booked on it`(store: Store) throws {
        let ledger = try TestLedger(store)
        let (card, till, late) = (try ledger.card(), try ledger.till(), try ledger.till())
        let entries = try zip([300, 2, 1, 0] as [UInt64], [1, 20, 300, 1_900] as [Int64]).map {
            try till.pay(card, $1, time: Sunday.noon - $0 * Self.day)
        }
        #expect(try ledger.send(till, entries).outcomes.allSatisfy { $0 == .settled })
        #expect(try paid(ledger.book) == [300: 1, 2: 20, 1: 300, 0: 1_900])
        // What nobody can do but with the database's own tools: now a sum tells whether it was made
        // again.
        let database = try ledger.sql()
        try database.unguard("postings")
        try database.run("UPDATE postings SET cents = 2 * cents")
        #expect(try paid(ledger.book) == [300: 1, 2: 20, 1: 300, 0: 1_900])
        // By another connection, as another instance's.
        let entry = try late.pay(card, 7, time: Sunday.noon - 2 * Self.day + 1)
        _ = try ledger.sendRaw(late, [entry], by: Book(ledger.address))
        #expect(try paid(ledger.book) == [300: 1, 2: 47, 1: 300, 0: 1_900])
        #expect(
            try ledger.book.volumes(days: Self.today...Self.today).map(\.paymentCents) == [1_900])
        #expect(try paid(Book(ledger.address)) == [300: 2, 2: 47, 1: 600, 0: 3_800])
    }

    @Test func `ten years are kept, and more are forgotten`() {
        var summed = SummedDays()
        let days = UInt64(SummedDays.daysMax)
        for day in 0..<days { summed.keep(day, 1, DayVolume(day: day)) }
        summed.makeRoom()
        #expect(summed.has(0, 1) && summed[days - 1] == DayVolume(day: days - 1))
        #expect(!summed.has(0, 2) && !summed.has(days, 1) && summed[days] == nil)
        summed.keep(days, 1, nil)
        #expect(summed.has(days, 1) && summed[days] == nil, "a day without money")
        summed.makeRoom()
        #expect(!summed.has(0, 1) && !summed.has(days, 1))
    }
}
