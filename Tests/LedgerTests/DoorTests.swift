import Crypto
import HTTPClient
import HTTPServer
import LedgerBook
import LedgerMessages
import Operations
import Testing
import Threads
import Tokens

@testable import LedgerService

/// What anybody, or one paired terminal, can ask for without standing in others' way.
@Suite struct DoorTests {
    private func pairing(_ code: String) -> [UInt8] {
        PairingRequest(code: code, publicKey: TestSigner().publicKey).encoded
    }

    private func post(
        _ running: Running, _ body: [UInt8], from address: String? = nil
    ) throws -> Int {
        try running.send(
            "POST", "/v1/terminals", body,
            [("Content-Type", "application/cbor")]
                + (address.map { [("X-Forwarded-For", $0)] } ?? [])
        ).status
    }

    @Test(arguments: Store.all)
    func `whoever sends wrong codes keeps out himself, and nonsense keeps out nobody`(
        store: Store
    ) throws {
        let running = try Running(store)
        for _ in 0..<30 { #expect(try post(running, [0xA0]) == 400) }
        let wrong = pairing("AAAAAAAA")
        for _ in 0..<10 { #expect(try post(running, wrong, from: "203.0.113.7") == 403) }
        #expect(try post(running, wrong, from: "203.0.113.7") == 429)
        // What the proxy adds counts, not what a client wrote before it.
        #expect(try post(running, wrong, from: "198.51.100.1, 203.0.113.7") == 429)
        #expect(try post(running, wrong, from: "203.0.113.7, 198.51.100.1") == 403)
        let code = try running.ledger.book.pairingCode(
            merchant: "Café des Halles", now: Sunday.noon)
        #expect(try post(running, pairing(code), from: "203.0.113.7") == 429)
        #expect(try post(running, pairing(code), from: "2001:db8::1") == 201)
        // A household has all addresses of its network.
        for host in 0..<10 {
            #expect(try post(running, wrong, from: "2001:db8:0:7::\(host + 1)") == 403)
        }
        #expect(try post(running, wrong, from: "2001:db8:0:7:ffff::1") == 429)
        #expect(try post(running, wrong, from: "2001:db8:0:8::1") == 403)
        running.time.advance(600_001)
        #expect(try post(running, wrong, from: "203.0.113.7") == 403)
    }

    @Test func `all together guess no faster than a code's length allows`() throws {
        let running = try Running(.sqlite)
        let door = Door(shelf: Shelf(running.ledger.address, trouble: { _ in }))
        for number in 0..<Door.allPairingFailuresMax {
            let origin = "198.51.\(number / 250).\(number % 250)"
            try door.checkPairingPace(of: origin, now: 0)
            door.notePairingFailure(of: origin, now: 0)
        }
        let refusal = #expect(throws: Refusal.self) {
            try door.checkPairingPace(of: "203.0.113.7", now: 0)
        }
        #expect(refusal?.status == 429)
        try door.checkPairingPace(of: "203.0.113.7", now: Door.pairingWindow + 1)
    }

    @Test func `one terminal's requests fill no memory that others need`() throws {
        let running = try Running(.sqlite)
        let door = Door(shelf: Shelf(running.ledger.address, trouble: { _ in }))
        let (busy, other) = ("1122334455667788", "0011223344556677")
        for number in 0..<Door.ownNoncesMax {
            try door.remember("\(busy)\(number)", of: busy, now: UInt64(number))
        }
        let refusal = #expect(throws: Refusal.self) {
            try door.remember(busy + "next", of: busy, now: 20_000)
        }
        #expect(refusal?.code == "busy" && refusal?.isRetryable == true)
        try door.remember(other + "first", of: other, now: 20_000)
        // The oldest are forgotten one by one, and as many come in.
        let late = Door.nonceLife + 10
        for number in 0..<10 { try door.remember("\(busy)n\(number)", of: busy, now: late) }
        #expect(throws: Refusal.self) { try door.remember(busy + "n10", of: busy, now: late) }
        let twice = #expect(throws: Refusal.self) {
            try door.remember(busy + "n9", of: busy, now: late)
        }
        #expect(twice?.code == "replayed")
    }

    /// Whoever waits for the database's one writer would be told that the page is not there.
    @Test func `a link that no card made waits for no booking`() throws {
        let running = try Running(.sqlite) { _ in }
        let writer = try running.ledger.sql()
        let card = try running.ledger.card()
        func get(_ sun: Evidence) throws -> Int {
            guard case .sdm(let picc, let mac, let digest) = sun else { return 0 }
            let hex = [digest, picc, mac].map { Hexadecimal.text($0) }
            return try running.send("GET", "/c?d=\(hex[0])&e=\(hex[1])&c=\(hex[2])").status
        }
        let zeros = [UInt8](repeating: 0, count: 16)
        let tap = try card.read(digest: zeros)
        #expect(try get(tap) == 200)
        try writer.run("BEGIN IMMEDIATE")
        #expect(
            try get(.sdm(piccData: randomBytes(16), mac: randomBytes(8), digest: zeros)) == 404)
        #expect(try get(tap) == 200, "known already: nothing is written")
        try writer.run("ROLLBACK")
        #expect(try get(try card.read(digest: zeros)) == 200)
    }

    /// Changes a server's database, for all who come from now on.
    private func takeOrders(_ database: Outsider, _ change: String) throws(SQLFailure) {
        try database.run(
            """
            DO $$ BEGIN EXECUTE 'ALTER DATABASE ' || quote_ident(current_database())
                || ' \(change)'; END $$
            """)
        try database.run(
            """
            SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid()
            """)
    }

    @Test(arguments: Store.all)
    func `ready means that what is written is kept`(store: Store) throws {
        let running = try Running(store) { _ in }
        func ready() throws -> Int { try running.send("GET", "/readyz").status }
        #expect(try ready() == 200)
        let database = try running.ledger.sql()
        switch store {
        case .sqlite:
            try database.run(
                """
                CREATE TRIGGER full BEFORE UPDATE ON counters
                BEGIN SELECT RAISE(ABORT, 'no space'); END
                """)
        // As a standby's, and a primary's that was told to take nothing any more.
        case .postgreSQL: try takeOrders(database, "SET default_transaction_read_only = on")
        }
        if store == .sqlite { #expect(try ready() == 200, "it was written a moment ago") }
        running.time.advance(5_001)
        #expect(try ready() == 503 && ready() == 503)
        switch store {
        case .sqlite: try database.run("DROP TRIGGER full")
        case .postgreSQL:
            try database.run("SET default_transaction_read_only = off")
            try takeOrders(database, "RESET default_transaction_read_only")
        }
        // A server that ended its connections is found out once.
        if store == .postgreSQL { _ = try ready() }
        #expect(try ready() == 200)
    }

    @Test func `a command waits for a server as long as it says`() throws {
        let place = try Place(.postgreSQL)
        _ = try Book(place.address, create: true)
        // Opening asks a server too: a busy machine may need another try.
        let deadline = ContinuousClock.now + .seconds(60)
        var hasty: Book?
        while hasty == nil, ContinuousClock.now < deadline {
            hasty = try? Book(place.address, patience: .milliseconds(200))
        }
        let patient = try Book(place.address, patience: .seconds(60))
        let held = try place.outsider()
        try held.run("BEGIN")
        try held.run("LOCK TABLE settings IN ACCESS EXCLUSIVE MODE")
        let answered = Monitor(false)
        let thread = NamedThread.start("patient") {
            let isGood = (try? patient.check(writing: false)) != nil
            answered.update { $0 = isGood }
        }
        let error = #expect(throws: BookError.self) { try hasty?.check(writing: false) }
        #expect(error?.isStoreLost == true)
        try held.run("ROLLBACK")
        thread.join()
        #expect(answered.read { $0 })
    }
}
