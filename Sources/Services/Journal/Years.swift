import Crypto
import Operations
import SQLite

/// One open file of a journal.
final class YearFile: @unchecked Sendable {  // because the journal's lock orders all use
    let path: String
    let database: Database
    let origin: Origin
    /// Once counted, until the next receipt: entries that the ledger declined or holds.
    var rejected: Int?

    init(path: String, database: Database, origin: Origin) {
        self.path = path
        self.database = database
        self.origin = origin
    }
}

/// The files of a journal. The newest is open; an older one is opened when it is first asked, and
/// must end where the one after it begins.
final class Years: @unchecked Sendable {  // because the journal's lock orders all use
    let live: YearFile
    private let kid: [UInt8]
    /// Paths of older files, newest first.
    private var paths: [String]
    /// Those of `paths` that are open.
    private var older: [YearFile] = []

    /// Opens the newest file, or creates the first one.
    /// - Throws: `JournalError.unusable`.
    init(_ path: String, kid: [UInt8]) throws(JournalError) {
        var files = try JournalFiles.list(path)
        let last = files.popLast() ?? (1, path)
        live = try JournalStore.open(last.path, kid: kid)
        guard live.origin.sequence + 1 == last.first else {
            throw .unusable("\(last.path) does not begin with the entry its name says")
        }
        self.kid = kid
        paths = files.reversed().map(\.path)
    }

    /// The years after `years` when `live` begins: nothing is opened again.
    init(_ live: YearFile, after years: Years) {
        self.live = live
        kid = years.kid
        paths = [years.live.path] + years.paths
        older = [years.live] + years.older
    }

    /// The file `age` years back; 0 is the newest. Nil when there is none.
    /// - Throws: `SQLiteError` also for a file that does not belong there.
    func file(_ age: Int) throws(SQLiteError) -> YearFile? {
        if age == 0 { return live }
        guard age <= paths.count else { return nil }
        while older.count < age {
            let next = older.last ?? live
            older.append(try open(paths[older.count], before: next.origin))
        }
        return older[age - 1]
    }

    private func open(_ path: String, before origin: Origin) throws(SQLiteError) -> YearFile {
        func fault(_ what: String) -> SQLiteError { .init(call: path, code: 11, message: what) }
        let file: YearFile
        do throws(JournalError) { file = try JournalStore.open(path, kid: kid) } catch {
            throw fault("\(error)")
        }
        let row = try file.database.rows(
            "SELECT seq, cose FROM entries ORDER BY seq DESC LIMIT 1"
        ).first
        guard let row, row[0].integer == Int64(clamping: origin.sequence),
            row[1].blob.map({ sha256($0) }) == origin.hash
        else { throw fault("entries up to \(origin.sequence) are missing") }
        return file
    }

    /// The file that holds an entry, and how many years back it is; nil when it is in none.
    func holder(of sequence: UInt64) throws(SQLiteError) -> (file: YearFile, age: Int)? {
        var age = 0
        while let file = try file(age) {
            if file.origin.sequence < sequence { return (file, age) }
            age += 1
        }
        return nil
    }

    /// The entry with this id, and how many years back it is.
    func entry(_ id: EntryID) throws(SQLiteError) -> (entry: Entry, age: Int)? {
        var age = 0
        while let file = try file(age) {
            if let entry = try JournalStore.entry(id, in: file.database) { return (entry, age) }
            // A greater id than all before stands in no older file.
            if file.origin.lastID.lexicographicallyPrecedes(id.bytes) { return nil }
            age += 1
        }
        return nil
    }

    /// Moves the logs of the open files into them.
    func checkpoint() {
        for file in [live] + older {
            _ = try? file.database.rows("PRAGMA wal_checkpoint(PASSIVE)")
        }
    }

    /// Closes the oldest file and forgets it: it is going to be removed.
    func forgetOldest() -> String? {
        guard let path = paths.popLast() else { return nil }
        if older.count > paths.count { older.removeLast().database.close() }
        return path
    }

    /// Steps of SQLite's machine so far.
    var steps: UInt64 { ([live] + older).reduce(0) { $0 + $1.database.steps } }
}
