import Crypto
import Foundation
import LedgerBook
import LedgerMessages
import Operations
import Testing
import Tokens

/// A ledger in a database of its own: one merchant, a top-up for each card.
final class TestLedger {
    let place: Place
    var folder: String { place.folder }
    let address: StoreAddress
    var keys: TestKeys
    let signer = TestSigner()
    let book: Book
    var authority: Authority { Authority(signer: signer, keys: keys) }
    private var serial: Int64 = 0

    init(_ store: Store, keys: TestKeys? = nil) throws {
        place = try Place(store)
        address = try place.address
        self.keys = try keys ?? TestKeys()
        book = try Book(address, create: true)
        try book.add(merchants: ["Café des Halles"])
        try book.set(try PolicySettings(json: Array(Self.policy.utf8)))
    }

    static let policy = """
        {"validDays": 14, "paymentCents": 2000, "cardTotalCents": 5000, "cardCount": 5,
         "terminalTotalCents": 50000, "terminalCount": 75, "hours": 24, "classes": [0, 1, 2, 9],
         "revokedIssuers": [], "languages": ["fr"], "catalogue": [
          {"code": "repas", "parcours": 1, "unit": "piece", "labels": {"fr": "Repas"},
           "purpose": {"fr": "Partager"}, "operationLimit": 5000, "dayLimit": 6000,
           "dayCount": 3}]}
        """

    func card(_ cents: Int64 = 10_000) throws -> SoftwareCard {
        serial += 1
        let card = try SoftwareCard(serial: serial, keys: keys)
        try book.registerCard(
            number: card.number, uid: card.uid, epoch: 1, cardClass: .member, now: Sunday.noon)
        if cents > 0 {
            try book.topUp(card.number, Amount(cents: cents) ?? .zero, now: Sunday.noon)
        }
        return card
    }

    func till(of merchant: String = "Café des Halles") throws -> Till {
        let till = Till()
        let code = try book.pairingCode(merchant: merchant, now: Sunday.noon)
        _ = try book.pair(code: code, key: till.signer.publicKey, now: Sunday.noon)
        return till
    }

    /// One of another merchant.
    func otherTill() throws -> Till {
        try book.add(merchants: ["La Ressourcerie"])
        return try till(of: "La Ressourcerie")
    }

    @discardableResult
    func send(
        _ till: Till, _ entries: [[UInt8]], now: UInt64 = Sunday.noon
    ) throws -> Receipt {
        try Receipt(sendRaw(till, entries, now: now), ledger: signer.publicKey)
    }

    /// Sends one entry and gives its outcome.
    func outcome(_ till: Till, _ entry: [UInt8], now: UInt64 = Sunday.noon) throws -> Outcome {
        try #require(try send(till, [entry], now: now).outcomes.first)
    }

    func sendRaw(
        _ till: Till, _ entries: [[UInt8]], now: UInt64 = Sunday.noon, by other: Book? = nil
    ) throws -> [UInt8] {
        let batch = try VerifiedBatch(entries.flatMap { $0 }, key: till.signer.publicKey)
        return try (other ?? book).book(batch, authority: authority, now: now)
    }

    func balance(_ card: SoftwareCard, now: UInt64 = Sunday.noon) throws -> Int64 {
        try book.balance(of: card.number, now: now).cents
    }

    func taken() throws -> Int64 {
        try book.report(from: 0, to: .max).reduce(0) { $0 + $1.cents }
    }

    func flags() throws -> [String] { try book.audit().flagged.map(\.reason) }

    /// The same database, by another connection that knows nothing of the book.
    func sql() throws -> Outsider { try place.outsider() }
}
