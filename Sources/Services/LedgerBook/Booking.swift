import COSE
import Crypto
import LedgerMessages
import Operations
import Tokens

extension Book {
    /// Books a batch and gives the signed receipt (COSE bytes). B1, B2, B3.
    ///
    /// Entries the ledger knows already get the outcome they had: what settled stays `settled`, so
    /// that a terminal whose answer was lost reads the same truth. When the very same batch comes
    /// again, the stored receipt is given back byte for byte.
    /// - Throws: `BookError.terminalUnknown`, `.terminalRevoked`, `.gap`, `.fork`, `.storage`.
    public func book(
        _ batch: VerifiedBatch, authority: Authority, now: UInt64
    ) throws(BookError) -> [UInt8] {
        try transaction { () throws(BookError) in
            let locked = try lockedTerminal(
                kid: batch.terminal, booking: batch.items.map(\.entry))
            guard let (terminal, cards) = locked else { throw .terminalUnknown }
            guard terminal.revoked == nil else { throw .terminalRevoked }
            let booking = try Booking(
                book: self, terminal: terminal, keys: authority.keys, signer: authority.signer,
                now: now, entries: batch.items.map(\.entry), cards: cards)
            var head = booking.head
            var outcomes = try known(batch, of: terminal, until: head.sequence)
            let from = batch.items.first?.entry.sequence ?? head.sequence + 1
            for item in batch.items.dropFirst(outcomes.count) {
                try Self.check(item, after: head)
                outcomes.append(try booking.append(item))
                head = (item.entry.sequence, item.hash, item.entry.time)
            }
            try booking.finish()
            let last =
                batch.items.last.map { ($0.entry.sequence, $0.hash) }
                ?? (head.sequence, head.hash)
            let receipt = Receipt(
                terminal: batch.terminal, from: from, to: last.0, head: last.1,
                outcomes: outcomes)
            // A batch with anything new in it has no receipt yet.
            let isNew = last.0 > booking.head.sequence
            return try stored(receipt, of: terminal, authority: authority, isNew: isNew)
        }
    }

    private static func check(
        _ item: VerifiedBatch.Item, after head: (sequence: UInt64, hash: [UInt8], time: UInt64)
    ) throws(BookError) {
        let expected = head.sequence + 1
        guard item.entry.sequence == expected else { throw .gap(expected: expected) }
        guard item.entry.previous == head.hash else { throw .fork(expected: expected) }
        guard item.entry.time >= head.time else { throw .malformed("entry: time goes back") }
    }

    /// The stored outcomes of the entries up to the head, if they are the same entries (B2, B3).
    private func known(
        _ batch: VerifiedBatch, of terminal: TerminalRecord, until head: UInt64
    ) throws(BookError) -> [Outcome] {
        let old = batch.items.prefix { $0.entry.sequence <= head }
        guard let first = old.first, let last = old.last else { return [] }
        let rows = try rows(
            """
            SELECT hash, outcome, code FROM entries
            WHERE terminal = $1 AND seq BETWEEN $2 AND $3 ORDER BY seq
            """,
            [
                .integer(terminal.row), .clamped(first.entry.sequence),
                .clamped(last.entry.sequence),
            ])
        guard rows.map(\.first?.blob) == old.map(\.hash) else { throw .fork(expected: head + 1) }
        return rows.map { Outcome(name: $0[1].text ?? "", code: $0[2].text ?? "") }
    }

    private func stored(
        _ receipt: Receipt, of terminal: TerminalRecord, authority: Authority, isNew: Bool
    ) throws(BookError) -> [UInt8] {
        let place: [Cell] = [
            .integer(terminal.row), .clamped(receipt.from), .clamped(receipt.to),
        ]
        let before =
            isNew
            ? []
            : try rows(
                "SELECT cose FROM receipts WHERE terminal = $1 AND since = $2 AND upto = $3",
                place)
        if let bytes = before.first?.first?.blob { return bytes }
        let bytes = authority.signer.withKey { receipt.signed(by: $0).bytes }
        try run(
            "INSERT INTO receipts(terminal, since, upto, cose) VALUES($1, $2, $3, $4)",
            place + [.blob(bytes)])
        return bytes
    }
}

/// The booking of one batch, inside its transaction: judges each entry and writes what follows.
/// What it judges by it has locked and read at the start, and keeps up with its own entries.
final class Booking {
    let book: Book
    let terminal: TerminalRecord
    /// What checks evidence; nil when a person releases what is not proven.
    let keys: (any EvidenceKeys)?
    /// What named authorisations; nil when a person decides.
    let signer: (any MessageSigner)?
    let now: UInt64
    /// The chain's head before this batch.
    let head: (sequence: UInt64, hash: [UInt8], time: UInt64)
    var facts: BookingFacts

    /// What was decided about an entry.
    struct Judgement {
        var outcome: Outcome
        var counter: UInt32?
        /// Whether the entry takes (card, counter) for itself.
        var claims = false
        var flags: [String] = []
    }

    /// - Parameters:
    ///   - entries: all that will be judged.
    ///   - cards: all that they may touch, of `Book.lockedTerminal`.
    init(
        book: Book, terminal: TerminalRecord, keys: (any EvidenceKeys)?,
        signer: (any MessageSigner)? = nil, now: UInt64, entries: [Entry], cards: Set<CardNumber>
    ) throws(BookError) {
        self.book = book
        self.terminal = terminal
        self.keys = keys
        self.signer = signer
        self.now = now
        (head, facts) = try BookingFacts.read(book, terminal, entries, locking: cards)
    }

    /// The row of a new entry: made of the terminal's and its number, so that terminals share no
    /// counter. Rows of a book older than this are below all of these.
    static func row(_ terminal: TerminalRecord, _ sequence: UInt64) throws(BookError) -> Int64 {
        guard sequence < 1 << 32, terminal.row < 1 << 31 else { throw .malformed("entry: seq") }
        return terminal.row << 32 + Int64(sequence)
    }

    /// The flag of an entry that was recovered from a journal that was set aside.
    static let recovered = "recovered"

    /// How far the book trusts that the operation was at the entry's time.
    static func trust(in entry: Entry) -> ClockTrust {
        entry.setAside == nil ? entry.clockTrust : .untrusted
    }

    func append(_ item: VerifiedBatch.Item) throws(BookError) -> Outcome {
        let entry = item.entry
        let row = try Self.row(terminal, entry.sequence)
        var judgement = try judge(entry)
        insert(item, judgement, row: row)
        judgement.flags += try suspect(entry, judgement, row: row)
        if entry.setAside != nil { judgement.flags.append(Self.recovered) }
        if case .payment(let payment) = entry.body {
            judgement.flags += release(entry, payment)
        }
        if case .held(let code) = judgement.outcome, code != "card-unknown",
            case .enrolment(let enrolment) = entry.body
        {
            judgement.flags += try note(enrolment, row: row)
        }
        if judgement.outcome == .settled {
            facts.settled.insert(entry.id)
            if !entry.isTraining { judgement.flags += try apply(entry, row: row) }
        }
        for flag in judgement.flags { book.insert(.flags, [.integer(row), .text(flag)]) }
        return judgement.outcome
    }

    /// Ends the reservations of the batch's payments, whatever became of them.
    func finish() throws(BookError) {
        for id in facts.released {
            try book.run(
                "UPDATE authorisations SET released = 1 WHERE terminal = $1 AND entry = $2",
                [.integer(terminal.row), .blob(id.bytes)])
        }
    }

    private func judge(_ entry: Entry) throws(BookError) -> Judgement {
        if facts.settled.contains(entry.id) { return Judgement(outcome: .duplicate) }
        if entry.isTraining { return Judgement(outcome: .settled) }
        switch entry.body {
        case .payment, .refund, .topUp, .action: return try judgeProof(of: entry)
        case .reversal(let body): return Judgement(outcome: try judge(body, of: entry))
        case .closure(let body): return Judgement(outcome: try judge(body, of: entry))
        case .enrolment(let body): return Judgement(outcome: try judge(body))
        case .cardEvent:
            let isKnown = entry.body.card.flatMap { facts.cards[$0] } != nil
            return Judgement(outcome: isKnown ? .settled : .held(code: "card-unknown"))
        case .technicalEvent: return Judgement(outcome: .settled)
        }
    }

    /// B4.
    private func judgeProof(of entry: Entry) throws(BookError) -> Judgement {
        guard let proof = entry.body.proof, let card = facts.cards[proof.card]?.record else {
            return Judgement(outcome: .held(code: "card-unknown"))
        }
        let read: ProvenRead
        do throws(EvidenceFault) { read = try proven(entry, proof, by: card) } catch {
            let code = error.rawValue
            return Judgement(
                outcome: error == .epoch ? .held(code: code) : .declined(code: code))
        }
        var judgement = Judgement(outcome: .settled, counter: read.counter)
        guard let place = try claim(read.counter, card) else {
            judgement.outcome = .held(code: "counter-repeated")
            judgement.flags = ["counter-repeated"]
            return judgement
        }
        judgement.claims = true
        let verdict = judgeCounter(place, time: entry.time, trust: entry.clockTrust)
        if entry.setAside != nil, verdict != .rising {
            // It waited in a journal that was set aside: a counter behind others is no sign of a
            // copy, and no clock vouches for where it stood. A person compares.
            judgement.outcome = .held(code: "recovered-lower")
            return judgement
        }
        switch verdict {
        case .rising: break
        case .late: judgement.flags = ["late"]
        case .lower:
            judgement.outcome = .held(code: "counter-lower")
            judgement.flags = ["counter-lower"]
            return judgement
        case .unclear:
            judgement.outcome = .held(code: "counter-unclear")
            return judgement
        }
        if card.isBlocked {
            judgement.outcome = .held(code: "card-blocked")
        } else if card.cardClass == .training {
            judgement.outcome = .held(code: "card-training")
        } else {
            judgement.outcome = try judgeRules(of: entry)
        }
        return judgement
    }

    /// What the card's evidence proves of exactly this entry.
    ///
    /// Evidence over another operation does not claim its counter: whoever replays a true
    /// cryptogram in a false entry must not spoil the true one that is still on its way.
    func proven(
        _ entry: Entry, _ proof: CardProof, by card: CardRecord
    ) throws(EvidenceFault) -> ProvenRead {
        guard let keys, let quantity = entry.body.signedQuantity else { throw .epoch }
        let read = try LedgerBook.prove(proof.evidence, by: card, keys: keys)
        let digest = transactionDigest(
            terminal: terminal.key.kid, entry: entry.id, kind: entry.body.kind,
            quantity: quantity, card: proof.card)
        guard read.digest == digest else { throw .digest }
        return read
    }

    /// Where a counter stands that nobody has; nil: another entry has it. Whatever is thought here,
    /// the database's constraint refuses a second.
    func claim(
        _ counter: UInt32, _ card: CardRecord
    ) throws(BookError) -> CounterPlace? {
        var place = CounterPlace()
        let highest = facts.cards[card.number]?.counterMax ?? -1
        if Int64(counter) <= highest {
            guard let found = try self.place(of: counter, card) else { return nil }
            place = found
        }
        facts.cards[card.number]?.counterMax = max(highest, Int64(counter))
        return place
    }

    /// Where a counter below the highest stands; nil when it is taken. What was recovered has the
    /// time of its recovery, and is nobody's neighbour.
    private func place(of counter: UInt32, _ card: CardRecord) throws(BookError) -> CounterPlace? {
        let here: [Cell] = [.text(card.number.digits), .integer(Int64(counter))]
        // One way to answer each, as in `BookingFacts`: from here on, one after another.
        func neighbour(_ relation: String, _ order: String) -> Statement {
            Statement(
                """
                SELECT x.counter, (SELECT e.time FROM entries e WHERE e.id = x.entry),
                    (SELECT e.trust FROM entries e WHERE e.id = x.entry)
                FROM (SELECT c.counter, c.entry FROM card_counters c
                    WHERE c.card = $1 AND c.counter \(relation) $2
                    ORDER BY c.counter \(order)) x
                WHERE (SELECT e.outcome FROM entries e WHERE e.id = x.entry) = 'settled'
                AND (SELECT count(*) FROM flags f
                    WHERE f.entry = x.entry AND f.flag = '\(Self.recovered)') = 0
                ORDER BY x.counter \(order) LIMIT 1
                """, here)
        }
        let answers = try book.answers([
            Statement("SELECT 1 FROM card_counters WHERE card = $1 AND counter = $2", here),
            neighbour("<", "DESC"), neighbour(">", "ASC"),
            Statement(
                """
                SELECT 1 FROM card_counters c WHERE c.card = $1 AND c.counter > $2
                AND (SELECT e.terminal FROM entries e WHERE e.id = c.entry) = $3 LIMIT 1
                """, here + [.integer(terminal.row)]),
        ])
        guard answers.count == 4, answers[0].isEmpty else { return nil }
        return CounterPlace(
            lower: answers[1].first.map { CounterNeighbour($0) },
            higher: answers[2].first.map { CounterNeighbour($0) },
            isBehindOwnTerminal: !answers[3].isEmpty)
    }

    /// Notes that this operation's reservation ends. A payment that names an authorisation the
    /// ledger did not give for exactly it is flagged; the card signed it, so it is judged like an
    /// offline one.
    private func release(_ entry: Entry, _ payment: Payment) -> [String] {
        if facts.authorisations[entry.id] != nil { facts.released.insert(entry.id) }
        guard payment.authorisation != nil, !entry.isTraining else { return [] }
        return isAuthorised(payment, entry) ? [] : ["authorisation-unknown"]
    }

    private func insert(_ item: VerifiedBatch.Item, _ judgement: Judgement, row: Int64) {
        let entry = item.entry
        book.insert(
            .entries,
            [
                .integer(row), .integer(terminal.row), .clamped(entry.sequence),
                .blob(entry.id.bytes), .blob(item.hash), .blob(item.bytes),
                .clamped(entry.body.kind.rawValue), .clamped(entry.time),
                .clamped(Self.trust(in: entry).rawValue),
                entry.body.card.map { .text($0.digits) } ?? .null,
                entry.body.amount.map { .integer($0.cents) } ?? .null,
                judgement.counter.map { .integer(Int64($0)) } ?? .null, .clamped(now),
                .text(judgement.outcome.name), .text(judgement.outcome.code),
                .blob(entry.previous),
            ])
        if judgement.claims, let counter = judgement.counter, let card = entry.body.card {
            book.insert(
                .counters, [.text(card.digits), .integer(Int64(counter)), .integer(row)])
        }
    }
}

extension CounterNeighbour {
    fileprivate init(_ row: [Cell]) {
        self.init(
            counter: UInt32(clamping: row[0].integer ?? 0),
            time: UInt64(clamping: row[1].integer ?? 0),
            trust: ClockTrust(rawValue: UInt64(clamping: row[2].integer ?? 0)) ?? .untrusted)
    }
}
