import Crypto
public import LedgerMessages
import Operations
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
    public internal(set) var isBlocked: Bool
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
            let isNew = try changes(
                """
                INSERT INTO cards(number, uid, epoch, class, issued) VALUES($1, $2, $3, $4, $5)
                ON CONFLICT DO NOTHING
                """,
                [
                    .text(number.digits), .blob(uid), .integer(Int64(epoch)),
                    .integer(Int64(cardClass.rawValue)), .clamped(now),
                ])
            if isNew == 0 {
                guard let card = try lockedCard(number), card.uid == uid,
                    card.cardClass == cardClass
                else { throw .cardKnown }
            }
            try run(
                """
                INSERT INTO card_epochs(card, place, epoch, registered)
                SELECT $1, coalesce(max(place), 0) + 1, $2, $3 FROM card_epochs WHERE card = $1
                ON CONFLICT DO NOTHING
                """, [.text(number.digits), .integer(Int64(epoch)), .clamped(now)])
        }
    }

    /// The card of a number; nil when it was never registered.
    /// - Throws: `BookError.storage`.
    public func card(_ number: CardNumber) throws(BookError) -> CardRecord? {
        try cards("WHERE number = $1", [.text(number.digits)]).first
    }

    /// The same, which nobody else judges by until the transaction ends.
    func lockedCard(_ number: CardNumber) throws(BookError) -> CardRecord? {
        try cards(
            "WHERE number = $1", [.text(number.digits)], locking: [number.digits]
        ).first
    }

    /// The card of a UID (7 bytes).
    func card(uid: [UInt8]) throws(BookError) -> CardRecord? {
        try cards("WHERE uid = $1", [.blob(uid)]).first
    }

    /// Every card, in order of number.
    /// - Throws: `BookError.storage`.
    public func cards() throws(BookError) -> [CardRecord] { try cards("", []) }

    /// The number of cards.
    /// - Throws: `BookError.storage`.
    public func cardCount() throws(BookError) -> Int64 {
        try number("SELECT count(*) FROM cards") ?? 0
    }

    private func cards(
        _ tail: String, _ values: [Cell], locking numbers: [String] = []
    ) throws(BookError) -> [CardRecord] {
        let answers = try answers(locking(cards: numbers) + Self.askingCards(tail, values))
        return Self.records(answers.suffix(2))
    }

    /// Two statements, whose answers `records` reads.
    static func askingCards(_ tail: String, _ values: [Cell]) -> [Statement] {
        [
            Statement(
                """
                SELECT number, uid, class, blocked, issued, page_counter FROM cards \(tail)
                ORDER BY number
                """, values),
            Statement(
                """
                SELECT card, epoch FROM card_epochs
                WHERE card IN (SELECT number FROM cards \(tail)) ORDER BY card, place DESC
                """, values),
        ]
    }

    static func records(_ answers: some Collection<[[Cell]]>) -> [CardRecord] {
        guard let rows = answers.first, let epochRows = answers.dropFirst().first else { return [] }
        var epochs: [String: [UInt8]] = [:]
        for row in epochRows {
            guard let card = row[0].text, let epoch = row[1].integer.flatMap({ UInt8(exactly: $0) })
            else { continue }
            epochs[card, default: []].append(epoch)
        }
        return rows.compactMap { row in
            guard let number = row[0].text.flatMap({ CardNumber($0) }), let uid = row[1].blob,
                let epochs = epochs[number.digits],
                let cardClass = row[2].integer.flatMap({
                    CardClass(rawValue: UInt64(clamping: $0))
                })
            else { return nil }
            return CardRecord(
                number: number, uid: uid, epochs: epochs, cardClass: cardClass,
                isBlocked: row[3] != .integer(0), issued: UInt64(clamping: row[4].integer ?? 0),
                pageCounter: UInt32(clamping: row[5].integer ?? 0))
        }
    }

    /// Blocks or unblocks a card and opens a new epoch of the deny-list. True when this changed
    /// anything.
    /// - Throws: `BookError.cardUnknown`, `.cardReplaced`, `.storage`.
    public func setBlocked(
        _ isBlocked: Bool, card number: CardNumber, now: UInt64, reason: String = ""
    ) throws(BookError) -> Bool {
        guard reason.utf8.count <= 256 else { throw .malformed("reason") }
        return try transaction { () throws(BookError) in
            guard let card = try lockedCard(number) else { throw .cardUnknown }
            let isFree = try isBlocked ? true : replacement(of: number) == nil
            guard isFree else { throw .cardReplaced }
            return try mark(
                card, blocked: isBlocked, now: now, reason: reason, entry: nil)
        }
    }

    /// The same, within a transaction that has locked the card.
    func mark(
        _ card: CardRecord, blocked: Bool, now: UInt64, reason: String, entry: Int64?
    ) throws(BookError) -> Bool {
        if card.isBlocked == blocked { return false }
        try run(
            "UPDATE cards SET blocked = $1 WHERE number = $2",
            [.flag(blocked), .text(card.number.digits)])
        let epoch = Cell.integer(try next("deny-list"))
        try run(
            "INSERT INTO deny_changes(epoch, card, denied, time) VALUES($1, $2, $3, $4)",
            [
                epoch, .text(card.number.digits), .flag(blocked),
                .clamped(now),
            ])
        if !reason.isEmpty || entry != nil {
            try run(
                "INSERT INTO deny_reasons(epoch, reason, entry) VALUES($1, $2, $3)",
                [epoch, .text(reason), entry.map { .integer($0) } ?? .null])
        }
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
        let latest = try rows(
            """
            SELECT d.card, d.denied FROM deny_changes d WHERE d.epoch > $1 AND d.epoch <= $2
            AND d.epoch = (SELECT max(n.epoch) FROM deny_changes n
                WHERE n.card = d.card AND n.epoch <= $2) ORDER BY d.card
            """, [.clamped(since), .clamped(last)])
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

    /// The last epoch of the deny-list that was given out, or left out by `noteRestored`. A
    /// terminal that knows a later one has seen what this book forgot.
    /// - Throws: `BookError.storage`.
    public func denyEpoch() throws(BookError) -> UInt64 {
        UInt64(
            clamping: try number("SELECT last FROM counters WHERE name = 'deny-list'") ?? 0)
    }
}
