// Proofs: a terminal's record beside the ledger's word of it, compared without either of them.
//
// Purpose: from archives of one terminal's journal (FORMATS §2), the ledger's receipts (§5) and
// the ledger's public key alone, say whether an entry is missing, doubled, forked or altered, and
// whether each has its outcome; beside the ledger's own copies, whether they are the same bytes.
//
// Promises:
//   P1  Nothing is believed but what a signature of the terminal or of the ledger covers: the
//       manifest names the terminal, the ledger's receipts name it too.
//   P2  A fault is named by what was done (`Finding.Code`) and where; one planted fault never hides
//       behind another's name.
//   P3  No finding means: the entries are numbered without a hole from the first archive's first to
//       the last, each follows the one before, and each has exactly one outcome.
//
// Does not promise: what lies before the first archive (`Summary.from` says where it begins); that
// a card's cryptogram is good (the ledger alone has the keys); anything about a key that leaked.
// Threads: values; any thread. Units: cents, milliseconds since the Unix epoch.

/// One thing that is wrong.
public struct Finding: Equatable, Sendable {
    /// What was done to the record; the raw value is the code people and programs read.
    public enum Code: String, CaseIterable, Sendable {
        /// No CBOR sequence that begins with a manifest.
        case archiveDamaged = "archive-damaged"
        /// An archive is of another terminal than the first one.
        case archiveOtherTerminal = "archive-other-terminal"
        /// The archive's receipts are not those its manifest names.
        case archiveReceipts = "archive-receipts"
        /// A number between the first and the last has no entry.
        case entryMissing = "entry-missing"
        /// The same entry, or the same operation, stands there twice.
        case entryDoubled = "entry-doubled"
        /// Two entries have one number, or one does not follow the one before.
        case entryForked = "entry-forked"
        /// Not what the terminal signed.
        case entryAltered = "entry-altered"
        /// Signed by another key.
        case entryOtherTerminal = "entry-other-terminal"
        /// Earlier than the entry before it.
        case timeBackwards = "time-backwards"
        /// No receipt says what became of it.
        case outcomeMissing = "outcome-missing"
        /// Two receipts say different things of it.
        case outcomeConflict = "outcome-conflict"
        /// No receipt at all.
        case receiptDamaged = "receipt-damaged"
        /// Named as this ledger's, but not what it signed.
        case receiptAltered = "receipt-altered"
        /// Signed by another ledger.
        case receiptOtherLedger = "receipt-other-ledger"
        /// About another terminal.
        case receiptOtherTerminal = "receipt-other-terminal"
        /// About another chain than the archive's.
        case receiptFork = "receipt-fork"
        /// The ledger has no copy of an entry it gave a receipt for.
        case copyMissing = "copy-missing"
        /// The ledger's copy is not the same bytes.
        case copyDiffers = "copy-differs"
        /// The ledger keeps another outcome than its receipt said.
        case copyOutcome = "copy-outcome"
        /// The ledger has not what a journal that was set aside holds.
        case setAsideMissing = "set-aside-missing"
        /// It has another operation under its id, or one that names another place.
        case setAsideDiffers = "set-aside-differs"
    }

    /// What.
    public let code: Code
    /// The first entry concerned; 0 when it concerns a whole file.
    public let sequence: UInt64
    /// The last entry concerned.
    public let last: UInt64
    /// The rest of the sentence: which file, which key.
    public let detail: String

    init(_ code: Code, _ sequence: UInt64 = 0, to last: UInt64? = nil, _ detail: String = "") {
        self.code = code
        self.sequence = sequence
        self.last = last ?? sequence
        self.detail = detail
    }
}

extension Finding.Code {
    /// What happened, for people.
    public var sentence: String {
        switch self {
        case .archiveDamaged: "the archive is cut or is none"
        case .archiveOtherTerminal: "the archive is of another terminal than the first one"
        case .archiveReceipts: "the archive's receipts are not those its manifest names"
        case .entryMissing: "an entry is missing"
        case .entryDoubled: "an entry stands there twice"
        case .entryForked: "the chain forks: the entry does not follow the one before"
        case .entryAltered: "the entry is not what the terminal signed"
        case .entryOtherTerminal: "the entry is signed by another terminal"
        case .timeBackwards: "the entry is earlier than the one before"
        case .outcomeMissing: "no receipt says what became of the entry"
        case .outcomeConflict: "two receipts say different things of the entry"
        case .receiptDamaged: "this is no receipt"
        case .receiptAltered: "the receipt is not what the ledger signed"
        case .receiptOtherLedger: "the receipt is of another ledger"
        case .receiptOtherTerminal: "the receipt is about another terminal"
        case .receiptFork: "the receipt is about another chain"
        case .copyMissing: "the ledger has lost an entry it gave a receipt for"
        case .copyDiffers: "the ledger's copy is not the same bytes"
        case .copyOutcome: "the ledger keeps another outcome than its receipt said"
        case .setAsideMissing: "the ledger does not have what the old journal holds"
        case .setAsideDiffers: "the ledger has something else of what the old journal holds"
        }
    }
}
