import COSE
public import Crypto
import Linux
public import Operations
import SQLite
import Threads

/// One file of a journal: a fiscal year.
public struct JournalYear: Equatable, Sendable {
    /// The file.
    public let path: String
    /// First and last sequence number; `to` is below `from` while it has no entry.
    public let from: UInt64
    public let to: UInt64
    /// SHA-256 of the last entry.
    public let head: [UInt8]
    /// The UTC year of its first operation; nil while it has none.
    public let year: Int?
    /// True when a closure of the year ends it.
    public let isClosed: Bool
    /// Its entries that the ledger has receipted.
    public let receipted: UInt64
    /// Bytes on disk.
    public let size: UInt64

    /// The years of a journal, oldest first. Nothing is verified.
    /// - Throws: `JournalError.unusable`.
    public static func list(_ path: String) throws(JournalError) -> [JournalYear] {
        var years: [JournalYear] = []
        do {
            for file in try JournalFiles.list(path) {
                years.append(try JournalYear(file.path))
            }
        } catch let error as SQLiteError {
            throw .unusable("\(error.call): \(error.message)")
        } catch { throw .unusable("\(error)") }
        return years
    }

    private init(_ path: String) throws {
        let database = try Database(path: path, access: .readOnly)
        guard let origin = try Origin(of: database) else {
            throw JournalError.unusable("\(path) does not say what it follows")
        }
        self.path = path
        from = origin.sequence + 1
        let last = try database.rows("SELECT seq, cose FROM entries ORDER BY seq DESC LIMIT 1")
        to = last.first?[0].integer.map { UInt64(clamping: $0) } ?? origin.sequence
        let bytes = last.first?[1].blob
        head = bytes.map { sha256($0) } ?? origin.hash
        if case .closure(let closure) = bytes.flatMap({ JournalStore.read($0) })?.body {
            isClosed = closure.period == .year
        } else {
            isClosed = false
        }
        year = try database.rows(
            "SELECT time FROM entries WHERE kind NOT IN (8, 9) ORDER BY seq LIMIT 1"
        ).first?[0].integer.map { UTCDay.date(UTCDay.number(UInt64(clamping: $0))).year }
        let upto = try database.rows("SELECT max(upto) FROM receipts").first?[0].integer
        receipted = max(origin.sequence, UInt64(clamping: upto ?? 0)) - origin.sequence
        size = try Files.size(path)
    }
}

/// Why a year is not purged.
public enum PurgeRefusal: Error, Equatable, Sendable {
    /// No closure of the year ends it.
    case notClosed
    /// An older one is still here.
    case notOldest
    /// Entries without a receipt of the ledger.
    case notReceipted(UInt64)
    /// The year's file is not sound; the first fault.
    case notSound(String)
    /// The archive is refused.
    case archive(ArchiveError)
    /// The archive is sound, and of other entries or receipts than this file's.
    case archiveDiffers
    /// The journal does not take the entry, or the file is not removed.
    case journal(JournalError)
}

/// What the entry of a purge says: `entries=1-N head=… archive=…`, SHA-256 in hexadecimal.
struct PurgeRecord {
    static let code = "purge"
    let details: String

    init(_ archived: JournalVerification.Archived) {
        details =
            "entries=1-\(archived.through) head=\(Hexadecimal.text(archived.head))"
    }

    /// The part that names the chain.
    static func chain(of details: String) -> String {
        details.split(separator: " ").prefix(2).joined(separator: " ")
    }
}

extension Journal {
    /// Asks whether a year may go (J9): it is closed and the oldest, its file is sound, the ledger
    /// has receipted all of it, and the archive holds exactly its entries and receipts.
    /// - Throws: `PurgeRefusal`.
    public static func checkPurge(
        of year: JournalYear, in path: String, archive: [UInt8], terminal: Ed25519PublicKey,
        ledger: Ed25519PublicKey
    ) throws(PurgeRefusal) -> ArchiveContents {
        guard year.isClosed else { throw .notClosed }
        let oldest: String?
        do throws(JournalError) { oldest = try JournalFiles.list(path).first?.path } catch {
            throw .journal(error)
        }
        guard oldest == year.path else { throw .notOldest }
        let (found, surroundings): (JournalVerification, (Origin, [[UInt8]]))
        do throws(JournalError) {
            found = try JournalVerifier(files: [year.path], terminal: terminal, ledger: ledger)
                .run()
            surroundings = try JournalArchive.surroundings([year.path])
        } catch { throw .journal(error) }
        if let fault = found.faults.first {
            throw .notSound("entry \(fault.sequence): \(fault.what)")
        }
        guard found.last == year.to, found.acknowledged >= found.last else {
            throw .notReceipted(found.last - min(found.last, found.acknowledged))
        }
        let contents: ArchiveContents
        do throws(ArchiveError) {
            contents = try JournalArchive.verify(archive, terminal: terminal)
        } catch { throw .archive(error) }
        let (origin, receipts) = surroundings
        guard contents.from == year.from, contents.to == year.to, contents.head == year.head,
            contents.before == origin.hash, contents.receipts == UInt64(receipts.count),
            contents.receiptsHash == JournalArchive.receiptsHash(receipts)
        else { throw .archiveDiffers }
        return contents
    }

    /// Removes the oldest year's file, whose archive has this SHA-256: first an entry records it,
    /// then the file goes. A crash between the two leaves a file that is purged again. Nobody else
    /// may have the journal open.
    /// - Throws: `PurgeRefusal` as `checkPurge`, and then nothing has changed.
    public func purge(
        _ year: JournalYear, archive: [UInt8], ledger: Ed25519PublicKey, at moment: Moment
    ) throws(PurgeRefusal) -> Entry {
        let contents = try Self.checkPurge(
            of: year, in: path, archive: archive, terminal: signer.publicKey, ledger: ledger)
        let record = PurgeRecord(.init(through: contents.to, head: contents.head))
        do throws(JournalError) {
            return try monitor.update { (state) throws(JournalError) in
                let entry = try append(
                    to: &state,
                    .technicalEvent(
                        TechnicalEvent(
                            code: PurgeRecord.code,
                            details: record.details
                                + " archive=\(Hexadecimal.text(sha256(archive)))")),
                    id: EntryID(milliseconds: moment.milliseconds), at: moment,
                    operatorCode: nil, isTraining: false)
                guard state.years?.forgetOldest() == year.path else {
                    throw .unusable("the oldest file is another one now")
                }
                do { try Self.remove(year.path) } catch { throw .unusable("\(error)") }
                return entry
            }
        } catch { throw .journal(error) }
    }

    private static func remove(_ path: String) throws {
        try emptyLog(of: path)
        try Files.removeDurably(path)
        for rest in ["-wal", "-shm"] where Files.exists(path + rest) {
            try Files.remove(path + rest)
        }
    }

    /// Before a file goes: a log that lies alone must hold nothing, and a file without its log all.
    static func emptyLog(of path: String) throws(SQLiteError) {
        let database = try Database(path: path, access: .readWrite)
        defer { database.close() }
        _ = try database.rows("PRAGMA wal_checkpoint(TRUNCATE)")
    }
}
