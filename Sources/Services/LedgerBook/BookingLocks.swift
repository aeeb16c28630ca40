import LedgerMessages
import Operations
import Tokens

// A batch locks its terminal, then its cards in one order (`LedgerStore.rowLock`). So all of them
// are found before the first is locked: those that the entries name, those of entries that they
// reverse, and whoever has the account of one of these now.

extension Book {
    /// The terminal, whose chain is this transaction's until it ends, and every card whose account
    /// or state these entries of it may touch.
    func lockedTerminal(
        kid: [UInt8], booking entries: [Entry]
    ) throws(BookError) -> (terminal: TerminalRecord, cards: Set<CardNumber>)? {
        let named = Self.named(by: entries)
        let later = Self.askingSuccessors(of: named)
        let answers = try answers(
            [Self.askingTerminals("WHERE kid = $1\(store.rowLock)", [.blob(kid)])] + later)
        guard let terminal = Self.terminals(answers.first ?? []).first else { return nil }
        var cards = named.union(Self.numbers(answers.dropFirst()))
        let reversed = try reversed(by: entries, terminal).subtracting(cards)
        if !reversed.isEmpty {
            let answers = try self.answers(Self.askingSuccessors(of: reversed))
            cards.formUnion(reversed.union(Self.numbers(answers[...])))
        }
        return (terminal, cards)
    }

    /// The card that has the account of `card` now, locked with it.
    func lockedAccount(of card: CardNumber) throws(BookError) -> CardNumber {
        let last = try successor(card)
        let locked = try answers(locking(cards: [card.digits, last.digits]))
        guard try self.card(card) != nil else { throw .cardUnknown }
        // Whoever replaced it before the lock has the account.
        let still = try locked.isEmpty ? last : successor(card)
        guard still == last else {
            throw .storage(StorageError(.conflict, Self.replacedMeanwhile))
        }
        return last
    }

    /// Another transaction was quicker: this one begins again.
    static let replacedMeanwhile = "a card was replaced meanwhile"

    private static func named(by entries: [Entry]) -> Set<CardNumber> {
        var numbers = Set(entries.compactMap(\.body.card))
        for case .enrolment(let enrolment) in entries.map(\.body) {
            if let old = enrolment.replaces { numbers.insert(old) }
        }
        return numbers
    }

    private func reversed(
        by entries: [Entry], _ terminal: TerminalRecord
    ) throws(BookError) -> Set<CardNumber> {
        let ids = entries.compactMap { entry -> Cell? in
            if case .reversal(let reversal) = entry.body {
                .blob(reversal.entry.bytes)
            } else {
                nil
            }
        }
        if ids.isEmpty { return [] }
        let answers = try answers(
            Self.chunks(ids).map { chunk in
                Statement(
                    """
                    SELECT card FROM entries WHERE terminal = $1
                    AND uuid IN \(Self.list(chunk, after: 1))
                    """, [.integer(terminal.row)] + chunk)
            })
        return Self.numbers(answers[...])
    }

    /// Asks for all that replaced one of these cards, along the chains.
    private static func askingSuccessors(of cards: Set<CardNumber>) -> [Statement] {
        chunks(cards.map(\.digits).sorted().map { .text($0) }).map { chunk in
            Statement(
                """
                WITH RECURSIVE later(card) AS (
                    SELECT r.new FROM replacements r WHERE r.old IN \(list(chunk))
                    UNION SELECT r.new FROM replacements r JOIN later l ON r.old = l.card)
                SELECT card FROM later
                """, chunk)
        }
    }

    private static func numbers(_ answers: ArraySlice<[[Cell]]>) -> Set<CardNumber> {
        Set(answers.joined().compactMap { $0[0].text.flatMap { CardNumber($0) } })
    }
}
