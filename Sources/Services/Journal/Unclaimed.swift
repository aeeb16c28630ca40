public import Crypto
public import Operations
import SQLite

/// What an archive of a journal that was set aside holds and nobody has entered again
/// (Claims.swift), told from a walk over the chain that goes on. Needs no lock and writes nothing,
/// so it may be asked beside a running terminal.
public struct UnclaimedOperations: Sendable {
    private let entries: [(entry: Entry, origin: SetAside)]
    private let ids: Set<EntryID>
    private var known: Set<EntryID> = []

    /// Reads and verifies an archive of `terminal`, whole; without it, of whoever signed it.
    /// - Throws: `ArchiveError.damaged`, `.otherTerminal`.
    public init(archive: [UInt8], terminal: Ed25519PublicKey?) throws(ArchiveError) {
        entries = try SetAsideClaim.read(archive, terminal: terminal).entries
        ids = Set(entries.map(\.entry.id))
    }

    /// To be told every entry of the chain, in any order (`JournalVerifier.run`).
    public mutating func see(_ entry: Entry) {
        if ids.contains(entry.id) { known.insert(entry.id) }
    }

    /// The same of a file of the chain, nothing of which is verified.
    mutating func see(_ file: Database) throws(SQLiteError) {
        try file.each("SELECT id FROM entries", []) { row in
            if let id = row[0].blob.flatMap({ EntryID($0) }), ids.contains(id) {
                known.insert(id)
            }
            return true
        }
    }

    /// Operations that `journal claim` would enter, and the sum of the payments among them, cents.
    /// Nil when years that were purged since may hold them.
    public func total(after archived: JournalVerification.Archived?) -> KindTotal? {
        var rest = entries[...]
        if let archived, let first = rest.first, archived.through >= first.origin.sequence {
            guard
                let last = rest.firstIndex(where: {
                    $0.origin.sequence == archived.through && $0.origin.hash == archived.head
                })
            else { return nil }
            rest = rest[(last + 1)...]
        }
        let operations = SetAsideClaim.judge(Array(rest)) { known.contains($0) }
        return SetAsideClaim(common: 0, operations: operations).total(.claimed)
    }
}
