import Operations

/// A sum that several cards pay: the first pays what it has, another one the rest. Pure.
///
/// Two entries come of it; the later one names the first (`Payment.completes`).
struct SplitPayment: Equatable {
    /// What is missing once everything accepted so far is taken off.
    private(set) var rest: Rest?
    /// The payment that was refused last.
    private var refused: (id: EntryID, amount: Amount)?
    /// What the rest becomes when this operation is accepted.
    private var expected: (id: EntryID, rest: Rest?)?

    static func == (left: SplitPayment, right: SplitPayment) -> Bool {
        left.rest == right.rest && left.refused?.id == right.refused?.id
            && left.expected?.id == right.expected?.id
    }

    /// A payment of `amount` was refused.
    mutating func note(refused id: EntryID, _ amount: Amount) { refused = (id, amount) }

    /// What the card of the refused payment can pay; nil when it has nothing.
    func part(of id: EntryID?, missing: Amount) -> Amount? {
        guard let refused, refused.id == id,
            let part = try? refused.amount.subtracting(missing), part > .zero
        else { return nil }
        return part
    }

    /// `id` pays a part; `missing` is left after it.
    mutating func expect(missing: Amount, after id: EntryID) {
        expected = (id, Rest(first: rest?.first ?? id, missing: missing))
    }

    /// `id` pays all that is left.
    mutating func expectNothing(after id: EntryID) { expected = (id, nil) }

    /// The operation is in the journal.
    mutating func settle(_ id: EntryID) {
        guard let expected, expected.id == id else { return }
        rest = expected.rest
        self.expected = nil
    }
}
