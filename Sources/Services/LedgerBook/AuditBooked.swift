import COSE
import Operations
import Tokens

// What settled or was released is booked as it says. Where only the signed entry says what that is
// (training, the entry that is reversed, the card that is replaced), it is read.
extension Book {
    /// A question whose rows, an entry's id and COSE bytes first, are faults unless `isBooked`.
    struct BookedQuestion {
        let sentence: String
        let sql: String
        let isBooked: (Entry, ArraySlice<Cell>) -> Bool
    }

    private static let isBooked = """
        (e.outcome = 'settled' OR (e.outcome = 'held' AND EXISTS(SELECT 1 FROM verdicts v
            WHERE v.entry = e.id AND v.released = 1)))
        """

    /// Cards that were replaced, each with every card that had its account since.
    private static let heirs = """
        WITH RECURSIVE heirs(card, heir) AS (SELECT old, new FROM replacements
            UNION SELECT h.card, r.new FROM heirs h JOIN replacements r ON r.old = h.heir)
        """

    /// Whether the posting `a` is on the account of a card, or of one that has it since.
    private static func isOf(_ card: String) -> String {
        """
        (a.account = 'card:' || \(card) OR EXISTS(SELECT 1 FROM heirs h
            WHERE h.card = \(card) AND a.account = 'card:' || h.heir))
        """
    }

    private static let page = "AND e.id > $1 ORDER BY e.id LIMIT 500"

    var bookedQuestions: [BookedQuestion] {
        let kid = store.hexadecimal("m.kid")
        return [
            BookedQuestion(
                sentence: "a reversal that settled is not booked exactly as it says, entry",
                sql: """
                    \(Self.heirs) SELECT e.id, e.cose, (
                        SELECT o.uuid FROM links l JOIN entries o ON o.id = l.target
                        WHERE l.entry = e.id AND l.kind = 3 AND o.terminal = e.terminal
                        AND l.cents = coalesce(o.cents, 0) AND (o.kind = 5 OR EXISTS(
                            SELECT 1 FROM transactions t
                            JOIN postings a ON a.txn = t.id AND \(Self.isOf("o.card"))
                            JOIN postings b ON b.txn = t.id AND b.cents = -a.cents
                            WHERE t.entry = e.id
                            AND ((o.kind = 1 AND a.cents = o.cents
                                    AND b.account = 'merchant:' || \(kid))
                                OR (o.kind = 4 AND a.cents = -o.cents
                                    AND b.account LIKE 'means:' || \(kid) || ':%')))))
                    FROM entries e JOIN terminals m ON m.id = e.terminal
                    WHERE e.kind = 3 AND \(Self.isBooked) \(Self.page)
                    """,
                isBooked: { entry, row in
                    guard case .reversal(let body) = entry.body else { return false }
                    return row.first?.blob == body.entry.bytes
                }),
            BookedQuestion(
                sentence: "an enrolment that settled is not kept, or moved no account, entry",
                sql: """
                    SELECT e.id, e.cose, (SELECT n.card FROM enrolments n WHERE n.entry = e.id),
                        (SELECT r.new FROM replacements r WHERE r.entry = e.id),
                        (SELECT r.old FROM replacements r WHERE r.entry = e.id)
                    FROM entries e WHERE e.kind = 6 AND \(Self.isBooked) \(Self.page)
                    """,
                isBooked: { entry, row in
                    guard case .enrolment(let body) = entry.body else { return false }
                    let (card, old) = (body.card.digits, body.replaces?.digits)
                    return row.map(\.text) == [card, old == nil ? nil : card, old]
                }),
        ]
    }

    /// Ids of entries that should be booked and are not, at most twenty.
    func unbooked(_ question: BookedQuestion) throws(BookError) -> [Int64] {
        var found: [Int64] = []
        var last = Int64.min
        while found.count < 20 {
            let page = try rows(question.sql, [.integer(last)])
            for row in page {
                last = row[0].integer ?? .max
                let entry = row[1].blob.flatMap { Booking.entry($0) }
                // One that cannot be read is the chain's fault, and told there.
                guard let entry, !entry.isTraining, !question.isBooked(entry, row[2...]) else {
                    continue
                }
                found.append(last)
            }
            if page.count < 500 { break }
        }
        return Array(found.prefix(20))
    }

    /// What a person released; reversals and enrolments are asked for above.
    var releaseQuestions: [(String, String)] {
        [
            (
                "a released entry is not booked exactly as it says, entry",
                """
                \(Self.heirs) SELECT e.id FROM entries e
                JOIN verdicts v ON v.entry = e.id AND v.released = 1
                JOIN terminals m ON m.id = e.terminal
                WHERE e.outcome = 'held' AND NOT CASE
                    WHEN e.kind IN (1, 2, 4) THEN EXISTS(
                        SELECT 1 FROM transactions t
                        JOIN postings a ON a.txn = t.id AND \(Self.isOf("e.card"))
                        JOIN postings b ON b.txn = t.id AND b.cents = -a.cents
                        WHERE t.entry = e.id
                        AND a.cents = CASE WHEN e.kind = 1 THEN -e.cents ELSE e.cents END
                        AND (e.kind = 4
                            OR b.account = 'merchant:' || \(store.hexadecimal("m.kid"))))
                        AND (e.kind <> 2 OR EXISTS(SELECT 1 FROM links l
                            WHERE l.entry = e.id AND l.kind = 2 AND l.cents = e.cents))
                    WHEN e.kind = 5 THEN EXISTS(SELECT 1 FROM actions a
                        WHERE a.entry = e.id AND a.card = e.card)
                    WHEN e.kind = 8 THEN EXISTS(SELECT 1 FROM closures c WHERE c.entry = e.id)
                    ELSE 1 = 1 END
                """
            )
        ]
    }
}
