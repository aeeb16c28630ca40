import COSE
import Crypto
import Journal
import KeyStore
import LedgerMessages
import Linux
import Operations
import SQLite
import TestSupport
import Testing
import Threads

@testable import LedgerClient

/// L1 to L4 against a real HTTP server that misbehaves.
@Suite struct DrainerTests {
    private func isDrained(_ bench: LinkBench) -> Bool {
        bench.journal.position.acknowledged == bench.journal.position.sequence
    }

    private func expectBookedOnce(
        _ bench: LinkBench, _ count: UInt64, _ location: SourceLocation = #_sourceLocation
    ) throws {
        #expect(bench.ledger.booked == Array(1...count), sourceLocation: location)
        let result = try JournalVerifier(
            path: bench.journal.path, terminal: bench.terminal.publicKey,
            ledger: bench.ledger.key.publicKey
        ).run()
        #expect(result.faults == [], sourceLocation: location)
        #expect(result.acknowledged == count, sourceLocation: location)
        #expect(bench.ledger.state.read { $0.unsigned } == 0, sourceLocation: location)
        #expect(bench.link.standing == .good, sourceLocation: location)
    }

    @Test func `What waits is sent, booked once, and receipted; every call is signed`() throws {
        let bench = try LinkBench()
        try bench.append(5)
        bench.link.start()
        #expect(bench.eventually { isDrained(bench) })
        try bench.append(2)
        #expect(bench.eventually { isDrained(bench) })
        try expectBookedOnce(bench, 7)
        #expect(bench.link.isReachable && bench.link.lastContact != nil)
    }

    @Test func `Entries outlive a storm of errors that pass`() throws {
        let bench = try LinkBench()
        try bench.append(3)
        let storm = [503, 500, 429, 408, 425, 502, 504, 599]
        bench.ledger.set { state in
            state.mode = { number in
                number <= storm.count
                    ? .status(storm[number - 1], code: "busy", expected: nil) : .book
            }
        }
        bench.link.start()
        #expect(bench.eventually { isDrained(bench) })
        #expect(bench.ledger.state.read { $0.attempts } == storm.count + 1)
        try expectBookedOnce(bench, 3)
    }

    @Test func `A lost receipt books nothing twice, though more was sold meanwhile`() throws {
        let bench = try LinkBench()
        try bench.append(3)
        bench.ledger.set { state in
            state.mode = { $0 <= 2 ? .bookAndLose($0 == 1 ? 503 : 500) : .book }
        }
        bench.link.start()
        #expect(bench.eventually { bench.ledger.state.read { $0.attempts } >= 1 })
        try bench.append(2)
        #expect(bench.eventually { isDrained(bench) })
        try expectBookedOnce(bench, 5)
    }

    @Test func `A receipt that does not verify or fit acknowledges nothing`() throws {
        let bench = try LinkBench()
        try bench.append(2)
        let (ledger, stranger) = (bench.ledger.key, try SigningKey.create())
        let wrong: [@Sendable (Receipt) -> [UInt8]] = [
            { receipt in stranger.withKey { receipt.signed(by: $0).bytes } },
            { receipt in Array(ledger.withKey { receipt.signed(by: $0).bytes }.dropLast()) },
            { _ in [] }, { _ in Array("<html>200 OK</html>".utf8) },
            { receipt in
                let other = Receipt(
                    terminal: receipt.terminal, from: receipt.from, to: receipt.to,
                    head: [UInt8](repeating: 9, count: 32), outcomes: receipt.outcomes)
                return ledger.withKey { other.signed(by: $0).bytes }
            },
            { receipt in
                let other = Receipt(
                    terminal: [UInt8](repeating: 9, count: 8), from: receipt.from, to: receipt.to,
                    head: receipt.head, outcomes: receipt.outcomes)
                return ledger.withKey { other.signed(by: $0).bytes }
            },
            { receipt in
                let other = Receipt(
                    terminal: receipt.terminal, from: receipt.from, to: receipt.from - 1,
                    head: receipt.head, outcomes: [])
                return ledger.withKey { other.signed(by: $0).bytes }
            },
        ]
        bench.ledger.set { state in
            state.mode = { number in
                number <= wrong.count ? .answer(wrong[number - 1]) : .book
            }
        }
        bench.link.start()
        #expect(bench.eventually { bench.ledger.state.read { $0.attempts } >= wrong.count })
        #expect(bench.eventually { isDrained(bench) })
        #expect(bench.ledger.state.read { $0.attempts } == wrong.count + 1)
        try expectBookedOnce(bench, 2)
    }

    @Test(arguments: [401, 403])
    func `A terminal that is refused stops, says so, and goes on once it is mended`(
        status: Int
    ) throws {
        let bench = try LinkBench()
        try bench.append(1)
        bench.ledger.set { $0.wall = (status, "terminal-revoked") }
        bench.link.start()
        #expect(
            bench.eventually { bench.link.standing == .refused(code: "terminal-revoked") })
        #expect(bench.ledger.state.read { $0.attempts } == 0)
        bench.ledger.set { $0.wall = nil }
        #expect(bench.eventually { isDrained(bench) })
        try expectBookedOnce(bench, 1)
    }

    @Test func `A refusal of the batch itself stops too, and nothing is renumbered`() throws {
        let bench = try LinkBench()
        try bench.append(1)
        bench.ledger.set {
            $0.mode = { _ in .status(403, code: "terminal-revoked", expected: nil) }
        }
        bench.link.start()
        #expect(
            bench.eventually { bench.link.standing == .refused(code: "terminal-revoked") })
        #expect(bench.journal.position == (1, 0))
    }

    @Test(arguments: [("gap", 9), ("fork", 9), ("fork", 1)] as [(String, UInt64)])
    func `A chain the ledger does not know calls a person`(code: String, expected: UInt64) throws {
        let bench = try LinkBench()
        try bench.append(2)
        bench.ledger.set { $0.mode = { _ in .status(409, code: code, expected: expected) } }
        bench.link.start()
        #expect(bench.eventually { bench.link.standing == .chainUnknown })
        #expect(bench.journal.position == (2, 0))
    }

    @Test func `An old image is detected at the first contact`() throws {
        for head in [(sequence: 9 as UInt64, fill: 1 as UInt8), (sequence: 2, fill: 1)] {
            let bench = try LinkBench()
            try bench.append(2)
            bench.ledger.set {
                $0.head = (head.sequence, [UInt8](repeating: head.fill, count: 32))
            }
            bench.link.start()
            #expect(bench.eventually { bench.link.standing == .chainUnknown })
            #expect(bench.ledger.state.read { $0.attempts } == 0)
        }
    }

    @Test func `A journal that cannot be read is not mistaken for an old image`() throws {
        let bench = try LinkBench()
        try bench.append(1)
        bench.link.start()
        #expect(bench.eventually { isDrained(bench) })
        let raw = try Database(path: bench.journal.path, access: .readWrite)
        try raw.script(
            """
            CREATE TRIGGER broken BEFORE INSERT ON entries
            BEGIN SELECT RAISE(ABORT, 'broken'); END
            """)
        #expect(throws: JournalError.self) { try bench.append() }
        #expect(!bench.journal.isOpen)
        let before = bench.ledger.state.read { $0.calls }
        #expect(bench.eventually { bench.ledger.state.read { $0.calls } >= before + 4 })
        #expect(bench.link.standing == .good)
        try raw.run("DROP TRIGGER broken")
        try bench.journal.reopen()
        try bench.append(1)
        #expect(bench.eventually { isDrained(bench) })
        try expectBookedOnce(bench, 2)
    }

    @Test func `What a restored ledger has lost is sent again, and an entry says so`() throws {
        let bench = try LinkBench()
        for count in [5, 2] {
            try bench.append(count)
            bench.link.start()
            #expect(bench.eventually { isDrained(bench) })
            bench.link.stop()
            bench.restart()
        }
        // In the middle of the first batch; then all of it.
        for (count, told) in [(3, "4-7"), (0, "1-8")] {
            bench.ledger.forget(to: count)
            bench.link.start()
            let last = bench.journal.position.sequence + 1
            #expect(bench.eventually { bench.ledger.booked == Array(1...last) && isDrained(bench) })
            bench.link.stop()
            bench.restart()
            var events: [TechnicalEvent] = []
            _ = try JournalVerifier(
                path: bench.journal.path, terminal: bench.terminal.publicKey, ledger: nil
            ).run { entry, _ in
                if case .technicalEvent(let event) = entry.body { events.append(event) }
            }
            #expect(events.last?.code == "restore")
            #expect(events.last?.details == "ledger forgot \(told); differ 0")
        }
        try expectBookedOnce(bench, 9)
    }

    @Test func `An answer that is lost while a ledger learns again is asked for again`() throws {
        let bench = try LinkBench()
        try bench.append(4)
        bench.link.start()
        #expect(bench.eventually { isDrained(bench) })
        // One old answer about the head is no restored ledger.
        let hash = try #require(try bench.journal.hash(of: 2))
        bench.ledger.set { $0.lateHead = (2, hash) }
        #expect(bench.eventually { bench.ledger.state.read { $0.lateHead == nil } })
        #expect(bench.turns(2))
        #expect(bench.ledger.state.read { $0.attempts } == 1)
        // What it decides now: the first time nobody hears it, then not as before, of two others.
        bench.ledger.forget(to: 2)
        let key = bench.ledger.key
        bench.ledger.set { state in
            state.mode = { number in
                guard number < 7 else { return .book }
                return .answer { receipt in
                    let isOther = number == 3 || number == 5
                    let outcomes = (0..<4).map { index -> Outcome in
                        if isOther { return .declined(code: "mac") }
                        return index == 2 ? .held(code: "card-blocked") : .settled
                    }
                    let other = [UInt8](repeating: 1, count: number == 3 ? 8 : 32)
                    let told = Receipt(
                        terminal: number == 3 ? other : receipt.terminal,
                        from: receipt.from + (number == 4 ? 1 : 0), to: receipt.to,
                        head: number == 5 ? other : receipt.head,
                        outcomes: Array(outcomes[(number == 4 ? 1 : 0)...]))
                    return number == 2 ? [] : key.withKey { told.signed(by: $0).bytes }
                }
            }
        }
        #expect(bench.eventually { bench.ledger.booked.count == 5 && isDrained(bench) })
        #expect(bench.ledger.state.read { $0.attempts } == 7)
        var told = ""
        _ = try JournalVerifier(
            path: bench.journal.path, terminal: bench.terminal.publicKey, ledger: nil
        ).run { entry, _ in
            if case .technicalEvent(let event) = entry.body { told = event.details }
        }
        #expect(told == "ledger forgot 3-4; differ 1; 3 settled>held:card-blocked")
    }

    @Test func `A request that was taken before is sent with another nonce, and stops nothing`()
        throws
    {
        let bench = try LinkBench()
        try bench.append(1)
        bench.ledger.set { state in
            state.mode = { $0 < 4 ? .status(401, code: "replayed", expected: nil) : .book }
        }
        bench.link.start()
        #expect(bench.eventually { bench.ledger.state.read { $0.attempts } >= 3 })
        #expect(bench.link.standing == .good)
        #expect(bench.eventually { isDrained(bench) })
        try expectBookedOnce(bench, 1)
    }

    @Test func `What a terminal's archives alone hold cannot be sent again, and it says so`() throws
    {
        let bench = try LinkBench()
        try bench.append(2)
        bench.link.start()
        #expect(bench.eventually { isDrained(bench) })
        bench.link.stop()
        bench.ledger.forget(to: 0)
        let raw = try Database(path: bench.journal.path, access: .readWrite)
        try raw.script("DROP TRIGGER receipts_no_delete; DELETE FROM receipts")
        bench.restart()
        bench.link.start()
        #expect(bench.eventually { bench.link.standing == .ledgerForgot })
        #expect(bench.ledger.booked == [])
    }

    @Test func `A page that is not the ledger's neither sets the clock nor stops the terminal`()
        throws
    {
        for body in ["<h1>302</h1>", "1748779200", "{\"ms\":}", "{\"ms\":1 }", ""] {
            #expect(ledgerTime(Array(body.utf8)) == nil, "\(body)")
        }
        #expect(ledgerTime(Array("{\"ms\":17}".utf8)) == 17)
        let bench = try LinkBench()
        try bench.append(1)
        bench.ledger.set { $0.page = 3 }
        bench.link.start()
        #expect(bench.eventually { bench.ledger.state.read { $0.page == 0 } })
        #expect(bench.link.standing == .good)
        #expect(bench.eventually { isDrained(bench) })
        try expectBookedOnce(bench, 1)
    }

    /// The hours without the ledger would never end behind a page that answers everything.
    @Test func `A page that welcomes everybody is no contact with the ledger`() throws {
        let bench = try LinkBench()
        try bench.append(1)
        bench.ledger.set { $0.isWelcoming = true }
        bench.link.start()
        #expect(bench.eventually { bench.ledger.state.read { $0.calls } >= 3 })
        #expect(!bench.link.isReachable && bench.link.lastContact == nil)
        #expect(bench.link.standing == .good && bench.journal.position.acknowledged == 0)
        bench.ledger.set { $0.isWelcoming = false }
        #expect(bench.eventually { isDrained(bench) })
        #expect(bench.link.isReachable && bench.link.lastContact != nil)
        // What passes and what is no ledger's word are no contact either.
        bench.link.stop()
        let calls = LedgerCalls(link: bench.link, timeout: .seconds(20))
        for change in [
            { $0.wall = (503, "busy") }, { state in (state.wall, state.page) = (nil, .max) },
        ] as [@Sendable (inout ScriptedLedger.State) -> Void] {
            bench.ledger.set(change)
            bench.link.state.update { $0.lastContact = 1 }
            guard case .unreachable = calls.head() else {
                Issue.record("an answer that is not the ledger's was taken")
                continue
            }
            #expect(bench.link.lastContact == 1 && !bench.link.isReachable)
        }
    }

    @Test func `A ledger that is not there blocks nothing and ends with stop`() throws {
        let spent = try Promised.best(within: .seconds(7)) {
            let bench = try LinkBench()
            bench.ledger.stop()
            try bench.append(1)
            bench.link.start()
            #expect(!bench.link.isReachable)
            let spent = Promised.time { bench.link.stop() }
            #expect(bench.journal.position == (1, 0))
            return spent
        }
        #expect(spent < .seconds(7))
    }

    @Test func `A person who asks while the terminal says how it is has it said once more`() throws
    {
        let bench = try LinkBench()
        let link = bench.link
        bench.ledger.set { $0.hears = { link.sendNow() } }
        link.start()
        // Each turn asks for the deny-list after it has said, or need not say, how it is.
        let turns = bench.ledger.state.wait(atMost: .seconds(60)) { state in
            state.denySince.count == 2 ? state.reports : nil
        }
        #expect(turns == 2)
    }

    @Test func `Waits between tries double from one second to sixty, with jitter`() {
        for _ in 0..<50 {
            var backoff = Backoff(.standard)
            for base in [1, 2, 4, 8, 16, 32, 60, 60, 60] as [Int] {
                let wait = backoff.next()
                #expect(wait >= .milliseconds(base * 500) && wait <= .seconds(base))
            }
        }
        var firsts: Set<Duration> = []
        for _ in 0..<50 {
            var backoff = Backoff(.standard)
            firsts.insert(backoff.next())
        }
        #expect(firsts.count > 5)
    }
}
