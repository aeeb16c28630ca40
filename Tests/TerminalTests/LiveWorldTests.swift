import COSE
import CardEmulation
import Cards
import Crypto
import Foundation
import Journal
import KeyStore
import LedgerMessages
import Linux
import Operations
import SQLite
import Testing
import Threads
import Tokens

@testable import LedgerClient
@testable import Terminal

/// A real terminal without reader and network: journal, link files, key store, the machine's clock.
final class LiveBench {
    let folder: String
    let issuer: IssuerKeys
    let journal: Journal
    let world: LiveWorld
    let log = Monitor<[String]>([])
    var card: SoftwareNTAG424

    /// `hasMet`: the ledger answered a moment ago.
    init(hasMet: Bool = true) throws {
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
        if hasMet { try writeContact(now, in: folder) }
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

    @Test func `A terminal that never met its ledger sells nothing without it`() throws {
        let bench = try LiveBench(hasMet: false)
        var machine = CheckoutMachine()
        let id = try armed(&machine)
        try bench.tap(&machine)
        #expect(
            machine.stage == .refused(id: id, amount: Amount(cents: 1_250), .tooLongOffline))
        #expect(bench.journal.position.sequence == 0)
    }

    @Test func `What is stored already is stored, whoever asks again`() throws {
        let bench = try LiveBench()
        let id = EntryID(milliseconds: 1)
        let event = EntryBody.technicalEvent(TechnicalEvent(code: "start"))
        for _ in 0..<2 {
            let result = bench.world.commit(event, id: id, role: .manager, isTraining: true)
            #expect(result == .stored)
        }
        let entry = try #require(try bench.journal.entry(id))
        #expect(entry.isTraining && entry.operatorCode == [Role.manager.rawValue])
        #expect(bench.journal.position.sequence == 1)
    }

    @Test(
        arguments: [
            (.refused(code: "terminal-revoked"), .ledgerRefusesTerminal),
            (.chainUnknown, .oldJournal), (.ledgerForgot, .ledgerForgot),
        ] as [(Standing, Refusal)])
    func `A terminal that its ledger does not stand by sells nothing`(
        standing: Standing, refusal: Refusal
    ) throws {
        let bench = try LiveBench()
        bench.world.link.state.update { $0.standing = standing }
        let checkout = Checkout(world: bench.world, log: { _ in })
        #expect(checkout.snapshot.stage == .outOfService(refusal))
        let amount = try #require(Amount(cents: 1))
        #expect(throws: ControlRefusal.outOfService(refusal)) {
            try checkout.arm(amount: amount).get()
        }
        // It is looked at again, not only once.
        bench.world.link.state.update { $0.standing = .good }
        checkout.start()
        defer { checkout.stop() }
        #expect(waits(checkout) { $0.stage == .amountEntry })
    }

    @Test func `A policy that has ended, or is not there, sells nothing`() throws {
        let bench = try LiveBench()
        bench.world.link.state.update { $0.policy?.expires = Clock.realtimeMilliseconds() / 1_000 }
        // Nobody may vouch for the clock here: then it is the clock that is asked about.
        let ended: Refusal =
            bench.world.clock.fault == .clockAhead ? .clockUntrusted : .noPolicy
        let amount = try #require(Amount(cents: 1))
        func expect(_ refusal: Refusal) {
            let checkout = Checkout(world: bench.world, log: { _ in })
            #expect(checkout.snapshot.stage == .outOfService(refusal))
            #expect(throws: ControlRefusal.outOfService(refusal)) {
                try checkout.arm(amount: amount).get()
            }
        }
        expect(ended)
        bench.world.link.state.update { $0.policy = nil }
        expect(.noPolicy)
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

    @Test(arguments: [true, false])
    func `Only the journal, read again, says what became of an unknown result`(
        isStored: Bool
    ) throws {
        let bench = try LiveBench()
        let checkout = Checkout(world: bench.world, log: { _ in })
        let armed = try checkout.arm(amount: try #require(Amount(cents: 1_250))).get()
        if isStored {
            // The first try stored it; its confirmation is what got lost.
            var first = CheckoutMachine()
            _ = try first.arm(armed.id, armed.amount, at: 0)
            try bench.tap(&first)
        }
        try bench.takeAway()
        #expect(
            bench.world.commit(
                .technicalEvent(TechnicalEvent(code: "start")), id: EntryID(milliseconds: 1),
                role: nil, isTraining: false) == .unknown)
        try checkout.refresh { try bench.tap(&$0) }
        #expect(MachineTests.name(checkout.snapshot.stage) == .unknownResult)
        try checkout.verify(armed.id).get()
        #expect(MachineTests.name(checkout.snapshot.stage) == .unknownResult)
        #expect(checkout.isRecorded(armed.id) == nil)
        try bench.giveBack()
        #expect(throws: ControlRefusal.noSuchOperation) {
            try checkout.verify(EntryID(milliseconds: 2)).get()
        }
        try checkout.verify(armed.id).get()
        #expect(
            MachineTests.name(checkout.snapshot.stage) == (isStored ? .accepted : .refused))
        #expect(checkout.isRecorded(armed.id) == isStored)
        #expect(bench.journal.position.sequence == (isStored ? 1 : 0))
    }
}
