import COSE
public import Operations
import SQLite
import Threads

/// What receipts and closures on paper ask of the journal.
extension Journal {
    /// One entry as a list has it; nil when it is not here. - Throws: `.suspended`.
    public func line(_ id: EntryID) throws(JournalError) -> JournalLine? {
        guard let standing = try standing(id) else { return nil }
        return try reading { (years) throws(SQLiteError) in
            let row = try years.holder(of: standing.entry.sequence)?.file.database.rows(
                "SELECT booked, code FROM outcomes WHERE seq = ?",
                [.integer(Int64(clamping: standing.entry.sequence))]
            ).first
            let outcome = row?[0].integer.map {
                StoredOutcome(isBooked: $0 == 1, code: row?[1].text ?? "")
            }
            return JournalLine(entry: standing.entry, outcome: outcome, standing: standing)
        }
    }

    /// Notes that a receipt of `entry` goes to paper, and says which copy it is: 0 the first time,
    /// then 1, 2 … Durable when it returns, and counted under the journal's own lock: nobody gets
    /// the same number, also after a crash. - Throws: as `append`.
    public func tracePrint(
        of entry: EntryID, id: EntryID, at moment: Moment, operatorCode: [UInt8]? = nil
    ) throws(JournalError) -> UInt64 {
        try monitor.update { (contents) throws(JournalError) in
            guard let years = contents.years else { throw .suspended("reopen first") }
            var copy: UInt64 = 0
            do throws(SQLiteError) {
                // Nothing speaks of an entry in a file older than its own: none of those is opened.
                let oldest = try years.entry(entry)?.age ?? .max
                var age = 0
                while age <= oldest, let file = try years.file(age) {
                    let rows = try file.database.rows(
                        "SELECT count(*) FROM lines WHERE ref IS NOT NULL AND ref = ? "
                            + "AND kind = 9", [.blob(entry.bytes)])
                    copy += UInt64(clamping: rows.first?[0].integer ?? 0)
                    age += 1
                }
            } catch { throw .suspended("\(error.call): \(error.message)") }
            _ = try append(
                to: &contents, .technicalEvent(ReceiptTrace(entry: entry, copy: copy).event),
                id: id, at: moment, operatorCode: operatorCode, isTraining: false)
            return copy
        }
    }

    /// What closing a period now would say, the hash of the last entry it would cover, and the rule
    /// that forbids it, if one does. - Throws: `.suspended`.
    public func nextClosure(
        _ period: ClosurePeriod
    ) throws(JournalError) -> (closure: Closure, lastHash: [UInt8], forbidden: RuleRefusal?) {
        try monitor.read { (contents) throws(JournalError) in
            guard let file = contents.years?.live else { throw .suspended("reopen first") }
            do throws(SQLiteError) {
                let closure = try Self.next(period, contents.head, file)
                let rule = try Self.rule(against: closure, file)
                return (closure, contents.head.hash, rule)
            } catch { throw .suspended("\(error.call): \(error.message)") }
        }
    }
}
