public import COSE
public import Crypto
import LedgerMessages
public import Operations
import SQLite

/// What a check of a whole journal found.
public struct JournalVerification: Equatable, Sendable {
    /// Entries read.
    public var entries: UInt64 = 0
    /// Entries the ledger's receipts cover.
    public var acknowledged: UInt64 = 0
    /// Number and sum of payments, cents.
    public var payments: UInt64 = 0
    public var paymentCents: Int64 = 0
    /// What is wrong, each with its sequence number; empty for a sound journal.
    public var faults: [Fault] = []

    /// One fault.
    public struct Fault: Equatable, Sendable {
        /// Where.
        public let sequence: UInt64
        /// What.
        public let what: String
    }
}

/// Proves a journal from its file alone: gapless, chained, signed, times in order, columns equal to
/// what was signed; and, with the ledger's key, that receipts cover the same chain without a hole
/// and that the outcomes listed are those the ledger signed.
public struct JournalVerifier {
    /// Faults listed before the check gives up.
    public static let faultsMax = 100
    private let database: Database
    private let terminal: Ed25519PublicKey
    private let ledger: Ed25519PublicKey?

    /// Opens the file read-only.
    /// - Throws: `JournalError.unusable`.
    public init(
        path: String, terminal: Ed25519PublicKey, ledger: Ed25519PublicKey?
    ) throws(JournalError) {
        do { database = try Database(path: path, access: .readOnly) } catch {
            throw .unusable("\(error.call): \(error.message)")
        }
        self.terminal = terminal
        self.ledger = ledger
    }

    /// Walks the whole journal. `each` sees every entry that verifies, in order.
    /// - Throws: `JournalError.unusable` when the file cannot be read.
    public func run(
        each: (Entry, Sign1) -> Void = { _, _ in }
    ) throws(JournalError) -> JournalVerification {
        var result = JournalVerification()
        var hashes: [UInt64: [UInt8]] = [:]
        var previous = [UInt8](repeating: 0, count: 32)
        var time: UInt64 = 0
        do {
            var derived = try DerivedCheck(database)
            let ends = Set(
                try database.rows("SELECT upto FROM receipts").compactMap {
                    $0.first?.integer.map { UInt64($0) }
                })
            try database.each(
                "SELECT seq, id, kind, time, cents, training, cose FROM entries ORDER BY seq", []
            ) { row in
                result.entries += 1
                let bytes = row[6].blob ?? []
                switch check(row, bytes, expected: result.entries, previous, time) {
                case .success(let (entry, message)):
                    time = entry.time
                    if let what = derived.fault(of: entry, in: database) {
                        result.faults.append(.init(sequence: entry.sequence, what: what))
                    }
                    if case .payment(let payment) = entry.body, !entry.isTraining {
                        result.payments += 1
                        result.paymentCents &+= payment.amount.cents
                    }
                    each(entry, message)
                case .failure(let fault): result.faults.append(fault.value)
                }
                previous = sha256(bytes)
                if ends.contains(result.entries) { hashes[result.entries] = previous }
                return result.faults.count < Self.faultsMax
            }
            if let ledger { try checkReceipts(ledger, hashes, &result) }
            if try derived.hasSurplus(in: database, entries: result.entries) {
                result.faults.append(
                    .init(sequence: result.entries, what: "a line has no entry"))
            }
        } catch {
            throw .unusable("\(error.call): \(error.message)")
        }
        return result
    }

    private struct Failure: Error { let value: JournalVerification.Fault }

    private func check(
        _ row: [SQLValue], _ bytes: [UInt8], expected: UInt64, _ previous: [UInt8],
        _ time: UInt64
    ) -> Result<(Entry, Sign1), Failure> {
        func fault(_ what: String) -> Result<(Entry, Sign1), Failure> {
            .failure(Failure(value: .init(sequence: expected, what: what)))
        }
        guard row[0].integer == Int64(expected) else { return fault("gap: an entry is missing") }
        guard let message = try? Sign1(parsing: bytes, limit: Entry.sizeMax) else {
            return fault("no COSE_Sign1")
        }
        guard message.kid == terminal.kid, let payload = try? message.verified(by: terminal)
        else { return fault("signature does not verify") }
        guard let entry = try? Entry(payload: payload) else { return fault("malformed entry") }
        guard entry.sequence == expected else { return fault("sequence number differs") }
        guard entry.previous == previous else { return fault("chain is broken") }
        guard entry.time >= time else { return fault("time goes back") }
        var cents: Int64 = 0
        if case .payment(let payment) = entry.body { cents = payment.amount.cents }
        guard row[1].blob == entry.id.bytes, row[4].integer == cents,
            row[2].integer == Int64(entry.body.kind.rawValue),
            row[3].integer == Int64(entry.time), row[5].integer == (entry.isTraining ? 1 : 0)
        else { return fault("columns differ from what was signed") }
        return .success((entry, message))
    }

    private func checkReceipts(
        _ ledger: Ed25519PublicKey, _ hashes: [UInt64: [UInt8]],
        _ result: inout JournalVerification
    ) throws(SQLiteError) {
        let rows = try database.rows("SELECT upto, since, cose FROM receipts ORDER BY upto")
        for row in rows {
            let upto = UInt64(row[0].integer ?? 0)
            guard let bytes = row[2].blob,
                let receipt = try? Receipt(bytes, ledger: ledger)
            else {
                result.faults.append(.init(sequence: upto, what: "receipt does not verify"))
                return
            }
            guard receipt.terminal == terminal.kid, receipt.to == upto,
                receipt.from == result.acknowledged + 1, hashes[upto] == receipt.head
            else {
                result.faults.append(.init(sequence: upto, what: "receipt does not fit the chain"))
                return
            }
            guard try outcomesEqual(receipt) else {
                result.faults.append(
                    .init(sequence: upto, what: "outcomes differ from the receipt"))
                return
            }
            result.acknowledged = upto
        }
        let beyond = try database.rows(
            "SELECT seq FROM outcomes WHERE seq > ? LIMIT 1",
            [.integer(Int64(result.acknowledged))])
        if let sequence = beyond.first?.first?.integer {
            result.faults.append(
                .init(sequence: UInt64(sequence), what: "outcomes differ from the receipt"))
        }
    }

    /// True when the table lists exactly what the receipt states.
    private func outcomesEqual(_ receipt: Receipt) throws(SQLiteError) -> Bool {
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
