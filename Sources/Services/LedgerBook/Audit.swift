import COSE
public import Crypto
import Operations
import Tokens

/// An entry of the book that a person should look at.
public struct NotedEntry: Equatable, Sendable {
    /// The terminal's id.
    public let terminal: String
    /// Its sequence number there.
    public let sequence: UInt64
    /// The entry's id, text form.
    public let id: String
    /// The card's number; nil when the entry names none.
    public let card: String?
    /// Cents; nil when the entry names none.
    public let cents: Int64?
    /// Why: the outcome's code or the flag.
    public let reason: String
    /// When the terminal says it happened, milliseconds.
    public let time: UInt64
}

/// What an audit found.
public struct AuditFindings: Equatable, Sendable {
    /// Sentences; none in a sound book. Each is a broken promise of the file.
    public var faults: [String] = []
    /// Entries with a flag: legitimate or not, for a person to judge.
    public var flagged: [NotedEntry] = []
    /// Entries looked at.
    public var entries = 0
    /// Transactions looked at.
    public var transactions = 0
    /// Receipts of the ledger that were held against the book.
    public var receipts = 0
}

extension Book {
    /// Entries held that nobody has decided yet, in the order they came.
    /// - Throws: `BookError.storage`.
    public func held(limit: Int64 = .max) throws(BookError) -> [NotedEntry] {
        try noted(
            "e.code", "entries e",
            "WHERE \(Self.waits) ORDER BY e.received, e.id LIMIT \(max(0, limit))")
    }

    /// How many those are in all.
    /// - Throws: `BookError.storage`.
    public func heldCount() throws(BookError) -> Int64 {
        try number("SELECT count(*) FROM entries e WHERE \(Self.waits)") ?? 0
    }

    static let waits =
        "e.outcome = 'held' AND NOT EXISTS(SELECT 1 FROM verdicts v WHERE v.entry = e.id)"

    /// How many entries have each outcome, by the database's words; counts all of them.
    /// - Throws: `BookError.storage`.
    public func outcomeCounts() throws(BookError) -> [(outcome: String, count: Int64)] {
        try rows(
            "SELECT outcome, count(*) FROM entries GROUP BY outcome ORDER BY outcome"
        ).map { ($0[0].text ?? "", $0[1].integer ?? 0) }
    }

    func noted(
        _ reason: String, _ source: String, _ tail: String
    ) throws(BookError) -> [NotedEntry] {
        try rows(
            """
            SELECT m.kid, e.seq, e.uuid, e.card, e.cents, \(reason), e.time
            FROM \(source) JOIN terminals m ON m.id = e.terminal \(tail)
            """
        ).map { row in
            NotedEntry(
                terminal: Hexadecimal.text(row[0].blob ?? []),
                sequence: UInt64(clamping: row[1].integer ?? 0),
                id: EntryID(row[2].blob ?? [])?.description ?? "", card: row[3].text,
                cents: row[4].integer, reason: row[5].text ?? "",
                time: UInt64(clamping: row[6].integer ?? 0))
        }
    }

    /// Looks at everything the book promises: sums, chains and signatures, uniqueness, the match of
    /// entries and postings, the receipts that were given, and SQLite's own checks. Reads only.
    /// - Parameter ledger: the ledger's public key; nil: receipts are compared, and their
    ///   signatures are not checked.
    /// - Throws: `BookError.storage`.
    public func audit(ledger: Ed25519PublicKey? = nil) throws(BookError) -> AuditFindings {
        var findings = AuditFindings()
        findings.transactions = Int(try number("SELECT count(*) FROM transactions") ?? 0)
        for (sentence, sql) in store.integrityQuestions + questions {
            for row in try rows("SELECT * FROM (\(sql)) faults LIMIT 20") {
                let faulty: String? =
                    switch row.first {
                    case .integer(let id): try name(id)
                    case .text(let text): text
                    case .blob, .null, nil: nil
                    }
                findings.faults.append(faulty.map { "\(sentence): \($0)" } ?? sentence)
            }
        }
        for question in bookedQuestions {
            for id in try unbooked(question) {
                findings.faults.append("\(question.sentence): \(try name(id))")
            }
        }
        for terminal in try terminals() {
            let (count, fault) = try auditChain(of: terminal)
            findings.entries += count
            if let fault { findings.faults.append("terminal \(terminal.id): \(fault)") }
            let given = try auditReceipts(of: terminal, ledger: ledger)
            findings.receipts += given.receipts
            findings.faults += given.faults
        }
        findings.flagged = try noted(
            "f.flag", "flags f JOIN entries e ON e.id = f.entry",
            "ORDER BY e.received, e.id, f.flag")
        return findings
    }

    /// An entry as `held list` names it: terminal and number there; else the bare number.
    private func name(_ id: Int64) throws(BookError) -> String {
        let row = try rows(
            """
            SELECT m.kid, e.seq FROM entries e JOIN terminals m ON m.id = e.terminal
            WHERE e.id = $1
            """, [.integer(id)]
        ).first
        guard let kid = row?[0].blob, let sequence = row?[1].integer else { return "\(id)" }
        return "\(Hexadecimal.text(kid)) \(sequence)"
    }

    /// Each gives one row per fault.
    var questions: [(String, String)] {
        Self.operationQuestions + Self.replacementQuestions + Self.postingQuestions
            + releaseQuestions + paymentQuestions
    }

    private var paymentQuestions: [(String, String)] {
        [
            (
                "a transaction does not sum to zero",
                """
                SELECT CAST(t.id AS TEXT) FROM transactions t
                LEFT JOIN postings p ON p.txn = t.id
                GROUP BY t.id HAVING coalesce(sum(p.cents), 1) <> 0
                """
            ),
            (
                "a balance is not the sum of its postings, account",
                """
                SELECT coalesce(b.account, p.account) FROM balances b FULL JOIN (
                    SELECT account, sum(cents) AS cents FROM postings
                    WHERE account LIKE 'card:%' GROUP BY account) p ON p.account = b.account
                WHERE coalesce(b.cents, 0) <> coalesce(p.cents, 0)
                """
            ),
            (
                "a settled payment is not booked exactly as it says, entry",
                """
                SELECT e.id FROM entries e WHERE e.kind = 1 AND e.outcome = 'settled'
                AND e.counter IS NOT NULL AND NOT EXISTS (
                    SELECT 1 FROM transactions t
                    JOIN postings a ON a.txn = t.id AND a.account = 'card:' || e.card
                    JOIN terminals m ON m.id = e.terminal
                    JOIN postings b ON b.txn = t.id
                        AND b.account = 'merchant:' || \(store.hexadecimal("m.kid"))
                    WHERE t.entry = e.id AND a.cents = -e.cents AND b.cents = e.cents)
                """
            ),
            (
                "a transaction belongs to an entry that did not settle, entry",
                """
                SELECT t.entry FROM transactions t JOIN entries e ON e.id = t.entry
                WHERE (e.outcome <> 'settled' AND NOT EXISTS(SELECT 1 FROM verdicts v
                    WHERE v.entry = e.id AND v.released = 1 AND e.outcome = 'held'))
                OR (e.outcome = 'settled' AND e.kind NOT IN (3, 6) AND e.counter IS NULL)
                """
            ),
            (
                "a settled payment has not claimed its counter, entry",
                """
                SELECT e.id FROM entries e WHERE e.outcome = 'settled' AND e.counter IS NOT NULL
                AND NOT EXISTS (SELECT 1 FROM card_counters c
                    WHERE c.card = e.card AND c.counter = e.counter AND c.entry = e.id)
                """
            ),
            (
                "an operation settled twice, card",
                """
                SELECT card FROM entries WHERE outcome = 'settled' AND counter IS NOT NULL
                GROUP BY card, counter HAVING count(*) > 1
                """
            ),
        ]
    }

    /// Walks a terminal's chain: gapless, linked, signed, and the columns say what was signed.
    private func auditChain(
        of terminal: TerminalRecord
    ) throws(BookError) -> (count: Int, fault: String?) {
        var chain = ChainWalk(key: terminal.key)
        while chain.fault == nil {
            let page = try rows(
                """
                SELECT seq, hash, cose, uuid, card, cents, time, kind FROM entries
                WHERE terminal = $1 AND seq > $2 ORDER BY seq LIMIT 500
                """, [.integer(terminal.row), .clamped(chain.sequence)])
            for row in page where chain.fault == nil { chain.step(row) }
            if page.count < 500 { break }
        }
        return (Int(clamping: chain.sequence), chain.fault)
    }
}

/// A walk along one terminal's chain, as far as it is sound.
private struct ChainWalk {
    let key: Ed25519PublicKey
    /// The last number looked at.
    var sequence: UInt64 = 0
    private var hash = [UInt8](repeating: 0, count: 32)
    var fault: String?

    init(key: Ed25519PublicKey) { self.key = key }

    mutating func step(_ row: [Cell]) {
        sequence += 1
        guard row[0].integer == Int64(clamping: sequence) else {
            fault = "entry \(sequence) is missing"
            return
        }
        guard let bytes = row[2].blob, sha256(bytes) == row[1].blob,
            let message = try? Sign1(parsing: bytes, limit: Entry.sizeMax),
            let payload = try? message.verified(by: key), let entry = try? Entry(payload: payload)
        else {
            fault = "entry \(sequence) is not what the terminal signed"
            return
        }
        guard entry.sequence == sequence, entry.previous == hash else {
            fault = "entry \(sequence) does not follow the one before"
            return
        }
        guard Self.agrees(row, entry) else {
            fault = "entry \(sequence): a column differs from what was signed"
            return
        }
        hash = message.digest
    }

    private static func agrees(_ row: [Cell], _ entry: Entry) -> Bool {
        let card = entry.body.card?.digits
        let cents = entry.body.amount?.cents
        return row[3].blob == entry.id.bytes && row[4].text == card && row[5].integer == cents
            && row[6].integer == Int64(clamping: entry.time)
            && row[7].integer == Int64(clamping: entry.body.kind.rawValue)
    }
}
