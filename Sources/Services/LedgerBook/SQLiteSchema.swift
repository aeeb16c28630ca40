import SQLite

/// The tables of a book in a file. STRICT, foreign keys, append-only where the past must stay (B6).
enum SQLiteSchema {
    /// 2 added what is not a payment: `additions`, and accounts of means. 3 added `card_epochs`,
    /// 4 `replacements`,
    /// 5 kept balances and counters, and refuses a posting that does not answer the first,
    /// 6 added what the association sees and decides (SchemaFleet.swift),
    /// 7 the chain's own rules (SchemaChain.swift).
    static let version: Int64 = 7
    private static let applicationID: Int64 = 0x45_43_4f_4c  // "ECOL"

    private static let people = """
        CREATE TABLE settings(id INTEGER PRIMARY KEY CHECK(id = 1), json TEXT NOT NULL) STRICT;
        CREATE TABLE merchants(name TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
        CREATE TABLE terminals(
            id INTEGER PRIMARY KEY, kid BLOB NOT NULL UNIQUE CHECK(length(kid) = 8),
            key BLOB NOT NULL UNIQUE CHECK(length(key) = 32),
            merchant TEXT NOT NULL REFERENCES merchants(name),
            paired INTEGER NOT NULL, revoked INTEGER) STRICT;
        CREATE TABLE pairing_codes(
            hash BLOB PRIMARY KEY CHECK(length(hash) = 32),
            merchant TEXT NOT NULL REFERENCES merchants(name),
            expires INTEGER NOT NULL, terminal INTEGER REFERENCES terminals(id)) STRICT;
        CREATE TABLE policies(
            terminal INTEGER NOT NULL REFERENCES terminals(id), version INTEGER NOT NULL,
            cose BLOB NOT NULL, PRIMARY KEY(terminal, version)) STRICT;
        CREATE TABLE cards(
            number TEXT PRIMARY KEY CHECK(length(number) = 12),
            uid BLOB NOT NULL UNIQUE CHECK(length(uid) = 7), epoch INTEGER NOT NULL,
            class INTEGER NOT NULL, blocked INTEGER NOT NULL DEFAULT 0 CHECK(blocked IN (0, 1)),
            issued INTEGER NOT NULL, page_counter INTEGER NOT NULL DEFAULT 0) STRICT;
        CREATE TABLE deny_changes(
            epoch INTEGER PRIMARY KEY, card TEXT NOT NULL REFERENCES cards(number),
            denied INTEGER NOT NULL CHECK(denied IN (0, 1)), time INTEGER NOT NULL) STRICT;
        CREATE TABLE authorisations(
            terminal INTEGER NOT NULL REFERENCES terminals(id), entry BLOB NOT NULL,
            id BLOB NOT NULL UNIQUE CHECK(length(id) = 16),
            card TEXT NOT NULL REFERENCES cards(number), cents INTEGER NOT NULL CHECK(cents > 0),
            counter INTEGER NOT NULL, rearm INTEGER NOT NULL, expires INTEGER NOT NULL,
            released INTEGER NOT NULL DEFAULT 0 CHECK(released IN (0, 1)),
            PRIMARY KEY(terminal, entry)) STRICT;
        CREATE INDEX authorisations_open ON authorisations(card, expires) WHERE released = 0;
        """

    /// An id settles once; the chain keeps what a terminal sends under it again.
    /// A counter is claimed just before its entry is written, hence the deferred reference.
    private static let past = """
        CREATE TABLE entries(
            id INTEGER PRIMARY KEY, terminal INTEGER NOT NULL REFERENCES terminals(id),
            seq INTEGER NOT NULL CHECK(seq >= 1), uuid BLOB NOT NULL CHECK(length(uuid) = 16),
            hash BLOB NOT NULL CHECK(length(hash) = 32), cose BLOB NOT NULL,
            kind INTEGER NOT NULL, time INTEGER NOT NULL, trust INTEGER NOT NULL,
            card TEXT, cents INTEGER, counter INTEGER, received INTEGER NOT NULL,
            outcome TEXT NOT NULL
                CHECK(outcome IN ('settled', 'declined', 'held', 'duplicate')),
            code TEXT NOT NULL, UNIQUE(terminal, seq)) STRICT;
        CREATE UNIQUE INDEX entries_once ON entries(terminal, uuid) WHERE outcome = 'settled';
        CREATE INDEX entries_uuid ON entries(terminal, uuid);
        CREATE INDEX entries_outcome ON entries(outcome, id);
        CREATE TABLE card_counters(
            card TEXT NOT NULL REFERENCES cards(number), counter INTEGER NOT NULL,
            entry INTEGER NOT NULL UNIQUE REFERENCES entries(id) DEFERRABLE INITIALLY DEFERRED,
            UNIQUE(card, counter)) STRICT;
        CREATE TABLE transactions(
            id INTEGER PRIMARY KEY, entry INTEGER UNIQUE REFERENCES entries(id),
            what TEXT NOT NULL, time INTEGER NOT NULL) STRICT;
        CREATE TABLE postings(
            txn INTEGER NOT NULL REFERENCES transactions(id),
            account TEXT NOT NULL CHECK(account = 'issuance' OR account GLOB 'card:*'
                OR account GLOB 'merchant:*'),
            cents INTEGER NOT NULL CHECK(cents <> 0), PRIMARY KEY(txn, account)) STRICT;
        CREATE INDEX postings_account ON postings(account, cents);
        CREATE TABLE flags(
            entry INTEGER NOT NULL REFERENCES entries(id), flag TEXT NOT NULL,
            PRIMARY KEY(entry, flag)) STRICT;
        CREATE TABLE receipts(
            terminal INTEGER NOT NULL REFERENCES terminals(id), since INTEGER NOT NULL,
            upto INTEGER NOT NULL, cose BLOB NOT NULL, PRIMARY KEY(terminal, since, upto)) STRICT;
        """

    private static let firstAppendOnly = [
        "entries", "card_counters", "transactions", "postings", "flags", "receipts",
        "deny_changes", "policies",
    ]
    private static let laterAppendOnly = [
        "links", "actions", "enrolments", "closures", "verdicts", "sealing",
    ]

    /// The tables that are never changed (B6).
    static let appendOnly = firstAppendOnly + laterAppendOnly + ["card_epochs", "replacements"]

    static func triggers(_ table: String) -> String {
        ["UPDATE", "DELETE"].map { act in
            """
            CREATE TRIGGER \(table)_no_\(act.lowercased()) BEFORE \(act) ON \(table)
            BEGIN SELECT RAISE(ABORT, 'ledger: \(table) is append-only'); END;
            """
        }.joined(separator: "\n")
    }

    /// Asserts B1 and brings the file to `version`, or refuses it.
    static func prepare(_ database: Database, mayCreate: Bool) throws(BookError) {
        let settings: (mode: String?, synchronous: Int64?, found: Int64)
        do throws(SQLiteError) {
            let mode = try database.rows("PRAGMA journal_mode=WAL").first?.first?.text
            try database.run("PRAGMA synchronous=FULL")
            settings = (
                mode, try database.rows("PRAGMA synchronous").first?.first?.integer,
                try database.rows("PRAGMA user_version").first?.first?.integer ?? 0
            )
        } catch { throw .storage(StorageError(error)) }
        guard settings.mode == "wal", settings.synchronous == 2 else {
            throw .unusable("WAL with synchronous=FULL is not to be had here (B1)")
        }
        switch settings.found {
        case version: return
        case 0 where mayCreate: try create(database)
        case 1..<version: try migrate(database, from: settings.found)
        case 0: throw .unusable("no ledger in this file: run eco-ledger init first")
        default: throw .unusable("the ledger was written by another version")
        }
    }

    private static func create(_ database: Database) throws(BookError) {
        try database.transaction(
            { () throws(BookError) in
                do throws(SQLiteError) {
                    try database.script(people)
                    try database.script(past)
                    for table in firstAppendOnly { try database.script(triggers(table)) }
                    try database.run("PRAGMA application_id=\(applicationID)")
                    try advance(database, from: 1)
                } catch { throw .storage(StorageError(error)) }
            }, mapping: { .storage(StorageError($0)) })
    }

    private static func migrate(_ database: Database, from found: Int64) throws(BookError) {
        try database.transaction(
            { () throws(BookError) in
                do throws(SQLiteError) { try advance(database, from: found) } catch {
                    throw .storage(StorageError(error))
                }
            }, mapping: { .storage(StorageError($0)) })
    }

    /// Every step from a version to this one, in order.
    private static func advance(_ database: Database, from found: Int64) throws(SQLiteError) {
        if found < 2 { try addOperations(database) }
        if found < 3 { try addEpochs(database) }
        if found < 4 { try addReplacements(database) }
        if found < 5 { try addBalances(database) }
        if found < 6 { try addFleet(database) }
        if found < 7 { try addChain(database) }
        try database.run("PRAGMA user_version=\(version)")
    }

    /// From version 4 to 5. A card's balance is kept; what was numbered by the last row is numbered
    /// by `counters`, or within its card. Entries and transactions have rows that follow from the
    /// terminal and its number (`Booking.row`); older ones keep theirs, which are smaller.
    private static func addBalances(_ database: Database) throws(SQLiteError) {
        try database.script(
            """
            CREATE TABLE balances(account TEXT PRIMARY KEY, cents INTEGER NOT NULL)
                STRICT, WITHOUT ROWID;
            INSERT INTO balances SELECT account, sum(cents) FROM postings
                WHERE account GLOB 'card:*' GROUP BY account;
            CREATE TABLE counters(name TEXT PRIMARY KEY, last INTEGER NOT NULL)
                STRICT, WITHOUT ROWID;
            INSERT INTO counters SELECT 'terminals', coalesce(max(id), 0) FROM terminals;
            INSERT INTO counters SELECT 'deny-list', coalesce(max(epoch), 0) FROM deny_changes;
            CREATE INDEX deny_changes_card ON deny_changes(card, epoch);
            CREATE INDEX authorisations_card ON authorisations(card, counter);
            DROP TRIGGER card_epochs_no_update; DROP TRIGGER card_epochs_no_delete;
            ALTER TABLE card_epochs RENAME TO card_epochs_before;
            CREATE TABLE card_epochs(
                card TEXT NOT NULL REFERENCES cards(number), place INTEGER NOT NULL,
                epoch INTEGER NOT NULL CHECK(epoch BETWEEN 0 AND 255),
                registered INTEGER NOT NULL, PRIMARY KEY(card, place), UNIQUE(card, epoch))
                STRICT, WITHOUT ROWID;
            INSERT INTO card_epochs SELECT card,
                row_number() OVER (PARTITION BY card ORDER BY id), epoch, registered
                FROM card_epochs_before;
            DROP TABLE card_epochs_before;
            CREATE TRIGGER postings_balance BEFORE INSERT ON postings
            WHEN (SELECT sum(cents) FROM postings WHERE txn = NEW.txn) + NEW.cents <> 0
            BEGIN SELECT RAISE(ABORT, 'ledger: a transaction does not sum to zero'); END;
            """)
        try database.script(triggers("card_epochs"))
    }

    /// From version 2 to 3. A card that was re-keyed has a row for each epoch it was registered
    /// with, the newest last; `cards.epoch` stays the first one.
    private static func addEpochs(_ database: Database) throws(SQLiteError) {
        try database.script(
            """
            CREATE TABLE card_epochs(
                id INTEGER PRIMARY KEY, card TEXT NOT NULL REFERENCES cards(number),
                epoch INTEGER NOT NULL CHECK(epoch BETWEEN 0 AND 255),
                registered INTEGER NOT NULL, UNIQUE(card, epoch)) STRICT;
            INSERT INTO card_epochs(card, epoch, registered)
                SELECT number, epoch, issued FROM cards ORDER BY number;
            """)
        try database.script(triggers("card_epochs"))
    }

    /// From version 3 to 4. A card is replaced once; `new` may be replaced in its turn.
    private static func addReplacements(_ database: Database) throws(SQLiteError) {
        try database.script(
            """
            CREATE TABLE replacements(
                entry INTEGER PRIMARY KEY REFERENCES entries(id),
                old TEXT NOT NULL UNIQUE REFERENCES cards(number),
                new TEXT NOT NULL REFERENCES cards(number), CHECK(old <> new)) STRICT;
            CREATE INDEX enrolments_card ON enrolments(card);
            """)
        try database.script(triggers("replacements"))
    }

    /// From version 1 to 2. A CHECK cannot be changed in place, so postings move to a new table.
    private static func addOperations(_ database: Database) throws(SQLiteError) {
        try database.script(
            """
            DROP TRIGGER postings_no_update; DROP TRIGGER postings_no_delete;
            DROP INDEX postings_account;
            ALTER TABLE postings RENAME TO postings_before;
            CREATE TABLE postings(
                txn INTEGER NOT NULL REFERENCES transactions(id),
                account TEXT NOT NULL CHECK(account = 'issuance' OR account GLOB 'card:*'
                    OR account GLOB 'merchant:*' OR account GLOB 'means:*'),
                cents INTEGER NOT NULL CHECK(cents <> 0), PRIMARY KEY(txn, account)) STRICT;
            INSERT INTO postings SELECT txn, account, cents FROM postings_before;
            DROP TABLE postings_before;
            CREATE INDEX postings_account ON postings(account, cents);
            """)
        try database.script(triggers("postings"))
        try database.script(additions)
        for table in laterAppendOnly { try database.script(triggers(table)) }
    }

    /// `links`: what a settled refund (kind 2) or reversal (3) takes back. `verdicts`: what a
    /// person decided of a held entry; its outcome stays what the terminal was told.
    private static let additions = """
        CREATE TABLE links(
            entry INTEGER PRIMARY KEY REFERENCES entries(id), kind INTEGER NOT NULL,
            target INTEGER NOT NULL REFERENCES entries(id), cents INTEGER NOT NULL) STRICT;
        CREATE INDEX links_target ON links(target, kind, cents);
        CREATE UNIQUE INDEX links_reversal ON links(target) WHERE kind = 3;
        CREATE TABLE actions(
            entry INTEGER PRIMARY KEY REFERENCES entries(id), card TEXT NOT NULL,
            code TEXT NOT NULL, parcours INTEGER NOT NULL, thousandths INTEGER NOT NULL,
            day INTEGER NOT NULL) STRICT;
        CREATE INDEX actions_card ON actions(card, day, code, thousandths);
        CREATE TABLE enrolments(
            entry INTEGER PRIMARY KEY REFERENCES entries(id), card TEXT NOT NULL, sealed BLOB)
            STRICT;
        CREATE TABLE closures(
            entry INTEGER PRIMARY KEY REFERENCES entries(id),
            terminal INTEGER NOT NULL REFERENCES terminals(id), period INTEGER NOT NULL,
            number INTEGER NOT NULL, upto INTEGER NOT NULL, perpetual INTEGER NOT NULL,
            UNIQUE(terminal, period, number)) STRICT;
        CREATE TABLE verdicts(
            entry INTEGER PRIMARY KEY REFERENCES entries(id),
            released INTEGER NOT NULL CHECK(released IN (0, 1)), reason TEXT NOT NULL,
            time INTEGER NOT NULL) STRICT;
        CREATE TABLE sealing(certificate BLOB PRIMARY KEY, time INTEGER NOT NULL) STRICT;
        """
}
