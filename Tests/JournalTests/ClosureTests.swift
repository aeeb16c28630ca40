import Crypto
import Journal
import KeyStore
import LedgerMessages
import Linux
import Operations
import SQLite
import TestSupport
import Testing
import Tokens

extension JournalBench {
    static let proof = CardProof(
        card: CardNumber(serial: 42)!, tokenHash: [UInt8](repeating: 4, count: 32),
        evidence: .sdm(
            piccData: [UInt8](repeating: 1, count: 16), mac: [UInt8](repeating: 2, count: 8),
            digest: [UInt8](repeating: 3, count: 16)))

    static func refund(_ payment: EntryID, _ cents: Int64) -> EntryBody {
        .refund(Refund(amount: Amount(cents: cents)!, proof: proof, payment: payment))
    }

    static func topUp(_ cents: Int64) -> EntryBody {
        .topUp(TopUp(amount: Amount(cents: cents)!, proof: proof, means: .cash))
    }

    static func action(_ quantity: Int64, code: String = "repas") -> EntryBody {
        .action(
            EcoAction(
                code: code, quantity: quantity, proof: proof, parcours: .cuisinesContributives))
    }

    func close(_ journal: Journal, _ period: ClosurePeriod) throws(ClosingError) -> Closure {
        let moment = moment()
        let entry = try journal.close(
            period, id: EntryID(milliseconds: moment.milliseconds), at: moment)
        guard case .closure(let closure) = entry.body else { throw .rule(.nothingToClose) }
        return closure
    }
}

/// Closures, totals and lists (J7, J8).
@Suite struct ClosureTests {
    @Test func `Closures follow one another without a gap, and each says what was between`() throws
    {
        let bench = try JournalBench()
        let journal = try bench.open()
        #expect(throws: ClosingError.rule(.nothingToClose)) { try bench.close(journal, .day) }
        let paid = try bench.append(journal)
        try bench.append(journal, JournalBench.refund(paid.id, 250))
        try bench.append(journal, JournalBench.payment(cents: 99_999), isTraining: true)
        try bench.append(journal, JournalBench.action(2_000))
        #expect(throws: ClosingError.rule(.shorterPeriodOpen)) { try bench.close(journal, .month) }
        let first = try bench.close(journal, .day)
        #expect(first.number == 1 && first.from == 1 && first.to == 4 && first.unsent == 4)
        #expect(first.totals.payments == KindTotal(count: 1, sum: 1_250))
        #expect(first.totals.refunds == KindTotal(count: 1, sum: 250))
        #expect(first.totals.actions == ["repas": KindTotal(count: 1, sum: 2_000)])
        #expect(first.perpetual == 1_000)
        #expect(throws: ClosingError.rule(.nothingToClose)) { try bench.close(journal, .day) }
        let standing = try #require(try journal.standing(paid.id))
        #expect(standing.isClosed && standing.refundable.cents == 1_000)
        try bench.append(journal)
        let second = try bench.close(journal, .day)
        #expect(second.number == 2 && second.from == 5 && second.to == 6)
        #expect(second.perpetual == 2_250)
        let month = try bench.close(journal, .month)
        #expect(month.number == 1 && month.from == 1 && month.to == 7)
        #expect(month.totals.payments == KindTotal(count: 2, sum: 2_500))
        #expect(month.perpetual == 2_250)
        let year = try bench.close(journal, .year)
        #expect(year.number == 1 && year.totals == month.totals)
        #expect(try bench.verify().faults == [])
        #expect(try bench.open().perpetualTotal() == 2_250)
    }

    @Test func `Whatever happens, totals are the sums of the entries`() throws {
        let bench = try JournalBench()
        let journal = try bench.open()
        var dice = Seed.dice()
        func next(_ bound: UInt64) -> UInt64 { dice.next(bound) }
        var model = PeriodTotals.none
        var whole: Int64 = 0
        var payments: [Entry] = []
        for _ in 0..<200 {
            let isTraining = next(8) == 0
            let cents = Int64(1 + next(5_000))
            var body = JournalBench.payment(cents: cents)
            var target: EntryBody?
            switch next(6) {
            case 0: body = JournalBench.topUp(cents)
            case 1: body = JournalBench.action(cents)
            case 2:
                if let paid = payments.popLast() { body = JournalBench.refund(paid.id, 1) }
            case 3:
                if let paid = payments.popLast() {
                    body = .reversal(Reversal(entry: paid.id, reason: .doubled))
                    target = paid.body
                }
            default: break
            }
            let entry = try bench.append(journal, body, isTraining: isTraining)
            if !isTraining {
                let before = model.takings
                model.add(body, reversing: target)
                whole += model.takings - before
                if case .payment = body { payments.append(entry) }
            }
            #expect(try journal.openTotals(.day) == model)
            if next(20) == 0, let closure = try? bench.close(journal, .day) {
                #expect(closure.totals == model && closure.perpetual == whole)
                model = .none
            }
        }
        #expect(try journal.perpetualTotal() == whole)
        #expect(try bench.verify().faults == [])
    }

    @Test func `A line or a closure that lies is found`() throws {
        let bench = try JournalBench()
        let journal = try bench.open()
        try bench.append(journal)
        _ = try bench.close(journal, .day)
        #expect(try bench.verify().faults == [])
        let raw = try bench.unguarded()
        try raw.run("UPDATE lines SET value = 1 WHERE seq = 1")
        #expect(try bench.verify().faults.map(\.what) == ["a line differs from what was signed"])
        try raw.run("UPDATE lines SET value = 1250 WHERE seq = 1")
        let lie = Closure(
            period: .day, number: 2, from: 3, to: 2 + 1, totals: .none, perpetual: 9, unsent: 0)
        try bench.append(journal)
        try bench.append(journal, .closure(lie))
        #expect(
            try bench.verify().faults.map(\.what) == ["closure does not follow from the entries"])
    }

    /// A second day's closure as it ought to be, then with one field at a time that is not.
    static let lies: [Closure] = {
        var totals = PeriodTotals.none
        totals.payments = KindTotal(count: 1, sum: 1_250)
        func day(
            number: UInt64 = 2, from: UInt64 = 2, to: UInt64 = 3, totals: PeriodTotals = totals,
            perpetual: Int64 = 2_500
        ) -> Closure {
            Closure(
                period: .day, number: number, from: from, to: to, totals: totals,
                perpetual: perpetual, unsent: 3)
        }
        return [
            day(), day(number: 3), day(number: 1), day(from: 1), day(from: 3), day(to: 2),
            day(to: 4), day(totals: .none), day(perpetual: 2_499),
        ]
    }()

    @Test(arguments: lies.indices)
    func `A closure that the terminal itself signed is held against the entries`(index: Int) throws
    {
        let bench = try JournalBench()
        let journal = try bench.open()
        try bench.append(journal)
        _ = try bench.close(journal, .day)
        try bench.append(journal)
        try bench.append(journal, .closure(Self.lies[index]))
        let told = index == 0 ? [] : ["closure does not follow from the entries"]
        #expect(try bench.verify().faults.map(\.what) == told)
    }

    @Test func `A closure says how many of its entries have no receipt`() throws {
        let bench = try JournalBench()
        let journal = try bench.open()
        for _ in 0..<3 { try bench.append(journal) }
        try bench.acknowledge(journal, upTo: 2)
        #expect(try bench.close(journal, .day).unsent == 1)
        try bench.append(journal)
        // What an older stretch has not sent is not this one's.
        let second = try bench.close(journal, .day)
        #expect(second.from == 4 && second.unsent == 2)
        try bench.acknowledge(journal)
        try bench.append(journal)
        #expect(try bench.close(journal, .day).unsent == 1)
        #expect(try bench.close(journal, .month).unsent == 2)
    }

    @Test func `A file of the first version gets its lines, and keeps its entries`() throws {
        let bench = try JournalBench()
        var journal = try bench.open()
        for _ in 0..<5 { try bench.append(journal) }
        let head = journal.headHash
        let raw = try bench.unguarded()
        try raw.run("DROP TABLE lines")
        try raw.run("DROP TABLE origin")
        try raw.run("PRAGMA user_version = 1")
        #expect(try bench.verify().faults == [], "the first version's file is sound as it is")
        raw.close()
        journal = try bench.open()
        #expect(journal.headHash == head)
        #expect(try journal.openTotals(.day).payments == KindTotal(count: 5, sum: 6_250))
        #expect(try bench.verify().faults == [])
    }

    @Test func `Entries are found by card, day, status and page`() throws {
        let bench = try JournalBench()
        let journal = try bench.open()
        for _ in 0..<7 { try bench.append(journal) }
        let (receipt, bytes) = try bench.receipt(
            journal, from: 1, to: 3, outcomes: [.settled, .declined(code: "x"), .settled])
        try journal.store(receipt, bytes: bytes)
        func found(_ query: JournalQuery) throws -> [UInt64] {
            try journal.find(query).lines.map(\.entry.sequence)
        }
        #expect(try found(JournalQuery(status: .pending)) == [7, 6, 5, 4])
        #expect(try found(JournalQuery(status: .rejected)) == [2])
        #expect(try found(JournalQuery(status: .settled)) == [3, 1])
        let last = CardNumber(serial: 42)!.lastFour
        #expect(try found(JournalQuery(lastFour: last, limit: 2)) == [7, 6])
        #expect(try found(JournalQuery(lastFour: "' OR 1=1")) == [])
        let page = try journal.find(JournalQuery(limit: 5))
        #expect(page.next == 3)
        #expect(try found(JournalQuery(before: page.next, limit: 5)) == [2, 1])
        let day = UTCDay.number(journal.lastTime)
        #expect(try found(JournalQuery(day: day)).count == 7)
        #expect(try found(JournalQuery(day: day + 1)) == [])
        #expect(try found(JournalQuery(kinds: [.refund])) == [])
    }

    @Test func `What another card pays of a sum gives nothing back of the first payment`() throws {
        let bench = try JournalBench()
        let journal = try bench.open()
        let first = try bench.append(journal)
        guard case .payment(let paid) = first.body else { return }
        let rest = try bench.append(
            journal,
            .payment(
                Payment(
                    amount: try #require(Amount(cents: 700)), card: paid.card,
                    tokenHash: paid.tokenHash, evidence: paid.evidence, authorisation: nil,
                    completes: first.id)))
        try bench.append(journal, JournalBench.refund(first.id, 250))
        _ = try journal.tracePrint(
            of: first.id, id: EntryID(milliseconds: 1), at: bench.moment())
        let standing = try #require(try journal.standing(first.id))
        #expect(standing.refunded.cents == 250 && !standing.isReversed)
        #expect(standing.refundable.cents == 1_000)
        try bench.append(journal, .reversal(Reversal(entry: rest.id, reason: .wrongEntry)))
        #expect(try journal.standing(rest.id)?.isReversed == true)
        #expect(try journal.standing(first.id) == standing)
    }

    @Test func `What a card did of an action today counts, less what was reversed`() throws {
        let bench = try JournalBench()
        let journal = try bench.open()
        let first = try bench.append(journal, JournalBench.action(2_000))
        try bench.append(journal, JournalBench.action(3_000))
        try bench.append(journal, JournalBench.action(9_000, code: "autre"))
        try bench.append(journal, JournalBench.action(9_000), isTraining: true)
        let day = UTCDay.number(journal.lastTime)
        let card = JournalBench.proof.card
        func done(_ day: UInt64) throws -> ActionDay {
            try journal.actions("repas", of: card, day: day, isTraining: false)
        }
        #expect(try done(day) == ActionDay(quantity: 5_000, count: 2))
        try bench.append(journal, .reversal(Reversal(entry: first.id, reason: .wrongEntry)))
        #expect(try done(day) == ActionDay(quantity: 3_000, count: 1))
        #expect(try done(day + 1) == .none)
    }

    @Test func `Cut at any place of its log, a journal closes on without a gap`() throws {
        let bench = try JournalBench()
        var journal: Journal? = try bench.open()
        for _ in 0..<4 {
            let open = try #require(journal)
            try bench.append(open)
            _ = try bench.close(open, .day)
        }
        let main = try Files.read(bench.path, atMost: 1 << 20)
        let log = try Files.read(bench.path + "-wal", atMost: 1 << 20)
        journal = nil
        var last: UInt64 = 0
        for size in stride(from: 0, through: log.count, by: 1_021) {
            let cut = bench.folder + "/cut-\(size)"
            try Files.makeDirectory(cut)
            try Files.writeAtomically(main, to: cut + "/journal.sqlite")
            try Files.writeAtomically(Array(log.prefix(size)), to: cut + "/journal.sqlite-wal")
            let recovered = try Journal(path: cut + "/journal.sqlite", signer: bench.terminal)
            let number = try recovered.lastClosure(.day)?.number ?? 0
            #expect(number >= last)
            last = number
            try bench.append(recovered)
            #expect(try bench.close(recovered, .day).number == number + 1)
            let found = try JournalVerifier(
                path: cut + "/journal.sqlite", terminal: bench.terminal.publicKey, ledger: nil
            ).run()
            #expect(found.faults == [])
        }
        #expect(last >= 3)
    }
}
