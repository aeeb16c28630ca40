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
}
