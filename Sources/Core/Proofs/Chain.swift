import COSE
import Crypto
import Operations

/// The entries of archives, by number.
struct Chain: Sendable {
    /// SHA-256 of each entry that is what the terminal signed.
    private(set) var digests: [UInt64: [UInt8]] = [:]
    /// Numbers whose place is taken by something that was altered.
    private var spoiled: Set<UInt64> = []
    private var ids: Set<[UInt8]> = []
    /// Numbers of the archive being read: archives may overlap, entries within one may not.
    private var here: Set<UInt64> = []
    /// The entry before, in the order read.
    private var last: (sequence: UInt64, time: UInt64) = (0, 0)

    /// Reads archives in order of their first number.
    mutating func read(_ archives: [ArchivedJournal]) -> [Finding] {
        var findings: [Finding] = []
        for archive in archives {
            last.sequence = archive.from - 1
            here = []
            if digests[archive.from - 1] == nil { digests[archive.from - 1] = archive.before }
            for bytes in archive.entries {
                if let finding = take(bytes, of: archive) { findings.append(finding) }
            }
            if let digest = digests[archive.to], digest != archive.head {
                findings.append(Finding(.entryForked, archive.to, "its manifest has another"))
            }
        }
        if let first = archives.first { digests[first.from - 1] = nil }
        return findings
    }

    private mutating func take(_ bytes: [UInt8], of archive: ArchivedJournal) -> Finding? {
        guard let message = try? Sign1(parsing: bytes, limit: Entry.sizeMax) else {
            return spoil(nil, .entryAltered)
        }
        let claimed = try? Entry(payload: message.payload)
        guard message.kid == archive.terminal.kid else {
            return spoil(
                claimed?.sequence, .entryOtherTerminal,
                "terminal " + Hexadecimal.text(message.kid))
        }
        guard (try? message.verified(by: archive.terminal)) != nil, let entry = claimed else {
            return spoil(claimed?.sequence, .entryAltered)
        }
        defer { last = (entry.sequence, entry.time) }
        let digest = message.digest
        let isNewHere = here.insert(entry.sequence).inserted
        if let there = digests[entry.sequence] {
            guard there == digest else { return Finding(.entryForked, entry.sequence) }
            return isNewHere ? nil : Finding(.entryDoubled, entry.sequence)
        }
        digests[entry.sequence] = digest
        guard ids.insert(entry.id.bytes).inserted else {
            return Finding(.entryDoubled, entry.sequence, "the same operation under two numbers")
        }
        if let before = digests[entry.sequence - 1], entry.previous != before {
            return Finding(.entryForked, entry.sequence)
        }
        if entry.sequence == last.sequence + 1, entry.time < last.time {
            return Finding(.timeBackwards, entry.sequence)
        }
        return nil
    }

    /// What stands there is no entry of this chain; its place is the one it claims, else the next.
    private mutating func spoil(
        _ claimed: UInt64?, _ code: Finding.Code, _ detail: String = ""
    ) -> Finding {
        let place = claimed ?? last.sequence + 1
        spoiled.insert(place)
        last.sequence = place
        return Finding(code, place, detail)
    }

    /// Holes between the first and the last number, and what a receipt names beyond it.
    func missing(_ range: ClosedRange<UInt64>, known: UInt64) -> [Finding] {
        var findings: [Finding] = []
        var start: UInt64?
        for sequence in range {
            let isHole = digests[sequence] == nil && !spoiled.contains(sequence)
            if isHole, start == nil { start = sequence }
            if !isHole, let first = start {
                findings.append(Finding(.entryMissing, first, to: sequence - 1))
                start = nil
            }
        }
        if let first = start {
            findings.append(Finding(.entryMissing, first, to: range.upperBound))
        }
        if known > range.upperBound {
            findings.append(
                Finding(
                    .entryMissing, range.upperBound + 1, to: known, "the ledger has a receipt"))
        }
        return findings
    }
}
