import Crypto
import Foundation
import HTTPClient
import LedgerBook
import LedgerMessages
import PythonTools
import SQLite
import TestSupport
import Testing
import Threads
import Tokens

@testable import LedgerService

@Suite struct MetricsTests {
    private func put(_ running: Running, _ till: Till, _ status: TerminalStatus) throws -> Int {
        let path = "/v1/terminals/\(till.id)/status"
        let body = status.encoded
        return try running.send(
            "PUT", path, body, running.signed(till, "PUT", path, body, type: "application/cbor")
        ).status
    }

    @Test(arguments: Store.all)
    func `Prometheus' own parser reads the metrics, and they say what happened`(store: Store) throws
    {
        let running = try Running(store)
        let (till, other) = (try running.ledger.till(), try running.ledger.till())
        let card = try running.ledger.card()
        #expect(try running.post(till, [till.event(), try till.pay(card, 1)]).status == 200)
        #expect(try running.post(till, [[0xA0]]).status == 422)
        #expect(try running.send("GET", "/nowhere").status == 404)
        _ = try running.raw("POST", "/v1/terminals", ["Content-Length: 9999999999"])
        try running.ledger.book.revoke(kid: other.kid, now: Sunday.noon)
        let late = TerminalStatus(
            last: 7, unsentCents: 100, oldest: Sunday.noon - 90_000, version: "1",
            clock: Sunday.noon)
        #expect(try put(running, till, late) == 204)
        let answer = try running.send("GET", "/metrics")
        let text = String(decoding: answer.body, as: UTF8.self)
        #expect(text.hasSuffix("# EOF\n"))
        #expect(!text.contains(till.id) && !text.contains(card.number.digits))
        guard Python.has("prometheus_client") else { return }
        let read = try Python.run("read_metrics", of: "LedgerTests", input: [text])
        let lines = Set(read.split(separator: "\n").map(String.init))
        for line in [
            "counter eco_ledger_entries_total{outcome=settled} 2",
            "counter eco_ledger_entries_total{outcome=held} 0",
            "gauge eco_ledger_cards{} 1",
            "gauge eco_ledger_terminals{state=paired} 1",
            "gauge eco_ledger_terminals{state=revoked} 1",
            "gauge eco_ledger_unsent_entries{} 5",
            "gauge eco_ledger_unsent_age_seconds{} 90",
            "counter eco_ledger_requests_total{route=/v1/terminals/{id}/entries,status=200} 1",
            "counter eco_ledger_requests_total{route=/v1/terminals/{id}/entries,status=422} 1",
            "counter eco_ledger_requests_total{route=/v1/terminals/{id}/status,status=204} 1",
            "counter eco_ledger_requests_total{route=other,status=404} 1",
            "counter eco_ledger_requests_total{route=other,status=413} 1",
            "histogram eco_ledger_booking_seconds_bucket{le=+Inf} 1",
            "histogram eco_ledger_booking_seconds_count{} 1",
        ] {
            #expect(lines.contains(line), "\(line) is not in\n\(read)")
        }
    }

    @Test(arguments: Store.all)
    func `a ledger that was put back in silence says so until somebody does`(
        store: Store
    ) throws {
        let said = Monitor<[String]>([])
        let running = try Running(store, trouble: { line in said.update { $0.append(line) } })
        let (till, other) = (try running.ledger.till(), try running.ledger.till())
        let card = try running.ledger.card()
        _ = try running.ledger.book.setBlocked(true, card: card.number, now: Sunday.noon)
        func ask(_ till: Till, _ since: Int) throws {
            let path = "/v1/deny-list?since=\(since)"
            #expect(try running.get(till, path).status == 200)
        }
        func isPutBack() throws -> Bool {
            let text = String(decoding: try running.send("GET", "/metrics").body, as: UTF8.self)
            let isMetric = text.contains("\neco_ledger_put_back 1\n")
            #expect(isMetric == !text.contains("\neco_ledger_put_back 0\n"))
            #expect(running.service.isPutBack == isMetric)
            return isMetric
        }
        // What a terminal of this ledger asks.
        for since in [0, 1] { try ask(till, since) }
        #expect(try said.read { $0 } == [] && !isPutBack())
        // One that knows two blocks more than this database.
        try ask(other, 3)
        try ask(till, 1)
        try ask(other, 3)
        #expect(try isPutBack())
        let lines = said.read { $0 }
        #expect(lines.count == 1 && lines[0].hasPrefix("put-back: terminal \(other.id) knows"))
        #expect(lines.first?.hasSuffix("eco-ledger restored") == true)
        running.time.advance(3_600_001)
        try ask(other, 3)
        #expect(said.read { $0.count } == 2)
        try running.ledger.book.noteRestored()
        #expect(try !isPutBack())
        running.time.advance(3_600_001)
        try ask(other, 3)
        #expect(try said.read { $0.count } == 2 && !isPutBack())
    }

    private func told(_ running: Running) throws -> [String: Int64] {
        let text = String(decoding: try running.send("GET", "/metrics").body, as: UTF8.self)
        return ["declined", "duplicate", "held", "settled"].reduce(into: [:]) { told, outcome in
            let line = "eco_ledger_entries_total{outcome=\"\(outcome)\"} "
            told[outcome] = text.split(separator: "\n").first { $0.hasPrefix(line) }
                .flatMap { Int64($0.dropFirst(line.count)) }
        }
    }

    @Test(arguments: Store.all)
    func `entries are counted once each, however often somebody looks`(store: Store) throws {
        let running = try Running(store)
        let card = try running.ledger.card()
        let stranger = try SoftwareCard(serial: 999, keys: running.ledger.keys)
        let tills = try (0..<3).map { _ in try running.ledger.till() }
        for round in 1...12 {
            let till = tills[round % 3]
            let batch = [
                till.event(), try till.pay(stranger, 5), try till.pay(card, 10, counter: 1),
            ]
            #expect(try running.post(till, batch).status == 200)
            if round.isMultiple(of: 5) { continue }
            let rows = try running.ledger.sql().rows(
                "SELECT outcome, count(*) FROM entries GROUP BY outcome")
            var expected: [String: Int64] = [
                "declined": 0, "duplicate": 0, "held": 0, "settled": 0,
            ]
            for row in rows { expected[row[0].text ?? ""] = row[1].integer ?? 0 }
            #expect(try told(running) == expected)
            #expect((expected["held"] ?? 0) > 0 && (expected["settled"] ?? 0) > 0)
        }
    }

    /// `ECO_METRICS_ENTRIES` is how many lie there.
    @Test(arguments: Store.all)
    func `a scrape does not count what was counted before`(store: Store) throws {
        let count =
            ProcessInfo.processInfo.environment["ECO_METRICS_ENTRIES"].flatMap { Int($0) }
            ?? 100_000
        let running = try Running(store)
        let till = try running.ledger.till()
        _ = try running.post(till, [till.event()])
        func hash(_ number: String) -> String {
            switch store {
            case .sqlite: "CAST(printf('%032d', \(number)) AS BLOB)"
            case .postgreSQL: "convert_to(lpad(CAST(\(number) AS TEXT), 32, '0'), 'UTF8')"
            }
        }
        let (id, series) =
            switch store {
            case .sqlite:
                (
                    "randomblob(16)",
                    "RECURSIVE n(i) AS (SELECT $1 UNION ALL SELECT i + 1 FROM n WHERE i < $2)"
                )
            case .postgreSQL:
                (
                    "substr(\(hash("i")), 17)",
                    "n AS (SELECT i FROM generate_series(CAST($1 AS BIGINT), "
                        + "CAST($2 AS BIGINT)) i)"
                )
            }
        let sql = try running.ledger.sql()
        for start in stride(from: 2, through: count, by: 50_000) {
            try sql.run(
                """
                INSERT INTO entries(id, terminal, seq, uuid, hash, cose, kind, time, trust,
                    received, outcome, code, previous)
                WITH \(series) SELECT e.id + i - 1, e.terminal, i, \(id), \(hash("i")),
                    e.cose, e.kind, e.time, e.trust, e.received, 'settled', '',
                    CASE i WHEN 2 THEN e.hash ELSE \(hash("i - 1")) END
                FROM n, entries e WHERE e.seq = 1
                """,
                [.integer(Int64(start)), .integer(Int64(min(start + 49_999, count)))])
        }
        func scrape() throws -> Duration {
            try Promised.time {
                let settled = try told(running)["settled"]
                #expect(settled == Int64(count))
            }
        }
        let first = try scrape()
        let later = try Promised.best(of: 100, within: first / 2) { try scrape() }
        print("\(store.rawValue): first scrape of \(count) entries \(first), a later one \(later)")
        #expect(later < first / 2)
    }

    @Test func `a broken line is noticed by the parser`() throws {
        guard Python.has("prometheus_client") else { return }
        var page = MetricsPage()
        page.requests(Meter.Counts())
        _ = try Python.run("read_metrics", of: "LedgerTests", input: [page.text])
        let cut = page.text.replacingOccurrences(of: "le=\"+Inf\"", with: "le=\"9.0\"")
        #expect(throws: Python.Failure.self) {
            try Python.run("read_metrics", of: "LedgerTests", input: [cut])
        }
    }

    @Test func `a time falls into its bucket`() {
        let meter = Meter()
        for micros in [0, 1_000, 1_001, 5_000_000, 5_000_001] {
            meter.booked(in: .microseconds(micros))
        }
        #expect(meter.now.booking == [2, 1, 0, 0, 0, 0, 0, 0, 0, 1, 1])
        #expect(MetricsPage.seconds(meter.now.bookingSum) == "10.002002")
        #expect(MetricsPage.seconds(0) == "0.0" && MetricsPage.seconds(2_500) == "0.0025")
    }

    @Test(arguments: Store.all)
    func `a terminal's own word is what was last said, and unsent is what is not here`(store: Store)
        throws
    {
        let running = try Running(store)
        let till = try running.ledger.till()
        func standing() throws -> TerminalStanding {
            try #require(try running.ledger.book.fleet().first)
        }
        #expect(try standing().said == nil && standing().seen == nil)
        let batch = [till.event("a"), till.event("b"), till.event("c")]
        let status = TerminalStatus(
            last: 3, unsentCents: 5, oldest: Sunday.noon - 1, version: "0.1.0",
            clock: Sunday.noon + 2_000)
        #expect(try put(running, till, status) == 204)
        var seen = try standing()
        #expect(seen.unsent == 3 && seen.oldest == Sunday.noon - 1 && seen.seen == Sunday.noon)
        #expect(seen.said?.clockAhead == 2_000 && seen.said?.version == "0.1.0")
        running.time.advance(1_000)
        #expect(try running.post(till, batch).status == 200)
        seen = try standing()
        #expect(seen.unsent == 0 && seen.oldest == nil && seen.seen == Sunday.noon + 1_000)
        running.time.advance(1_000)
        let second = TerminalStatus(
            last: 3, unsentCents: 0, oldest: nil, version: "0.2.0", clock: Sunday.noon + 2_001)
        #expect(try put(running, till, second) == 204)
        seen = try standing()
        #expect(seen.said?.clockAhead == 1 && seen.said?.version == "0.2.0")
        #expect(seen.seen == Sunday.noon + 2_000)
        // An earlier clock and nothing new: a word of before, until it is none any more.
        for (wait, ahead) in [(299_000, 1), (300_999, 1), (1, -600_000)] as [(UInt64, Int64)] {
            running.time.advance(wait)
            #expect(try put(running, till, status) == 204)
            #expect(try standing().said?.clockAhead == ahead)
        }
        #expect(try running.ledger.book.audit().faults == [])
    }
}
