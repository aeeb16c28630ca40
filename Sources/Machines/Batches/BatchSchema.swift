/// The tables of a state file. What must never happen, the file itself refuses.
enum BatchSchema {
    static let version: Int64 = 1

    static let statements = [
        """
        CREATE TABLE batch(
            id INTEGER PRIMARY KEY CHECK(id = 1), epoch INTEGER NOT NULL, host TEXT NOT NULL,
            validity INTEGER NOT NULL, class INTEGER NOT NULL, original INTEGER NOT NULL
        ) STRICT
        """,
        """
        CREATE TABLE cards(
            seq INTEGER PRIMARY KEY, number TEXT NOT NULL UNIQUE, alias TEXT NOT NULL UNIQUE,
            account TEXT NOT NULL, label TEXT NOT NULL, class INTEGER NOT NULL,
            fixed TEXT NOT NULL,
            state TEXT NOT NULL CHECK(state IN ('planned', 'detected', 'keys_changed', 'written',
                'verified', 'registered', 'spoiled')),
            uid BLOB UNIQUE CHECK(length(uid) = 7), keys INTEGER NOT NULL DEFAULT 0,
            original INTEGER, failures INTEGER NOT NULL DEFAULT 0, started INTEGER,
            finished INTEGER, CHECK(state = 'planned' OR state = 'spoiled' OR uid IS NOT NULL)
        ) STRICT
        """,
        """
        CREATE TABLE steps(
            id INTEGER PRIMARY KEY, seq INTEGER NOT NULL REFERENCES cards(seq),
            step TEXT NOT NULL, phase TEXT NOT NULL CHECK(phase IN ('will', 'did', 'found')),
            time INTEGER NOT NULL
        ) STRICT
        """,
        refusing("DELETE ON cards", when: nil, "a row stays"),
        refusing(
            "UPDATE ON cards", when: "OLD.uid IS NOT NULL AND NEW.uid IS NOT OLD.uid",
            "a row keeps its card"),
        refusing(
            "UPDATE ON cards",
            when: "NEW.seq <> OLD.seq OR NEW.number <> OLD.number OR NEW.fixed <> OLD.fixed",
            "a row does not change"),
        refusing(
            "UPDATE ON cards", when: rank("NEW") + " < " + rank("OLD"), "a row never goes back"),
        refusing("DELETE ON steps", when: nil, "a step stays"),
        refusing("UPDATE ON steps", when: nil, "a step does not change"),
    ]

    private static func rank(_ row: String) -> String {
        "CASE \(row).state WHEN 'planned' THEN 0 WHEN 'detected' THEN 1 WHEN 'keys_changed' THEN 2 "
            + "WHEN 'written' THEN 3 WHEN 'verified' THEN 4 WHEN 'registered' THEN 5 ELSE 6 END"
    }

    private static func refusing(_ event: String, when: String?, _ reason: String) -> String {
        let name = reason.split(separator: " ").joined(separator: "_")
        return "CREATE TRIGGER \(name) BEFORE \(event) "
            + (when.map { "WHEN \($0) " } ?? "")
            + "BEGIN SELECT RAISE(ABORT, '\(reason)'); END"
    }
}
