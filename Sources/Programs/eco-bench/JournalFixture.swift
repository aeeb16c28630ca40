import COSE
import Crypto
import Journal
import KeyStore
import LedgerMessages
import Linux
import Operations
import Tokens

/// A terminal that took `entries` operations, 300 a day, by the journal's own calls: days, months
/// and years are closed, the ledger has receipted all but those of today, the last hundred.
final class JournalFixture {
    static let daily: UInt64 = 300
    /// Operations of the day that is open.
    static let today: UInt64 = 100
    private static let cards: UInt64 = 100
    private static let start: UInt64 = 1_500_000_000_000
    let path: String
    private(set) var journal: Journal
    private let signer: SigningKey
    private let ledger: SigningKey
    private var count: UInt64 = 0
    private var time = start
    /// A payment to refund, now and then.
    private(set) var paid: EntryID?
    /// The first payment of all, and the newest.
    private(set) var oldest: EntryID?
    private(set) var newest: EntryID?

    init(_ path: String, signer: SigningKey, ledger: SigningKey) throws {
        (self.path, self.signer, self.ledger) = (path, signer, ledger)
        journal = try Journal(path: path, signer: signer)
    }

    /// The same journal after its files were copied.
    init(copy path: String, of other: JournalFixture) throws {
        (self.path, signer, ledger) = (path, other.signer, other.ledger)
        (count, time) = (other.count, other.time)
        (paid, oldest, newest) = (other.paid, other.oldest, other.newest)
        journal = try Journal(path: path, signer: signer)
    }

    var terminal: Ed25519PublicKey { signer.publicKey }
    var ledgerKey: Ed25519PublicKey { ledger.publicKey }
    var day: UInt64 { UTCDay.number(time) }
    var card: CardNumber { Self.proof(count % Self.cards).card }

    /// Whole days until `entries` operations, then the open day.
    func fill(_ entries: UInt64) throws {
        let days = entries > Self.today ? (entries - Self.today) / Self.daily : 0
        for day in 0..<days {
            for _ in 0..<Self.daily { try append() }
            try close(.day)
            if day % 30 == 29 { try close(.month) }
            if day % 365 == 364 {
                if day % 30 != 29 { try close(.month) }
                try close(.year)
            }
            try Self.acknowledge(journal, signer, ledger, count: 1_000)
            journal.checkpoint()
            time = Self.start + (day + 1) * UTCDay.length
        }
        for _ in 0..<Self.today { try append() }
        journal.checkpoint()
    }

    /// Closes the files and opens them again.
    func reopen() throws { journal = try Journal(path: path, signer: signer) }

    func close(_ period: ClosurePeriod) throws {
        _ = try journal.close(
            period, id: EntryID(milliseconds: time),
            at: Moment(milliseconds: time, trust: .synchronised))
    }

    /// The next operation: mostly payments, some actions, top-ups and refunds.
    func append() throws {
        time += 100_000
        let id = EntryID(milliseconds: time)
        let body: EntryBody
        switch count % 20 {
        case 5: body = .action(Self.action(count % Self.cards))
        case 10:
            body = .topUp(
                TopUp(
                    amount: Self.cents(2_000), proof: Self.proof(count % Self.cards), means: .cash))
        case 15:
            body =
                paid.map {
                    .refund(
                        Refund(
                            amount: Self.cents(1), proof: Self.proof(count % Self.cards),
                            payment: $0))
                } ?? Self.payment(0, cents: 100)
        default: body = Self.payment(count % Self.cards, cents: 100 + Int64(count % 900))
        }
        _ = try journal.append(body, id: id, at: Moment(milliseconds: time, trust: .synchronised))
        count += 1
        guard case .payment = body else { return }
        (paid, newest) = (id, id)
        if oldest == nil { oldest = id }
    }

    // MARK: parts

    static func cents(_ cents: Int64) -> Amount { Amount(cents: cents) ?? .zero }

    static func proof(_ card: UInt64) -> CardProof {
        guard let number = CardNumber(serial: Int64(clamping: card)) else {
            preconditionFailure("eco-bench: card number")
        }
        return CardProof(
            card: number, tokenHash: [UInt8](repeating: 4, count: 32),
            evidence: .sdm(
                piccData: [UInt8](repeating: 1, count: 16), mac: [UInt8](repeating: 2, count: 8),
                digest: [UInt8](repeating: 3, count: 16)))
    }

    static func payment(_ card: UInt64, cents: Int64) -> EntryBody {
        let proof = proof(card)
        return .payment(
            Payment(
                amount: self.cents(cents), card: proof.card, tokenHash: proof.tokenHash,
                evidence: proof.evidence, authorisation: nil))
    }

    private static func action(_ card: UInt64) -> EcoAction {
        EcoAction(
            code: "repas", quantity: 1_000, proof: proof(card), parcours: .cuisinesContributives)
    }

    /// What a ledger would do with the outbox, without the network.
    static func acknowledge(
        _ journal: Journal, _ signer: SigningKey, _ ledger: SigningKey, count: Int
    ) throws {
        while true {
            let batch = try journal.nextBatch(count: count, sizeMax: 512 << 10)
            guard let first = batch.first, let last = batch.last else { return }
            let receipt = Receipt(
                terminal: signer.publicKey.kid, from: first.sequence, to: last.sequence,
                head: sha256(last.bytes),
                outcomes: batch.map { $0.sequence % 500 == 0 ? .declined(code: "x") : .settled })
            try journal.store(receipt, bytes: ledger.withKey { receipt.signed(by: $0).bytes })
            if count < 1_000 { return }
        }
    }
}
