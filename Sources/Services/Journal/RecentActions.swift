import Operations
import SQLite
public import Tokens

extension Journal {
    /// Codes of the last actions of a card in this fiscal year, the newest first, at most ten;
    /// since a UTC day, in training or for true; what was reversed does not count.
    /// - Throws: `.suspended`.
    public func recentActions(
        of card: CardNumber, since day: UInt64, isTraining: Bool
    ) throws(JournalError) -> [String] {
        try reading { (years) throws(SQLiteError) in
            try years.live.database.rows(
                """
                SELECT l.code FROM lines l WHERE l.card = ? AND l.kind = 5 AND l.day >= ?
                AND l.training = ? AND NOT EXISTS (
                    SELECT 1 FROM entries e JOIN lines r ON r.ref = e.id
                    WHERE e.seq = l.seq AND r.ref IS NOT NULL AND r.kind = 3)
                ORDER BY l.day DESC, l.seq DESC LIMIT 10
                """,
                [
                    .text(card.digits), .integer(Int64(clamping: day)),
                    .integer(isTraining ? 1 : 0),
                ]
            ).compactMap { $0.first?.text }
        }
    }
}
