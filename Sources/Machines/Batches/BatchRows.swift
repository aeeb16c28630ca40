import Provisioning
import SQLite
import Tokens

/// What a conversation asks of the state file, and tells it.
extension BatchStore {
    private static let columns =
        "seq, number, alias, account, label, class, state, uid, keys, original, failures, finished"

    static func read(
        _ database: Database, where condition: String = "1", _ values: [SQLValue] = []
    ) throws(BatchError) -> [BatchCard] {
        let rows: [[SQLValue]]
        do {
            rows = try database.rows(
                "SELECT \(columns) FROM cards WHERE \(condition) ORDER BY seq", values)
        } catch { throw .storage(error) }
        var cards: [BatchCard] = []
        for row in rows {
            guard let card = card(row) else { throw .unknownState }
            cards.append(card)
        }
        return cards
    }

    private static func card(_ row: [SQLValue]) -> BatchCard? {
        guard row.count == 12, let sequence = row[0].integer,
            let number = row[1].text.flatMap({ CardNumber($0) }), let alias = row[2].text,
            let account = row[3].text, let label = row[4].text,
            let cardClass = row[5].integer.flatMap({ CardClass(rawValue: UInt64(clamping: $0)) }),
            let state = row[6].text.flatMap(BatchState.init(rawValue:)),
            let keys = row[8].integer.flatMap({ UInt8(exactly: $0) }),
            let failures = row[10].integer
        else { return nil }
        return BatchCard(
            sequence: Int(sequence), number: number, alias: alias, accountReference: account,
            printLabel: label, cardClass: cardClass, state: state, uid: row[7].blob,
            keysChanged: keys, isOriginal: row[9].integer.map { $0 == 1 },
            failures: Int(clamping: failures),
            finished: row[11].integer.map { UInt64(clamping: $0) })
    }

    /// All rows, in order. - Throws: `BatchError.storage`.
    public func cards() throws(BatchError) -> [BatchCard] { try Self.read(database) }

    /// The row of a card; nil when it has none. - Throws: `BatchError.storage`.
    public func card(uid: [UInt8]) throws(BatchError) -> BatchCard? {
        try Self.read(database, where: "uid = ?", [.blob(uid)]).first
    }

    func card(sequence: Int) throws(BatchError) -> BatchCard? {
        try Self.read(database, where: "seq = ?", [.integer(Int64(sequence))]).first
    }

    /// How many rows stand where. - Throws: `BatchError.storage`.
    public func counts() throws(BatchError) -> BatchCounts {
        var counts = BatchCounts()
        do {
            for row in try database.rows("SELECT state, count(*) FROM cards GROUP BY state") {
                guard let state = row[0].text.flatMap(BatchState.init(rawValue:)),
                    let number = row[1].integer.map({ Int(clamping: $0) })
                else { throw BatchError.unknownState }
                counts.total += number
                if state.isDone { counts.done += number }
                if state == .registered { counts.registered += number }
                if state.isHalfDone { counts.halfDone += number }
                if state == .spoiled { counts.spoiled += number }
            }
        } catch let error as SQLiteError { throw .storage(error) } catch { throw .unknownState }
        return counts
    }

    /// Gives the first planned row to a card; nil when none is left (B1).
    func claim(uid: [UInt8], at time: UInt64) throws(BatchError) -> BatchCard? {
        try change { () throws(SQLiteError) in
            try database.run(
                """
                UPDATE cards SET state = 'detected', uid = ?, started = ?
                WHERE seq = (SELECT min(seq) FROM cards WHERE state = 'planned')
                """, [.blob(uid), .integer(Int64(clamping: time))])
        }
        return try card(uid: uid)
    }

    /// Writes a step down, and what it means for the row's state (B2).
    func note(
        _ step: ProvisioningStep, _ phase: String, sequence: Int, at time: UInt64
    ) throws(BatchError) {
        let row = SQLValue.integer(Int64(sequence))
        try change { () throws(SQLiteError) in
            try database.run(
                "INSERT INTO steps(seq, step, phase, time) VALUES(?,?,?,?)",
                [
                    row, .text(step.rawValue), .text(phase), .integer(Int64(clamping: time)),
                ])
            guard phase != "will", let key = step.keyNumber else { return }
            // K0 is the last step that writes.
            let state = key == 0 ? "written" : "keys_changed"
            try database.run(
                """
                UPDATE cards SET keys = keys | ?,
                    state = CASE WHEN state IN ('detected', 'keys_changed') THEN ? ELSE state END
                WHERE seq = ?
                """, [.integer(1 << Int64(key)), .text(state), row])
        }
    }

    /// The fresh read has verified (B4).
    func finish(
        sequence: Int, isOriginal: Bool, at time: UInt64
    ) throws(BatchError) {
        try change { () throws(SQLiteError) in
            try database.run(
                """
                UPDATE cards SET state = 'verified', keys = 31, original = ?, finished = ?
                WHERE seq = ? AND state IN ('detected', 'keys_changed', 'written')
                """,
                [
                    .integer(isOriginal ? 1 : 0), .integer(Int64(clamping: time)),
                    .integer(Int64(sequence)),
                ])
        }
    }

    func fail(sequence: Int) throws(BatchError) {
        try change { () throws(SQLiteError) in
            try database.run(
                "UPDATE cards SET failures = failures + 1 WHERE seq = ?",
                [.integer(Int64(sequence))])
        }
    }

    /// Gives a begun row up: its card is broken or lost. True when there was such a row.
    /// - Throws: `BatchError.storage`.
    public func spoil(sequence: Int) throws(BatchError) -> Bool {
        guard let card = try card(sequence: sequence), card.state.isHalfDone else { return false }
        try change { () throws(SQLiteError) in
            try database.run(
                "UPDATE cards SET state = 'spoiled' WHERE seq = ?", [.integer(Int64(sequence))])
        }
        return true
    }

    /// Hands every verified row to the register, and says so here. Gives how many there were.
    /// - Throws: `RegisterError`; `BatchError` as `RegisterError.file`.
    public func register(in file: RegisterFile) throws(RegisterError) -> Int {
        do {
            let cards = try Self.read(database, where: "state = 'verified'")
            for card in cards { try register(card, in: file) }
            return cards.count
        } catch let error as RegisterError { throw error } catch { throw .file("\(error)") }
    }

    func register(_ card: BatchCard, in file: RegisterFile) throws(RegisterError) {
        guard let uid = card.uid else { throw .conflict(card.number) }
        try file.add(
            number: card.number, uid: uid, epoch: settings.epoch, cardClass: card.cardClass)
        do {
            try change { () throws(SQLiteError) in
                try database.run(
                    "UPDATE cards SET state = 'registered' WHERE seq = ? AND state = 'verified'",
                    [.integer(Int64(card.sequence))])
            }
        } catch { throw .file("\(error)") }
    }
}
