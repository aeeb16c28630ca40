import PostgreSQL

/// The tables of a book on a server: those of `SQLiteSchema` at its newest version, by the same
/// names. `tables` is all that the book's SQL needs, and plain enough for engines that speak
/// PostgreSQL's protocol; `guards` is what PostgreSQL refuses on top.
enum PostgreSQLSchema {
    /// The migrations, in order: a database of version n has had the first n.
    private static let steps = [
        people + past + operations + guards, fleet, chain, chainLooks,
    ]

    /// Whether a book was made in the session's schema.
    static func isThere(_ session: Session) throws(PostgreSQLError) -> Bool {
        let asked = PostgreSQLCommand(
            """
            SELECT count(*) FROM information_schema.tables
            WHERE table_schema = current_schema() AND table_name = 'ledger_version'
            """)
        return try session.exchange([asked]).first?.rows.first?.first == .integer(1)
    }

    /// Asserts B1 and brings the database to the newest version, or refuses it.
    static func prepare(_ session: Session, mayCreate: Bool) throws(BookError) {
        let (isDurable, found): (Bool, Int64?)
        do throws(PostgreSQLError) {
            (isDurable, found) = (try makeDurable(session), try version(session))
        } catch { throw .storage(StorageError(error)) }
        guard isDurable else {
            throw .unusable("the server runs with fsync=off: it may lose what it confirmed (B1)")
        }
        if found == nil, !mayCreate {
            throw .unusable("no ledger in this database: run eco-ledger init first")
        }
        guard let first = Int(exactly: found ?? 0), (0...steps.count).contains(first) else {
            throw .unusable("the ledger was written by another version")
        }
        for version in first..<steps.count {
            do throws(PostgreSQLError) {
                // One implicit transaction: all of a step or nothing of it.
                try session.script(
                    (version == 0
                        ? "CREATE TABLE ledger_version(version BIGINT PRIMARY KEY);" : "")
                        + "INSERT INTO ledger_version VALUES(\(version + 1));" + steps[version])
            } catch { throw .storage(StorageError(error)) }
        }
    }

    private static func version(_ session: Session) throws(PostgreSQLError) -> Int64? {
        guard try isThere(session) else { return nil }
        let asked = PostgreSQLCommand("SELECT max(version) FROM ledger_version")
        let row = try session.exchange([asked]).first?.rows.first
        if case .integer(let version) = row?.first { return version }
        return nil
    }

    /// A COMMIT that is confirmed is on disk, on the standby's too where the server has a
    /// synchronous one (B1). False: the server does not even promise the first.
    private static func makeDurable(_ session: Session) throws(PostgreSQLError) -> Bool {
        let asked = PostgreSQLCommand(
            "SELECT current_setting('synchronous_commit'), current_setting('fsync', true)")
        let row = try session.exchange([asked]).first?.rows.first
        if ![.text("on"), .text("remote_apply")].contains(row?.first) {
            try session.script("SET synchronous_commit = on")
        }
        return row?.last != .text("off")
    }

    private static let people = """
        CREATE TABLE settings(id BIGINT PRIMARY KEY CHECK(id = 1), json TEXT NOT NULL);
        CREATE TABLE merchants(name TEXT PRIMARY KEY);
        CREATE TABLE counters(name TEXT PRIMARY KEY, last BIGINT NOT NULL);
        INSERT INTO counters VALUES('terminals', 0), ('deny-list', 0);
        CREATE TABLE terminals(
            id BIGINT PRIMARY KEY, kid BYTEA NOT NULL UNIQUE CHECK(length(kid) = 8),
            key BYTEA NOT NULL UNIQUE CHECK(length(key) = 32),
            merchant TEXT NOT NULL REFERENCES merchants(name),
            paired BIGINT NOT NULL, revoked BIGINT);
        CREATE TABLE pairing_codes(
            hash BYTEA PRIMARY KEY CHECK(length(hash) = 32),
            merchant TEXT NOT NULL REFERENCES merchants(name),
            expires BIGINT NOT NULL, terminal BIGINT REFERENCES terminals(id));
        CREATE TABLE policies(
            terminal BIGINT NOT NULL REFERENCES terminals(id), version BIGINT NOT NULL,
            cose BYTEA NOT NULL, PRIMARY KEY(terminal, version));
        CREATE TABLE cards(
            number TEXT PRIMARY KEY CHECK(length(number) = 12),
            uid BYTEA NOT NULL UNIQUE CHECK(length(uid) = 7), epoch BIGINT NOT NULL,
            class BIGINT NOT NULL, blocked BIGINT NOT NULL DEFAULT 0 CHECK(blocked IN (0, 1)),
            issued BIGINT NOT NULL, page_counter BIGINT NOT NULL DEFAULT 0);
        CREATE TABLE card_epochs(
            card TEXT NOT NULL REFERENCES cards(number), place BIGINT NOT NULL,
            epoch BIGINT NOT NULL CHECK(epoch BETWEEN 0 AND 255), registered BIGINT NOT NULL,
            PRIMARY KEY(card, place), UNIQUE(card, epoch));
        CREATE TABLE deny_changes(
            epoch BIGINT PRIMARY KEY, card TEXT NOT NULL REFERENCES cards(number),
            denied BIGINT NOT NULL CHECK(denied IN (0, 1)), time BIGINT NOT NULL);
        CREATE INDEX deny_changes_card ON deny_changes(card, epoch);
        CREATE TABLE authorisations(
            terminal BIGINT NOT NULL REFERENCES terminals(id), entry BYTEA NOT NULL,
            id BYTEA NOT NULL UNIQUE CHECK(length(id) = 16),
            card TEXT NOT NULL REFERENCES cards(number), cents BIGINT NOT NULL CHECK(cents > 0),
            counter BIGINT NOT NULL, rearm BIGINT NOT NULL, expires BIGINT NOT NULL,
            released BIGINT NOT NULL DEFAULT 0 CHECK(released IN (0, 1)),
            PRIMARY KEY(terminal, entry));
        CREATE INDEX authorisations_open ON authorisations(card, expires) WHERE released = 0;
        CREATE INDEX authorisations_card ON authorisations(card, counter);
        CREATE TABLE sealing(certificate BYTEA PRIMARY KEY, time BIGINT NOT NULL);

        """

    /// An entry's id is its terminal and number (`Booking.row`), so the primary key spreads by
    /// terminal and no counter is shared. Postings are kept by account.
    private static let past = """
        CREATE TABLE entries(
            id BIGINT PRIMARY KEY CHECK(id = terminal * 4294967296 + seq),
            terminal BIGINT NOT NULL REFERENCES terminals(id),
            seq BIGINT NOT NULL CHECK(seq >= 1 AND seq < 4294967296),
            uuid BYTEA NOT NULL CHECK(length(uuid) = 16),
            hash BYTEA NOT NULL CHECK(length(hash) = 32), cose BYTEA NOT NULL,
            kind BIGINT NOT NULL, time BIGINT NOT NULL, trust BIGINT NOT NULL,
            card TEXT, cents BIGINT, counter BIGINT, received BIGINT NOT NULL,
            outcome TEXT NOT NULL
                CHECK(outcome IN ('settled', 'declined', 'held', 'duplicate')),
            code TEXT NOT NULL, UNIQUE(terminal, seq));
        CREATE UNIQUE INDEX entries_once ON entries(terminal, uuid) WHERE outcome = 'settled';
        CREATE INDEX entries_uuid ON entries(terminal, uuid);
        CREATE INDEX entries_held ON entries(received, id) WHERE outcome = 'held';
        CREATE TABLE card_counters(
            card TEXT NOT NULL REFERENCES cards(number), counter BIGINT NOT NULL,
            entry BIGINT NOT NULL UNIQUE REFERENCES entries(id), PRIMARY KEY(card, counter));
        CREATE TABLE transactions(
            id BIGINT PRIMARY KEY, entry BIGINT UNIQUE REFERENCES entries(id),
            what TEXT NOT NULL, time BIGINT NOT NULL);
        CREATE TABLE postings(
            txn BIGINT NOT NULL REFERENCES transactions(id),
            account TEXT NOT NULL CHECK(account = 'issuance' OR account LIKE 'card:%'
                OR account LIKE 'merchant:%' OR account LIKE 'means:%'),
            cents BIGINT NOT NULL CHECK(cents <> 0), PRIMARY KEY(account, txn));
        CREATE INDEX postings_txn ON postings(txn);
        CREATE TABLE balances(account TEXT PRIMARY KEY, cents BIGINT NOT NULL);
        CREATE TABLE flags(
            entry BIGINT NOT NULL REFERENCES entries(id), flag TEXT NOT NULL,
            PRIMARY KEY(entry, flag));
        CREATE TABLE receipts(
            terminal BIGINT NOT NULL REFERENCES terminals(id), since BIGINT NOT NULL,
            upto BIGINT NOT NULL, cose BYTEA NOT NULL, PRIMARY KEY(terminal, since, upto));

        """

    private static let operations = """
        CREATE TABLE links(
            entry BIGINT PRIMARY KEY REFERENCES entries(id), kind BIGINT NOT NULL,
            target BIGINT NOT NULL REFERENCES entries(id), cents BIGINT NOT NULL);
        CREATE INDEX links_target ON links(target, kind);
        CREATE UNIQUE INDEX links_reversal ON links(target) WHERE kind = 3;
        CREATE TABLE actions(
            entry BIGINT PRIMARY KEY REFERENCES entries(id), card TEXT NOT NULL,
            code TEXT NOT NULL, parcours BIGINT NOT NULL, thousandths BIGINT NOT NULL,
            day BIGINT NOT NULL);
        CREATE INDEX actions_card ON actions(card, day, code);
        CREATE TABLE enrolments(
            entry BIGINT PRIMARY KEY REFERENCES entries(id), card TEXT NOT NULL, sealed BYTEA);
        CREATE INDEX enrolments_card ON enrolments(card);
        CREATE TABLE replacements(
            entry BIGINT PRIMARY KEY REFERENCES entries(id),
            old TEXT NOT NULL UNIQUE REFERENCES cards(number),
            new TEXT NOT NULL REFERENCES cards(number), CHECK(old <> new));
        CREATE TABLE closures(
            entry BIGINT PRIMARY KEY REFERENCES entries(id),
            terminal BIGINT NOT NULL REFERENCES terminals(id), period BIGINT NOT NULL,
            number BIGINT NOT NULL, upto BIGINT NOT NULL, perpetual BIGINT NOT NULL,
            UNIQUE(terminal, period, number));
        CREATE TABLE verdicts(
            entry BIGINT PRIMARY KEY REFERENCES entries(id),
            released BIGINT NOT NULL CHECK(released IN (0, 1)), reason TEXT NOT NULL,
            time BIGINT NOT NULL);

        """

    /// Append-only (B6), and sums of zero (B5): postings come by INSERTs that each balance.
    private static let guards =
        """
        CREATE FUNCTION ledger_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION 'ledger: % is append-only', TG_TABLE_NAME
            USING ERRCODE = 'integrity_constraint_violation'; END $$;
        CREATE FUNCTION ledger_balance() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF EXISTS(SELECT 1 FROM added GROUP BY txn HAVING sum(cents) <> 0) THEN
                RAISE EXCEPTION 'ledger: a transaction does not sum to zero'
                    USING ERRCODE = 'integrity_constraint_violation';
            END IF;
            RETURN NULL;
        END $$;
        CREATE TRIGGER postings_balance AFTER INSERT ON postings
            REFERENCING NEW TABLE AS added FOR EACH STATEMENT
            EXECUTE FUNCTION ledger_balance();

        """
        + SQLiteSchema.appendOnly.map { appendOnly($0) }.joined()

    static func appendOnly(_ table: String) -> String {
        """
        CREATE TRIGGER \(table)_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON \(table)
            FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse();

        """
    }
}
