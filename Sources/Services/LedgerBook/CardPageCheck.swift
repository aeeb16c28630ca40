import Cards
import Crypto
public import Operations
import Tokens

/// What the page that a phone opens may say of a card.
public enum CardStanding: Equatable, Sendable {
    /// The card is genuine and pays.
    case valid
    /// The card is genuine and blocked.
    case blocked
    /// A genuine link, but of an earlier tap: it says nothing of the card in hand.
    case stale
    /// Not a link of a registered card.
    case unknown
}

/// A genuine tap of a phone that is newer than those kept.
public struct PageTap: Equatable, Sendable {
    let card: String
    let counter: UInt32
}

extension Book {
    /// Checks the SUN of a phone's tap. The card is not named: the UID inside names it. Reads only,
    /// for anybody may ask: what is to be kept is given to `note`, and is there for a registered
    /// card's own cryptogram alone.
    ///
    /// The counter is remembered apart from those of payments: a tap by a phone must not make an
    /// offline payment, still on its way with a lower counter, look like a clone. A lower counter
    /// than one seen here or in a settled payment is stale: a link kept from an earlier tap.
    /// - Throws: `BookError.storage`.
    public func standing(
        of sun: Evidence, keys: any EvidenceKeys
    ) throws(BookError) -> (standing: CardStanding, tap: PageTap?) {
        guard case .sdm(let piccData, _, _) = sun,
            let card = try card(behind: piccData, keys: keys),
            let read = try? prove(sun, by: card, keys: keys)
        else { return (.unknown, nil) }
        let paid =
            try number(
                """
                SELECT coalesce(max(c.counter), 0) FROM card_counters c
                JOIN entries e ON e.id = c.entry AND e.outcome = 'settled' WHERE c.card = $1
                """, [.text(card.number.digits)]) ?? 0
        guard read.counter >= card.pageCounter, Int64(read.counter) >= paid else {
            return (.stale, nil)
        }
        let tap = PageTap(card: card.number.digits, counter: read.counter)
        return (
            card.isBlocked ? .blocked : .valid, read.counter > card.pageCounter ? tap : nil
        )
    }

    /// Keeps the counter of a tap, if none higher is kept.
    /// - Throws: `BookError.storage`.
    public func note(_ tap: PageTap) throws(BookError) {
        try transaction { () throws(BookError) in
            try run(
                "UPDATE cards SET page_counter = $1 WHERE number = $2 AND page_counter < $1",
                [.integer(Int64(tap.counter)), .text(tap.card)])
        }
    }

    private func card(
        behind piccData: [UInt8], keys: any EvidenceKeys
    ) throws(BookError) -> CardRecord? {
        for epoch in keys.epochs {
            guard let key = keys.metaReadKey(epoch: epoch),
                let read = SDM.decrypt(piccData: piccData, metaReadKey: key),
                let card = try card(uid: read.uid), card.epochs.contains(epoch)
            else { continue }
            return card
        }
        return nil
    }
}
