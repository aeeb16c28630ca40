import COSE
import Crypto
import LedgerMessages
import Operations
import Tokens

// What a stolen terminal may cost (P4). Whoever holds one can tap any card that is laid on it, and
// leave the limits of its policy out. Of these the ledger asks again what it can judge of one
// payment whenever it comes: an amount above the limit per payment that this ledger did not
// authorise is held (`over-limit`) for a person.
//
// What came late is judged by every policy that its terminal was given and that was valid when it
// was made, and by today's settings: an honest terminal kept to one of them. Sums over several
// payments are not asked: they belong to the time between two contacts of a card or a terminal,
// which no evidence proves (the card signs an operation, not its state).

/// What a terminal's policies allowed, as far as they were read: they are never changed, so what
/// once allowed a payment allows it for good.
struct GivenLimits {
    struct Limit {
        let version: Int64
        /// Per payment, cents.
        let cents: Int64
        /// Seconds.
        let expires: UInt64
    }

    /// By the terminal's row; the versions in each are without a gap.
    var limits: [Int64: [Limit]] = [:]

    /// A payment that was begun in time may be committed a little later, seconds.
    static let grace: UInt64 = 3_600

    func allow(_ cents: Int64, at time: UInt64?, terminal: Int64) -> Bool {
        (limits[terminal] ?? []).contains { limit in
            cents <= limit.cents
                && (time.map { $0 / 1_000 <= limit.expires.saturated(adding: Self.grace) } ?? true)
        }
    }
}

extension Booking {
    /// B4: a payment whose evidence is proven.
    func judge(_ payment: Payment, of entry: Entry) throws(BookError) -> Outcome {
        if isAuthorised(payment, entry) { return .settled }
        let cents = payment.amount.cents
        // A clock that nobody set says nothing of the policy of then.
        let time = Self.trust(in: entry) == .untrusted ? nil : entry.happened
        var isAllowed: Bool { book.given.allow(cents, at: time, terminal: terminal.row) }
        if isAllowed { return .settled }
        // Once a batch: while it is booked, its terminal is given no other.
        for isWhole in [false, true] where facts.givenRead.insert(isWhole).inserted {
            try book.readGiven(to: terminal, whole: isWhole)
            if isAllowed { return .settled }
        }
        return cents <= (try paymentLimit()) ? .settled : .held(code: "over-limit")
    }

    /// Whether this ledger gave the authorisation that a payment names, for exactly it. A ledger
    /// that was put back from a backup may have forgotten it, but knows its name again.
    func isAuthorised(_ payment: Payment, _ entry: Entry) -> Bool {
        guard let id = payment.authorisation else { return false }
        if let given = facts.authorisations[entry.id] {
            return given
                == BookingFacts.Authorisation(
                    id: id, card: payment.card, cents: payment.amount.cents)
        }
        guard let signer else { return false }
        let request = AuthorisedPayment(
            terminal: terminal.key.kid, entry: entry.id, card: payment.card, amount: payment.amount)
        return equalInConstantTime(id, request.name(by: signer))
    }

    /// What today's settings allow, cents.
    private func paymentLimit() throws(BookError) -> Int64 {
        if let limit = facts.paymentLimit { return limit }
        let limit: Int64
        do throws(BookError) { limit = try book.settings().limits().payment.cents } catch {
            guard error == .settingsMissing else { throw error }
            limit = 0
        }
        facts.paymentLimit = limit
        return limit
    }
}

extension Book {
    /// Reads the policies a terminal was given that were not read before: the newest, or all.
    func readGiven(to terminal: TerminalRecord, whole: Bool) throws(BookError) {
        let known = given.limits[terminal.row] ?? []
        let (first, last) = (known.map(\.version).min() ?? 0, known.map(\.version).max() ?? 0)
        func read(_ range: String, _ version: Int64, _ limit: String) throws(BookError) {
            let rows = try rows(
                """
                SELECT version, cose FROM policies WHERE terminal = $1 AND version \(range) $2
                ORDER BY version DESC \(limit)
                """, [.integer(terminal.row), .integer(version)])
            for row in rows {
                guard let version = row[0].integer,
                    let policy = row[1].blob.flatMap({
                        try? Sign1(parsing: $0, limit: Policy.sizeMax)
                    })
                    .flatMap({ try? Policy(payload: $0.payload) })
                else { continue }
                given.limits[terminal.row, default: []].append(
                    GivenLimits.Limit(
                        version: version, cents: policy.limits.payment.cents,
                        expires: policy.expires))
            }
        }
        if whole { return try read("<", first, "") }
        try read(">", last, last == 0 ? "LIMIT 1" : "")
    }
}

/// What an authorisation is given for.
struct AuthorisedPayment {
    let terminal: [UInt8]
    let entry: EntryID
    let card: CardNumber
    let amount: Amount

    /// The authorisation's id, 16 bytes: nobody but the ledger can name it, and it always names the
    /// same one for the same payment. No COSE message begins like what is signed here.
    func name(by signer: any MessageSigner) -> [UInt8] {
        let cents = (0..<8).reversed().map { UInt8(truncatingIfNeeded: amount.cents >> ($0 * 8)) }
        let bytes =
            Array("carte-eco authorisation".utf8) + terminal + entry.bytes + Array(card.digits.utf8)
            + cents
        return Array(sha256(signer.withKey { $0.sign(bytes) }).prefix(16))
    }
}
