import LedgerMessages
import Operations
import Tokens

/// What a batch is judged by, read in one round trip once its cards are locked, and kept up with
/// what the batch itself does.
struct BookingFacts {
    /// A card that the batch names.
    struct Card {
        var record: CardRecord
        /// The highest counter that any entry has claimed; -1 before the first.
        var counterMax: Int64
        /// Cents.
        var balance: Int64
        /// Its use with the highest counter, if that settled or is kept.
        var last: CardUse?
    }

    /// What an authorisation was given for.
    struct Authorisation: Equatable {
        let id: [UInt8]
        let card: CardNumber
        let cents: Int64
    }

    var cards: [CardNumber: Card] = [:]
    /// Cards that gave their account to another one: old to new.
    var replaced: [CardNumber: CardNumber] = [:]
    /// Ids of the batch that have settled, or were released.
    var settled: Set<EntryID> = []
    /// By the entry they were given for.
    var authorisations: [EntryID: Authorisation] = [:]
    /// Entries whose reservations end with this batch.
    var released: Set<EntryID> = []
    /// Rules and catalogue, read when first asked for.
    var rules: (rules: OperationRules, actions: [CatalogueAction])?
    /// Read when the first closure of the batch is judged.
    var refusedClosures: [Closure]?
    /// By where a stretch of the chain begins, how far it was added up and to what.
    var totals: [UInt64: (totals: PeriodTotals, upto: UInt64)] = [:]
    /// Whether the terminal's newest policies, or all, were read for this batch.
    var givenRead: Set<Bool> = []
    /// Cents; read when the first payment is above what its terminal's policies allow.
    var paymentLimit: Int64?

    /// - Parameter numbers: every card whose account or state the batch may touch, of
    ///   `Book.lockedTerminal`.
    static func read(
        _ book: Book, _ terminal: TerminalRecord, _ entries: [Entry],
        locking numbers: Set<CardNumber>
    ) throws(BookError) -> (
        head: (sequence: UInt64, hash: [UInt8], time: UInt64), facts: BookingFacts
    ) {
        let read = try read(book, terminal, entries, numbers)
        guard numbers.isSuperset(of: read.facts.replaced.values) else {
            throw .storage(StorageError(.conflict, Book.replacedMeanwhile))
        }
        return read
    }

    private static func read(
        _ book: Book, _ terminal: TerminalRecord, _ entries: [Entry], _ numbers: Set<CardNumber>
    ) throws(BookError) -> (
        head: (sequence: UInt64, hash: [UInt8], time: UInt64), facts: BookingFacts
    ) {
        let cards = Book.chunks(Set(numbers.map(\.digits)).sorted().map { .text($0) })
        let ids = Book.chunks(entries.map { .blob($0.id.bytes) })
        let here = Cell.integer(terminal.row)
        var questions = book.locking(cards: numbers.map(\.digits))
        questions.append(Book.askingHead(of: terminal))
        let start = questions.count - 1
        for chunk in cards {
            questions += Book.askingCards("WHERE number IN \(Book.list(chunk))", chunk)
            questions.append(Statement(lastUses(of: Book.list(chunk)), chunk))
            questions.append(
                Statement(
                    "SELECT old, new FROM replacements WHERE old IN \(Book.list(chunk))", chunk))
        }
        for chunk in ids {
            questions += [
                Statement(settled(chunk.count), [here] + chunk),
                Statement(authorised(chunk.count), [here] + chunk),
            ]
        }
        var answers = try book.answers(questions).dropFirst(start)
        let head = Book.head(answers.removeFirst().first)
        var facts = BookingFacts()
        for _ in cards {
            facts.add(cards: answers.prefix(4))
            answers = answers.dropFirst(4)
        }
        for _ in ids {
            facts.add(ids: answers.prefix(2))
            answers = answers.dropFirst(2)
        }
        return (head, facts)
    }

    // A server keeps the plan of a statement, made when its tables may have been empty. These are
    // written so that there is only one way to answer them: a look into an index for each row.

    /// Asks for cards with their balances, highest counters and what used those.
    private static func lastUses(of list: String) -> String {
        """
        SELECT x.number, x.counter, x.cents,
            (SELECT e.time FROM entries e WHERE e.id = x.entry),
            (SELECT e.trust FROM entries e WHERE e.id = x.entry),
            (SELECT m.merchant FROM terminals m
                WHERE m.id = (SELECT e.terminal FROM entries e WHERE e.id = x.entry))
        FROM (SELECT c.number,
                (SELECT max(k.counter) FROM card_counters k WHERE k.card = c.number) AS counter,
                (SELECT k.entry FROM card_counters k WHERE k.card = c.number
                    ORDER BY k.counter DESC LIMIT 1) AS entry,
                (SELECT b.cents FROM balances b WHERE b.account = 'card:' || c.number) AS cents
            FROM cards c WHERE c.number IN \(list) LIMIT \(Book.chunkMax)) x
        """
    }

    /// Asks which of `count` ids have settled at the terminal $1, or were released there.
    private static func settled(_ count: Int) -> String {
        """
        SELECT x.column1 FROM (SELECT v.column1,
            (SELECT count(*) FROM entries e WHERE e.terminal = $1 AND e.uuid = v.column1
                AND (e.outcome = 'settled' OR
                    (SELECT d.released FROM verdicts d WHERE d.entry = e.id) = 1)) AS times
            FROM (VALUES \(values(count))) v) x
        WHERE x.times > 0
        """
    }

    /// Asks which of `count` ids the terminal $1 was given an authorisation for, and what it says.
    private static func authorised(_ count: Int) -> String {
        """
        SELECT x.column1, x.id, (SELECT a.card FROM authorisations a WHERE a.id = x.id),
            (SELECT a.cents FROM authorisations a WHERE a.id = x.id)
        FROM (SELECT v.column1, (SELECT a.id FROM authorisations a
                WHERE a.terminal = $1 AND a.entry = v.column1) AS id
            FROM (VALUES \(values(count))) v LIMIT \(Book.chunkMax)) x
        WHERE x.id IS NOT NULL
        """
    }

    /// "($2), ($3)": rows of one value each, after the first placeholder.
    private static func values(_ count: Int) -> String {
        (0..<count).map { "($\($0 + 2))" }.joined(separator: ", ")
    }

    private mutating func add(cards answers: some Collection<[[Cell]]>) {
        var records: [CardNumber: CardRecord] = [:]
        for record in Book.records(answers) { records[record.number] = record }
        for row in answers.dropFirst(2).first ?? [] {
            guard let number = row[0].text.flatMap({ CardNumber($0) }),
                let record = records[number]
            else { continue }
            cards[number] = Card(
                record: record, counterMax: row[1].integer ?? -1, balance: row[2].integer ?? 0,
                last: CardUse(row[3...]))
        }
        for row in answers.dropFirst(3).first ?? [] {
            guard let old = row[0].text.flatMap({ CardNumber($0) }),
                let new = row[1].text.flatMap({ CardNumber($0) })
            else { continue }
            replaced[old] = new
        }
    }

    /// The card that has the account of `card` now: itself, or the last that replaced it. Nobody is
    /// replaced twice or by itself, so a chain is no longer than there are links.
    func successor(_ card: CardNumber) -> CardNumber {
        var last = card
        for _ in 0...replaced.count { last = replaced[last] ?? last }
        return last
    }

    private mutating func add(ids answers: some Collection<[[Cell]]>) {
        for row in answers.first ?? [] {
            if let id = row[0].blob.flatMap({ EntryID($0) }) { settled.insert(id) }
        }
        for row in answers.dropFirst().first ?? [] {
            guard let entry = row[0].blob.flatMap({ EntryID($0) }), let id = row[1].blob,
                let card = row[2].text.flatMap({ CardNumber($0) }), let cents = row[3].integer
            else { continue }
            authorisations[entry] = Authorisation(id: id, card: card, cents: cents)
        }
    }

    /// Adds to a balance; true when it is below zero then.
    mutating func move(_ cents: Int64, to named: CardNumber) -> Bool {
        let card = successor(named)
        let (sum, isOver) = (cards[card]?.balance ?? 0).addingReportingOverflow(cents)
        let balance = isOver ? (cents < 0 ? .min : .max) : sum
        cards[card]?.balance = balance
        return balance < 0
    }
}
