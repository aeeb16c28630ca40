import Testing

@testable import LedgerBook
@testable import LedgerService

/// The open books of a service: kept while they are good, opened anew after the store was lost.
@Suite struct ShelfTests {
    private func shelf(_ address: StoreAddress) -> Shelf { Shelf(address, trouble: { _ in }) }

    /// Which session of the server a book has.
    private func session(_ shelf: Shelf) throws -> Int64? { try sessions(shelf, 1).first }

    /// Has `count` books out at once; the sessions they have.
    private func sessions(_ shelf: Shelf, _ count: Int) throws -> Set<Int64> {
        func take(_ left: Int) throws(BookError) -> Set<Int64> {
            if left == 0 { return [] }
            return try shelf.with { (book) throws(BookError) in
                let others = try take(left - 1)
                let own = try book.number("SELECT pg_backend_pid()::bigint") ?? 0
                return others.union([own])
            }
        }
        return try take(count)
    }

    private func end(_ sessions: Set<Int64>, _ database: Outsider) throws {
        for session in sessions { try database.run("SELECT pg_terminate_backend(\(session)::int)") }
    }

    @Test func `a book is kept, and opened anew once its server ended it`() throws {
        let ledger = try TestLedger(.postgreSQL)
        let (shelf, database) = (shelf(ledger.address), try ledger.sql())
        let first = try #require(try session(shelf))
        #expect(try session(shelf) == first)
        // A refusal is no reason to open anew.
        #expect(throws: BookError.cardUnknown) {
            try shelf.with { (_) throws(BookError) in throw .cardUnknown }
        }
        #expect(try session(shelf) == first)
        try end([first], database)
        let error = #expect(throws: BookError.self) { try session(shelf) }
        #expect(error?.isStoreLost == true)
        let second = try #require(try session(shelf))
        #expect(second != first)
        #expect(try session(shelf) == second)
    }

    @Test func `what one call finds out, the others need not, and places are given back`() throws {
        let ledger = try TestLedger(.postgreSQL)
        let (shelf, database) = (shelf(ledger.address), try ledger.sql())
        let most = ledger.address.connectionsMax
        for _ in 0..<2 {
            let all = try sessions(shelf, most)
            #expect(all.count == most)
            try end(all, database)
            #expect(throws: BookError.self) { try session(shelf) }
            #expect(try session(shelf) != nil)
        }
        // One more than there may be waits in vain.
        let error = #expect(throws: BookError.self) { try sessions(shelf, most + 1) }
        #expect(error?.isBusy == true)
        #expect(try sessions(shelf, most).count == most)
    }

    @Test func `a server that is away is asked each time, however often`() throws {
        let address = try #require(StoreAddress("postgresql://postgres@127.0.0.1:1/ledger"))
        let shelf = shelf(address)
        for _ in 0..<address.connectionsMax + 2 {
            let error = #expect(throws: BookError.self) { try session(shelf) }
            #expect(error?.isStoreLost == true, "\(String(describing: error))")
        }
    }
}
