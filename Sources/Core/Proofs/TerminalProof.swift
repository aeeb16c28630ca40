import COSE
public import Crypto
public import LedgerMessages
import Operations

/// One terminal's record, proven from its archives and the ledger's receipts.
public struct TerminalProof: Sendable {
    /// What is wrong, in the order found; none in a sound record.
    public private(set) var findings: [Finding] = []
    /// Whose record it is; nil when no archive could be read.
    public private(set) var terminal: Ed25519PublicKey?
    /// First and last number the archives are about.
    public private(set) var from: UInt64 = 1
    /// The last one; below `from` when there is none.
    public private(set) var to: UInt64 = 0
    /// Entries that are what the terminal signed.
    public var entries: Int { chain.digests.count }
    /// Receipts that are the ledger's, about this terminal and this chain.
    public private(set) var receipts = 0

    /// Numbers of entries are below it: a terminal that never rests takes five hundred years.
    private static let sequenceMax: UInt64 = 64_000_000

    private var chain = Chain()
    private var outcomes: [UInt64: Outcome] = [:]
    private var copies: Set<UInt64> = []
    /// The highest number a receipt or the ledger knows.
    private var known: UInt64 = 0
    private let isUpToArchive: Bool

    /// The last entry that the ledger has beyond an archive that was to be proven alone; nil: none.
    public var beyond: UInt64? { isUpToArchive && known > to ? known : nil }

    /// Compares archives of one terminal (any order) with the receipts in them and `receipts`, each
    /// the bytes of a CBOR sequence. With `isOpen`, the newest entries may wait for their receipt.
    /// With `isUpToArchive`, the record is proven up to the last archive's end: that the ledger
    /// knows more is no fault (`beyond`).
    public init(
        archives: [[UInt8]], receipts files: [[UInt8]], ledger: Ed25519PublicKey, isOpen: Bool,
        isUpToArchive: Bool = false
    ) {
        self.isUpToArchive = isUpToArchive
        let read = archives.map { ArchivedJournal($0) }
        for index in read.indices where read[index] == nil {
            note(.archiveDamaged, 0, "archive \(index + 1)")
        }
        // Files far apart are no record of one terminal: a loop over their numbers has an end.
        let sound = read.compactMap { $0 }.filter { $0.to < Self.sequenceMax }
            .sorted { $0.from < $1.from }
        if sound.count < read.count, findings.isEmpty { note(.archiveDamaged, 0, "numbers") }
        guard let first = sound.first else { return }
        terminal = first.terminal
        let own = sound.filter { $0.terminal == first.terminal }
        for other in sound where other.terminal != first.terminal {
            note(.archiveOtherTerminal, 0, "terminal " + Hexadecimal.text(other.terminal.kid))
        }
        from = first.from
        to = own.map(\.to).max() ?? 0
        findings += chain.read(own)
        var parts = own.flatMap(\.receipts)
        for (index, file) in files.enumerated() {
            guard
                let items = try? CBOR.sequence(
                    file, count: 1_000_000, limit: ArchivedJournal.sizeMax,
                    itemLimit: messageSizeMax)
            else {
                note(.receiptDamaged, 0, "receipts file \(index + 1)")
                continue
            }
            parts += items
        }
        let before = findings.count
        for part in parts { take(receipt: part, ledger: ledger) }
        if findings.count == before, let other = own.first(where: { !$0.hasItsReceipts }) {
            note(.archiveReceipts, 0, "entries \(other.from) to \(other.to)")
        }
        findings += chain.missing(from...to, known: isUpToArchive ? to : known)
        noteOutcomes(isOpen: isOpen)
    }

    private mutating func note(_ code: Finding.Code, _ sequence: UInt64, _ detail: String = "") {
        findings.append(Finding(code, sequence, detail))
    }

    // MARK: receipts

    private mutating func take(receipt bytes: [UInt8], ledger: Ed25519PublicKey) {
        guard let message = try? Sign1(parsing: bytes, limit: messageSizeMax) else {
            return note(.receiptDamaged, 0)
        }
        guard message.kid == ledger.kid else {
            return note(.receiptOtherLedger, 0, "key " + Hexadecimal.text(message.kid))
        }
        let receipt: Receipt
        do throws(MessageError) { receipt = try Receipt(bytes, ledger: ledger) } catch {
            if case .notAuthentic = error { return note(.receiptAltered, 0) }
            return note(.receiptDamaged, 0)
        }
        guard receipt.terminal == terminal?.kid else {
            return note(
                .receiptOtherTerminal, receipt.from,
                "terminal " + Hexadecimal.text(receipt.terminal))
        }
        if let digest = chain.digests[receipt.to], digest != receipt.head {
            return note(.receiptFork, receipt.to)
        }
        receipts += 1
        known = max(known, receipt.to)
        for (offset, outcome) in receipt.outcomes.enumerated() {
            let sequence = receipt.from + UInt64(offset)
            if let before = outcomes[sequence], before != outcome {
                note(.outcomeConflict, sequence)
            }
            outcomes[sequence] = outcome
        }
    }

    /// Stretches of entries without an outcome.
    private mutating func noteOutcomes(isOpen: Bool) {
        var start: UInt64?
        for sequence in from...max(from, to) {
            let isWithout = chain.digests[sequence] != nil && outcomes[sequence] == nil
            if isWithout, start == nil { start = sequence }
            if !isWithout, let first = start {
                findings.append(Finding(.outcomeMissing, first, to: sequence - 1))
                start = nil
            }
        }
        if let first = start, !isOpen { findings.append(Finding(.outcomeMissing, first, to: to)) }
    }

    // MARK: the ledger's copies

    /// Compares the ledger's copy of one entry and the outcome it keeps.
    public mutating func compare(copy bytes: [UInt8], sequence: UInt64, outcome: Outcome) {
        copies.insert(sequence)
        known = max(known, sequence)
        guard sequence >= from else { return }
        if let digest = chain.digests[sequence], digest != sha256(bytes) {
            note(.copyDiffers, sequence)
        }
        if let said = outcomes[sequence], said != outcome { note(.copyOutcome, sequence) }
    }

    /// After the last `compare`: what the ledger should have and has not, and what it has beyond
    /// the archives, unless they are proven alone.
    public mutating func endCopies() {
        for sequence in from...max(from, to)
        where outcomes[sequence] != nil && !copies.contains(sequence) {
            note(.copyMissing, sequence)
        }
        let told = findings.contains { $0.code == .entryMissing && $0.last > to }
        if known > to, !isUpToArchive, !told {
            findings.append(Finding(.entryMissing, to + 1, to: known, "the ledger has it"))
        }
    }
}
