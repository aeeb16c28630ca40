import Crypto
import Linux
import SQLite
public import Tokens

/// The state file beside a manifest (B1, B2, B6).
public final class BatchStore: @unchecked Sendable {  // because the owner serialises the calls
    let database: Database
    private let lock: FileLock
    /// What holds for every card.
    public let settings: BatchSettings

    private init(_ database: Database, _ lock: consuming FileLock, _ settings: BatchSettings) {
        self.database = database
        self.lock = lock
        self.settings = settings
    }

    /// The state file of a manifest.
    public static func path(of manifest: String) -> String { manifest + ".state.sqlite" }

    /// Begins a batch: plans every row, all or none. Numbers the manifest does not give are made:
    /// from `first` on, one after another, or at random.
    /// - Throws: `BatchError.busy`, `.alreadyBegun`, `.storage`.
    public static func begin(
        _ manifestPath: String, _ manifest: Manifest, _ settings: BatchSettings,
        first: CardNumber? = nil
    ) throws(BatchError) -> BatchStore {
        let lock = try locked(manifestPath)
        // It holds UIDs: made for its owner alone before SQLite opens it; what SQLite makes beside
        // it has the same mode.
        do { try Files.append([], to: path(of: manifestPath), mode: 0o600) } catch {
            throw .file("\(error)")
        }
        let database = try opened(path(of: manifestPath), .readWrite)
        guard try version(database) == 0 else { throw .alreadyBegun }
        try change(database) { () throws(SQLiteError) in
            for statement in BatchSchema.statements { try database.run(statement) }
            try database.run(
                "INSERT INTO batch VALUES(1,?,?,?,?,?)",
                [
                    .integer(Int64(settings.epoch)), .text(settings.host),
                    .integer(Int64(clamping: settings.validity)),
                    .integer(Int64(settings.cardClass.rawValue)),
                    .integer(settings.requiresOriginal ? 1 : 0),
                ])
            try plan(manifest.rows[...], in: database, settings, first: first)
            try database.run("PRAGMA user_version = \(BatchSchema.version)")
        }
        return BatchStore(database, lock, settings)
    }

    /// Goes on with a batch; rows that are new in the manifest are planned.
    /// - Throws: `BatchError.busy`, `.notBegun`, `.rowChanged`, `.unknownState`, `.storage`.
    public static func resume(
        _ manifestPath: String, _ manifest: Manifest, first: CardNumber? = nil
    ) throws(BatchError) -> BatchStore {
        guard Files.exists(path(of: manifestPath)) else { throw .notBegun }
        let lock = try locked(manifestPath)
        let database = try opened(path(of: manifestPath), .readWrite)
        switch try version(database) {
        case 0: throw .notBegun
        case BatchSchema.version: break
        default: throw .unknownState
        }
        let settings = try readSettings(database)
        let planned = try fixedRows(database)
        let rows = Dictionary(
            manifest.rows.map { ($0.sequence, $0) }, uniquingKeysWith: { first, _ in first })
        let changed = planned.filter { rows[$0.key]?.fixed != $0.value }.keys
        if let sequence = changed.min() { throw .rowChanged(sequence) }
        let new = manifest.rows.filter { planned[$0.sequence] == nil }
        if !new.isEmpty {
            try change(database) { () throws(SQLiteError) in
                try plan(new[...], in: database, settings, first: first)
            }
        }
        return BatchStore(database, lock, settings)
    }

    /// Opens a batch for looking at it: no lock, nothing is written.
    /// - Throws: `BatchError.notBegun`, `.unknownState`, `.storage`.
    public static func cards(of manifestPath: String) throws(BatchError) -> [BatchCard] {
        guard Files.exists(path(of: manifestPath)) else { throw .notBegun }
        let database: Database
        do {
            database = try Database(path: path(of: manifestPath), access: .readWrite)
        } catch { throw .storage(error) }
        guard try version(database) == BatchSchema.version else { throw .unknownState }
        return try read(database)
    }

    private static func locked(_ manifestPath: String) throws(BatchError) -> FileLock {
        do { return try FileLock(manifestPath + ".lock") } catch {
            throw error.call == "flock" ? .busy : .file("\(error)")
        }
    }

    private static func opened(
        _ path: String, _ access: Database.Access
    ) throws(BatchError) -> Database {
        do {
            let database = try Database(path: path, access: access)
            try database.run("PRAGMA journal_mode = WAL")
            try database.run("PRAGMA synchronous = FULL")
            let mode = try database.rows("PRAGMA synchronous").first?.first?.integer
            precondition(mode == 2, "batches: synchronous is not FULL (B2)")
            return database
        } catch { throw .storage(error) }
    }

    private static func version(_ database: Database) throws(BatchError) -> Int64 {
        do { return try database.rows("PRAGMA user_version").first?.first?.integer ?? 0 } catch {
            throw .storage(error)
        }
    }

    private static func change(
        _ database: Database, _ body: () throws(SQLiteError) -> Void
    ) throws(BatchError) {
        do throws(SQLiteError) {
            try database.transaction(body, mapping: { $0 })
        } catch { throw .storage(error) }
    }

    func change(_ body: () throws(SQLiteError) -> Void) throws(BatchError) {
        try Self.change(database, body)
    }

    private static func readSettings(_ database: Database) throws(BatchError) -> BatchSettings {
        let row: [SQLValue]?
        do {
            row = try database.rows(
                "SELECT epoch, host, validity, class, original FROM batch"
            ).first
        } catch { throw .storage(error) }
        guard let row, let epoch = row[0].integer.flatMap({ UInt8(exactly: $0) }),
            let host = row[1].text, let validity = row[2].integer.flatMap({ UInt64(exactly: $0) }),
            let cardClass = row[3].integer.flatMap({ CardClass(rawValue: UInt64(clamping: $0)) })
        else { throw .unknownState }
        return BatchSettings(
            epoch: epoch, host: host, validity: validity, cardClass: cardClass,
            requiresOriginal: row[4].integer == 1)
    }

    private static func fixedRows(_ database: Database) throws(BatchError) -> [Int: String] {
        var rows: [Int: String] = [:]
        do {
            for row in try database.rows("SELECT seq, fixed FROM cards") {
                if let sequence = row[0].integer, let fixed = row[1].text {
                    rows[Int(sequence)] = fixed
                }
            }
        } catch { throw .storage(error) }
        return rows
    }

    /// Rows get their numbers here, once: what the manifest says, the next after `first` that is
    /// free, or a random one (11 digits and the check digit).
    private static func plan(
        _ rows: ArraySlice<ManifestRow>, in database: Database, _ settings: BatchSettings,
        first: CardNumber?
    ) throws(SQLiteError) {
        var taken = Set(rows.compactMap { $0.number?.digits })
        for row in try database.rows("SELECT number FROM cards") {
            if let number = row[0].text { taken.insert(number) }
        }
        var serial = first.flatMap { Int64($0.digits.dropLast()) }
        for row in rows {
            let number = row.number ?? free(&serial, taken)
            taken.insert(number.digits)
            try database.run(
                """
                INSERT INTO cards(seq, number, alias, account, label, class, fixed, state)
                VALUES(?,?,?,?,?,?,?,'planned')
                """,
                [
                    .integer(Int64(row.sequence)), .text(number.digits), .text(row.alias),
                    .text(row.accountReference), .text(row.printLabel),
                    .integer(Int64((row.cardClass ?? settings.cardClass).rawValue)),
                    .text(row.fixed),
                ])
        }
    }

    private static func free(_ serial: inout Int64?, _ taken: Set<String>) -> CardNumber {
        var random = SystemRandomNumberGenerator()
        while true {
            let next =
                serial ?? Int64.random(in: 10_000_000_000...99_999_999_999, using: &random)
            serial = serial.map { $0 + 1 }
            if let number = CardNumber(serial: next) {
                if !taken.contains(number.digits) { return number }
            } else {
                serial = nil
            }
        }
    }
}
