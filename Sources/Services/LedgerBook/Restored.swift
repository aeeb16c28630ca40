/// How far a book goes, kind by kind: after a backup was put back, whatever was done later than
/// this is forgotten. Milliseconds; nil: there was none.
public struct NewestActs: Equatable, Sendable {
    /// An entry was received.
    public var entry: UInt64?
    /// A terminal was paired for the first time, and one was revoked.
    public var paired: UInt64?
    public var revoked: UInt64?
    /// A card was registered, or registered anew with another epoch.
    public var card: UInt64?
    /// A card was blocked or unblocked.
    public var block: UInt64?
    /// Money was issued at the ledger itself.
    public var topUp: UInt64?
    /// Policy, catalogue or places were changed; which version that made.
    public var settings: UInt64?
    public var version: Int64?
    /// A held entry was decided.
    public var verdict: UInt64?

    /// Nothing yet.
    public init() {}
}

extension Book {
    /// Epochs of the deny-list that a restored book leaves out: more than it can have given since
    /// the backup.
    static let restoredEpochs: Int64 = 1_000_000

    /// Says that this book was put back from a backup. The next change of the deny-list gets an
    /// epoch that this ledger never gave before, so that terminals which know later changes than
    /// the backup take it. What they know of cards that were blocked in between stays with them.
    /// - Throws: `BookError.storage`.
    public func noteRestored() throws(BookError) {
        try run(
            "UPDATE counters SET last = last + $1 WHERE name = 'deny-list'",
            [.integer(Self.restoredEpochs)])
    }

    /// How far this book goes.
    /// - Throws: `BookError.storage`.
    public func newestActs() throws(BookError) -> NewestActs {
        let row =
            try rows(
                """
                SELECT (SELECT max(received) FROM entries), (SELECT max(paired) FROM terminals),
                    (SELECT max(revoked) FROM terminals), (SELECT max(registered) FROM card_epochs),
                    (SELECT max(time) FROM deny_changes),
                    (SELECT max(time) FROM transactions WHERE entry IS NULL),
                    (SELECT time FROM setting_versions ORDER BY version DESC LIMIT 1),
                    (SELECT max(version) FROM setting_versions), (SELECT max(time) FROM verdicts)
                """
            ).first ?? []
        func moment(_ index: Int) -> UInt64? {
            row.count > index ? row[index].integer.map { UInt64(clamping: $0) } : nil
        }
        var found = NewestActs()
        found.entry = moment(0)
        (found.paired, found.revoked) = (moment(1), moment(2))
        (found.card, found.block, found.topUp) = (moment(3), moment(4), moment(5))
        (found.settings, found.verdict) = (moment(6), moment(8))
        found.version = row.count > 7 ? row[7].integer : nil
        return found
    }
}
