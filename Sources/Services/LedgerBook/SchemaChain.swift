import SQLite

// What the database itself refuses of a terminal's chain (B3), and of an operation that is booked
// by a person (B2). `entries.previous` is the hash that an entry names, NULL in entries older than
// the column: the audit walks those.

/// Both stores.
private let bookedOnce = "ledger: an operation is booked once"
private let chained = "ledger: an entry does not follow the one before"
private let byTime = "CREATE INDEX transactions_time ON transactions(time);\n"

extension SQLiteSchema {
    /// From version 6 to 7.
    static func addChain(_ database: Database) throws(SQLiteError) {
        try database.script(
            """
            ALTER TABLE entries ADD COLUMN previous BLOB CHECK(length(previous) = 32);
            \(byTime)
            CREATE TRIGGER entries_chain BEFORE INSERT ON entries
            WHEN coalesce(NEW.previous, x'') <> CASE NEW.seq WHEN 1 THEN zeroblob(32)
                ELSE coalesce((SELECT e.hash FROM entries e
                    WHERE e.terminal = NEW.terminal AND e.seq = NEW.seq - 1), 0) END
            BEGIN SELECT RAISE(ABORT, '\(chained)'); END;
            CREATE TRIGGER entries_booked BEFORE INSERT ON entries
            WHEN NEW.outcome = 'settled' AND EXISTS(
                SELECT 1 FROM entries e JOIN verdicts v ON v.entry = e.id AND v.released = 1
                WHERE e.terminal = NEW.terminal AND e.uuid = NEW.uuid)
            BEGIN SELECT RAISE(ABORT, '\(bookedOnce)'); END;
            CREATE TRIGGER verdicts_booked BEFORE INSERT ON verdicts
            WHEN NEW.released = 1 AND EXISTS(
                SELECT 1 FROM entries n
                JOIN entries e ON e.terminal = n.terminal AND e.uuid = n.uuid AND e.id <> n.id
                LEFT JOIN verdicts v ON v.entry = e.id
                WHERE n.id = NEW.entry AND (e.outcome = 'settled' OR v.released = 1))
            BEGIN SELECT RAISE(ABORT, '\(bookedOnce)'); END;
            """)
    }
}

extension PostgreSQLSchema {
    /// From version 2 to 3. The triggers are guards, as in `guards`: one look for all rows of a
    /// statement.
    ///
    /// Whoever releases locks the terminal against entries, so that neither misses the other.
    static let chain =
        """
        ALTER TABLE entries ADD COLUMN previous BYTEA CHECK(length(previous) = 32);
        \(byTime)
        \(chainLooks)
        CREATE TRIGGER entries_chain AFTER INSERT ON entries REFERENCING NEW TABLE AS added
            FOR EACH STATEMENT EXECUTE FUNCTION ledger_chain();
        CREATE FUNCTION ledger_booked() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF NEW.released = 1 THEN
                PERFORM 1 FROM terminals t WHERE t.id =
                    (SELECT e.terminal FROM entries e WHERE e.id = NEW.entry) FOR UPDATE;
                IF EXISTS(SELECT 1 FROM entries n
                    JOIN entries e ON e.terminal = n.terminal AND e.uuid = n.uuid
                        AND e.id <> n.id
                    LEFT JOIN verdicts v ON v.entry = e.id
                    WHERE n.id = NEW.entry AND (e.outcome = 'settled' OR v.released = 1))
                THEN RAISE EXCEPTION '\(bookedOnce)'
                    USING ERRCODE = 'integrity_constraint_violation';
                END IF;
            END IF;
            RETURN NEW;
        END $$;
        CREATE TRIGGER verdicts_booked BEFORE INSERT ON verdicts
            FOR EACH ROW EXECUTE FUNCTION ledger_booked();

        """

    /// From version 3 to 4, and part of version 3 since. A connection keeps its plan for long, and
    /// may have made it when the table was empty, where each index looks as short as the others.
    /// Looked for by terminal and number, the entry before was found by a walk through all of the
    /// terminal's; its id, made of these two, leaves one way.
    static let chainLooks =
        """
        CREATE OR REPLACE FUNCTION ledger_chain() RETURNS trigger LANGUAGE plpgsql
            SET enable_seqscan = off AS $$
        BEGIN
            IF EXISTS(SELECT 1 FROM added a WHERE coalesce(a.previous, '') <> CASE a.seq
                WHEN 1 THEN decode(repeat('00', 32), 'hex')
                ELSE coalesce((SELECT e.hash FROM entries e WHERE e.id = a.id - 1), '-') END)
            THEN RAISE EXCEPTION '\(chained)'
                USING ERRCODE = 'integrity_constraint_violation';
            END IF;
            IF EXISTS(SELECT 1 FROM added a WHERE a.outcome = 'settled' AND 0 < (
                SELECT count(*) FROM entries e WHERE e.terminal = a.terminal
                AND e.uuid = a.uuid AND e.id <> a.id
                AND 1 = (SELECT v.released FROM verdicts v WHERE v.entry = e.id)))
            THEN RAISE EXCEPTION '\(bookedOnce)'
                USING ERRCODE = 'integrity_constraint_violation';
            END IF;
            RETURN NULL;
        END $$;

        """
}
