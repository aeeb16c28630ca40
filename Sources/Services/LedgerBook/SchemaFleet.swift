import SQLite

/// What the association sees and decides. `terminal_status`: what each terminal last said of
/// itself (FORMATS §5); its rows change. `deny_reasons`: why a change of the deny-list was made,
/// and the entry that made it. `setting_versions`: what policies started from, and since when.
private func fleetTables(_ integer: String, _ tail: String) -> String {
    """
    CREATE TABLE terminal_status(
        terminal \(integer) PRIMARY KEY REFERENCES terminals(id), seen \(integer) NOT NULL,
        last \(integer) NOT NULL, unsent_cents \(integer) NOT NULL, oldest \(integer),
        version TEXT NOT NULL, clock_ahead \(integer) NOT NULL)\(tail);
    CREATE TABLE deny_reasons(
        epoch \(integer) PRIMARY KEY REFERENCES deny_changes(epoch), reason TEXT NOT NULL,
        entry \(integer) REFERENCES entries(id))\(tail);
    CREATE TABLE setting_versions(
        version \(integer) PRIMARY KEY CHECK(version >= 1), time \(integer) NOT NULL,
        json TEXT NOT NULL)\(tail);
    INSERT INTO setting_versions(version, time, json) SELECT 1, 0, json FROM settings;

    """
}

/// Those of them that are never changed (B6).
private let fleetAppendOnly = ["deny_reasons", "setting_versions"]

extension SQLiteSchema {
    /// From version 5 to 6.
    static func addFleet(_ database: Database) throws(SQLiteError) {
        try database.script(fleetTables("INTEGER", " STRICT"))
        for table in fleetAppendOnly { try database.script(triggers(table)) }
    }
}

extension PostgreSQLSchema {
    /// From version 1 to 2.
    static let fleet = fleetTables("BIGINT", "") + fleetAppendOnly.map { appendOnly($0) }.joined()
}
