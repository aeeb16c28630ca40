import Foundation
import Linux
import SQLite
import TestSupport
import Tokens

/// What the ledger and the terminal have written down, by their own commands and files.
extension Stall {
    private func object(_ program: String, _ words: [String]) throws -> [String: Any] {
        let out = try must(program, words + ["--json"])
        let object = try JSONSerialization.jsonObject(with: Data(out.utf8))
        return object as? [String: Any] ?? [:]
    }

    // MARK: the ledger

    /// Balances in cents, in the order of `cards`.
    func balances() throws -> [Int64] {
        let list = try object("eco-ledger", ["card", "list"] + database)
        var cents: [String: Int64] = [:]
        for card in list["cards"] as? [[String: Any]] ?? [] {
            cents[card["number"] as? String ?? ""] = Int64(card["cents"] as? Int ?? .min)
        }
        return cards.map { cents[$0.number.digits] ?? .min }
    }

    /// One entry as the ledger booked it.
    struct Booked: Equatable {
        let kind: Int64
        let card: String
        let cents: Int64
        let outcome: String
        let code: String
    }

    /// Entries of the ledger with these conditions, oldest first.
    func ledgerRows(_ sql: String) throws -> [[SQLValue]] {
        let book = try Database(path: folder + "/ledger.sqlite", access: .readOnly)
        return try book.rows(sql)
    }

    /// Entries at the ledger but technical events (9), oldest first.
    func booked() throws -> [Booked] {
        try ledgerRows(
            "SELECT kind, coalesce(card, ''), coalesce(cents, 0), outcome, code FROM entries "
                + "WHERE kind <> 9 ORDER BY seq"
        ).map {
            Booked(
                kind: $0[0].integer ?? -1, card: $0[1].text ?? "", cents: $0[2].integer ?? 0,
                outcome: $0[3].text ?? "", code: $0[4].text ?? "")
        }
    }

    /// Waits until everything the terminal wrote has reached the ledger.
    func allSent() throws -> Bool {
        try Programs.wait {
            guard try page.snapshot().queue == 0 else { return false }
            return try ledgerHead() == journalHead()
        }
    }

    func ledgerHead() throws -> Int64 {
        try ledgerRows("SELECT coalesce(max(seq), 0) FROM entries").first?.first?.integer ?? 0
    }

    func journalHead() throws -> Int64 {
        let journal = try Database(path: terminalFolder + "/journal.sqlite", access: .readOnly)
        let rows = try journal.rows("SELECT coalesce(max(seq), 0) FROM entries")
        return rows.first?.first?.integer ?? 0
    }

    /// `eco-ledger report`: what counts, by kind and code.
    struct Report {
        let payments: Int
        let cents: Int64
        /// "refund", "reversal", "topUp", "action portions-cuisinees", …: count and sum.
        let others: [String: (count: Int, sum: Int64)]
        let held: Int
    }

    func report() throws -> Report {
        let object = try object("eco-ledger", ["report"] + database)
        let terminal = (object["terminals"] as? [[String: Any]])?.first ?? [:]
        var others: [String: (count: Int, sum: Int64)] = [:]
        for line in object["operations"] as? [[String: Any]] ?? [] {
            let (kind, code) = (line["kind"] as? String ?? "", line["code"] as? String ?? "")
            others[code.isEmpty ? kind : kind + " " + code] = (
                line["count"] as? Int ?? -1, Int64(line["sum"] as? Int ?? -1)
            )
        }
        return Report(
            payments: terminal["payments"] as? Int ?? 0,
            cents: Int64(terminal["cents"] as? Int ?? 0), others: others,
            held: object["held"] as? Int ?? -1)
    }

    /// Faults the ledger's audit finds.
    func auditFaults() throws -> [String] {
        try object("eco-ledger", ["audit"] + database)["faults"] as? [String] ?? ["no answer"]
    }

    func block(_ card: Int) throws {
        try must("eco-ledger", ["card", "block"] + database + [cards[card].number.digits])
    }

    // MARK: the terminal

    /// `eco-terminal journal verify --receipts`.
    struct Proof {
        let entries: Int
        let acknowledged: Int
        let payments: Int
        let cents: Int64
        let faults: [String]
    }

    func proof() throws -> Proof {
        let found = try object(
            "eco-terminal", ["journal", "verify", "--receipts"] + configuration)
        return Proof(
            entries: found["entries"] as? Int ?? -1,
            acknowledged: found["acknowledged"] as? Int ?? -2,
            payments: found["payments"] as? Int ?? -1, cents: Int64(found["cents"] as? Int ?? -1),
            faults: (found["faults"] as? [[String: Any]])?.map { $0["code"] as? String ?? "?" }
                ?? ["no answer"])
    }

    /// Payments less refunds of each card, as the terminal wrote them, cents.
    func journalCents() throws -> [String: Int64] {
        let text = try must("eco-terminal", ["journal", "list", "--json"] + configuration)
        var sums: [String: Int64] = [:]
        for line in text.split(separator: "\n") {
            let object = try JSONSerialization.jsonObject(with: Data(line.utf8))
            guard let entry = object as? [String: Any], let card = entry["card"] as? String,
                let sign = ["payment": 1, "refund": -1][entry["kind"] as? String ?? ""]
            else { continue }
            sums[card, default: 0] += Int64(sign * (entry["cents"] as? Int ?? 0))
        }
        return sums
    }

    /// Kinds of the journal's technical events, oldest first: "event start", …
    func journalEvents() throws -> [String] {
        let text = try must("eco-terminal", ["journal", "list", "--json"] + configuration)
        return try text.split(separator: "\n").compactMap { line in
            let object = try JSONSerialization.jsonObject(with: Data(line.utf8))
            let kind = (object as? [String: Any])?["kind"] as? String ?? ""
            return kind.hasPrefix("event ") ? kind : nil
        }
    }

    /// What `serve` wrote so far.
    func terminalLog() throws -> String {
        String(decoding: try Files.read(folder + "/terminal.log", atMost: 1 << 24), as: UTF8.self)
    }

    /// True when the terminal's deny-list, as its self-test reads it, holds so many cards.
    func knowsBlockedCards(_ count: Int) throws -> Bool {
        // Its exit code tells of the reader, which serve has.
        let result = try Programs.run("eco-terminal", ["selftest", "--json"] + configuration)
        return result.out.contains("blocked cards: \(count)\"")
    }
}
