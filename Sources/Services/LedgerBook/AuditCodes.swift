/// A fault of the book with the code that programs read.
public struct AuditFault: Equatable, Sendable {
    /// "postings-not-zero"; one for each kind of fault.
    public let code: String
    /// What is wrong and where, for people.
    public let sentence: String
}

extension AuditFindings {
    /// The faults with their codes.
    public var coded: [AuditFault] {
        faults.map { fault in
            let known = Self.codes.first { fault.contains($0.sentence) }
            return AuditFault(code: known?.code ?? "book-broken", sentence: fault)
        }
    }

    /// The code of each sentence the audit can say.
    static let codes: [(code: String, sentence: String)] = [
        ("file-damaged", "SQLite finds the file damaged"),
        ("reference-broken", "a row refers to nothing"),
        ("postings-not-zero", "a transaction does not sum to zero"),
        ("posting-missing", "a transaction has fewer than two postings"),
        ("balance-differs", "a balance is not the sum of its postings"),
        ("payment-differs", "a settled payment is not booked exactly as it says"),
        ("money-differs", "a settled refund or top-up is not booked exactly as it says"),
        ("unsettled-booked", "a transaction belongs to an entry that did not settle"),
        ("counter-unclaimed", "a settled payment has not claimed its counter"),
        ("settled-twice", "an operation settled twice"),
        ("refund-exceeds", "refunds exceed their payment"),
        ("action-uncounted", "a settled action is not counted"),
        ("verdict-unheld", "a verdict is about an entry that was not held"),
        ("replaced-unblocked", "a replaced card is not blocked"),
        ("replaced-money", "money was left on a replaced card"),
        ("replacement-unsettled", "a replacement belongs to an entry that did not settle"),
        ("reversal-differs", "a reversal that settled is not booked exactly as it says"),
        ("enrolment-differs", "an enrolment that settled is not kept, or moved no account"),
        ("released-differs", "a released entry is not booked exactly as it says"),
        ("entry-missing", "is missing"),
        ("entry-altered", "is not what the terminal signed"),
        ("entry-forked", "does not follow the one before"),
        ("column-differs", "a column differs from what was signed"),
        ("outcome-differs", "its outcome differs from the receipt's"),
        ("receipt-altered", "is not what the ledger signed"),
        ("receipt-fork", "is about another chain"),
        ("receipt-missing", "have no receipt"),
    ]
}

extension Book {
    /// Questions of the audit beside those of its kind; each gives one row per fault.
    static let postingQuestions: [(String, String)] = [
        (
            "a transaction has fewer than two postings",
            """
            SELECT CAST(t.id AS TEXT) FROM transactions t LEFT JOIN postings p ON p.txn = t.id
            GROUP BY t.id HAVING count(p.account) < 2
            """
        )
    ]
}
