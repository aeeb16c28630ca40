import LedgerMessages
import Operations
public import Tokens

/// A use of a card, for what comes after it.
struct CardUse: Equatable {
    let time: UInt64
    let trust: ClockTrust
    let merchant: String
}

extension CardUse {
    /// Of a row's time, trust and merchant; nil when there is none.
    init?(_ cells: ArraySlice<Cell>) {
        let cells = Array(cells)
        guard cells.count == 3, let time = cells[0].integer, let trust = cells[1].integer,
            let merchant = cells[2].text
        else { return nil }
        self.init(
            time: UInt64(clamping: time),
            trust: ClockTrust(rawValue: UInt64(clamping: trust)) ?? .untrusted, merchant: merchant)
    }
}

/// Nobody takes a card out of one merchant's reader, walks to another's counter, has an amount
/// typed there and lays the card down again in less, milliseconds. Two clocks that are synchronised
/// differ by much less. Two terminals of one merchant may stand side by side, and say nothing.
let placesDistance: UInt64 = 5_000

/// True when one card cannot have been in both places.
func areTwoPlaces(_ one: CardUse, _ other: CardUse) -> Bool {
    let apart = one.time > other.time ? one.time - other.time : other.time - one.time
    return one.merchant != other.merchant && apart < placesDistance
        && one.trust == .synchronised && other.trust == .synchronised
}

extension Booking {
    /// Flags of a proven use of a card that only a copy explains, and puts the card on the
    /// deny-list, saying why. A counter that was used before, or that goes back, comes with
    /// evidence under the card's own keys: no terminal can make that. What settles stays settled:
    /// the merchant could not know.
    func suspect(
        _ entry: Entry, _ judgement: Judgement, row: Int64
    ) throws(BookError) -> [String] {
        guard !entry.isTraining, let counter = judgement.counter, let number = entry.body.card,
            let card = facts.cards[number]
        else { return [] }
        var flags: [String] = []
        let use = CardUse(
            time: entry.time, trust: Self.trust(in: entry), merchant: terminal.merchant)
        if judgement.outcome == .settled {
            if let last = card.last, areTwoPlaces(last, use) { flags.append("two-places") }
            if Int64(counter) >= card.counterMax { facts.cards[number]?.last = use }
        }
        let reason = (judgement.flags + flags).first {
            ["counter-repeated", "counter-lower", "two-places"].contains($0)
        }
        guard let reason,
            try book.mark(card.record, blocked: true, now: now, reason: reason, entry: row)
        else { return flags }
        facts.cards[number]?.record.isBlocked = true
        return flags + ["card-blocked-as-copy"]
    }
}

/// Why a card is on the deny-list.
public struct BlockReason: Equatable, Sendable {
    /// The card.
    public let card: CardNumber
    /// When, milliseconds.
    public let time: UInt64
    /// "counter-repeated", "counter-lower", "two-places", "terminal-lost", "terminal-cloned",
    /// "terminal-replaced" (another card claims its account), or an operator's own words; empty
    /// when none were given.
    public let reason: String
    /// The entry that caused it, as terminal and number; nil when a person did.
    public let entry: String?
}

extension Book {
    /// Why each blocked card is blocked, in order of number.
    /// - Throws: `BookError.storage`.
    public func blockReasons() throws(BookError) -> [BlockReason] {
        try rows(
            """
            SELECT c.number, d.time, r.reason, m.kid, e.seq FROM cards c
            JOIN deny_changes d ON d.card = c.number AND d.epoch =
                (SELECT max(n.epoch) FROM deny_changes n WHERE n.card = c.number)
            LEFT JOIN deny_reasons r ON r.epoch = d.epoch
            LEFT JOIN entries e ON e.id = r.entry LEFT JOIN terminals m ON m.id = e.terminal
            WHERE c.blocked = 1 ORDER BY c.number
            """
        ).compactMap { row in
            row[0].text.flatMap { CardNumber($0) }.map { card in
                let place = row[3].blob.flatMap { kid in row[4].integer.map { (kid, $0) } }
                return BlockReason(
                    card: card, time: UInt64(clamping: row[1].integer ?? 0),
                    reason: row[2].text ?? "",
                    entry: place.map { "\(Self.terminalID($0.0)) \($0.1)" })
            }
        }
    }
}
