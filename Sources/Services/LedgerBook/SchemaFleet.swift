import SQLite

extension Schema {
    /// From version 3 to 4. `terminal_status`: what each terminal last said of itself (FORMATS §5);
    /// the only table here whose rows change. `deny_reasons`: why a change of the deny-list was
    /// made, and the entry that made it. `setting_versions`: what policies started from, and when.
    static func addFleet(_ database: Database) throws(SQLiteError) {
        try database.script(
            """
            CREATE TABLE terminal_status(
                terminal INTEGER PRIMARY KEY REFERENCES terminals(id), seen INTEGER NOT NULL,
                last INTEGER NOT NULL, unsent_cents INTEGER NOT NULL, oldest INTEGER,
                version TEXT NOT NULL, clock_ahead INTEGER NOT NULL) STRICT;
            CREATE TABLE deny_reasons(
                epoch INTEGER PRIMARY KEY REFERENCES deny_changes(epoch), reason TEXT NOT NULL,
                entry INTEGER REFERENCES entries(id)) STRICT;
            CREATE TABLE setting_versions(
                version INTEGER PRIMARY KEY CHECK(version >= 1), time INTEGER NOT NULL,
                json TEXT NOT NULL) STRICT;
            INSERT INTO setting_versions(version, time, json)
                SELECT 1, 0, json FROM settings;
            """)
        for table in ["deny_reasons", "setting_versions"] {
            try database.script(triggers(table))
        }
    }
}
