import COSE
import Cards
import Crypto
import LedgerBook
import Operations
import Tokens

/// Card masters of one epoch, random for each test.
final class TestKeys: EvidenceKeys {
    /// Which epochs a ledger holds; the keys of 1 and 2 can be had for cards anyway.
    let epochs: [UInt8]
    let issuers: [Ed25519PublicKey]
    private let metaRead: [[UInt8]]
    private let fileRead: [UInt8]

    init(epochs: [UInt8] = [1]) throws {
        self.epochs = epochs
        issuers = [TestSigner().publicKey]
        metaRead = [randomBytes(16), randomBytes(16)]
        fileRead = randomBytes(16)
    }

    /// The same keys, as a ledger holds them that has a bundle of these epochs.
    init(_ other: TestKeys, epochs: [UInt8]) {
        self.epochs = epochs
        issuers = other.issuers
        metaRead = other.metaRead
        fileRead = other.fileRead
    }

    func metaReadKey(epoch: UInt8) -> AES128Key? {
        epochs.contains(epoch) ? try? AES128Key(metaRead[Int(epoch) - 1]) : nil
    }

    func fileReadKey(uid: [UInt8], epoch: UInt8) -> AES128Key? {
        guard epochs.contains(epoch), let master = try? AES128Key(fileRead) else { return nil }
        return try? diversifiedKey(master: master, uid: uid, keyNumber: 2, epoch: epoch)
    }
}

/// An Ed25519 key in memory.
struct TestSigner: MessageSigner {
    let seed: [UInt8]
    let publicKey: Ed25519PublicKey

    init(seed: [UInt8] = randomBytes(32)) {
        self.seed = seed
        guard let key = try? Ed25519PrivateKey(seed: SecretBytes(seed)) else {
            preconditionFailure("tests: 32 bytes are a key")
        }
        publicKey = key.publicKey
    }

    func withKey<R, E: Error>(
        _ body: (borrowing Ed25519PrivateKey) throws(E) -> R
    ) throws(E) -> R {
        guard let key = try? Ed25519PrivateKey(seed: SecretBytes(seed)) else {
            preconditionFailure("tests: 32 bytes are a key")
        }
        return try body(key)
    }

    func sign(payload: [UInt8]) -> Sign1 {
        withKey { Sign1(signing: payload, kid: publicKey.kid, key: $0) }
    }
}

/// The SDM side of a card (CARD-COMMANDS §7), written from primitives alone.
final class SoftwareCard {
    let number: CardNumber
    let uid: [UInt8]
    let keys: any EvidenceKeys
    var counter: UInt32 = 0
    /// Which epoch's keys it holds now.
    var epoch: UInt8 = 1

    init(serial: Int64, keys: any EvidenceKeys) throws {
        number = CardNumber(serial: serial) ?? CardNumber("000000000000")!
        uid = [0x04] + randomBytes(6)
        self.keys = keys
    }

    /// The same card, by other means to its keys.
    init(_ card: SoftwareCard, keys: any EvidenceKeys) {
        (number, uid) = (card.number, card.uid)
        self.keys = keys
    }

    /// One read of the NDEF file that holds `digest`: the counter rises, the mirrors are made.
    func read(digest: [UInt8]) throws -> Evidence {
        counter += 1
        return try read(digest: digest, counter: counter)
    }

    func read(digest: [UInt8], counter: UInt32) throws -> Evidence {
        let count = [
            UInt8(truncatingIfNeeded: counter), UInt8(truncatingIfNeeded: counter >> 8),
            UInt8(truncatingIfNeeded: counter >> 16),
        ]
        guard let metaRead = keys.metaReadKey(epoch: epoch),
            let fileRead = keys.fileReadKey(uid: uid, epoch: epoch)
        else { throw CryptoError.notAuthentic }
        let piccData = try metaRead.encryptCBC([0xC7] + uid + count + randomBytes(5))
        let vector = [0x3C, 0xC3, 0x00, 0x01, 0x00, 0x80] + uid + count
        let session = try AES128Key(fileRead.cmac(vector))
        let text =
            Hexadecimal.text(digest).uppercased() + "&e="
            + Hexadecimal.text(piccData).uppercased() + "&c="
        let whole = session.cmac(Array(text.utf8))
        let mac = (0..<8).map { whole[2 * $0 + 1] }
        return .sdm(piccData: piccData, mac: mac, digest: digest)
    }
}

/// A terminal: a key and the chain it writes.
final class Till {
    let signer = TestSigner()
    private(set) var sequence: UInt64 = 0
    private(set) var previous = [UInt8](repeating: 0, count: 32)

    var kid: [UInt8] { signer.publicKey.kid }
    var id: String { Hexadecimal.text(kid) }

    /// Appends any body and gives the signed bytes.
    func append(
        _ body: EntryBody, id: EntryID? = nil, time: UInt64 = Sunday.noon,
        trust: ClockTrust = .synchronised, isTraining: Bool = false, setAside: SetAside? = nil
    ) -> [UInt8] {
        sequence += 1
        let entry = Entry(
            sequence: sequence, id: id ?? EntryID(milliseconds: time), previous: previous,
            time: time, clockTrust: trust, body: body, isTraining: isTraining,
            setAside: setAside)
        let message = signer.withKey { entry.signed(by: $0) }
        previous = message.digest
        return message.bytes
    }

    func event(_ code: String = "start") -> [UInt8] {
        append(.technicalEvent(TechnicalEvent(code: code)))
    }

    /// The digest the card has to sign for a payment of this terminal.
    func digest(_ id: EntryID, _ cents: Int64, _ card: CardNumber) -> [UInt8] {
        transactionDigest(
            terminal: kid, entry: id, kind: .payment, quantity: cents, card: card)
    }

    /// A true payment: the card signs it, the terminal appends it.
    func pay(
        _ card: SoftwareCard, _ cents: Int64, id: EntryID? = nil, time: UInt64 = Sunday.noon,
        trust: ClockTrust = .synchronised, authorisation: [UInt8]? = nil, counter: UInt32? = nil
    ) throws -> [UInt8] {
        let id = id ?? EntryID(milliseconds: time)
        let digest = digest(id, cents, card.number)
        let evidence =
            try counter.map { try card.read(digest: digest, counter: $0) }
            ?? card.read(digest: digest)
        return append(
            .payment(payment(card, cents, evidence, authorisation: authorisation)), id: id,
            time: time, trust: trust)
    }

    func payment(
        _ card: SoftwareCard, _ cents: Int64, _ evidence: Evidence,
        authorisation: [UInt8]? = nil
    ) -> Payment {
        Payment(
            amount: Amount(cents: cents) ?? .zero, card: card.number,
            tokenHash: [UInt8](repeating: 1, count: 32), evidence: evidence,
            authorisation: authorisation)
    }
}

/// A day to test on, milliseconds: 2025-06-01.
enum Sunday {
    static let noon: UInt64 = 1_748_779_200_000
    static let minute: UInt64 = 60_000
}
