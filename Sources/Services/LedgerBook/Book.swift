import Crypto
import Linux

/// The open book. One owner serialises the calls.
public final class Book: @unchecked Sendable {  // because its owner hands it on whole
    /// How often a transaction is tried that another one came between.
    static let attemptsMax = 10

    let store: any LedgerStore
    /// Rows to insert before the next question, or by the end of the transaction.
    private var pending: [(table: Table, rows: [[Cell]])] = []
    /// What those rows add to the balances of cards, cents.
    private var additions: [String: Int64] = [:]
    private var isInTransaction = false
    /// Limits of the policies that were read.
    var given = GivenLimits()
    /// Days whose volumes were asked for.
    var summed = SummedDays()
    /// The SQL that inserts, made once.
    private var texts: [Table.Shape: String] = [:]

    /// How long a server's answers are waited for.
    public static let patience = Duration.seconds(30)

    /// Opens the book at `address`; makes it when `create` says so.
    /// - Parameter patience: the longest wait for a server's answers.
    /// - Throws: `BookError.storage`, `.unusable`.
    public init(
        _ address: StoreAddress, create: Bool = false, patience: Duration = Book.patience
    ) throws(BookError) {
        store = try address.open(create: create, patience: patience)
    }

    /// Asks the database whether it answers, and `writing` whether it keeps what is written: a
    /// standby, a disk that is full or was mounted read-only answer all the same. A row is
    /// committed as it was.
    /// - Throws: `BookError.storage`.
    public func check(writing: Bool) throws(BookError) {
        _ = try number("SELECT count(*) FROM settings")
        guard writing else { return }
        try transaction { () throws(BookError) in
            try run("UPDATE counters SET last = last WHERE name = 'terminals'")
        }
    }

    // MARK: statements

    /// The rows of one statement.
    func rows(_ sql: String, _ values: [Cell] = []) throws(BookError) -> [[Cell]] {
        try answers([Statement(sql, values)]).first ?? []
    }

    /// The rows of several statements, asked together.
    func answers(_ statements: [Statement]) throws(BookError) -> [[[Cell]]] {
        try insertPending()
        do throws(StorageError) { return try store.answers(statements) } catch {
            throw .storage(error)
        }
    }

    /// The first column of the first row.
    func number(_ sql: String, _ values: [Cell] = []) throws(BookError) -> Int64? {
        try rows(sql, values).first?.first?.integer
    }

    /// Runs a statement; within a transaction by its end at the latest.
    func run(_ sql: String, _ values: [Cell] = []) throws(BookError) {
        guard isInTransaction else {
            _ = try changes(sql, values)
            return
        }
        try insertPending()
        try later(Statement(sql, values))
    }

    /// The number of rows that a statement changed.
    func changes(_ sql: String, _ values: [Cell] = []) throws(BookError) -> Int {
        try insertPending()
        do throws(StorageError) { return try store.changes(Statement(sql, values)) } catch {
            throw .storage(error)
        }
    }

    /// Adds a row within a transaction. Rows of one table go together, in the order of `Table`.
    func insert(_ table: Table, _ row: [Cell]) {
        if let place = pending.firstIndex(where: { $0.table == table }) {
            pending[place].rows.append(row)
        } else {
            pending.append((table, [row]))
        }
    }

    /// Adds to a balance that the database keeps, within a transaction.
    func add(_ cents: Int64, to account: String) throws(BookError) {
        let (sum, isOver) = additions[account, default: 0].addingReportingOverflow(cents)
        if isOver { throw .amount }
        additions[account] = sum
    }

    private func insertPending() throws(BookError) {
        for (account, cents) in additions.sorted(by: { $0.key < $1.key }) {
            insert(.balances, [.text(account), .integer(cents)])
        }
        additions = [:]
        if pending.isEmpty { return }
        let tables = pending.sorted { $0.table.rawValue < $1.table.rawValue }
        pending = []
        for (table, rows) in tables {
            for statement in table.inserting(rows, &texts) { try later(statement) }
        }
    }

    private func later(_ statement: Statement) throws(BookError) {
        do throws(StorageError) { try store.later(statement) } catch { throw .storage(error) }
    }

    /// One write transaction (B1), tried again when another one came between: `body` has no effect
    /// but on the database.
    func transaction<R>(_ body: () throws(BookError) -> R) throws(BookError) -> R {
        precondition(!isInTransaction, "book: transactions do not nest")
        isInTransaction = true
        defer {
            isInTransaction = false
            forget()
        }
        var attempt = 1
        while true {
            do throws(BookError) {
                return try store.transaction { () throws(BookError) in
                    let result = try body()
                    try insertPending()
                    return result
                }
            } catch {
                guard error.isConflict, attempt < Self.attemptsMax else { throw error }
            }
            forget()
            // Two that met once shall not meet again.
            Clock.sleep(.microseconds(Int64.random(in: 0...(500 << attempt))))
            attempt += 1
        }
    }

    private func forget() {
        pending = []
        additions = [:]
    }

    // MARK: rows that are this transaction's until it ends, in the order of `LedgerStore.rowLock`

    /// Locks these cards; others wait to judge by them.
    func locking(cards: some Sequence<String>) -> [Statement] {
        let numbers = Set(cards).sorted()
        guard !store.rowLock.isEmpty, !numbers.isEmpty else { return [] }
        return Self.chunks(numbers.map { .text($0) }).map { chunk in
            Statement(
                "SELECT number FROM cards WHERE number IN \(Self.list(chunk)) "
                    + "ORDER BY number\(store.rowLock)", chunk)
        }
    }

    /// The next number of a counter: gapless, in the order of commits.
    func next(_ name: String) throws(BookError) -> Int64 {
        let sql = "UPDATE counters SET last = last + 1 WHERE name = $1 RETURNING last"
        guard let next = try number(sql, [.text(name)]) else {
            throw .unusable("the counter \(name) is missing")
        }
        return next
    }

    // MARK: lists

    /// The longest list.
    static let chunkMax = 256

    /// Lists have few lengths, so that few texts are prepared: NULL, which nothing equals, fills
    /// the rest.
    static func chunks(_ values: [Cell]) -> [[Cell]] {
        stride(from: 0, to: values.count, by: chunkMax).map { start in
            let chunk = values[start..<min(start + chunkMax, values.count)]
            let size = [1, 4, 16, 64, 128].first { $0 >= chunk.count } ?? chunkMax
            return chunk + Array(repeating: .null, count: size - chunk.count)
        }
    }

    /// "($2, $3, $4)" for a chunk.
    static func list(_ chunk: [Cell], after count: Int = 0) -> String {
        "(" + (1...chunk.count).map { "$\(count + $0)" }.joined(separator: ", ") + ")"
    }
}

/// Tables that bookings add to, in the order that references between them ask for.
enum Table: Int {
    case entries, counters, transactions, postings, balances, flags, links, actions, enrolments,
        closures, replacements

    private var head: String {
        switch self {
        case .entries:
            """
            entries(id, terminal, seq, uuid, hash, cose, kind, time, trust, card, cents, counter,
                received, outcome, code, previous)
            """
        case .counters: "card_counters(card, counter, entry)"
        case .transactions: "transactions(id, entry, what, time)"
        case .postings: "postings(txn, account, cents)"
        case .balances: "balances(account, cents)"
        case .flags: "flags(entry, flag)"
        case .links: "links(entry, kind, target, cents)"
        case .actions: "actions(entry, card, code, parcours, thousandths, day)"
        case .enrolments: "enrolments(entry, card, sealed)"
        case .replacements: "replacements(entry, old, new)"
        case .closures: "closures(entry, terminal, period, number, upto, perpetual)"
        }
    }

    private var tail: String {
        switch self {
        // The database adds: a balance is never read to be written.
        case .balances:
            " ON CONFLICT(account) DO UPDATE SET cents = balances.cents + excluded.cents"
        case .flags: " ON CONFLICT DO NOTHING"
        default: ""
        }
    }

    /// What the text of an insertion depends on.
    struct Shape: Hashable {
        let table: Table
        let rows: Int
    }

    /// Few statements for many rows, of few lengths.
    func inserting(_ rows: [[Cell]], _ texts: inout [Shape: String]) -> [Statement] {
        var statements: [Statement] = []
        var start = 0
        while start < rows.count {
            let size = [256, 128, 64, 32, 16, 8, 4, 2, 1].first { $0 <= rows.count - start } ?? 1
            let chunk = rows[start..<start + size]
            let shape = Shape(table: self, rows: size)
            let text = texts[shape] ?? sql(size, chunk.first?.count ?? 0)
            texts[shape] = text
            statements.append(Statement(text, chunk.flatMap { $0 }))
            start += size
        }
        return statements
    }

    private func sql(_ rows: Int, _ columns: Int) -> String {
        let lists = (0..<rows).map { row in
            "(" + (1...columns).map { "$\(row * columns + $0)" }.joined(separator: ", ") + ")"
        }
        return "INSERT INTO \(head) VALUES\(lists.joined(separator: ", "))\(tail)"
    }
}
