import COSE
import CardEmulation
import Cards
import Crypto
import Foundation
import Journal
import KeyStore
import LedgerClient
import LedgerMessages
import Linux
import Operations
import SQLite
import Testing
import Threads
import Tokens

@testable import Terminal

/// A real terminal without reader and network: journal, link files, key store, the machine's clock.
final class LiveBench {
    let folder: String
    let issuer: IssuerKeys
    let journal: Journal
    let world: LiveWorld
    let log = Monitor<[String]>([])
    var card: SoftwareNTAG424

    init() throws {
        folder = NSTemporaryDirectory() + "/live-" + UUID().uuidString
        try Files.makeDirectory(folder + "/data")
        issuer = try IssuerKeys.create(epoch: BenchIssuer.epoch)
        let (terminal, ledger) = (try SigningKey.create(), try SigningKey.create())
        let now = Clock.realtimeMilliseconds()
        var policy = Policy(
            version: 1, issued: now / 1_000 - 100, expires: now / 1_000 + 7_200,
            terminal: terminal.publicKey.kid, merchant: "Épicerie", limits: .standard,
            classes: [.member], issuers: [issuer.issuerKey], revokedKids: [],
            epochs: [BenchIssuer.epoch], languages: ["fr"])
        policy.catalogue = [Bench.meals]
        policy.places = [
            LocalPlace(
                name: "Table ouverte", parcours: [Bench.meals.parcours],
                actions: [Bench.meals.code]),
            LocalPlace(name: "Épicerie", parcours: [Bench.meals.parcours], actions: []),
        ]
        try Files.writeAtomically(
            ledger.sign(payload: policy.item.encoded).bytes, to: folder + "/policy.cose")
        try Files.writeAtomically(
            (0..<8).map { UInt8(truncatingIfNeeded: now >> (56 - 8 * UInt64($0))) },
            to: folder + "/ledger-contact")
        journal = try Journal(path: folder + "/data/journal.sqlite", signer: terminal)
        let link = LedgerLink(
            address: LedgerAddress(url: "http://127.0.0.1:9", key: ledger.publicKey),
            signer: terminal, journal: journal, directory: folder)
        let log = log
        world = LiveWorld(
            journal: journal, link: link, keys: try issuer.terminalBundle(),
            terminal: terminal.publicKey.kid
        ) { event in log.update { $0.append(event.text) } }
        let uid = BenchIssuer.uid(1)
        let token = CardToken(
            number: CardNumber(serial: 42)!, issued: now / 1_000 - 10,
            expires: now / 1_000 + 3_600, uid: uid, epoch: BenchIssuer.epoch, cardClass: .member)!
        card = try BenchIssuer.card(
            uid: uid, token: try issuer.sign(token: token).bytes, keys: issuer)
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    /// What `Checkout.card` does, with a software card in place of a reader's.
    func tap(_ machine: inout CheckoutMachine) throws {
        let found = machine.cardFound()
        let operation = try #require(found)
        var bound: [UInt8]?
        let tap = Tap(
            operation: operation, binding: machine.binding, world: world, progress: { _ in },
            bind: { bound = $0 })
        var profile = NTAG424Card(BenchChannel(card))
        let outcome = tap.run(&profile)
        card = profile.end().remove()
        if let bound { machine.bind(bound) }
        machine.finish(outcome, at: 0)
    }

    /// What `Checkout.verify` does.
    func resolve(_ machine: inout CheckoutMachine, _ id: EntryID) -> Bool {
        guard let found = world.lookUp(id) else { return false }
        var receipt: TapReceipt?
        if case .payment(let payment) = found?.body {
            receipt = TapReceipt(
                amount: payment.amount, isOffline: true, lastFour: payment.card.lastFour)
        }
        machine.resolve(receipt, at: 0)
        return true
    }

    /// The journal fails to write, and then cannot be opened: a disk on its way out.
    /// `giveBack` mends it.
    func takeAway() throws {
        let raw = try Database(path: journal.path, access: .readWrite)
        try raw.script(
            """
            CREATE TRIGGER broken BEFORE INSERT ON entries
            BEGIN SELECT RAISE(ABORT, 'broken'); END
            """)
        raw.close()
        try FileManager.default.moveItem(atPath: folder + "/data", toPath: folder + "/away")
        try Files.makeDirectory(folder + "/data/journal.sqlite")
    }

    func giveBack() throws {
        try FileManager.default.removeItem(atPath: folder + "/data")
        try FileManager.default.moveItem(atPath: folder + "/away", toPath: folder + "/data")
        let raw = try Database(path: journal.path, access: .readWrite)
        try raw.run("DROP TRIGGER broken")
    }
}

/// T1, T4: what the checkout says when the journal fails.
@Suite struct LiveWorldTests {
    private func armed(_ machine: inout CheckoutMachine) throws -> EntryID {
        let id = EntryID(milliseconds: Clock.realtimeMilliseconds())
        let amount = try #require(Amount(cents: 1_250))
        return try machine.arm(id, amount, at: 0).id
    }

    @Test func `A tap on a live terminal is accepted offline and written down`() throws {
        let bench = try LiveBench()
        var machine = CheckoutMachine()
        let id = try armed(&machine)
        try bench.tap(&machine)
        #expect(MachineTests.name(machine.stage) == .accepted)
        #expect(try bench.journal.entry(id) != nil)
        #expect(bench.world.unsent.count == 1 && bench.world.unsent.secondsWithoutLedger < 60)
        let isQuiet = bench.log.read { lines in lines.allSatisfy { !$0.contains("0422") } }
        #expect(isQuiet)
    }

    @Test func `A write that fails for certain is a refusal, and the next one works`() throws {
        let bench = try LiveBench()
        let raw = try Database(path: bench.journal.path, access: .readWrite)
        try raw.script(
            """
            CREATE TRIGGER broken BEFORE INSERT ON entries
            BEGIN SELECT RAISE(ABORT, 'broken'); END
            """)
        var machine = CheckoutMachine()
        let id = try armed(&machine)
        try bench.tap(&machine)
        #expect(
            machine.stage
                == .refused(id: id, amount: Amount(cents: 1_250), .journalUnavailable))
        try raw.run("DROP TRIGGER broken")
        try machine.acknowledge()
        _ = try armed(&machine)
        try bench.tap(&machine)
        #expect(MachineTests.name(machine.stage) == .accepted)
        #expect(bench.journal.position.sequence == 1)
    }

    @Test func `A journal that went away leaves the result unknown until it can be read`() throws {
        let bench = try LiveBench()
        var machine = CheckoutMachine()
        let id = try armed(&machine)
        try bench.takeAway()
        try bench.tap(&machine)
        #expect(MachineTests.name(machine.stage) == .unknownResult)
        #expect(!bench.resolve(&machine, id), "nothing can be said before it is back")
        #expect(MachineTests.name(machine.stage) == .unknownResult)
        try bench.giveBack()
        #expect(bench.resolve(&machine, id))
        #expect(
            machine.stage
                == .refused(id: id, amount: Amount(cents: 1_250), .journalUnavailable))
        #expect(bench.journal.isOpen && bench.journal.position.sequence == 0)
    }

    @Test func `An unknown result that was stored is accepted, once`() throws {
        let bench = try LiveBench()
        var machine = CheckoutMachine()
        let id = try armed(&machine)
        // The first try stored it; its confirmation is what got lost.
        var first = machine
        try bench.tap(&first)
        #expect(MachineTests.name(first.stage) == .accepted)
        try bench.takeAway()
        // Another write finds out that the journal is gone.
        let other = TechnicalEvent(code: "start")
        #expect(throws: JournalError.self) {
            try bench.journal.append(
                .technicalEvent(other), id: EntryID(milliseconds: 1),
                at: Moment(milliseconds: 1, trust: .untrusted))
        }
        try bench.tap(&machine)
        #expect(MachineTests.name(machine.stage) == .unknownResult)
        try bench.giveBack()
        #expect(bench.resolve(&machine, id))
        #expect(MachineTests.name(machine.stage) == .accepted)
        #expect(bench.journal.position.sequence == 1)
    }
}
