extension JournalVerification.Fault {
    /// What is wrong; the raw value is the code that programs read and people read out. Those that
    /// an audit at the ledger has too (`Proofs`) are the same words.
    public enum Code: String, CaseIterable, Sendable {
        case entryMissing = "entry-missing"
        case entryDamaged = "entry-damaged"
        case entryAltered = "entry-altered"
        case entryMalformed = "entry-malformed"
        case entryRenumbered = "entry-renumbered"
        case entryForked = "entry-forked"
        case timeBackwards = "time-backwards"
        case columnDiffers = "column-differs"
        case closureDiffers = "closure-differs"
        case lineDiffers = "line-differs"
        case lineSurplus = "line-surplus"
        case receiptAltered = "receipt-altered"
        case receiptFork = "receipt-fork"
        case outcomeDiffers = "outcome-differs"
        case fileUnrooted = "file-unrooted"
        case fileClosure = "file-closure"
        case fileForked = "file-forked"
        case yearsMissing = "years-missing"

        /// What happened, for people.
        public var sentence: String {
            switch self {
            case .entryMissing: "gap: an entry is missing"
            case .entryDamaged: "no COSE_Sign1"
            case .entryAltered: "signature does not verify"
            case .entryMalformed: "malformed entry"
            case .entryRenumbered: "sequence number differs"
            case .entryForked: "chain is broken"
            case .timeBackwards: "time goes back"
            case .columnDiffers: "columns differ from what was signed"
            case .closureDiffers: "closure does not follow from the entries"
            case .lineDiffers: "a line differs from what was signed"
            case .lineSurplus: "a line has no entry"
            case .receiptAltered: "receipt does not verify"
            case .receiptFork: "receipt does not fit the chain"
            case .outcomeDiffers: "outcomes differ from the receipt"
            case .fileUnrooted: "the file does not say what it follows"
            case .fileClosure: "the file follows a closure that does not verify"
            case .fileForked: "the file does not follow the one before"
            case .yearsMissing: "no entry records where those before it went"
            }
        }
    }

    /// The code's sentence.
    public var what: String { code.sentence }
}
