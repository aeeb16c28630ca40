import COSE
import Crypto
import LedgerMessages
import Operations
import SQLite
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
            guard let terminal = try terminal(kid: batch.terminal) else { throw .terminalUnknown }
            guard terminal.revoked == nil else { throw .terminalRevoked }
            var head = try head(of: terminal)
            var booking = Booking(
                book: self, terminal: terminal, keys: authority.keys, now: now,
                nextRow: (try number("SELECT coalesce(max(id), 0) FROM entries") ?? 0) + 1)
            var outcomes: [Outcome] = []
            let from = batch.items.first?.entry.sequence ?? head.sequence + 1
            for item in batch.items {
                if item.entry.sequence <= head.sequence {
                    outcomes.append(
                        try known(item, of: terminal, expected: head.sequence + 1))
                    continue
                }
                try Self.check(item, after: head)
                outcomes.append(try booking.append(item))
                head = (item.entry.sequence, item.hash, item.entry.time)
            }
            let last =
                batch.items.last.map { ($0.entry.sequence, $0.hash) }
                ?? (head.sequence, head.hash)
            let receipt = Receipt(
                terminal: batch.terminal, from: from, to: last.0, head: last.1,
                outcomes: outcomes)
            return try stored(receipt, of: terminal, authority: authority)
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

    /// The stored outcome of an entry below the head, if it is the same entry (B2, B3).
    private func known(
        _ item: VerifiedBatch.Item, of terminal: TerminalRecord, expected: UInt64
    ) throws(BookError) -> Outcome {
        let row = try rows(
            "SELECT hash, outcome, code FROM entries WHERE terminal = ? AND seq = ?",
            [.integer(terminal.row), .clamped(item.entry.sequence)]
        ).first
        guard let row, row[0].blob == item.hash else { throw .fork(expected: expected) }
        return Outcome(name: row[1].text ?? "", code: row[2].text ?? "")
    }

    private func stored(
        _ receipt: Receipt, of terminal: TerminalRecord, authority: Authority
    ) throws(BookError) -> [UInt8] {
        let place: [SQLValue] = [
            .integer(terminal.row), .clamped(receipt.from), .clamped(receipt.to),
        ]
        let before = try rows(
            "SELECT cose FROM receipts WHERE terminal = ? AND since = ? AND upto = ?", place)
        if let bytes = before.first?.first?.blob { return bytes }
        let bytes = authority.signer.withKey { receipt.signed(by: $0).bytes }
        try run(
            "INSERT INTO receipts(terminal, since, upto, cose) VALUES(?,?,?,?)",
            place + [.blob(bytes)])
        return bytes
    }
}

extension Outcome {
    /// The database's words.
    var name: String {
        switch self {
        case .settled: "settled"
        case .declined: "declined"
        case .held: "held"
        case .duplicate: "duplicate"
        }
    }

    /// "" unless declined or held.
    var code: String {
        switch self {
        case .settled, .duplicate: ""
        case .declined(let code), .held(let code): code
        }
    }

    init(name: String, code: String) {
        switch name {
        case "settled": self = .settled
        case "declined": self = .declined(code: code)
        case "duplicate": self = .duplicate
        default: self = .held(code: code)
        }
    }
}

/// The booking of one batch, inside its transaction: judges each entry and writes what follows.
struct Booking {
    let book: Book
    let terminal: TerminalRecord
    /// What checks evidence; nil when nothing is judged any more.
    let keys: (any EvidenceKeys)?
    let now: UInt64
    var nextRow: Int64

    /// What was decided about an entry.
    struct Judgement {
        var outcome: Outcome
        var counter: UInt32?
        var flags: [String] = []
    }

    mutating func append(_ item: VerifiedBatch.Item) throws(BookError) -> Outcome {
        let row = nextRow
        nextRow += 1
        let entry = item.entry
        var judgement = try judge(entry, row: row)
        try insert(item, judgement, row: row)
        if case .payment(let payment) = entry.body {
            judgement.flags += try release(entry, payment)
        }
        if case .held(let code) = judgement.outcome, code != "card-unknown",
            case .enrolment(let enrolment) = entry.body
        {
            judgement.flags += try note(enrolment, row: row)
        }
        if judgement.outcome == .settled, !entry.isTraining {
            judgement.flags += try apply(entry, row: row)
        }
        for flag in judgement.flags {
            try book.run(
                "INSERT INTO flags(entry, flag) VALUES(?,?)", [.integer(row), .text(flag)])
        }
        return judgement.outcome
    }

    private func judge(_ entry: Entry, row: Int64) throws(BookError) -> Judgement {
        let same = try book.rows(
            """
            SELECT 1 FROM entries WHERE terminal = ? AND uuid = ? AND outcome = 'settled' LIMIT 1
            """,
            [.integer(terminal.row), .blob(entry.id.bytes)])
        if !same.isEmpty { return Judgement(outcome: .duplicate) }
        if entry.isTraining { return Judgement(outcome: .settled) }
        switch entry.body {
        case .payment, .refund, .topUp, .action: return try judgeProof(of: entry, row: row)
        case .reversal(let body): return Judgement(outcome: try judge(body, of: entry))
        case .closure(let body): return Judgement(outcome: try judge(body, of: entry))
        case .enrolment(let body): return Judgement(outcome: try judge(body))
        case .cardEvent:
            let isKnown = try entry.body.card.map { (card) throws(BookError) in
                try book.card(card) != nil
            }
            return Judgement(outcome: isKnown == true ? .settled : .held(code: "card-unknown"))
        case .technicalEvent: return Judgement(outcome: .settled)
        }
    }

    /// B4.
    private func judgeProof(of entry: Entry, row: Int64) throws(BookError) -> Judgement {
        guard let proof = entry.body.proof, let quantity = entry.body.signedQuantity,
            let card = try book.card(proof.card)
        else { return Judgement(outcome: .held(code: "card-unknown")) }
        guard let keys else {
            return Judgement(outcome: .held(code: EvidenceFault.epoch.rawValue))
        }
        let read: ProvenRead
        do throws(EvidenceFault) {
            read = try prove(proof.evidence, by: card, keys: keys)
        } catch {
            let code = error.rawValue
            return Judgement(
                outcome: error == .epoch ? .held(code: code) : .declined(code: code))
        }
        let digest = transactionDigest(
            terminal: terminal.key.kid, entry: entry.id, kind: entry.body.kind,
            quantity: quantity, card: proof.card)
        // Evidence over another operation does not claim its counter: whoever replays a true
        // cryptogram in a false entry must not spoil the true one that is still on its way.
        guard read.digest == digest else {
            return Judgement(outcome: .declined(code: EvidenceFault.digest.rawValue))
        }
        var judgement = Judgement(outcome: .settled, counter: read.counter)
        let place = try place(of: read.counter, card)
        guard try claim(read.counter, card, row: row) else {
            judgement.outcome = .held(code: "counter-repeated")
            judgement.flags = ["counter-repeated"]
            return judgement
        }
        switch judgeCounter(place, time: entry.time, trust: entry.clockTrust) {
        case .rising: break
        case .late: judgement.flags = ["late"]
        case .lower:
            judgement.outcome = .held(code: "counter-lower")
            judgement.flags = ["counter-lower"]
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

    /// Takes (card, counter) for the entry about to be written. False: the constraint of the
    /// database says another entry has it.
    private func claim(
        _ counter: UInt32, _ card: CardRecord, row: Int64
    ) throws(BookError) -> Bool {
        try book.insertUnlessThere(
            "INSERT INTO card_counters(card, counter, entry) VALUES(?,?,?)",
            [.text(card.number.digits), .integer(Int64(counter)), .integer(row)])
    }

    private func place(of counter: UInt32, _ card: CardRecord) throws(BookError) -> CounterPlace {
        func neighbour(_ relation: String, _ order: String) throws(BookError) -> CounterNeighbour? {
            try book.rows(
                """
                SELECT c.counter, e.time, e.trust FROM card_counters c
                JOIN entries e ON e.id = c.entry AND e.outcome = 'settled'
                WHERE c.card = ? AND c.counter \(relation) ?
                ORDER BY c.counter \(order) LIMIT 1
                """, [.text(card.number.digits), .integer(Int64(counter))]
            ).first.map { row in
                CounterNeighbour(
                    counter: UInt32(clamping: row[0].integer ?? 0),
                    time: UInt64(clamping: row[1].integer ?? 0),
                    trust: ClockTrust(rawValue: UInt64(clamping: row[2].integer ?? 0))
                        ?? .untrusted)
            }
        }
        let behind = try book.rows(
            """
            SELECT 1 FROM card_counters c JOIN entries e ON e.id = c.entry
            WHERE c.card = ? AND c.counter > ? AND e.terminal = ? LIMIT 1
            """,
            [
                .text(card.number.digits), .integer(Int64(counter)), .integer(terminal.row),
            ])
        return CounterPlace(
            lower: try neighbour("<", "DESC"), higher: try neighbour(">", "ASC"),
            isBehindOwnTerminal: !behind.isEmpty)
    }

    /// Ends the reservation of this operation, whatever became of it. A payment that names an
    /// authorisation the ledger did not give for exactly it is flagged; the card signed it, so it
    /// is judged like an offline one.
    private func release(_ entry: Entry, _ payment: Payment) throws(BookError) -> [String] {
        try book.run(
            "UPDATE authorisations SET released = 1 WHERE terminal = ? AND entry = ?",
            [.integer(terminal.row), .blob(entry.id.bytes)])
        guard let id = payment.authorisation, !entry.isTraining else { return [] }
        let given = try book.rows(
            """
            SELECT 1 FROM authorisations
            WHERE id = ? AND terminal = ? AND entry = ? AND card = ? AND cents = ?
            """,
            [
                .blob(id), .integer(terminal.row), .blob(entry.id.bytes),
                .text(payment.card.digits), .integer(payment.amount.cents),
            ])
        return given.isEmpty ? ["authorisation-unknown"] : []
    }

    private func insert(
        _ item: VerifiedBatch.Item, _ judgement: Judgement, row: Int64
    ) throws(BookError) {
        let entry = item.entry
        try book.run(
            """
            INSERT INTO entries(id, terminal, seq, uuid, hash, cose, kind, time, trust, card,
                cents, counter, received, outcome, code)
            VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)
            """,
            [
                .integer(row), .integer(terminal.row), .clamped(entry.sequence),
                .blob(entry.id.bytes), .blob(item.hash), .blob(item.bytes),
                .clamped(entry.body.kind.rawValue), .clamped(entry.time),
                .clamped(entry.clockTrust.rawValue),
                entry.body.card.map { .text($0.digits) } ?? .null,
                entry.body.amount.map { .integer($0.cents) } ?? .null,
                judgement.counter.map { .integer(Int64($0)) } ?? .null, .clamped(now),
                .text(judgement.outcome.name), .text(judgement.outcome.code),
            ])
    }
}
