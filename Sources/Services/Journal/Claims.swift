import COSE
import Crypto
public import Operations
import Threads

// What a journal that was set aside holds and the ledger never had (Recovery.swift): its operations
// are entered again, in the chain that goes on. The card signed an operation by its id, the
// terminal, the amount and itself (FORMATS §3), not by its place: its cryptogram proves the new
// entry as it proved the old one, and the ledger judges it by the way all entries go. Nothing that
// was signed is changed, and the fork itself stays outside of every chain.

/// One operation of a journal that was set aside, and what becomes of it.
public struct ClaimedEntry: Equatable, Sendable {
    /// What becomes of it; the raw value is what programs read.
    public enum Fate: String, CaseIterable, Sendable {
        /// It is entered again under its own id.
        case claimed
        /// An entry of the chain has its id: it was claimed before, or the ledger has it.
        case known
        /// It was reversed there, or is that reversal: nothing moved.
        case cancelled
        /// It reverses what the ledger has booked: a refund does that, with the card.
        case unsupported
    }

    /// The entry as it was signed there.
    public let entry: Entry
    /// Where it stood first.
    public let origin: SetAside
    /// What becomes of it.
    public let fate: Fate
}

/// What an archive of a journal that was set aside holds beyond the chain that goes on.
public struct SetAsideClaim: Equatable, Sendable {
    /// The last entry that both have.
    public let common: UInt64
    /// Operations after it, oldest first; training, closures and technical events left out.
    public let operations: [ClaimedEntry]

    /// How many of a fate, and the sum of the payments among them, cents.
    public func total(_ fate: ClaimedEntry.Fate) -> KindTotal {
        var total = KindTotal()
        for operation in operations where operation.fate == fate {
            total.count += 1
            if case .payment(let payment) = operation.entry.body {
                total.sum += payment.amount.cents
            }
        }
        return total
    }

    /// The entries of an archive, each with its place there.
    static func read(
        _ archive: [UInt8], terminal: Ed25519PublicKey?
    ) throws(ArchiveError) -> (entries: [(entry: Entry, origin: SetAside)], ArchiveContents) {
        var entries: [(entry: Entry, origin: SetAside)] = []
        let contents = try JournalArchive.read(archive, terminal: terminal) {
            let origin = SetAside(
                sequence: $0.sequence, hash: $1.digest, time: $0.time, clockTrust: $0.clockTrust)
            entries.append(($0, origin))
        }
        return (entries, contents)
    }

    /// What becomes of entries that the chain has not; `isKnown`: whether it has one with that id.
    static func judge<E: Error>(
        _ strays: [(entry: Entry, origin: SetAside)], isKnown: (EntryID) throws(E) -> Bool
    ) throws(E) -> [ClaimedEntry] {
        let ids = Set(strays.map(\.entry.id))
        var reversed: Set<EntryID> = []
        for case .reversal(let reversal) in strays.map(\.entry.body) {
            reversed.insert(reversal.entry)
        }
        var operations: [ClaimedEntry] = []
        for (entry, origin) in strays where !entry.isTraining {
            let fate: ClaimedEntry.Fate
            switch entry.body {
            case .closure, .technicalEvent: continue
            case .reversal(let reversal):
                let isBooked = try isKnown(reversal.entry)
                fate = ids.contains(reversal.entry) && !isBooked ? .cancelled : .unsupported
            case .payment, .refund, .topUp, .action, .enrolment, .cardEvent:
                let isKnown = try isKnown(entry.id)
                fate = isKnown ? .known : reversed.contains(entry.id) ? .cancelled : .claimed
            }
            // What was set aside before keeps its first place.
            operations.append(
                ClaimedEntry(entry: entry, origin: entry.setAside ?? origin, fate: fate))
        }
        return operations
    }
}

extension Journal {
    /// Reads an archive of this terminal, whole, and tells its operations beyond this chain. Writes
    /// nothing.
    /// - Throws: `ArchiveError.damaged`, `.otherTerminal`, `.otherChain`, `.journal`.
    public func claim(from archive: [UInt8]) throws(ArchiveError) -> SetAsideClaim {
        let (entries, contents) = try SetAsideClaim.read(archive, terminal: signer.publicKey)
        do throws(JournalError) {
            if let count = try sharedCount(entries.map(\.origin), contents) {
                let strays = Array(entries.dropFirst(count))
                return SetAsideClaim(
                    common: contents.from + UInt64(count) - 1,
                    operations: try SetAsideClaim.judge(strays) {
                        (id) throws(JournalError) in try entry(id) != nil
                    })
            }
        } catch { throw .journal(error) }
        throw .otherChain
    }

    /// How many of an archive's entries this chain has: one that it has proves all before it. Nil
    /// when it goes on from nothing that is here.
    private func sharedCount(
        _ entries: [SetAside], _ contents: ArchiveContents
    ) throws(JournalError) -> Int? {
        for (index, entry) in entries.enumerated().reversed()
        where try hash(of: entry.sequence) == entry.hash {
            return index + 1
        }
        if contents.from > 1 {
            return try hash(of: contents.from - 1) == contents.before ? 0 : nil
        }
        // Not even the first entry: that can be seen only where the first one is.
        if position.sequence == 0 { return 0 }
        return try hash(of: 1) == nil ? nil : 0
    }

    /// Enters the claimed operations, in their order, each durable by itself. What is there already
    /// stays: the same call finishes one that was cut off. - Throws: `.suspended`.
    public func enter(_ claim: SetAsideClaim, at moment: Moment) throws(JournalError) {
        for operation in claim.operations where operation.fate == .claimed {
            let entry = operation.entry
            do throws(JournalError) {
                try monitor.update { (contents) throws(JournalError) in
                    _ = try append(
                        to: &contents, entry.body, id: entry.id, at: moment,
                        operatorCode: entry.operatorCode, isTraining: false,
                        setAside: operation.origin)
                }
            } catch {
                guard error == .alreadyRecorded else { throw error }
            }
        }
    }
}
