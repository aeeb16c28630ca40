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
import Testing
import Tokens

/// A real checkout without reader and network, whose cards a test taps by hand.
final class OrderBench {
    let folder: String
    let issuer: IssuerKeys
    let journal: Journal
    let world: LiveWorld
    let checkout: Checkout
    var card: SoftwareNTAG424

    init(printer: ReceiptPrinter? = nil) throws {
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
        let recipient = try EnvelopeRecipient(seconds: now / 1_000)
        policy.sealingCertificate = recipient.certificate
        try Files.writeAtomically(
            ledger.sign(payload: policy.item.encoded).bytes, to: folder + "/policy.cose")
        try Files.writeAtomically(
            (0..<8).map { UInt8(truncatingIfNeeded: now >> (56 - 8 * UInt64($0))) },
            to: folder + "/ledger-contact")
        journal = try Journal(path: folder + "/journal.sqlite", signer: terminal)
        let link = LedgerLink(
            address: LedgerAddress(url: "http://127.0.0.1:9", key: ledger.publicKey),
            signer: terminal, journal: journal, directory: folder)
        world = LiveWorld(
            journal: journal, link: link, keys: try issuer.terminalBundle(),
            terminal: terminal.publicKey.kid, log: { _ in })
        checkout = Checkout(
            world: world, pins: PINBook(directory: folder), printer: printer, log: { _ in })
        let uid = BenchIssuer.uid(1)
        let token = CardToken(
            number: CardNumber(serial: 42)!, issued: now / 1_000 - 10,
            expires: now / 1_000 + 3_600, uid: uid, epoch: BenchIssuer.epoch, cardClass: .member)!
        card = try BenchIssuer.card(
            uid: uid, token: issuer.sign(token: token).bytes, keys: issuer)
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    /// Taps the card for an operation that was armed, then lets the checkout rest.
    func tap(_ operation: Armed) throws -> Bool {
        let tap = Tap(
            operation: operation, binding: nil, world: world, progress: { _ in }, bind: { _ in })
        var profile = NTAG424Card(BenchChannel(card))
        let outcome = tap.run(&profile)
        card = profile.end().remove()
        try checkout.cancel(operation.id).get()
        guard case .accepted = outcome else { return false }
        return true
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

/// Orders beside paying, through the checkout itself.
@Suite struct OrderTests {
    private func failure(_ result: Result<OrderReply, ControlRefusal>) -> ControlRefusal? {
        if case .failure(let refusal) = result { refusal } else { nil }
    }

    @Test func `A reversal above the threshold needs the manager, and cancels once`() throws {
        let bench = try OrderBench()
        let id = try bench.pay(2_000)
        let reverse = Order.reverse(id, reason: .wrongEntry)
        guard case .recorded(let reversal) = try bench.checkout.perform(reverse).get() else {
            Issue.record("not recorded")
            return
        }
        #expect(bench.checkout.isRecorded(reversal) == true)
        #expect(failure(bench.checkout.perform(reverse)) == .rule(.alreadyReversed))
        #expect(try bench.journal.openTotals(.day).takings == 0)
        #expect(bench.checkout.standing(id)?.refundable == .zero)
        #expect(
            failure(bench.checkout.perform(.reverse(reversal, reason: .other)))
                == .rule(.wrongKind))
    }

    @Test func `Refund and top-up wait for the network, a top-up for the manager too`() throws {
        let bench = try OrderBench()
        let id = try bench.pay(1_000)
        let refund = Order.refund(of: id, amount: Amount(cents: 400)!)
        #expect(failure(bench.checkout.perform(refund)) == .rule(.needsNetwork))
        let topUp = Order.topUp(amount: Amount(cents: 400)!, means: .cash)
        #expect(failure(bench.checkout.perform(topUp)) == .roleNeeded(.manager))
        try bench.signIn(.manager)
        #expect(bench.checkout.snapshot.session?.role == .manager)
        #expect(failure(bench.checkout.perform(topUp)) == .rule(.needsNetwork))
        _ = try bench.checkout.perform(.signOut).get()
        #expect(bench.checkout.snapshot.session == nil)
        #expect(failure(bench.checkout.perform(topUp)) == .roleNeeded(.manager))
    }

    @Test func `A wrong PIN is an entry of the journal`() throws {
        let bench = try OrderBench()
        var pin = Array("1111".utf8)
        #expect(throws: ControlRefusal.pinMissing) {
            try bench.checkout.signIn(.manager, pin: &pin).get()
        }
        try bench.signIn(.manager)
        let before = bench.journal.position.sequence
        pin = Array("1111".utf8)
        #expect(throws: ControlRefusal.pinWrong(triesLeft: 9)) {
            try bench.checkout.signIn(.manager, pin: &pin).get()
        }
        let page = bench.checkout.find(JournalQuery(kinds: [.technicalEvent]))
        #expect(bench.journal.position.sequence == before + 1)
        guard case .technicalEvent(let event) = page.lines.first?.entry.body else {
            Issue.record("no entry")
            return
        }
        #expect(event.code == "pin-failed" && !event.details.contains("1111"))
    }

    @Test func `An enrolled person's name stands nowhere on the terminal`() throws {
        let bench = try OrderBench()
        var name = Array("Amina Benali".utf8)
        #expect(throws: ControlRefusal.roleNeeded(.enroller)) {
            try bench.checkout.enrol(consents: ["a"], personal: &name).get()
        }
        #expect(name.allSatisfy { $0 == 0 }, "overwritten even when refused")
        try bench.signIn(.enroller)
        name = Array("Amina Benali".utf8)
        let armed = try bench.checkout.enrol(consents: ["a"], personal: &name).get()
        #expect(name.allSatisfy { $0 == 0 })
        #expect(try bench.tap(armed))
        let entry = try #require(try bench.journal.entry(armed.id))
        guard case .enrolment(let body) = entry.body, let sealed = body.sealed else {
            Issue.record("nothing sealed")
            return
        }
        #expect(entry.operatorCode == [Role.enroller.rawValue])
        bench.journal.checkpoint()
        #expect(try bench.files(holding: Array("Amina".utf8)).isEmpty)
        #expect(try bench.files(holding: Array("Benali".utf8)).isEmpty)
        #expect(!(try bench.files(holding: Array(sealed.prefix(200))).isEmpty), "the search finds")
    }

    @Test func `Closing, reporting a card, acting and training work without a network`() throws {
        let bench = try OrderBench()
        let id = try bench.pay(1_000)
        let meals = try bench.checkout.perform(.act(code: "repas", quantity: 2_000)).get()
        guard case .armed(let armed) = meals else {
            Issue.record("not armed")
            return
        }
        #expect(failure(bench.checkout.perform(.close(.day))) == .busy)
        #expect(try bench.tap(armed))
        #expect(
            failure(bench.checkout.perform(.act(code: "repas", quantity: 500)))
                == .rule(.quantityInvalid))
        let lost = Order.report(CardNumber(serial: 42)!, .lost, by: .holder)
        guard case .recorded = try bench.checkout.perform(lost).get() else {
            Issue.record("not recorded")
            return
        }
        _ = try bench.checkout.perform(.train(true)).get()
        #expect(bench.checkout.snapshot.isTraining)
        _ = try bench.checkout.perform(.train(false)).get()
        guard case .closed(let closure, _) = try bench.checkout.perform(.close(.day)).get() else {
            Issue.record("not closed")
            return
        }
        #expect(closure.perpetual == 1_000 && closure.unsent == closure.to)
        #expect(closure.totals.actions["repas"]?.sum == 2_000)
        #expect(failure(bench.checkout.perform(.close(.day))) == .rule(.nothingToClose))
        #expect(failure(bench.checkout.perform(.close(.month))) == .roleNeeded(.manager))
        let late = Order.reverse(id, reason: .doubled)
        #expect(failure(bench.checkout.perform(late)) == .rule(.dayClosed))
        #expect(try bench.journal.lastClosure(.day) == closure)
    }
}
