import COSE
import Crypto
import LedgerMessages
import Linux
import Operations
import SQLite
import Tokens

/// The tables of a journal file and every statement on them.
///
/// `entries`: what was signed, with the few columns lists need. `receipts`: what the ledger signed.
/// `outcomes`: read out of receipts, one a sent entry. None of them is ever updated or deleted
/// from. `origin`: what a later year's file begins with. `lines`: for lists and totals.
enum JournalStore {
    /// 2 added `lines`, 3 `origin`. The tables of version 1 are as they were: its programs still
    /// verify, list and export the first year's file, and they write to none of version 3.
    private static let version: Int64 = 3
    private static let applicationID: Int64 = 0x45_43_4f_4a  // "ECOJ"

    private static let schema = """
        CREATE TABLE entries(
            seq INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE CHECK(length(id) = 16),
            kind INTEGER NOT NULL, time INTEGER NOT NULL, cents INTEGER NOT NULL,
            training INTEGER NOT NULL, cose BLOB NOT NULL) STRICT;
        CREATE TABLE receipts(
            upto INTEGER PRIMARY KEY REFERENCES entries(seq), since INTEGER NOT NULL,
            cose BLOB NOT NULL) STRICT;
        CREATE TABLE outcomes(
            seq INTEGER PRIMARY KEY REFERENCES entries(seq), booked INTEGER NOT NULL,
            code TEXT NOT NULL) STRICT;
        CREATE INDEX outcomes_rejected ON outcomes(seq) WHERE booked = 0;
        CREATE TABLE owner(kid BLOB NOT NULL) STRICT;
        """

    /// The tables and the columns that name a row of theirs.
    private static let keys: KeyValuePairs = [
        "entries": ["seq", "id"], "receipts": ["upto"], "outcomes": ["seq"], "owner": ["kid"],
    ]

    /// The newest closure of a period in one file.
    static let newestClosure = """
        SELECT e.cose FROM lines l INDEXED BY lines_closures JOIN entries e ON e.seq = l.seq
        WHERE l.kind = 8 AND l.target = ? ORDER BY l.seq DESC LIMIT 1
        """

    /// Triggers of J4 for one table. A replacing insert removes rows without a DELETE, so a third
    /// trigger refuses whatever would take the place of a row.
    private static func triggers(_ table: String, keys: [String]) -> String {
        let refusal = "BEGIN SELECT RAISE(ABORT, 'journal: \(table) are append-only'); END;"
        let acts = ["UPDATE", "DELETE"].map { act in
            "CREATE TRIGGER \(table)_no_\(act.lowercased()) BEFORE \(act) ON \(table) \(refusal)"
        }
        let same = keys.map { "EXISTS(SELECT 1 FROM \(table) WHERE \($0) = NEW.\($0))" }
        let replacing = """
            CREATE TRIGGER \(table)_no_replace BEFORE INSERT ON \(table)
            WHEN \(same.joined(separator: " OR ")) \(refusal)
            """
        return (acts + [replacing]).joined(separator: "\n")
    }

    /// Opens or creates one file. - Throws: `JournalError.unusable`.
    static func open(_ path: String, kid: [UInt8]) throws(JournalError) -> YearFile {
        do {
            let database = try Database(path: path, access: .create)
            try prepare(database, kid: kid)
            guard let origin = try Origin(of: database) else {
                throw JournalError.unusable("\(path) does not say what it follows")
            }
            return YearFile(path: path, database: database, origin: origin)
        } catch let error as SQLiteError {
            throw .unusable("\(error.call): \(error.message)")
        } catch let error as JournalError {
            throw error
        } catch {
            throw .unusable("\(error)")
        }
    }

    private static func prepare(_ database: Database, kid: [UInt8]) throws {
        let mode = try database.rows("PRAGMA journal_mode=WAL").first?.first?.text
        try database.run("PRAGMA synchronous=FULL")
        try database.run("PRAGMA wal_autocheckpoint=0")
        let synchronous = try database.rows("PRAGMA synchronous").first?.first?.integer
        guard mode == "wal", synchronous == 2 else {
            throw JournalError.unusable("WAL with synchronous=FULL is not to be had here (J1)")
        }
        let found = try database.rows("PRAGMA user_version").first?.first?.integer ?? 0
        guard found <= version else {
            throw JournalError.unusable("the journal was written by a newer version")
        }
        if found < version {
            try database.transaction(
                { () throws(SQLiteError) in try migrate(database, from: found, kid: kid) },
                mapping: { $0 })
        }
        try JournalLines.catchUp(database)
        let owner = try database.rows("SELECT kid FROM owner").first?.first?.blob
        guard owner == kid else {
            throw JournalError.unusable("the journal belongs to another terminal key")
        }
    }

    /// Brings a file to this version, or an empty one to its tables. Within a transaction.
    private static func migrate(
        _ database: Database, from found: Int64, kid: [UInt8], origin: Origin = .start
    ) throws(SQLiteError) {
        if found == 0 {
            try database.script(schema)
            for (table, keys) in keys { try database.script(triggers(table, keys: keys)) }
            try database.run("INSERT INTO owner(kid) VALUES(?)", [.blob(kid)])
            try database.run("PRAGMA application_id=\(applicationID)")
        }
        if found < 2 {
            try database.script(JournalLines.schema)
            try database.script(triggers("lines", keys: ["seq"]))
            try JournalLines.fill(database)
        }
        try database.script(JournalLines.kindIndex)
        try database.script(Origin.schema)
        if origin != .start { try origin.insert(into: database) }
        try database.script(triggers("origin", keys: ["seq"]))
        try database.run("PRAGMA user_version=\(version)")
    }

    /// Makes the file of a next year and gives it its name only when it is whole and on disk: a
    /// crash before that leaves nothing but a `….new`, which is made again.
    /// - Throws: `JournalError.unusable`.
    static func make(
        _ path: String, after origin: Origin, kid: [UInt8]
    ) throws(JournalError) -> YearFile {
        let unfinished = path + ".new"
        do {
            let beside = ["-wal", "-shm", "-journal"].map { unfinished + $0 }
            for name in [unfinished] + beside where Files.exists(name) { try Files.remove(name) }
            // A rollback journal: what is committed stands in the file itself, not beside it.
            let database = try Database(path: unfinished, access: .create)
            try database.run("PRAGMA synchronous=EXTRA")
            try database.transaction(
                { () throws(SQLiteError) in
                    try migrate(database, from: 0, kid: kid, origin: origin)
                }, mapping: { $0 })
            // Before it has its name: a crash in this change leaves what only a writer can open.
            _ = try database.rows("PRAGMA journal_mode=WAL")
            database.close()
            try Files.move(unfinished, to: path)
        } catch let error as SQLiteError {
            throw .unusable("\(error.call): \(error.message)")
        } catch {
            throw .unusable("\(error)")
        }
        return try open(path, kid: kid)
    }

    /// The end of the chain.
    static func head(of years: Years) throws(SQLiteError) -> Journal.Head {
        let live = years.live
        var head = Journal.Head(
            sequence: live.origin.sequence, hash: live.origin.hash, time: live.origin.time)
        if let row = try live.database.rows(
            "SELECT seq, time, cose FROM entries ORDER BY seq DESC LIMIT 1"
        ).first {
            let bytes = row[2].blob ?? []
            head.sequence = UInt64(clamping: row[0].integer ?? 0)
            head.time = UInt64(clamping: row[1].integer ?? 0)
            head.hash = sha256(bytes)
            if case .closure(let closure) = read(bytes)?.body {
                head.endsYear = closure.period == .year
            }
        }
        head.acknowledged = try acknowledged(years)
        head.unsent = try unsent(after: head.acknowledged, in: years)
        return head
    }

    /// The last entry that a receipt covers; what was purged is covered.
    private static func acknowledged(_ years: Years) throws(SQLiteError) -> UInt64 {
        var (age, origin) = (0, UInt64(0))
        while let file = try years.file(age) {
            let upto = try file.database.rows("SELECT max(upto) FROM receipts").first?[0].integer
            if let upto { return UInt64(clamping: upto) }
            (age, origin) = (age + 1, file.origin.sequence)
        }
        return origin
    }

    /// Payments above `sequence`, whichever files hold them.
    static func unsent(
        after sequence: UInt64, in years: Years
    ) throws(SQLiteError) -> Journal.Unsent {
        var sum = Journal.Unsent(count: 0, total: .zero, oldest: nil)
        var age = 0
        while let file = try years.file(age) {
            let part = try unsent(after: sequence, in: file.database)
            sum.count += part.count
            sum.total = (try? sum.total.adding(part.total)) ?? sum.total
            sum.oldest = part.oldest ?? sum.oldest
            if file.origin.sequence <= sequence { break }
            age += 1
        }
        return sum
    }

    private static func unsent(
        after sequence: UInt64, in database: Database
    ) throws(SQLiteError) -> Journal.Unsent {
        let row =
            try database.rows(
                """
                SELECT count(*), coalesce(sum(cents), 0), min(time) FROM entries
                WHERE kind = 1 AND seq > ? AND training = 0
                """, [.integer(Int64(sequence))]
            ).first ?? []
        return Journal.Unsent(
            count: UInt32(clamping: row.first?.integer ?? 0),
            total: Amount(cents: row.dropFirst().first?.integer ?? 0)
                ?? Amount(cents: Amount.centsMax) ?? .zero,
            oldest: row.last?.integer.map { UInt64(clamping: $0) })
    }

    /// One transaction: the commit point of an operation (J1).
    static func insert(
        _ entry: Entry, _ bytes: [UInt8], into database: Database
    ) throws(SQLiteError) {
        var cents: Int64 = 0
        if case .payment(let payment) = entry.body { cents = payment.amount.cents }
        try database.transaction(
            { () throws(SQLiteError) in
                try database.run(
                    """
                    INSERT INTO entries(seq, id, kind, time, cents, training, cose)
                    VALUES(?,?,?,?,?,?,?)
                    """,
                    [
                        .integer(Int64(entry.sequence)), .blob(entry.id.bytes),
                        .integer(Int64(entry.body.kind.rawValue)), .integer(Int64(entry.time)),
                        .integer(cents), .integer(entry.isTraining ? 1 : 0), .blob(bytes),
                    ])
                try JournalLines.insert(entry, into: database)
            }, mapping: { $0 })
    }

    static func insert(
        _ receipt: Receipt, _ bytes: [UInt8], into database: Database
    ) throws(SQLiteError) {
        try database.transaction(
            { () throws(SQLiteError) in
                try database.run(
                    "INSERT INTO receipts(upto, since, cose) VALUES(?,?,?)",
                    [
                        .integer(Int64(receipt.to)), .integer(Int64(receipt.from)), .blob(bytes),
                    ])
                for (index, outcome) in receipt.outcomes.enumerated() {
                    let (booked, code) = stored(outcome)
                    try database.run(
                        "INSERT INTO outcomes(seq, booked, code) VALUES(?,?,?)",
                        [
                            .integer(Int64(receipt.from) + Int64(index)), .integer(booked),
                            .text(code),
                        ])
                }
            }, mapping: { $0 })
    }

    /// An outcome as the table holds it: booked 1 or 0, and the code of a 0.
    static func stored(_ outcome: Outcome) -> (booked: Int64, code: String) {
        switch outcome {
        case .settled, .duplicate: (1, "")
        case .declined(let code), .held(let code): (0, code)
        }
    }

    static func hash(_ sequence: UInt64, in years: Years) throws(SQLiteError) -> [UInt8]? {
        var age = 0
        while let file = try years.file(age) {
            let origin = file.origin
            if origin.sequence > 0, origin.sequence == sequence { return origin.hash }
            if origin.sequence < sequence {
                return try file.database.rows(
                    "SELECT cose FROM entries WHERE seq = ?", [.integer(Int64(clamping: sequence))]
                ).first?.first?.blob.map { sha256($0) }
            }
            age += 1
        }
        return nil
    }

    static func entry(_ id: EntryID, in database: Database) throws(SQLiteError) -> Entry? {
        let bytes = try database.rows(
            "SELECT cose FROM entries WHERE id = ?", [.blob(id.bytes)]
        ).first?.first?.blob
        return bytes.flatMap { read($0) }
    }

    static func batch(
        after sequence: UInt64, count: Int, sizeMax: Int, in database: Database
    ) throws(SQLiteError) -> [(sequence: UInt64, bytes: [UInt8])] {
        var batch: [(sequence: UInt64, bytes: [UInt8])] = []
        var size = 0
        let rows = try database.rows(
            "SELECT seq, cose FROM entries WHERE seq > ? ORDER BY seq LIMIT ?",
            [.integer(Int64(sequence)), .integer(Int64(count))])
        for row in rows {
            guard let sequence = row[0].integer, let bytes = row[1].blob else { break }
            size += bytes.count
            if size > sizeMax, !batch.isEmpty { break }
            batch.append((UInt64(sequence), bytes))
        }
        return batch
    }

    static func payments(
        limit: Int, in database: Database
    ) throws(SQLiteError) -> [PaymentLine] {
        let rows = try database.rows(
            """
            SELECT e.cose, o.booked, o.code FROM lines l JOIN entries e ON e.seq = l.seq
            LEFT JOIN outcomes o ON o.seq = l.seq
            WHERE l.kind = 1 ORDER BY l.seq DESC LIMIT ?
            """, [.integer(Int64(limit))])
        return rows.compactMap { row in
            guard let entry = row[0].blob.flatMap({ read($0) }),
                case .payment(let payment) = entry.body
            else { return nil }
            let outcome = row[1].integer.map {
                StoredOutcome(isBooked: $0 == 1, code: row[2].text ?? "")
            }
            return PaymentLine(entry: entry, payment: payment, outcome: outcome)
        }
    }

    static func rejectedCount(in database: Database) throws(SQLiteError) -> Int {
        let row = try database.rows("SELECT count(*) FROM outcomes WHERE booked = 0").first
        return Int(row?.first?.integer ?? 0)
    }

    /// Our own entries: shape only; `verify` checks signatures.
    static func read(_ bytes: [UInt8]) -> Entry? {
        guard let message = try? Sign1(parsing: bytes, limit: Entry.sizeMax) else { return nil }
        return try? Entry(payload: message.payload)
    }
}
