import COSE
import Crypto
import Foundation
import HTTPClient
import LedgerBook
import Operations
import SQLite
import Testing
import Tokens

/// Hostile bodies, each sent to the real service under a true signature of the request.
@Suite struct HostileTests {
    /// What the ledger has written down, whatever of it.
    private func written(_ ledger: TestLedger) throws -> [Int64] {
        let sql = try ledger.sql()
        return try [
            "entries", "transactions", "postings", "card_counters", "receipts", "flags", "actions",
            "enrolments", "closures", "links", "authorisations", "terminal_status", "terminals",
            "deny_changes",
        ].map { try sql.rows("SELECT count(*) FROM \($0)").first?.first?.integer ?? -1 }
    }

    @Test(arguments: Store.all)
    func `hostile CBOR of every kind is refused by its code, and nothing is booked`(store: Store)
        throws
    {
        let running = try Running(store)
        let (till, card) = (try running.ledger.till(), try running.ledger.card())
        let made = HostileEntries(till: till, card: card)
        let kinds =
            hostileCBOR.map { Hostile("as an entry: " + $0.0, $0.1) } + made.envelopes
            + made.payloads + made.chains
        #expect(Set(kinds.map(\.name)).count == kinds.count && kinds.count >= 100)
        let before = try written(running.ledger)
        var details: Set<String> = []
        for kind in kinds {
            let answer = try running.post(till, [kind.bytes])
            let problem = try answer.problem
            #expect(
                answer.status == kind.status && problem.code == kind.code && !problem.retryable,
                "\(kind.name): \(answer.status) \(problem.code) \(problem.detail)")
            details.insert("\(problem.code) \(problem.detail)")
            #expect(try written(running.ledger) == before, "\(kind.name) left a trace")
        }
        // Behind a sound entry it is refused as well, and takes that one with it.
        let sound = till.event()
        for kind in kinds where kind.status == 422 {
            let answer = try running.post(till, [sound, kind.bytes])
            #expect(
                answer.status == 422 || answer.status == 409, "\(kind.name): \(answer.status)")
        }
        #expect(try written(running.ledger) == before)
        // The service is as well as before.
        #expect(try running.post(till, [sound]).status == 200)
        print("hostile: \(kinds.count) kinds of entries, \(details.count) different refusals")
    }

    @Test(arguments: [
        ("POST", "/v1/terminals", false), ("POST", "/v1/authorizations", true),
        ("PUT", "/v1/terminals/{id}/status", true),
    ])
    func `hostile CBOR is refused by the other calls too`(
        method: String, path: String, isSigned: Bool
    ) throws {
        let running = try Running(.sqlite)
        let till = try running.ledger.till()
        let path = path.replacingOccurrences(of: "{id}", with: till.id)
        let before = try written(running.ledger)
        for (name, bytes) in hostileCBOR + [("nothing", []), ("4 KiB of zeros", zeros)] {
            let type = "application/cbor"
            let headers =
                isSigned
                ? running.signed(till, method, path, bytes, type: type) : [("Content-Type", type)]
            let answer = try running.send(method, path, bytes, headers)
            #expect(
                try answer.status == 400 && answer.problem.code == "malformed"
                    || answer.status == 429, "\(name): \(answer.status)")
            // Pairing is slowed down by wrong codes: ten minutes later it listens again.
            if !isSigned { running.time.advance(600_001) }
        }
        #expect(try written(running.ledger) == before)
    }

    private let zeros = [UInt8](repeating: 0, count: 4_096)

    @Test(arguments: Store.all) func `a sound message with one field more or wrong is refused`(
        store: Store
    ) throws {
        let running = try Running(store)
        let (till, card) = (try running.ledger.till(), try running.ledger.card())
        let evidence = try card.read(digest: [UInt8](repeating: 0, count: 16))
        func record(_ fields: [Int64: CBOR], _ key: Int64, _ value: CBOR?) -> [UInt8] {
            var fields = fields
            fields[key] = value
            return CBOR.map(fields.map { CBOR.Pair(.integer($0.key), $0.value) }).encoded
        }
        let pairing: [Int64: CBOR] = [
            1: .text("ABCDEFGH"), 2: .bytes(TestSigner().publicKey.bytes),
        ]
        let asked: [Int64: CBOR] = [
            1: .bytes(EntryID(milliseconds: 1).bytes), 2: .text(card.number.digits),
            3: .unsigned(100), 4: evidence.item,
        ]
        let status: [Int64: CBOR] = [
            1: .unsigned(1), 2: .unsigned(0), 4: .text("1"), 5: .unsigned(Sunday.noon),
        ]
        let terminal = "/v1/terminals/\(till.id)/status"
        let table: [(String, String, [Int64: CBOR], [(Int64, CBOR?)])] = [
            (
                "POST", "/v1/terminals", pairing,
                [
                    (1, nil), (2, nil), (3, .null), (1, .text("")), (1, .bytes([1])),
                    (1, .text(String(repeating: "A", count: 33))), (2, .bytes([1])),
                ]
            ),
            (
                "POST", "/v1/authorizations", asked,
                [
                    (1, nil), (2, nil), (3, nil), (4, nil), (5, .null), (1, .bytes([1])),
                    (2, .text("1000 0000 0016")), (3, .unsigned(0)), (3, .integer(-1)),
                    (3, .unsigned(.max)), (4, .map([])),
                ]
            ),
            (
                "PUT", terminal, status,
                [
                    (1, nil), (2, nil), (4, nil), (5, nil), (6, .null), (1, .unsigned(.max)),
                    (2, .integer(-1)), (2, .unsigned(.max)), (3, .text("now")),
                    (3, .unsigned(.max)),
                    (4, .text("")), (4, .text("é")), (4, .text(String(repeating: "1", count: 33))),
                    (4, .unsigned(1)), (5, .unsigned(.max)),
                ]
            ),
        ]
        let before = try written(running.ledger)
        for (method, path, fields, faults) in table {
            for (key, value) in faults {
                let body = record(fields, key, value)
                let answer = try running.send(
                    method, path, body,
                    running.signed(till, method, path, body, type: "application/cbor"))
                #expect(
                    try answer.status == 400 && answer.problem.code == "malformed",
                    "\(path) \(key) \(String(describing: value))")
            }
        }
        #expect(try written(running.ledger) == before)
    }
}
