import COSE
public import Crypto
import Operations

/// The archive of a journal that was set aside beside the ledger's copies of the same terminal:
/// whether each of its operations is in the book, once and as the terminal signed it. Numbers of
/// findings are those of the archive.
public struct SetAsideProof: Sendable {
    /// What is wrong, in the order found.
    public private(set) var findings: [Finding] = []
    /// Whose it is; nil when the archive cannot be read.
    public let terminal: Ed25519PublicKey?
    /// Operations beyond what both have, that the ledger has; valid after `end`.
    public private(set) var entered = 0
    /// The last entry that both have; valid after `end`.
    public private(set) var common: UInt64

    private struct Stray {
        let entry: Entry
        let digest: [UInt8]
    }

    private let from: UInt64
    private var entries: [Stray] = []
    /// The ledger's entries that carry an id of the archive's.
    private var booked: [EntryID: [Entry]] = [:]
    private let ids: Set<EntryID>

    /// Reads an archive; entries after the first that is not sound are left out and told.
    public init(archive bytes: [UInt8]) {
        guard let archive = ArchivedJournal(bytes) else {
            (terminal, from, common, ids) = (nil, 1, 0, [])
            findings = [Finding(.archiveDamaged)]
            return
        }
        (terminal, from, common) = (archive.terminal, archive.from, archive.from - 1)
        var previous = archive.before
        for (index, bytes) in archive.entries.enumerated() {
            let sequence = archive.from + UInt64(index)
            guard let message = try? Sign1(parsing: bytes, limit: Entry.sizeMax),
                message.kid == archive.terminal.kid,
                let payload = try? message.verified(by: archive.terminal),
                let entry = try? Entry(payload: payload), entry.sequence == sequence
            else {
                findings.append(Finding(.entryAltered, sequence))
                break
            }
            guard entry.previous == previous else {
                findings.append(Finding(.entryForked, sequence))
                break
            }
            previous = message.digest
            entries.append(Stray(entry: entry, digest: previous))
        }
        if findings.isEmpty, previous != archive.head {
            findings = [Finding(.entryMissing, archive.from + UInt64(entries.count))]
        }
        ids = Set(entries.map(\.entry.id))
    }

    /// Notes the ledger's copy of one of the terminal's entries; in any order.
    public mutating func compare(copy bytes: [UInt8], sequence: UInt64) {
        if sequence >= from, sequence - from < UInt64(entries.count),
            entries[Int(sequence - from)].digest == sha256(bytes)
        {
            common = max(common, sequence)
        }
        guard let message = try? Sign1(parsing: bytes, limit: Entry.sizeMax),
            let entry = try? Entry(payload: message.payload), ids.contains(entry.id)
        else { return }
        booked[entry.id, default: []].append(entry)
    }

    /// After the last copy: what the ledger has not, or has otherwise. What was reversed in the
    /// same branch, and what speaks of the chain alone, is not asked for.
    public mutating func end() {
        let strays = entries.dropFirst(Int(common + 1 - from))
        var reversed: Set<EntryID> = []
        for case .reversal(let reversal) in strays.map(\.entry.body) {
            reversed.insert(reversal.entry)
        }
        for stray in strays where stray.entry.body.isRecoverable && !stray.entry.isTraining {
            let entry = stray.entry
            guard let found = booked[entry.id] else {
                if !reversed.contains(entry.id) {
                    findings.append(Finding(.setAsideMissing, entry.sequence, "id \(entry.id)"))
                }
                continue
            }
            let isSame = found.allSatisfy { copy in
                let origin = copy.setAside
                return copy.body == entry.body
                    && (origin?.sequence != entry.sequence || origin?.hash == stray.digest)
            }
            if isSame {
                entered += 1
            } else {
                findings.append(Finding(.setAsideDiffers, entry.sequence, "id \(entry.id)"))
            }
        }
    }
}
