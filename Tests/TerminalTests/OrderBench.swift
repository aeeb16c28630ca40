import COSE
import CardEmulation
import Cards
import Crypto
import Foundation
import Journal
import KeyStore
import LedgerClient
import Linux
import Operations
import Receipts
import Terminal
import TestSupport
import Testing
import Threads
import Tokens

/// A real checkout without reader and network, whose cards a test taps by hand.
final class OrderBench {
    let folder: String
    let issuer: IssuerKeys
    let journal: Journal
    let world: LiveWorld
    let checkout: Checkout
    /// What the terminal logs.
    let log = Monitor<[String]>([])
    var card: SoftwareNTAG424

    init(
        printer: ReceiptPrinter? = nil, _ change: (inout Policy) -> Void = { _ in }
    ) throws {
        // Reversals and limits of actions go by the day, and by the machine's clock.
        Midnight.stayClear()
        folder = NSTemporaryDirectory() + "/orders-" + UUID().uuidString
        try Files.makeDirectory(folder)
        issuer = try IssuerKeys.create(epoch: BenchIssuer.epoch)
        let (terminal, ledger) = (try SigningKey.create(), try SigningKey.create())
        let now = Clock.realtimeMilliseconds()
        var policy = Policy(
            version: 3, issued: now / 1_000 - 100, expires: now / 1_000 + 3_600,
            terminal: terminal.publicKey.kid, merchant: "Épicerie", limits: .standard,
            classes: [.member], issuers: [issuer.issuerKey], revokedKids: [],
            epochs: [BenchIssuer.epoch], languages: ["fr"])
        policy.catalogue = [Bench.meals]
        policy.consentTexts = [
            ConsentText(version: "a", isRequired: true, texts: Words(["fr": "Oui"]))
        ]
        change(&policy)
        let recipient = try EnvelopeRecipient(seconds: now / 1_000)
        policy.sealingCertificate = recipient.certificate
        try Files.writeAtomically(
            ledger.sign(payload: policy.item.encoded).bytes, to: folder + "/policy.cose")
        try writeContact(now, in: folder)
        journal = try Journal(path: folder + "/journal.sqlite", signer: terminal)
        let link = LedgerLink(
            address: LedgerAddress(url: "http://127.0.0.1:9", key: ledger.publicKey),
            signer: terminal, journal: journal, directory: folder)
        world = LiveWorld(
            journal: journal, link: link, keys: try issuer.terminalBundle(),
            terminal: terminal.publicKey.kid,
            log: { [log] event in log.update { $0.append(event.text) } })
        checkout = Checkout(
            world: world, pins: PINBook(directory: folder), printer: printer,
            log: { [log] event in log.update { $0.append(event.text) } })
        card = try Self.card(1, serial: 42, issuer)
    }

    /// A member's card of this issuer.
    static func card(
        _ uid: UInt8, serial: Int64, _ issuer: IssuerKeys
    ) throws -> SoftwareNTAG424 {
        let now = Clock.realtimeMilliseconds() / 1_000
        let token = CardToken(
            number: CardNumber(serial: serial)!, issued: now - 10, expires: now + 3_600,
            uid: BenchIssuer.uid(uid), epoch: BenchIssuer.epoch, cardClass: .member)!
        return try BenchIssuer.card(
            uid: token.uid, token: issuer.sign(token: token).bytes, keys: issuer)
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    /// Taps the card for an operation that was armed, then lets the checkout rest.
    func tap(_ operation: Armed) throws -> Bool {
        guard case .accepted = try outcome(of: operation) else { return false }
        return true
    }

    /// The same; gives what came of it.
    func outcome(of operation: Armed) throws -> TapOutcome {
        let tap = Tap(
            operation: operation, binding: nil, world: world, progress: { _ in }, bind: { _ in })
        var profile = NTAG424Card(BenchChannel(card))
        let outcome = tap.run(&profile)
        card = profile.end().remove()
        try checkout.cancel(operation.id).get()
        return outcome
    }

    func pay(_ cents: Int64) throws -> EntryID {
        let armed = try checkout.arm(amount: Amount(cents: cents)!).get()
        #expect(try tap(armed))
        return armed.id
    }

    func signIn(_ role: Role) throws {
        var pin = Array("2468".utf8)
        try PINBook(directory: folder).set(&pin, for: role)
        pin = Array("2468".utf8)
        #expect(try checkout.signIn(role, pin: &pin).get().role == role)
        #expect(pin.allSatisfy { $0 == 0 })
    }

    /// Files of the terminal that hold these bytes, write-ahead log and all.
    func files(holding bytes: [UInt8]) throws -> [String] {
        try Files.list(folder).filter { name in
            let content = try Data(contentsOf: URL(filePath: folder + "/" + name))
            return content.range(of: Data(bytes)) != nil
        }
    }
}
