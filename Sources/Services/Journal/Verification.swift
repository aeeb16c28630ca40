public import COSE
public import Crypto
import LedgerMessages
public import Operations
import SQLite

/// What a check of a whole journal found.
public struct JournalVerification: Equatable, Sendable {
    /// Entries read.
    public var entries: UInt64 = 0
    /// Number of the last one, or of the last one that was archived.
    public var last: UInt64 = 0
    /// The entries before those that are here; nil while none was purged.
    public var archived: Archived?
    /// Entries the ledger's receipts cover.
    public var acknowledged: UInt64 = 0
    /// Number and sum of payments, cents.
    public var payments: UInt64 = 0
    public var paymentCents: Int64 = 0
    /// What is wrong, each with its sequence number; empty for a sound journal.
    public var faults: [Fault] = []

    /// Entries 1 to `through`, which are in no file.
    public struct Archived: Equatable, Sendable {
        /// Number of the last one.
        public let through: UInt64
        /// SHA-256 of its bytes.
        public let head: [UInt8]
        /// True when an entry of the chain says that they were archived and purged.
        public var isRecorded = false
    }

    /// One fault.
    public struct Fault: Equatable, Sendable {
        /// Where.
        public let sequence: UInt64
        /// What.
        public let code: Code
    }
}

/// Proves a journal from its files alone: gapless, chained, signed, times in order, columns equal
/// to what was signed, each year's file where the one before ends; and, with the ledger's key, that
/// receipts cover the same chain without a hole and that the outcomes listed are those the ledger
/// signed. When the first years are gone, the chain must say that they were archived.
public struct JournalVerifier {
    /// Faults listed before the check gives up.
    public static let faultsMax = 100
    private let files: [Database]
    private let isWhole: Bool
    private let terminal: Ed25519PublicKey
    private let ledger: Ed25519PublicKey?

    /// Opens the files read-only.
    /// - Throws: `JournalError.unusable`.
    public init(
        path: String, terminal: Ed25519PublicKey, ledger: Ed25519PublicKey?
    ) throws(JournalError) {
        let paths = try JournalFiles.list(path).map(\.path)
        try self.init(
            files: paths.isEmpty ? [path] : paths, isWhole: true, terminal: terminal,
            ledger: ledger)
    }

    /// Only these files, which need not say where those before them went.
    init(
        files paths: [String], isWhole: Bool = false, terminal: Ed25519PublicKey,
        ledger: Ed25519PublicKey?
    ) throws(JournalError) {
        var files: [Database] = []
        do {
            for path in paths { files.append(try Database(path: path, access: .readOnly)) }
        } catch { throw .unusable("\(error.call): \(error.message)") }
        self.files = files
        self.isWhole = isWhole
        self.terminal = terminal
        self.ledger = ledger
    }

    /// Walks the whole journal. `each` sees every entry that verifies, in order.
    /// - Throws: `JournalError.unusable` when a file cannot be read.
    public func run(
        each: (Entry, Sign1) -> Void = { _, _ in }
    ) throws(JournalError) -> JournalVerification {
        do throws(SQLiteError) {
            var origin: Origin?
            if let first = files.first { origin = try Origin(of: first) }
            var walk = Walk(from: origin ?? .start)
            if ledger != nil { walk.result.acknowledged = walk.result.last }
            for (index, database) in files.enumerated() {
                try enter(database, isFirst: index == 0, &walk)
                try read(database, &walk, each)
                if walk.isFull { break }
            }
            if let archived = walk.result.archived {
                let isRecorded = walk.purges.contains(PurgeRecord(archived).details)
                walk.result.archived?.isRecorded = isRecorded
                if isWhole, !isRecorded {
                    walk.fault(archived.through + 1, .yearsMissing)
                }
            }
            return walk.result
        } catch {
            throw .unusable("\(error.call): \(error.message)")
        }
    }

    /// The ledger's codes of what it declined or holds, by number, as receipts said them.
    /// - Throws: `JournalError.unusable` when a file cannot be read.
    public func rejected() throws(JournalError) -> [UInt64: String] {
        var codes: [UInt64: String] = [:]
        do throws(SQLiteError) {
            for database in files {
                for row in try database.rows("SELECT seq, code FROM outcomes WHERE booked = 0") {
                    codes[UInt64(clamping: row[0].integer ?? 0)] = row[1].text ?? ""
                }
            }
        } catch { throw .unusable("\(error.call): \(error.message)") }
        return codes
    }

    /// What is known between two entries.
    fileprivate struct Walk {
        var result = JournalVerification()
        var previous: [UInt8]
        var time: UInt64
        var lastID: [UInt8]
        var derived: DerivedCheck
        /// Details of the purges that entries record.
        var purges: Set<String> = []

        init(from origin: Origin) {
            (previous, time, lastID) = (origin.hash, origin.time, origin.lastID)
            derived = DerivedCheck(after: origin)
            result.last = origin.sequence
            if origin.sequence > 0 {
                result.archived = .init(through: origin.sequence, head: origin.hash)
            }
        }

        var isFull: Bool { result.faults.count >= JournalVerifier.faultsMax }

        mutating func fault(_ sequence: UInt64, _ code: JournalVerification.Fault.Code) {
            result.faults.append(.init(sequence: sequence, code: code))
        }
    }

    /// What a file says of those before it must be signed, and what was read of them.
    private func enter(
        _ database: Database, isFirst: Bool, _ walk: inout Walk
    ) throws(SQLiteError) {
        try walk.derived.enter(database)
        let next = walk.result.last + 1
        guard let origin = try Origin(of: database) else {
            return walk.fault(next, .fileUnrooted)
        }
        for signed in origin.closures.values {
            let message = try? Sign1(parsing: signed.bytes, limit: Entry.sizeMax)
            guard let message, (try? message.verified(by: terminal)) != nil else {
                return walk.fault(next, .fileClosure)
            }
        }
        guard !isFirst else { return }
        guard origin.sequence == walk.result.last, origin.hash == walk.previous,
            origin.lastID == walk.lastID, walk.derived.agrees(with: origin)
        else { return walk.fault(next, .fileForked) }
    }

    private func read(
        _ database: Database, _ walk: inout Walk, _ each: (Entry, Sign1) -> Void
    ) throws(SQLiteError) {
        let first = walk.result.last + 1
        var hashes: [UInt64: [UInt8]] = [:]
        let ends = Set(
            try database.rows("SELECT upto FROM receipts").compactMap {
                $0.first?.integer.map { UInt64(clamping: $0) }
            })
        try database.each(
            "SELECT seq, id, kind, time, cents, training, cose FROM entries ORDER BY seq", []
        ) { row in
            walk.result.entries += 1
            walk.result.last += 1
            let bytes = row[6].blob ?? []
            switch check(row, bytes, expected: walk.result.last, walk.previous, walk.time) {
            case .success(let (entry, message)):
                walk.take(entry, in: database)
                each(entry, message)
            case .failure(let fault): walk.result.faults.append(fault.value)
            }
            walk.previous = sha256(bytes)
            if ends.contains(walk.result.last) { hashes[walk.result.last] = walk.previous }
            return !walk.isFull
        }
        if let ledger { try checkReceipts(database, ledger, hashes, &walk.result) }
        let range = first...max(first, walk.result.last)
        if try walk.derived.hasSurplus(in: database, range) {
            walk.fault(walk.result.last, .lineSurplus)
        }
    }

    private struct Failure: Error { let value: JournalVerification.Fault }

    private func check(
        _ row: [SQLValue], _ bytes: [UInt8], expected: UInt64, _ previous: [UInt8],
        _ time: UInt64
    ) -> Result<(Entry, Sign1), Failure> {
        func fault(
            _ code: JournalVerification.Fault.Code
        ) -> Result<(Entry, Sign1), Failure> {
            .failure(Failure(value: .init(sequence: expected, code: code)))
        }
        guard row[0].integer == Int64(expected) else { return fault(.entryMissing) }
        guard let message = try? Sign1(parsing: bytes, limit: Entry.sizeMax) else {
            return fault(.entryDamaged)
        }
        guard message.kid == terminal.kid, let payload = try? message.verified(by: terminal)
        else { return fault(.entryAltered) }
        guard let entry = try? Entry(payload: payload) else { return fault(.entryMalformed) }
        guard entry.sequence == expected else { return fault(.entryRenumbered) }
        guard entry.previous == previous else { return fault(.entryForked) }
        guard entry.time >= time else { return fault(.timeBackwards) }
        var cents: Int64 = 0
        if case .payment(let payment) = entry.body { cents = payment.amount.cents }
        guard row[1].blob == entry.id.bytes, row[4].integer == cents,
            row[2].integer == Int64(entry.body.kind.rawValue),
            row[3].integer == Int64(entry.time), row[5].integer == (entry.isTraining ? 1 : 0)
        else { return fault(.columnDiffers) }
        return .success((entry, message))
    }

    private func checkReceipts(
        _ database: Database, _ ledger: Ed25519PublicKey, _ hashes: [UInt64: [UInt8]],
        _ result: inout JournalVerification
    ) throws(SQLiteError) {
        let rows = try database.rows("SELECT upto, since, cose FROM receipts ORDER BY upto")
        for row in rows {
            let upto = UInt64(clamping: row[0].integer ?? 0)
            guard let bytes = row[2].blob,
                let receipt = try? Receipt(bytes, ledger: ledger)
            else {
                result.faults.append(.init(sequence: upto, code: .receiptAltered))
                return
            }
            guard receipt.terminal == terminal.kid, receipt.to == upto,
                receipt.from == result.acknowledged + 1, hashes[upto] == receipt.head
            else {
                result.faults.append(.init(sequence: upto, code: .receiptFork))
                return
            }
            guard try outcomesEqual(receipt, in: database) else {
                result.faults.append(
                    .init(sequence: upto, code: .outcomeDiffers))
                return
            }
            result.acknowledged = upto
        }
        let beyond = try database.rows(
            "SELECT seq FROM outcomes WHERE seq > ? LIMIT 1",
            [.integer(Int64(result.acknowledged))])
        if let sequence = beyond.first?.first?.integer {
            result.faults.append(
                .init(sequence: UInt64(sequence), code: .outcomeDiffers))
        }
    }

    /// True when the table lists exactly what the receipt states.
    private func outcomesEqual(
        _ receipt: Receipt, in database: Database
    ) throws(SQLiteError) -> Bool {
        let rows = try database.rows(
            "SELECT seq, booked, code FROM outcomes WHERE seq BETWEEN ? AND ? ORDER BY seq",
            [.integer(Int64(receipt.from)), .integer(Int64(receipt.to))])
        let stated = receipt.outcomes.enumerated().map { index, outcome in
            let (booked, code) = JournalStore.stored(outcome)
            return [
                SQLValue.integer(Int64(receipt.from) + Int64(index)), .integer(booked),
                .text(code),
            ]
        }
        return rows == stated
    }
}

extension JournalVerifier.Walk {
    /// Counts an entry that verifies and checks what follows from it.
    fileprivate mutating func take(_ entry: Entry, in database: Database) {
        time = entry.time
        if lastID.lexicographicallyPrecedes(entry.id.bytes) { lastID = entry.id.bytes }
        if let code = derived.fault(of: entry, in: database) { fault(entry.sequence, code) }
        switch entry.body {
        case .payment(let payment) where !entry.isTraining:
            result.payments += 1
            result.paymentCents &+= payment.amount.cents
        case .technicalEvent(let event) where event.code == PurgeRecord.code:
            purges.insert(PurgeRecord.chain(of: event.details))
        default: break
        }
    }
}
