public import COSE
import Crypto
import LedgerMessages
import Linux
public import Operations
import SQLite
import Threads

// A terminal whose disk was put back from an old image: the ledger knows entries that its journal
// does not hold, and the journal may have written others since (its start, payments taken before
// the first contact), numbered like those the ledger knows. Nothing is renumbered and nothing is
// signed again: a journal is made anew of the ledger's copies, which this terminal signed, and the
// old one is set aside as it is, with its archive.

/// What a recovery found and did.
public struct Recovery: Equatable, Sendable {
    /// Event code of the entry that records it.
    public static let code = "restore"
    /// The last entry that both have.
    public let common: UInt64
    /// The last entry the ledger has.
    public let last: UInt64
    /// Entries of the old journal that the ledger does not have.
    public let strays: UInt64
    /// Those of them that people made: no technical events, no training.
    public let operations: UInt64
    /// The payments among those.
    public let payments: KindTotal

    /// The words of the entry that records it.
    var details: String {
        "old image after \(common); set aside \(strays) entries, \(operations) operations, "
            + "\(payments.count) payments of \(payments.sum) cents"
    }
}

extension Journal {
    /// Compares the journal at `path` with the ledger's copies; nil when it holds all of them.
    /// - Throws: `JournalError.unusable`, `.refused` when it is not sound itself.
    public static func compare(
        _ path: String, with copies: LedgerCopies, signer: any MessageSigner
    ) throws(JournalError) -> Recovery? {
        var common: UInt64 = 0
        var (strays, operations, payments) = (UInt64(0), UInt64(0), KindTotal())
        if try JournalFiles.exist(path) {
            let verifier = try JournalVerifier(
                path: path, terminal: signer.publicKey, ledger: nil)
            let found = try verifier.run { entry, message in
                if strays == 0, entry.sequence <= copies.last,
                    copies.entries[Int(entry.sequence) - 1] == message.bytes
                {
                    common = entry.sequence
                    return
                }
                strays += 1
                if case .technicalEvent = entry.body { return }
                if entry.isTraining { return }
                operations += 1
                if case .payment(let payment) = entry.body {
                    payments.count += 1
                    payments.sum += payment.amount.cents
                }
            }
            guard found.faults.isEmpty else { throw .refused("the journal is not sound") }
            // Years that were purged here come back with the ledger's copies, if it has the same.
            if let archived = found.archived {
                guard archived.through <= copies.last,
                    sha256(copies.entries[Int(archived.through) - 1]) == archived.head
                else { throw .refused("the years that were purged here are others at the ledger") }
                common = max(common, archived.through)
            }
        }
        guard common < copies.last else { return nil }
        return Recovery(
            common: common, last: copies.last, strays: strays, operations: operations,
            payments: payments)
    }

    /// Makes a journal of the ledger's copies in the place of the one at `path`, whose files go to
    /// the folder `aside`; the new one's first entry of its own says so. Nobody may have either
    /// open. A crash in between leaves the first years of one of them at `path`, or none: comparing
    /// and this call, with another folder, finish it.
    /// - Throws: `JournalError`.
    public static func recover(
        _ path: String, from copies: LedgerCopies, _ recovery: Recovery, aside: String,
        signer: any MessageSigner, at moment: Moment
    ) throws(JournalError) {
        do {
            let folder = aside + "/new"
            try Files.makeDirectory(folder)
            let fresh = folder + "/journal.sqlite"
            try write(copies, to: fresh, signer: signer, recovery, at: moment)
            let old = try JournalFiles.list(path)
            for file in old { try emptyLog(of: file.path) }
            // The newest first: what is left is sound, where later years alone would not be.
            for file in old.reversed() { try move(file.path, to: aside) }
            let home = path.split(separator: "/", omittingEmptySubsequences: false).dropLast()
                .joined(separator: "/")
            // The newest last: while it is not there, nobody takes this for a whole journal.
            for file in try JournalFiles.list(fresh) { try move(file.path, to: home) }
        } catch let error as JournalError { throw error } catch {
            throw .unusable("\(error)")
        }
    }

    /// Writes the copies to a new journal, and its record.
    private static func write(
        _ copies: LedgerCopies, to path: String, signer: any MessageSigner, _ recovery: Recovery,
        at moment: Moment
    ) throws(JournalError) {
        let journal = try Journal(path: path, signer: signer)
        for bytes in copies.entries { try journal.adopt(bytes) }
        for (receipt, bytes) in copies.receipts { try journal.store(receipt, bytes: bytes) }
        _ = try journal.append(
            .technicalEvent(TechnicalEvent(code: Recovery.code, details: recovery.details)),
            id: EntryID(milliseconds: moment.milliseconds), at: moment)
        journal.checkpoint()
    }

    /// Appends an entry of this chain as it was signed before.
    private func adopt(_ bytes: [UInt8]) throws(JournalError) {
        try monitor.update { (contents) throws(JournalError) in
            guard let message = try? Sign1(parsing: bytes, limit: Entry.sizeMax),
                let payload = try? message.verified(by: signer.publicKey),
                let entry = try? Entry(payload: payload),
                entry.sequence == contents.head.sequence + 1,
                entry.previous == contents.head.hash, entry.time >= contents.head.time
            else { throw .refused("an entry does not follow") }
            if contents.head.endsYear, let years = contents.years {
                try beginYear(&contents, after: years)
            }
            guard let file = contents.years?.live else { throw .suspended("reopen first") }
            do throws(SQLiteError) {
                try JournalStore.insert(entry, bytes, into: file.database)
            } catch {
                contents.years = nil
                throw .suspended("\(error.call): \(error.message)")
            }
            contents.head.follow(entry, hash: message.digest)
        }
    }

    /// A file and what SQLite keeps beside it.
    private static func move(_ file: String, to folder: String) throws(LinuxError) {
        let name = file.split(separator: "/").last.map(String.init) ?? file
        for rest in ["-wal", "-shm", ""] where Files.exists(file + rest) {
            try Files.move(file + rest, to: folder + "/" + name + rest)
        }
    }
}
