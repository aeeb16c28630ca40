import SQLite
import Testing

@testable import LedgerBook

/// What a book does with a transaction that is given up (B1).
@Suite struct TransactionTests {
    @Test(arguments: Store.all)
    func `what a transaction asked for before it was given up is never done`(store: Store) throws {
        let ledger = try TestLedger(store)
        let (book, outsider) = (ledger.book, try ledger.sql())
        func standing() throws -> [[SQLValue]] {
            try outsider.rows("SELECT name, last FROM counters ORDER BY name")
                + outsider.rows("SELECT account, cents FROM balances ORDER BY account")
        }
        let before = try standing()
        #expect(!before.isEmpty)
        // Told to the database already, waiting for it, and not told at all.
        for isAsked in [true, false] {
            #expect(throws: BookError.cardUnknown) {
                try book.transaction { () throws(BookError) in
                    try book.run("UPDATE counters SET last = last + 100")
                    if isAsked { _ = try book.number("SELECT count(*) FROM settings") }
                    book.insert(.balances, [.text("card:1"), .integer(5)])
                    try book.add(7, to: "card:2")
                    throw .cardUnknown
                }
            }
            #expect(try book.number("SELECT count(*) FROM balances") == 0)
            #expect(try standing() == before)
        }
        // The next one is its own alone.
        try book.transaction { () throws(BookError) in try book.add(1, to: "card:3") }
        #expect(try standing() == before + [[.text("card:3"), .integer(1)]])
    }

    @Test(arguments: Store.all)
    func `a sum beyond all numbers gives the transaction up`(store: Store) throws {
        let book = try TestLedger(store).book
        #expect(throws: BookError.amount) {
            try book.transaction { () throws(BookError) in
                try book.add(.max, to: "card:1")
                try book.add(1, to: "card:1")
            }
        }
        #expect(try book.number("SELECT count(*) FROM balances") == 0)
    }

    @Test func `a file that is full is a store that is lost, and nothing is half done`() throws {
        let ledger = try TestLedger(.sqlite)
        let book = ledger.book
        let pages = try #require(try book.number("PRAGMA page_count"))
        #expect(try book.number("PRAGMA max_page_count = \(pages + 2)") == pages + 2)
        let error = #expect(throws: BookError.self) {
            try book.transaction { () throws(BookError) in
                for number in 0..<10_000 { try book.add(1, to: "card:\(number)") }
            }
        }
        #expect(error?.isStoreLost == true && error?.isBusy == false)
        #expect(try book.number("SELECT count(*) FROM balances") == 0)
    }

    @Test func `a file that somebody writes to is waited for, then told as busy`() throws {
        let ledger = try TestLedger(.sqlite)
        let other = try ledger.sql()
        func add() throws {
            try ledger.book.transaction { () throws(BookError) in
                try ledger.book.add(1, to: "card:1")
            }
        }
        try other.run("BEGIN IMMEDIATE")
        let error = #expect(throws: BookError.self) { try add() }
        #expect(
            error?.isBusy == true && error?.isStoreLost == false, "\(String(describing: error))")
        try other.run("ROLLBACK")
        try add()
        #expect(try ledger.book.number("SELECT cents FROM balances") == 1)
    }
}
