import Crypto
import LedgerBook
import PostgreSQL
import SQLite
import Threads

/// The anchor: the rows that a payment leaves, inserted by a bare SQL loop into the same tables,
/// as many to a transaction as the batch has, without a look at anything. Its ledger is made by
/// the product, so that the tables, indexes and guards are the same; a client writes the chain of a
/// terminal of its own, as ours do.
final class BareRows: @unchecked Sendable {  // because each client has its own connection and rows
    private enum Line {
        case file(Database)
        case server(Session)
    }

    private let lines: Monitor<[Line]>
    /// What follows next in a client's chain.
    private struct Chain {
        var sequence: Int64 = 1
        var previous = [UInt8](repeating: 0, count: 32)
    }

    private let chains: Monitor<[Chain]>
    private let place = Monitor<Int64>(0)

    private static let statements = [
        """
        INSERT INTO entries(id, terminal, seq, uuid, hash, cose, kind, time, trust, card, cents,
            counter, received, outcome, code, previous)
        VALUES($1, $2, $3, $4, $5, $6, 1, $7, 3, $8, 1, $9, $7, 'settled', '', $10)
        """,
        "INSERT INTO card_counters(card, counter, entry) VALUES($1, $2, $3)",
        "INSERT INTO transactions(id, entry, what, time) VALUES($1, $1, 'payment', $2)",
        "INSERT INTO postings(txn, account, cents) VALUES($1, $2, -1), ($1, $3, 1)",
        """
        INSERT INTO balances(account, cents) VALUES($1, -1)
        ON CONFLICT(account) DO UPDATE SET cents = balances.cents + excluded.cents
        """,
    ]

    /// `address` holds a ledger of `BenchLedger` with a terminal for each client.
    init(_ address: StoreAddress, clients: Int) throws {
        var open: [Line] = []
        for _ in 0..<address.connectionsMax {
            switch address {
            case .sqlite(let path):
                let database = try Database(path: path, access: .readWrite)
                try database.run("PRAGMA synchronous=FULL")
                open.append(.file(database))
            case .postgreSQL(let text): open.append(.server(try Session(text)))
            }
        }
        lines = Monitor(open)
        chains = Monitor(Array(repeating: Chain(), count: clients))
    }

    /// Inserts what `count` payments leave, in one transaction.
    func insert(_ count: Int, of client: Int, cards: [String]) throws {
        let first = place.read { place in
            place += Int64(count)
            return place - Int64(count) + 1
        }
        var rows: [(String, [SQLValue])] = []
        // In order, so that two clients that meet at a card do not wait in a circle.
        let chosen = (0..<count).map { cards[(Int(first) + $0) % cards.count] }.sorted()
        let terminal = Int64(client + 1)
        var chain = chains.read { $0[client] }
        for (counter, card) in zip(first..., chosen) {
            let id = terminal << 32 + chain.sequence
            let hash = randomBytes(32)
            let time = SQLValue.integer(Int64(BenchLedger.time))
            let values: [[SQLValue]] = [
                [
                    .integer(id), .integer(terminal), .integer(chain.sequence),
                    .blob(randomBytes(16)), .blob(hash), .blob(randomBytes(330)), time,
                    .text(card), .integer(counter), .blob(chain.previous),
                ],
                [.text(card), .integer(counter), .integer(id)], [.integer(id), time],
                [.integer(id), .text("card:" + card), .text("merchant:0000000000000001")],
                [.text("card:" + card)],
            ]
            rows += zip(Self.statements, values)
            chain = Chain(sequence: chain.sequence + 1, previous: hash)
        }
        chains.update { $0[client] = chain }
        guard let line = lines.wait(atMost: .seconds(600), { $0.popLast() }) else { return }
        defer { lines.update { $0.append(line) } }
        switch line {
        case .file(let database):
            try database.run("BEGIN IMMEDIATE")
            for (sql, values) in rows { try database.run(sql, values) }
            try database.run("COMMIT")
        case .server(let session):
            let commands = rows.map { PostgreSQLCommand($0.0, $0.1.map(Self.value)) }
            _ = try session.exchange(
                [PostgreSQLCommand("BEGIN")] + commands + [PostgreSQLCommand("COMMIT")])
        }
    }

    private static func value(_ value: SQLValue) -> PostgreSQLValue {
        switch value {
        case .null: .null
        case .integer(let value): .integer(value)
        case .text(let value): .text(value)
        case .blob(let value): .blob(value)
        case .real(let value): .real(value)
        }
    }
}
