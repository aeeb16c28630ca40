import COSE
import Crypto
import Foundation
import Journal
import KeyStore
import LedgerBook
import LedgerClient
import Linux
import Operations
import SQLite
import Threads
import Tokens

/// An Ed25519 key that is kept open.
final class HeldSigner: MessageSigner {
    private let key: Ed25519PrivateKey
    let publicKey: Ed25519PublicKey

    init(seed: [UInt8]) throws {
        key = try Ed25519PrivateKey(seed: SecretBytes(seed))
        publicKey = key.publicKey
    }

    func withKey<R, E: Error>(
        _ body: (borrowing Ed25519PrivateKey) throws(E) -> R
    ) throws(E) -> R { try body(key) }

    func sign(payload: [UInt8]) -> Sign1 {
        Sign1(signing: payload, kid: publicKey.kid, key: key)
    }
}

/// The two keys that one card's evidence needs, derived once.
private final class CardKeys: EvidenceKeys {
    let epochs: [UInt8] = [1]
    let issuers: [Ed25519PublicKey] = []
    private let meta: AES128Key
    private let file: AES128Key

    init(_ issuer: IssuerKeys, uid: [UInt8]) throws {
        meta = try issuer.cardKey(1, uid: [], epoch: 1)
        file = try issuer.cardKey(2, uid: uid, epoch: 1)
    }

    func metaReadKey(epoch: UInt8) -> AES128Key? { meta.duplicate() }
    func fileReadKey(uid: [UInt8], epoch: UInt8) -> AES128Key? { file.duplicate() }
}

/// A terminal that has sold offline: a real journal full of payments that wait, made in one
/// transaction so that a hundred thousand are there in a minute. `Journal` derives the rest when it
/// opens the file.
final class QueuedTerminal: @unchecked Sendable {  // because one thread at a time uses it
    let signer: HeldSigner
    let folder: String
    let cards: [SoftwareCard]
    private(set) var count = 0
    /// What each card has paid, cents.
    private(set) var paid: [Int64]
    private var previous = [UInt8](repeating: 0, count: 32)

    var kid: [UInt8] { signer.publicKey.kid }
    var id: String { Hexadecimal.text(kid) }
    var path: String { folder + "/journal.sqlite" }
    var total: Int64 { paid.reduce(0, +) }

    /// Pairs it and registers its cards, `cents` on each. `serial`: of its first card.
    init(
        _ book: Book, issuer: IssuerKeys, seed: [UInt8], folder: String, serial: Int64,
        cards count: Int = 2, cents: Int64 = 10_000_000
    ) throws {
        signer = try HeldSigner(seed: seed)
        self.folder = folder
        try Files.makeDirectory(folder)
        cards = try (0..<Int64(count)).map { index in
            let bare = try SoftwareCard(serial: serial + index, keys: TestKeys())
            return SoftwareCard(bare, keys: try CardKeys(issuer, uid: bare.uid))
        }
        paid = Array(repeating: 0, count: count)
        try enter(book, cents: cents)
    }

    /// Pairs it and registers its cards; once more at a ledger that has forgotten both.
    func enter(_ book: Book, cents: Int64 = 10_000_000) throws {
        let now = Clock.realtimeMilliseconds()
        let code = try book.pairingCode(merchant: "La Ressourcerie", now: now)
        _ = try book.pair(code: code, key: signer.publicKey, now: now)
        for card in cards {
            try book.registerCard(
                number: card.number, uid: card.uid, epoch: 1, cardClass: .member, now: now)
            try book.topUp(card.number, Amount(cents: cents) ?? .zero, now: now)
        }
    }

    func open() throws -> Journal { try Journal(path: path, signer: signer) }

    /// The next payment of the chain.
    private func payment(time: UInt64) throws -> (Entry, [UInt8]) {
        let (place, cents) = (count % cards.count, Int64(count % 300 + 1))
        let (id, card) = (EntryID(milliseconds: time), cards[place])
        let digest = transactionDigest(
            terminal: kid, entry: id, kind: .payment, quantity: cents, card: card.number)
        let body = Payment(
            amount: Amount(cents: cents) ?? .zero, card: card.number,
            tokenHash: [UInt8](repeating: 1, count: 32), evidence: try card.read(digest: digest),
            authorisation: nil)
        let entry = Entry(
            sequence: UInt64(count) + 1, id: id, previous: previous, time: time,
            clockTrust: .synchronised, body: .payment(body))
        let message = signer.withKey { entry.signed(by: $0) }
        previous = message.digest
        count += 1
        paid[place] += cents
        return (entry, message.bytes)
    }

    /// Sells: so many payments into the file, which nobody has open.
    func sell(_ payments: Int) throws {
        _ = try open()
        let database = try Database(path: path, access: .readWrite)
        let time = Clock.realtimeMilliseconds()
        try database.transaction(
            {
                for _ in 0..<payments {
                    let (entry, bytes) = try payment(time: time)
                    try database.run(
                        """
                        INSERT INTO entries(seq, id, kind, time, cents, training, cose)
                        VALUES(?, ?, 1, ?, ?, 0, ?)
                        """,
                        [
                            .integer(Int64(entry.sequence)), .blob(entry.id.bytes),
                            .integer(Int64(time)), .integer(entry.body.amount?.cents ?? 0),
                            .blob(bytes),
                        ])
                }
            }, mapping: { $0 })
    }

    func link(
        _ url: String, ledger: Ed25519PublicKey, journal: Journal, pace: LinkPace
    ) -> LedgerLink {
        LedgerLink(
            address: LedgerAddress(url: url, key: ledger), signer: signer, journal: journal,
            directory: folder, version: "queued", pace: pace)
    }
}

/// Runs `body` for each item, on as many threads as there are processors; gives what failed.
func inParallel<T: Sendable>(
    _ items: [T], _ body: @escaping @Sendable (T) throws -> Void
) -> [String] {
    let next = Monitor(0)
    let failures = Monitor<[String]>([])
    let threads = (0..<ProcessInfo.processInfo.activeProcessorCount).map { _ in
        NamedThread.start("parallel") {
            while true {
                let index = next.update { next in
                    defer { next += 1 }
                    return next
                }
                guard index < items.count else { return }
                do { try body(items[index]) } catch {
                    failures.update { $0.append("\(index): \(error)") }
                }
            }
        }
    }
    threads.forEach { $0.join() }
    return failures.read { $0 }
}
