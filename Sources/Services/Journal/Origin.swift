import COSE
import Crypto
import Operations
import SQLite

/// Where the chain stood before a file: the one row of its table `origin`. All of it is known from
/// the signed closures in it, but for `lastID`; the first year's file has no row and begins at
/// zero.
struct Origin: Equatable, Sendable {
    /// A closure and the bytes that were signed.
    struct Signed: Equatable, Sendable {
        let closure: Closure
        let time: UInt64
        let bytes: [UInt8]
    }

    /// Number of the last entry before the file: the closure of the year.
    var sequence: UInt64 = 0
    /// SHA-256 of its bytes.
    var hash = [UInt8](repeating: 0, count: 32)
    /// Its time, milliseconds.
    var time: UInt64 = 0
    /// The newest closure of each period before the file.
    var closures: [ClosurePeriod: Signed] = [:]
    /// The greatest id before the file: one that is greater stands in no older file (J3).
    var lastID: [UInt8] = []

    static let start = Origin()

    /// The UTC day of its last entry: no older file has a later one.
    var day: UInt64 { UTCDay.number(time) }
    /// Takings since the first entry of all, cents.
    var perpetual: Int64 { closures[.year]?.closure.perpetual ?? 0 }

    static let schema = """
        CREATE TABLE origin(
            seq INTEGER PRIMARY KEY, hash BLOB NOT NULL CHECK(length(hash) = 32),
            day BLOB NOT NULL, month BLOB NOT NULL, year BLOB NOT NULL,
            last_id BLOB NOT NULL CHECK(length(last_id) = 16)) STRICT;
        """

    private init() {}

    /// What a file begins with; nil when its row is not what this program writes. A file of an
    /// older version has no such table.
    init?(of database: Database) throws(SQLiteError) {
        let known = try database.rows(
            "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'origin'")
        guard !known.isEmpty,
            let row = try database.rows(
                "SELECT seq, hash, day, month, year, last_id FROM origin", atMost: 1
            ).first
        else { return }
        let periods = zip([ClosurePeriod.day, .month, .year], row[2...4])
        for (period, value) in periods {
            guard let bytes = value.blob, let entry = JournalStore.read(bytes),
                case .closure(let closure) = entry.body, closure.period == period
            else { return nil }
            closures[period] = Signed(closure: closure, time: entry.time, bytes: bytes)
            (sequence, time) = (entry.sequence, entry.time)
        }
        guard row[0].integer == Int64(clamping: sequence), let last = closures[.year],
            row[1].blob == sha256(last.bytes), let lastID = row[5].blob
        else { return nil }
        (hash, self.lastID) = (sha256(last.bytes), lastID)
    }

    /// What the file after `file` begins with; nil unless a closure of the year ends `file`.
    init?(after file: YearFile) throws(SQLiteError) {
        for period in ClosurePeriod.allCases {
            let found = try Self.newest(period, file.database) ?? file.origin.closures[period]
            guard let found else { return nil }
            closures[period] = found
        }
        guard let last = closures[.year],
            let row = try file.database.rows(
                "SELECT seq, cose FROM entries ORDER BY seq DESC LIMIT 1"
            ).first, row[1].blob == last.bytes, let sequence = row[0].integer,
            let greatest = try file.database.rows("SELECT max(id) FROM entries").first?[0].blob
        else { return nil }
        self.sequence = UInt64(clamping: sequence)
        (hash, time) = (sha256(last.bytes), last.time)
        let isLater = file.origin.lastID.lexicographicallyPrecedes(greatest)
        lastID = isLater ? greatest : file.origin.lastID
    }

    private static func newest(
        _ period: ClosurePeriod, _ database: Database
    ) throws(SQLiteError) -> Signed? {
        let bytes = try database.rows(
            JournalStore.newestClosure, [.integer(Int64(period.rawValue))]
        ).first?[0].blob
        guard let bytes, let entry = JournalStore.read(bytes),
            case .closure(let closure) = entry.body
        else { return nil }
        return Signed(closure: closure, time: entry.time, bytes: bytes)
    }

    /// Writes the row: the first one of a new file.
    func insert(into database: Database) throws(SQLiteError) {
        let blobs = [ClosurePeriod.day, .month, .year].map {
            SQLValue.blob(closures[$0]?.bytes ?? [])
        }
        try database.run(
            "INSERT INTO origin(seq, hash, day, month, year, last_id) VALUES(?,?,?,?,?,?)",
            [.integer(Int64(clamping: sequence)), .blob(hash)] + blobs + [.blob(lastID)])
    }
}
