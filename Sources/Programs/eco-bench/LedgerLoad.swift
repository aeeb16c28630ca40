import COSE
import Cards
import CommandLineTool
import Crypto
import LedgerBook
import LedgerMessages
import Operations
import Threads
import Tokens

/// Card keys made up for a measurement.
struct PayerKeys: EvidenceKeys {
    let epochs: [UInt8] = [1]
    let issuers: [Ed25519PublicKey] = []
    private let metaRead: [UInt8] = randomBytes(16)
    private let fileRead: [UInt8] = randomBytes(16)

    func metaReadKey(epoch: UInt8) -> AES128Key? { try? AES128Key(metaRead) }
    func fileReadKey(uid: [UInt8], epoch: UInt8) -> AES128Key? {
        guard let master = try? AES128Key(fileRead) else { return nil }
        return try? diversifiedKey(master: master, uid: uid, keyNumber: 2, epoch: epoch)
    }

    /// What a card answers to one read under SDM.
    func read(_ payer: inout BenchPayer, digest: [UInt8]) throws -> Evidence {
        payer.counter += 1
        let count = (0..<3).map { UInt8(truncatingIfNeeded: payer.counter >> (8 * UInt32($0))) }
        guard let meta = metaReadKey(epoch: 1), let file = fileReadKey(uid: payer.uid, epoch: 1)
        else { throw CryptoError.notAuthentic }
        let piccData = try meta.encryptCBC([0xC7] + payer.uid + count + randomBytes(5))
        let mac = try SDM.mac(
            fileReadKey: file, uid: payer.uid, readCounter: payer.counter,
            input: SDM.evidenceInput(digest: digest, piccData: piccData))
        return .sdm(piccData: piccData, mac: mac, digest: digest)
    }
}

/// A signing key in memory.
final class BenchSigner: MessageSigner {
    private let key: Ed25519PrivateKey
    var publicKey: Ed25519PublicKey { key.publicKey }

    init() throws { key = try Ed25519PrivateKey(seed: SecretBytes(randomBytes(32))) }

    func withKey<R, E: Error>(
        _ body: (borrowing Ed25519PrivateKey) throws(E) -> R
    ) throws(E) -> R { try body(key) }

    func sign(payload: [UInt8]) -> Sign1 {
        Sign1(signing: payload, kid: publicKey.kid, key: key)
    }
}

/// One of the cards that pay.
struct BenchPayer {
    let number: CardNumber
    let uid: [UInt8]
    var counter: UInt32 = 0
}

/// A terminal that writes a chain of payments.
final class BenchTill {
    let signer: BenchSigner
    private var sequence: UInt64 = 0
    private var previous = [UInt8](repeating: 0, count: 32)

    init() throws { signer = try BenchSigner() }

    /// What asks to authorise one cent of a card that was just read.
    func ask(_ payer: inout BenchPayer, _ keys: PayerKeys) throws -> AuthorisationRequest {
        AuthorisationRequest(
            entry: EntryID(milliseconds: BenchLedger.time), card: payer.number,
            amount: Amount(cents: 1) ?? .zero,
            sun: try keys.read(&payer, digest: [UInt8](repeating: 0, count: 16)))
    }

    /// The next payment, as the terminal would send it.
    func pay(_ payer: inout BenchPayer, _ keys: PayerKeys, time: UInt64) throws -> [UInt8] {
        let id = EntryID(milliseconds: time)
        let cents: Int64 = 1
        let digest = transactionDigest(
            terminal: signer.publicKey.kid, entry: id, kind: .payment, quantity: cents,
            card: payer.number)
        let evidence = try keys.read(&payer, digest: digest)
        let body = Payment(
            amount: Amount(cents: cents) ?? .zero, card: payer.number,
            tokenHash: [UInt8](repeating: 1, count: 32),
            evidence: evidence, authorisation: nil)
        sequence += 1
        let entry = Entry(
            sequence: sequence, id: id, previous: previous, time: time,
            clockTrust: .synchronised, body: .payment(body))
        let message = signer.withKey { entry.signed(by: $0) }
        previous = message.digest
        return message.bytes
    }
}

/// A batch that waits to be sent.
struct BenchBatch: Sendable {
    let bytes: [UInt8]
    let key: Ed25519PublicKey
    let count: Int
}

/// A ledger with cards that have money, and the books that serve it: as many as the service uses.
final class BenchLedger: @unchecked Sendable {  // because `payers` belongs to the preparing thread
    static let time: UInt64 = 1_748_779_200_000
    let keys = PayerKeys()
    let authority: Authority
    private let books: Monitor<[Book]>
    /// Those of each client: who pays at one terminal does not pay at another just now.
    private var payers: [[BenchPayer]]
    private var next = 0
    /// Each batch is made longer after the one before than a card that is in two places at once
    /// would be: nothing of the load looks like a copy.
    private var moment = BenchLedger.time
    private static let distance: UInt64 = 6_000
    private static let policy = """
        {"validDays": 14, "paymentCents": 2000, "cardTotalCents": 5000, "cardCount": 5,
         "terminalTotalCents": 50000, "terminalCount": 75, "hours": 24, "classes": [1],
         "revokedIssuers": [], "languages": ["fr"]}
        """

    init(_ address: StoreAddress, clients: Int, cardsEach: Int) throws {
        payers = Array(repeating: [], count: clients)
        let book = try Book(address, create: true)
        authority = Authority(signer: try BenchSigner(), keys: keys)
        try book.set(try PolicySettings(json: Array(Self.policy.utf8)))
        var open = [book]
        while open.count < address.connectionsMax { open.append(try Book(address)) }
        books = Monitor(open)
        for serial in 1...(clients * cardsEach) {
            guard let number = CardNumber(serial: Int64(serial)) else { continue }
            let payer = BenchPayer(number: number, uid: [0x04] + randomBytes(6))
            try book.registerCard(
                number: number, uid: payer.uid, epoch: 1, cardClass: .member, now: Self.time)
            try book.topUp(number, Amount(cents: 99_999_900) ?? .zero, now: Self.time)
            payers[serial % clients].append(payer)
        }
    }

    var cards: [CardNumber] { payers.joined().map(\.number) }

    func with<R>(_ body: (Book) throws -> R) throws -> R {
        let book = books.wait(atMost: .seconds(600)) { $0.popLast() }
        guard let book else { throw CryptoError.notAuthentic }
        defer { books.update { $0.append(book) } }
        return try body(book)
    }

    /// Paired terminals, each at a merchant of its own or all at one.
    func tills(_ count: Int, merchants: Int) throws -> [BenchTill] {
        try with { book in
            let names = (0..<merchants).map { "Commerce \($0)" }
            try book.add(merchants: names)
            return try (0..<count).map { index in
                let till = try BenchTill()
                let code = try book.pairingCode(
                    merchant: names[index % merchants], now: Self.time)
                let terminal = try book.pair(
                    code: code, key: till.signer.publicKey, now: Self.time)
                _ = try book.policy(of: terminal, authority: authority, now: Self.time)
                return till
            }
        }
    }

    /// The next batch of a terminal, signed by cards of a client and itself.
    func batch(_ till: BenchTill, of client: Int, _ count: Int) throws -> BenchBatch {
        var bytes: [UInt8] = []
        moment += Self.distance
        for _ in 0..<count {
            next = (next + 1) % payers[client].count
            bytes += try till.pay(&payers[client][next], keys, time: moment)
        }
        return BenchBatch(bytes: bytes, key: till.signer.publicKey, count: count)
    }

    /// Microseconds of authorisations, one after another, each of another card.
    func authorisations(_ count: Int, by till: BenchTill) throws -> [Double] {
        try with { book in
            try (0..<count).map { index in
                let request = try till.ask(
                    &payers[index % payers.count][index / payers.count % payers[0].count], keys)
                var answer = AuthorisationAnswer.useOfflineRules
                let taken = try microseconds {
                    answer = try book.authorise(
                        request, from: till.signer.publicKey.kid, authority: authority,
                        now: Self.time)
                }
                guard case .approved = answer else {
                    throw Failure(
                        "an authorisation was not approved: \(answer)",
                        hint: "this is a fault of the measurement: report it")
                }
                return taken
            }
        }
    }

    /// A measurement of anything but payments that settle says nothing.
    func checkAllSettled() throws {
        let outcomes = try with { try $0.outcomeCounts() }
        guard outcomes.map(\.outcome) == ["settled"] else {
            throw Failure(
                "not every payment settled: \(outcomes.map { "\($0.outcome) \($0.count)" })",
                hint: "this is a fault of the measurement: report it")
        }
    }

    /// What the service does with a request: the signatures without a book, then the book.
    func book(_ batch: BenchBatch) throws {
        let verified = try VerifiedBatch(batch.bytes, key: batch.key)
        _ = try with { book in
            try book.book(verified, authority: authority, now: Self.time)
        }
    }
}
