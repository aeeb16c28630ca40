import Crypto
public import LedgerMessages
import Operations
import SQLite
public import Tokens

/// A card the association has issued.
public struct CardRecord: Equatable, Sendable {
    /// The printed number.
    public let number: CardNumber
    /// 7 bytes.
    public let uid: [UInt8]
    /// Epochs of its keys, the newest first; never empty. Evidence made before a card was re-keyed
    /// may arrive long after it.
    public let epochs: [UInt8]
    /// Epoch of its keys now.
    public var epoch: UInt8 { epochs.first ?? 0 }
    /// Its class.
    public let cardClass: CardClass
    /// True: no payment settles, and the deny-list names it.
    public let isBlocked: Bool
    /// When it was registered, milliseconds.
    public let issued: UInt64
    /// The highest read counter a page request showed.
    let pageCounter: UInt32
}

extension Book {
    /// Registers a card, or another epoch of one that was re-keyed. The same data again changes
    /// nothing (a provisioning run may be resumed).
    /// - Throws: `BookError.malformed`, `.cardKnown` for another UID or class, `.storage`.
    public func registerCard(
        number: CardNumber, uid: [UInt8], epoch: UInt8, cardClass: CardClass, now: UInt64
    ) throws(BookError) {
        guard uid.count == 7 else { throw .malformed("uid") }
        try transaction { () throws(BookError) in
            let isNew = try insertUnlessThere(
                "INSERT INTO cards(number, uid, epoch, class, issued) VALUES(?,?,?,?,?)",
                [
                    .text(number.digits), .blob(uid), .integer(Int64(epoch)),
                    .integer(Int64(cardClass.rawValue)), .clamped(now),
                ])
            if !isNew {
                guard let card = try card(number), card.uid == uid, card.cardClass == cardClass
                else { throw .cardKnown }
            }
            _ = try insertUnlessThere(
                "INSERT INTO card_epochs(card, epoch, registered) VALUES(?,?,?)",
                [.text(number.digits), .integer(Int64(epoch)), .clamped(now)])
        }
    }

    /// The card of a number; nil when it was never registered.
    /// - Throws: `BookError.storage`.
    public func card(_ number: CardNumber) throws(BookError) -> CardRecord? {
        try cards("WHERE number = ?", [.text(number.digits)]).first
    }

    /// The card of a UID (7 bytes).
    func card(uid: [UInt8]) throws(BookError) -> CardRecord? {
        try cards("WHERE uid = ?", [.blob(uid)]).first
    }

    /// Every card, in order of number.
    /// - Throws: `BookError.storage`.
    public func cards() throws(BookError) -> [CardRecord] { try cards("ORDER BY number", []) }

    /// The number of cards.
    /// - Throws: `BookError.storage`.
    public func cardCount() throws(BookError) -> Int64 {
        try number("SELECT count(*) FROM cards") ?? 0
    }

    private func cards(_ tail: String, _ values: [SQLValue]) throws(BookError) -> [CardRecord] {
        try rows(
            """
            SELECT number, uid,
                (SELECT group_concat(epoch) FROM (SELECT epoch FROM card_epochs
                    WHERE card = cards.number ORDER BY id DESC)),
                class, blocked, issued, page_counter FROM cards \(tail)
            """, values
        ).compactMap { row in
            guard let number = row[0].text.flatMap({ CardNumber($0) }), let uid = row[1].blob,
                let epochs = row[2].text?.split(separator: ",").compactMap({ UInt8($0) }),
                !epochs.isEmpty,
                let cardClass = row[3].integer.flatMap({
                    CardClass(rawValue: UInt64(clamping: $0))
                })
            else { return nil }
            return CardRecord(
                number: number, uid: uid, epochs: epochs, cardClass: cardClass,
                isBlocked: row[4] != .integer(0), issued: UInt64(clamping: row[5].integer ?? 0),
                pageCounter: UInt32(clamping: row[6].integer ?? 0))
        }
    }

    /// Blocks or unblocks a card and opens a new epoch of the deny-list. True when this changed
    /// anything.
    /// - Throws: `BookError.cardUnknown`, `.cardReplaced`, `.storage`.
    public func setBlocked(
        _ isBlocked: Bool, card number: CardNumber, now: UInt64
    ) throws(BookError) -> Bool {
        try transaction { () throws(BookError) in
            guard let card = try card(number) else { throw .cardUnknown }
            let isFree = try isBlocked ? true : replacement(of: number) == nil
            guard isFree else { throw .cardReplaced }
            return try mark(card, blocked: isBlocked, now: now)
        }
    }

    /// The same, within a transaction.
    func mark(_ card: CardRecord, blocked: Bool, now: UInt64) throws(BookError) -> Bool {
        if card.isBlocked == blocked { return false }
        let value = SQLValue.integer(blocked ? 1 : 0)
        try run(
            "UPDATE cards SET blocked = ? WHERE number = ?", [value, .text(card.number.digits)])
        try run(
            "INSERT INTO deny_changes(card, denied, time) VALUES(?,?,?)",
            [.text(card.number.digits), value, .clamped(now)])
        return true
    }

    /// The change of the deny-list from `epoch` on; the whole list (since 0) when `epoch` is 0 or
    /// one this ledger never reached, which is what a restored ledger looks like to a terminal.
    /// - Throws: `BookError.storage`.
    public func denyList(since epoch: UInt64) throws(BookError) -> DenyListDelta {
        let last = UInt64(
            clamping: try number("SELECT coalesce(max(epoch), 0) FROM deny_changes") ?? 0)
        let since = epoch <= last ? epoch : 0
        var added: [CardNumber] = []
        var removed: [CardNumber] = []
        // With max(), SQLite takes the other columns from the row that has the maximum.
        let latest = try rows(
            """
            SELECT card, denied, max(epoch) FROM deny_changes WHERE epoch > ?
            GROUP BY card ORDER BY card
            """, [.clamped(since)])
        for row in latest {
            guard let card = row[0].text.flatMap({ CardNumber($0) }) else { continue }
            if row[1] == .integer(1) {
                added.append(card)
            } else if since > 0 {
                removed.append(card)
            }
        }
        return DenyListDelta(since: since, epoch: last, added: added, removed: removed)
    }
}
