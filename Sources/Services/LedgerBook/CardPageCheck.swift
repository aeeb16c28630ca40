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

extension Book {
    /// Checks the SUN of a phone's tap. The card is not named: the UID inside names it.
    ///
    /// The counter is remembered apart from those of payments: a tap by a phone must not make an
    /// offline payment, still on its way with a lower counter, look like a clone. A lower counter
    /// than one seen here or in a settled payment is stale: a link kept from an earlier tap.
    /// - Throws: `BookError.storage`.
    public func standing(
        of sun: Evidence, keys: any EvidenceKeys
    ) throws(BookError) -> CardStanding {
        try transaction { () throws(BookError) in
            guard case .sdm(let piccData, _, _) = sun,
                let card = try card(behind: piccData, keys: keys),
                let read = try? prove(sun, by: card, keys: keys)
            else { return .unknown }
            let paid =
                try number(
                    """
                    SELECT coalesce(max(c.counter), 0) FROM card_counters c
                    JOIN entries e ON e.id = c.entry AND e.outcome = 'settled' WHERE c.card = $1
                    """, [.text(card.number.digits)]) ?? 0
            guard read.counter >= card.pageCounter, Int64(read.counter) >= paid else {
                return .stale
            }
            if read.counter > card.pageCounter {
                try run(
                    """
                    UPDATE cards SET page_counter = $1 WHERE number = $2 AND page_counter < $1
                    """,
                    [.integer(Int64(read.counter)), .text(card.number.digits)])
            }
            return card.isBlocked ? .blocked : .valid
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
