// LedgerBook: the central ledger's book (double entry over SQLite or PostgreSQL).
//
// Purpose: terminals, cards, entries as received, evidence checks, postings, authorisations,
// deny-list, policies, receipts, audit. FORMATS §2, §3, §5, seen from the ledger.
//
// Promises:
//   B1  A batch is booked in one durable transaction; the receipt leaves only after the commit.
//       SQLite: one fsync (WAL, synchronous=FULL, asserted at open). PostgreSQL: fsync and
//       synchronous_commit are on, so a synchronous standby has it too.
//   B2  The same entry is booked once, whatever is sent again: what was said of it is said again,
//       word for word, by the receipt that was stored.
//   B3  A terminal's entries form one chain: gapless, each naming the hash of the one before. A gap
//       or a fork refuses the whole batch and changes nothing; the database itself refuses both.
//   B4  A payment settles only on evidence that the card made over exactly this payment, with keys
//       no terminal holds; (card, counter) is unique by a constraint of the database. A person who
//       releases a payment has it proven too, or says that it is not.
//   B5  Every transaction sums to zero: PostgreSQL refuses any other, SQLite a second posting that
//       does not answer the first, the audit finds the rest. A card's balance is added to by the
//       database in the transaction that posts, never read to be written; the audit compares it
//       with the sum of the card's postings.
//   B6  Entries, postings, counters, receipts and flags are never changed or deleted: no such
//       statement exists, and triggers refuse both.
//   B7  Several books, in several processes, may serve one database at once: what one judges by,
//       it has locked. Books that would wait in a circle, or that the database calls a conflict,
//       try again.
//
// One domain code, two stores: `LedgerStore` is the seam, `SQLiteStore` and `PostgreSQLStore` are
// behind it, each with its migrations.
//
// Does not promise: who may call (LedgerService checks the requests), nor secrecy of the database.
// Threads: a `Book` belongs to one owner who serialises its calls. Time is always a parameter.
// Units: cents; milliseconds since the Unix epoch, unless a name says seconds.

public import COSE
public import Crypto

/// Why the book refuses.
public enum BookError: Error, Equatable, Sendable {
    /// The database refuses a statement.
    case storage(StorageError)
    /// The database holds no book, one of a newer version, or cannot promise B1; a sentence.
    case unusable(String)
    /// No such terminal was paired.
    case terminalUnknown
    /// The terminal was revoked.
    case terminalRevoked
    /// The pairing code is wrong, used or expired.
    case pairingCode
    /// No merchant of this name.
    case merchantUnknown(String)
    /// Not what FORMATS §2 states; names the field or message.
    case malformed(String)
    /// More entries than a batch may hold.
    case tooManyEntries
    /// An entry is signed by another key than the terminal's, or altered.
    case entrySignature
    /// Entries are missing before the first one sent: the number expected next.
    case gap(expected: UInt64)
    /// The chain is another one than the ledger knows: the number expected next.
    case fork(expected: UInt64)
    /// No held entry there, or a person has decided it already.
    case notHeld
    /// A held entry that cannot be released: the code of what is in the way.
    case notBookable(String)
    /// No card of this number.
    case cardUnknown
    /// The number or the UID is registered already with other data.
    case cardKnown
    /// Another card has its account: it stays blocked.
    case cardReplaced
    /// Zero, or a sum outside the range of money.
    case amount
    /// The money was not issued.
    case topUp(TopUpRefusal)
    /// This key is a terminal of another merchant: only a code that was made to move it does.
    case otherMerchant
    /// `init` has not been run: there are no policy settings.
    case settingsMissing

    private var kind: StorageError.Kind? {
        if case .storage(let error) = self { error.kind } else { nil }
    }

    /// The disk failed or is full, or the server is gone: what was asked may not be done, and the
    /// book must be opened anew before anything else is believed of it. Never retry after a failed
    /// fsync.
    public var isStoreLost: Bool { kind == .lost }

    /// Others held the database for longer than the wait: try again.
    public var isBusy: Bool { kind == .busy || kind == .conflict }

    var isConflict: Bool { kind == .conflict }
}

/// The card keys a ledger holds: what checks evidence and nothing that could write a card.
public protocol EvidenceKeys: Sendable {
    /// Epochs the ledger has keys of.
    var epochs: [UInt8] { get }
    /// Issuer keys for the policies of terminals.
    var issuers: [Ed25519PublicKey] { get }
    /// K1 of an epoch: decrypts PICCENCData, the same for all cards. Nil for an unknown epoch.
    func metaReadKey(epoch: UInt8) -> AES128Key?
    /// K2 of one card (UID of 7 bytes), diversified. Nil for an unknown epoch.
    func fileReadKey(uid: [UInt8], epoch: UInt8) -> AES128Key?
}

/// What the serving ledger needs beside the file: its own signing key and the card keys.
public struct Authority: Sendable {
    /// Signs receipts, policies and deny-lists.
    public let signer: any MessageSigner
    /// Checks evidence.
    public let keys: any EvidenceKeys

    /// An authority.
    public init(signer: any MessageSigner, keys: any EvidenceKeys) {
        self.signer = signer
        self.keys = keys
    }
}
