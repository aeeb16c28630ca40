// Journal: the terminal's record of operations (FORMATS §2), in one SQLite file a fiscal year.
//
// Purpose: append signed, chained entries; keep the ledger's receipts; say what is not sent yet.
// Promises:
//   J1  An entry that `append` gave back is durable: one transaction, one fsync.
//   J2  Sequence numbers are gapless from 1; each entry names the hash of the one before.
//   J3  An id stands in the files at most once, so an operation cannot be booked twice here.
//   J4  Entries and receipts are never changed, deleted or replaced: no such statement exists and
//       triggers refuse all three.
//   J5  Times never go back.
//   J6  After a failed write the journal is suspended: it takes nothing until `reopen` has read the
//       file again. What a failed append did is then looked up by id, never retried blindly.
//   J7  Closures are numbered gaplessly for each period; each begins after the one before and ends
//       at the end of the chain, so nothing can enter a closed period. Training never counts.
//   J8  Lists and totals come from a table that follows from the signed entries alone; `verify`
//       derives it anew.
//   J9  A file leaves only whole, only as the oldest, and only by `purge`: its year is closed, the
//       ledger has receipted all of it, and a verified archive holds exactly it. An entry in the
//       chain records that before the file goes.
//
// Files: `journal.sqlite` is the first year's, `journal-N.sqlite` begins with entry N. A closure of
// the year ends a file. The next entry, whenever it comes, first makes the next file beside it
// (`….new`, one transaction, fsync) and gives it its name (rename, fsync of the directory); its one
// row of `origin` holds the last closures of day, month and year as they were signed, so the head
// of the chain, the numbers and the perpetual total go on without the older file. Both files are
// whole at every instant and the newest name is the one that takes entries: there is no state to
// keep, and a crash at any step repeats it. Nothing is moved or copied. Older files are opened when
// something of theirs is asked for: a receipt, an entry still to send, a refund of last year's
// payment, a list that reaches back. Numbers, ids and closures look no further than the newest.
//
// Does not promise: that an entry is settled (receipts say so), nor any secrecy of the file.
// Threads: any; one lock orders appends. Readers of long lists use a connection of their own.
// Units: milliseconds since the Unix epoch; cents.

public import COSE
import Crypto
public import LedgerMessages
public import Operations
import SQLite
import Threads

/// Why the journal does not do what is asked.
public enum JournalError: Error, Equatable, Sendable {
    /// The file cannot be opened or is not a journal; says why.
    case unusable(String)
    /// A write failed: whether it is stored is unknown until `reopen`.
    case suspended(String)
    /// The id stands in the journal already.
    case alreadyRecorded
    /// Content that must never be appended, such as a receipt that does not follow.
    case refused(String)
}

/// A moment and how far to trust it.
public struct Moment: Equatable, Sendable {
    /// Milliseconds since the Unix epoch.
    public let milliseconds: UInt64
    /// Trust.
    public let trust: ClockTrust
    /// A moment.
    public init(milliseconds: UInt64, trust: ClockTrust) {
        self.milliseconds = milliseconds
        self.trust = trust
    }
}

/// The open journal of one terminal.
public final class Journal: Sendable {
    /// The file.
    public let path: String
    /// Who signs entries.
    let signer: any MessageSigner
    let monitor: Monitor<Contents>

    struct Contents {
        /// Nil after a failed write (J6).
        var years: Years?
        var head: Head
    }

    /// The end of the chain and what follows from it.
    struct Head: Equatable, Sendable {
        var sequence: UInt64 = 0
        var hash = [UInt8](repeating: 0, count: 32)
        var time: UInt64 = 0
        var acknowledged: UInt64 = 0
        var unsent = Unsent(count: 0, total: .zero, oldest: nil)
        /// True when the last entry closed a year: the next one begins a file.
        var endsYear = false
    }

    /// Payments above the last receipt.
    public struct Unsent: Equatable, Sendable {
        /// Their number.
        public var count: UInt32
        /// Their sum.
        public var total: Amount
        /// Time of the oldest, milliseconds.
        public var oldest: UInt64?
    }

    /// Opens or creates the journal and reads its end.
    /// - Throws: `JournalError.unusable`.
    public init(path: String, signer: any MessageSigner) throws(JournalError) {
        self.path = path
        self.signer = signer
        monitor = Monitor(try Self.contents(path, signer))
    }

    private static func contents(
        _ path: String, _ signer: any MessageSigner
    ) throws(JournalError) -> Contents {
        let years = try Years(path, kid: signer.publicKey.kid)
        do throws(SQLiteError) {
            return Contents(years: years, head: try JournalStore.head(of: years))
        } catch { throw .unusable("\(error.call): \(error.message)") }
    }

    /// Appends an entry with this id: durable when it returns (J1). Closures are made by `close`.
    /// - Throws: `.alreadyRecorded` (J3), `.suspended` (J6).
    public func append(
        _ body: EntryBody, id: EntryID, at moment: Moment, operatorCode: [UInt8]? = nil,
        isTraining: Bool = false
    ) throws(JournalError) -> Entry {
        try monitor.update { (contents) throws(JournalError) in
            try append(
                to: &contents, body, id: id, at: moment, operatorCode: operatorCode,
                isTraining: isTraining)
        }
    }

    /// The same, with the lock held.
    func append(
        to contents: inout Contents, _ body: EntryBody, id: EntryID, at moment: Moment,
        operatorCode: [UInt8]?, isTraining: Bool, setAside: SetAside? = nil
    ) throws(JournalError) -> Entry {
        guard let years = contents.years else { throw .suspended("reopen first") }
        // J3: the index of the file that takes the entry refuses the ids in it; an older file
        // is asked when the id is not greater than all of theirs.
        if contents.head.endsYear || !years.live.origin.lastID.lexicographicallyPrecedes(id.bytes),
            try Self.reading(years, { (years) throws(SQLiteError) in try years.entry(id) }) != nil
        {
            throw .alreadyRecorded
        }
        if contents.head.endsYear { try beginYear(&contents, after: years) }
        guard let file = contents.years?.live else { throw .suspended("reopen first") }
        let head = contents.head
        let entry = Entry(
            sequence: head.sequence + 1, id: id, previous: head.hash,
            time: max(head.time, moment.milliseconds), clockTrust: moment.trust, body: body,
            operatorCode: operatorCode, isTraining: isTraining, setAside: setAside)
        let message = signer.sign(payload: entry.item.encoded)
        do throws(SQLiteError) {
            try JournalStore.insert(entry, message.bytes, into: file.database)
        } catch {
            if error.isConstraint, Self.holds(id, file.database) { throw .alreadyRecorded }
            contents.years = nil
            throw .suspended("\(error.call): \(error.message)")
        }
        contents.head.follow(entry, hash: message.digest)
        return entry
    }

    /// Begins the file of the next year. A chain that does not say enough to go on without its
    /// file stays in it.
    func beginYear(
        _ contents: inout Contents, after years: Years
    ) throws(JournalError) {
        do {
            if let origin = try Origin(after: years.live) {
                let live = try JournalStore.make(
                    JournalFiles.path(path, first: origin.sequence + 1), after: origin,
                    kid: signer.publicKey.kid)
                contents.years = Years(live, after: years)
            }
            contents.head.endsYear = false
        } catch {
            contents.years = nil
            throw .suspended("the next year's file: \(error)")
        }
    }

    /// True when the id itself stands there: a taken sequence number is another writer's doing.
    private static func holds(_ id: EntryID, _ database: Database) -> Bool {
        let found = try? JournalStore.entry(id, in: database)
        return found?.id == id
    }

    /// Reads the file again after a failed write. Calls nothing twice: see J6.
    /// - Throws: `.unusable` while the file cannot be read.
    public func reopen() throws(JournalError) {
        try monitor.update { (contents) throws(JournalError) in
            contents.years = nil
            contents = try Self.contents(path, signer)
        }
    }

    /// The entry with this id, or nil.
    /// - Throws: `.suspended`.
    public func entry(_ id: EntryID) throws(JournalError) -> Entry? {
        try reading { (years) throws(SQLiteError) in try years.entry(id)?.entry }
    }

    /// SHA-256 of the entry with this number, or nil; also of the last one that was purged.
    /// - Throws: `.suspended`.
    public func hash(of sequence: UInt64) throws(JournalError) -> [UInt8]? {
        try reading { (years) throws(SQLiteError) in
            try JournalStore.hash(sequence, in: years)
        }
    }

    /// False after a failed write, until `reopen`.
    public var isOpen: Bool { monitor.read { $0.years != nil } }

    /// Payments above the last receipt.
    public var unsent: Unsent { monitor.read { $0.head.unsent } }

    /// Last sequence number, and the last one the ledger has acknowledged.
    public var position: (sequence: UInt64, acknowledged: UInt64) {
        monitor.read { ($0.head.sequence, $0.head.acknowledged) }
    }

    /// Time of the last entry, milliseconds; 0 when there is none.
    public var lastTime: UInt64 { monitor.read { $0.head.time } }

    /// SHA-256 of the last entry's bytes; zeros when there is none.
    public var headHash: [UInt8] { monitor.read { $0.head.hash } }

    /// The COSE bytes of the next entries to send, at most `count` and about `sizeMax` bytes.
    /// - Throws: `.suspended`.
    public func nextBatch(
        count: Int, sizeMax: Int
    ) throws(JournalError) -> [(sequence: UInt64, bytes: [UInt8])] {
        let after = position.acknowledged
        return try reading { (years) throws(SQLiteError) in
            // One file a batch, and so one file a receipt.
            guard let holder = try years.holder(of: after + 1) else { return [] }
            return try JournalStore.batch(
                after: after, count: count, sizeMax: sizeMax, in: holder.file.database)
        }
    }

    /// Stores a verified receipt: outcomes become visible, the outbox shrinks. One fsync a batch.
    /// A receipt for entries already acknowledged changes nothing.
    /// - Throws: `.refused` when it does not follow or names another chain; `.suspended`.
    public func store(_ receipt: Receipt, bytes: [UInt8]) throws(JournalError) {
        try monitor.update { (contents) throws(JournalError) in
            guard let years = contents.years else { throw .suspended("reopen first") }
            let head = contents.head
            guard receipt.terminal == signer.publicKey.kid else { throw .refused("terminal") }
            guard receipt.to > head.acknowledged else { return }
            guard receipt.from == head.acknowledged + 1, receipt.to <= head.sequence else {
                throw .refused("receipt does not follow")
            }
            do {
                guard let file = try years.holder(of: receipt.from)?.file,
                    file === (try years.holder(of: receipt.to)?.file)
                else { throw JournalError.refused("receipt spans two years") }
                guard try JournalStore.hash(receipt.to, in: years) == receipt.head else {
                    throw JournalError.refused("receipt names another chain")
                }
                try JournalStore.insert(receipt, bytes, into: file.database)
                file.rejected = nil
                contents.head.acknowledged = receipt.to
                contents.head.unsent = try JournalStore.unsent(after: receipt.to, in: years)
            } catch let error as SQLiteError {
                contents.years = nil
                throw .suspended("\(error.call): \(error.message)")
            } catch let error as JournalError {
                throw error
            } catch {
                throw .suspended("\(error)")
            }
        }
    }

    /// The newest payments, newest first. - Throws: `.suspended`.
    public func payments(limit: Int) throws(JournalError) -> [PaymentLine] {
        try reading { (years) throws(SQLiteError) in
            var lines: [PaymentLine] = []
            var age = 0
            while lines.count < limit, let file = try years.file(age) {
                lines += try JournalStore.payments(limit: limit - lines.count, in: file.database)
                age += 1
            }
            return lines
        }
    }

    /// Number of entries the ledger declined or holds, in the files that are here, but for those of
    /// these numbers: they were held, and are decided.
    /// - Throws: `.suspended`.
    public func rejectedCount(
        without decided: some Sequence<UInt64> = EmptyCollection()
    ) throws(JournalError) -> Int {
        try reading { (years) throws(SQLiteError) in
            var (count, age, before) = (0, 0, UInt64(0))
            while let file = try years.file(age) {
                if file.rejected == nil {
                    file.rejected = try JournalStore.rejectedCount(in: file.database)
                }
                count += file.rejected ?? 0
                before = file.origin.sequence
                age += 1
            }
            return max(0, count - decided.count { $0 > before })
        }
    }

    /// Moves the write-ahead logs into their files: called between taps, never on a tap.
    public func checkpoint() {
        monitor.read { $0.years?.checkpoint() }
    }

    /// Steps of SQLite's machine since this was opened: a measure of work without noise.
    public var steps: UInt64 { monitor.read { $0.years?.steps ?? 0 } }

    func reading<R>(
        _ body: (Years) throws(SQLiteError) -> R
    ) throws(JournalError) -> R {
        try monitor.read { (contents) throws(JournalError) in
            guard let years = contents.years else { throw .suspended("reopen first") }
            return try Self.reading(years, body)
        }
    }

    private static func reading<R>(
        _ years: Years, _ body: (Years) throws(SQLiteError) -> R
    ) throws(JournalError) -> R {
        do throws(SQLiteError) { return try body(years) } catch {
            throw .suspended("\(error.call): \(error.message)")
        }
    }
}

extension Journal.Head {
    /// The end of the chain after an entry (J2, J5).
    mutating func follow(_ entry: Entry, hash: [UInt8]) {
        precondition(entry.sequence == sequence + 1, "journal: a sequence number was skipped (J2)")
        precondition(entry.previous == self.hash, "journal: the chain is broken (J2)")
        precondition(entry.time >= time, "journal: time went back (J5)")
        sequence = entry.sequence
        self.hash = hash
        time = entry.time
        if case .closure(let closure) = entry.body { endsYear = closure.period == .year }
        guard case .payment(let payment) = entry.body, !entry.isTraining else { return }
        unsent.count += 1
        unsent.total = (try? unsent.total.adding(payment.amount)) ?? unsent.total
        unsent.oldest = unsent.oldest ?? entry.time
    }
}

/// One payment and where it stands.
public struct PaymentLine: Equatable, Sendable {
    /// The entry.
    public let entry: Entry
    /// The payment.
    public let payment: Payment
    /// Nil while the ledger has not answered.
    public let outcome: StoredOutcome?
}

/// The ledger's outcome as stored: `code` is empty for settled and duplicate.
public struct StoredOutcome: Equatable, Sendable {
    /// True for settled and duplicate.
    public let isBooked: Bool
    /// The ledger's code when it declined or holds.
    public let code: String

    /// An outcome.
    public init(isBooked: Bool, code: String) {
        self.isBooked = isBooked
        self.code = code
    }
}
