import Crypto
import Foundation
import Journal
import LedgerBook
import LedgerClient
import Linux
import Operations
import Proofs
import TestSupport
import Testing
import Threads

/// A queue of many payments at fifty terminals gets through a network that does everything wrong,
/// each booked once. `ECO_DRAIN_ENTRIES` is how many, `ECO_DRAIN_SEED` which faults.
@Suite(.serialized) struct DrainTests {
    private static let terminals = 50

    private static func setting(_ name: String) -> UInt64? {
        ProcessInfo.processInfo.environment[name].flatMap { UInt64($0) }
    }

    /// Short waits, so that hundreds of faults take no hour; the rule between them is the same.
    private static var pace: LinkPace {
        var pace = LinkPace()
        pace.call = .seconds(5)
        pace.idle = .milliseconds(500)
        pace.refused = .milliseconds(200)
        pace.backoffFirst = .milliseconds(20)
        pace.backoffMax = .milliseconds(400)
        pace.batchCount = 25
        return pace
    }

    @Test func `a seed names one plan, and a long plan holds every kind of fault`() {
        func kinds(_ seed: UInt64) -> [String] {
            let plan = FaultPlan(seed: seed)
            return (0..<Self.terminals).flatMap { terminal in
                (0..<200).map { plan.fault(terminal: terminal, request: $0)?.kind ?? "" }
            }
        }
        #expect(kinds(7) == kinds(7) && kinds(7) != kinds(8))
        let met = kinds(7).filter { !$0.isEmpty }
        #expect(Set(met) == Set(Fault.kinds))
        // The first five requests of each terminal hold each kind three times.
        let early = (0..<Self.terminals).flatMap { terminal in
            (1...4).compactMap { FaultPlan(seed: 9).fault(terminal: terminal, request: $0)?.kind }
        }
        for kind in Fault.kinds { #expect(early.filter { $0 == kind }.count >= 3, "\(kind)") }
        #expect((1_000...3_000).contains(met.count), "\(met.count) of 10000")
    }

    @Test func `a proxy that is stopped twice takes nobody's descriptor`() throws {
        let proxy = try FaultProxy(
            FaultPlan(seed: 1), terminals: [], ledgers: [], patience: .seconds(1))
        proxy.stop()
        let pipes = (0..<8).map { _ in Pipe() }
        proxy.stop()
        for pipe in pipes {
            #expect(fcntl(pipe.fileHandleForReading.fileDescriptor, F_GETFD) >= 0)
            #expect(fcntl(pipe.fileHandleForWriting.fileDescriptor, F_GETFD) >= 0)
        }
    }

    @Test(arguments: Store.all)
    func `what fifty terminals have queued is booked once, whatever the network does`(
        store: Store
    ) throws {
        let entries = Int(Self.setting("ECO_DRAIN_ENTRIES") ?? 5_000)
        let seed = Self.setting("ECO_DRAIN_SEED") ?? .random(in: 1...9_999_999)
        let start = ContinuousClock.now
        let fleet = try QueuedFleet(
            store, terminals: Self.terminals, payments: entries / Self.terminals, seed: seed)
        let made = start.duration(to: .now)
        let servings = try (0..<(store == .postgreSQL ? 2 : 1)).map { _ in
            try fleet.deployment.serve()
        }
        defer { for one in servings where one.process.isRunning { one.process.terminate() } }
        let proxy = try FaultProxy(
            FaultPlan(seed: seed), terminals: fleet.terminals.map(\.id),
            ledgers: servings.compactMap { URL(string: $0.url)?.port.map { UInt16($0) } },
            patience: .seconds(6))
        defer { proxy.stop() }
        let drain = ContinuousClock.now
        let rest = try fleet.drain(
            "http://127.0.0.1:\(proxy.port)", pace: Self.pace,
            limit: .seconds(600 + entries / 10))
        let drained = drain.duration(to: .now)
        #expect(rest == [], "seed \(seed): these have not got through")
        proxy.stop()
        for serving in servings { serving.process.terminate() }
        for serving in servings { serving.process.waitUntilExit() }
        try fleet.check("seed \(seed)")
        let counts = proxy.counts.read { $0 }
        let never = Set(Fault.kinds).subtracting(counts.faults.keys)
        #expect(never == [], "seed \(seed): these faults never came")
        let faults = Fault.kinds.map { "\($0) \(counts.faults[$0] ?? 0)" }.joined(separator: ", ")
        print(
            """
            drain, \(store.rawValue), seed \(seed): \(entries) entries of \(Self.terminals) \
            terminals booked once, in \(counts.requests) requests, \(counts.batches) of them \
            batches; \(counts.receipts) receipts given, \(counts.receiptsLost) of them lost on the \
            way; \(counts.faults.values.reduce(0, +)) faults: \(faults); \
            made in \(made), drained in \(drained), all in \(start.duration(to: .now))
            """)
    }
}

/// A deployment with terminals that have sold offline.
final class QueuedFleet {
    let deployment: Deployment
    private(set) var terminals: [QueuedTerminal]
    let key: Ed25519PublicKey
    private static let cents: Int64 = 10_000_000

    init(_ store: Store, terminals count: Int, payments: Int, seed: UInt64) throws {
        let deployment = try Deployment(store)
        self.deployment = deployment
        let ledgerKey = try deployment.initialise().json["ledgerKey"] as? String ?? ""
        key = try Ed25519PublicKey(try #require(Hexadecimal.bytes(ledgerKey)))
        let book = try Book(deployment.place.address)
        var dice = SplitMix64(seed)
        terminals = try (0..<count).map { index in
            try QueuedTerminal(
                book, issuer: deployment.issuer, seed: dice.bytes(32),
                folder: deployment.folder + "/terminal-\(index)", serial: Int64(index * 2 + 1),
                cents: Self.cents)
        }
        let failures = inParallel(terminals) { try $0.sell(payments) }
        #expect(failures == [])
    }

    /// One more terminal, paired now.
    func add(payments: Int) throws {
        let index = terminals.count
        let terminal = try QueuedTerminal(
            Book(deployment.place.address), issuer: deployment.issuer, seed: randomBytes(32),
            folder: deployment.folder + "/terminal-\(index)", serial: Int64(index * 2 + 1),
            cents: Self.cents)
        try terminal.sell(payments)
        terminals.append(terminal)
    }

    /// Lets every terminal's own link send until nothing waits and `holds` says so too; gives those
    /// where something does.
    func drain(
        _ url: String, pace: LinkPace, limit: Duration,
        until holds: ([(link: LedgerLink, journal: Journal)]) -> Bool = { _ in true }
    ) throws -> [String] {
        let journals = try terminals.map { try $0.open() }
        let links = zip(terminals, journals).map {
            $0.link(url, ledger: key, journal: $1, pace: pace)
        }
        links.forEach { $0.start() }
        func waiting() -> [String] {
            zip(journals, links).enumerated().compactMap { index, pair in
                let (sequence, acknowledged) = pair.0.position
                return sequence == acknowledged
                    ? nil : "terminal \(index): \(acknowledged) of \(sequence), \(pair.1.standing)"
            }
        }
        let pairs = zip(links, journals).map { (link: $0, journal: $1) }
        let isDone = Programs.wait(Double(limit.components.seconds)) {
            waiting().isEmpty && holds(pairs)
        }
        let rest = isDone ? [] : waiting() + ["in time"]
        // All at once: each ends with its own call.
        let threads = links.map { link in NamedThread.start("stopping") { link.stop() } }
        threads.forEach { $0.join() }
        return rest
    }

    /// Both sides hold the same sums, and every terminal's record beside the ledger's is whole.
    /// `told` begins every message.
    func check(_ told: String) throws {
        let (address, key) = (try deployment.place.address, key)
        let events = Monitor(0)
        let failures = inParallel(terminals) { terminal in
            events.update { $0 += Int(terminal.extra) }
            let found = try terminal.prove(address, key)
            if !found.isEmpty { throw Unproven(what: "\(terminal.id): \(found)") }
        }
        #expect(failures == [], "\(told)")
        let book = try Book(address)
        for terminal in terminals {
            for (card, paid) in zip(terminal.cards, terminal.paid) {
                let balance = try book.balance(
                    of: card.number, now: Clock.realtimeMilliseconds()
                ).cents
                #expect(balance == Self.cents - paid, "\(told): \(card.number)")
            }
        }
        let report = try deployment.run("report", "-d", deployment.database, "--json")
        #expect(
            report.json["cents"] as? Int64 == terminals.reduce(0) { $0 + $1.total }, "\(told)")
        let audit = try deployment.run("audit", "-d", deployment.database, "--json")
        #expect(audit.code == 0, "\(told): \(audit.out)")
        let payments = terminals.reduce(0) { $0 + $1.count }
        #expect(audit.json["entries"] as? Int == payments + events.read { $0 }, "\(told)")
        #expect(
            audit.json["transactions"] as? Int
                == payments + terminals.reduce(0) { $0 + $1.cards.count }, "\(told)")
        if let first = terminals.first { try prove(first, told) }
    }

    private struct Unproven: Error { let what: String }

    /// The same by the programs of people: archive, receipts, audit.
    private func prove(_ terminal: QueuedTerminal, _ told: String) throws {
        let name = "\(terminal.folder)/\(UUID())"
        let (archive, receipts) = (name + ".archive", name + ".receipts")
        try Files.writeAtomically(try terminal.archive(), to: archive)
        #expect(
            try deployment.run(
                "terminal", "receipts", "-d", deployment.database, terminal.id, receipts
            ).code == 0)
        let proven = try deployment.run(
            "audit", "--archive", archive, "--receipts", receipts, "--ledger-key",
            Hexadecimal.text(key.bytes))
        #expect(proven.code == 0 && proven.out.contains("sound"), "\(told): \(proven.out)")
    }
}

extension QueuedTerminal {
    func archive() throws -> [UInt8] {
        try JournalArchive.bytes(of: path, signer: signer, made: Clock.realtimeMilliseconds())
    }

    /// Entries beside the payments that were queued: what the link told of a ledger's memory.
    var extra: UInt64 { (try? open().position.sequence).map { $0 - UInt64(count) } ?? .max }

    /// What is wrong in its journal, and beside the ledger's copies and receipts.
    func prove(_ address: StoreAddress, _ ledger: Ed25519PublicKey) throws -> [String] {
        let own = try JournalVerifier(
            path: path, terminal: signer.publicKey, ledger: ledger
        ).run()
        var found = own.faults.map { "entry \($0.sequence): \($0.what)" }
        if own.acknowledged != own.last || own.payments != UInt64(count)
            || own.paymentCents != total
        {
            found.append("\(own)")
        }
        if try open().rejectedCount() != 0 { found.append("something was not settled") }
        let book = try Book(address)
        var proof = TerminalProof(
            archives: [try archive()], receipts: [try book.receipts(of: kid).flatMap { $0 }],
            ledger: ledger, isOpen: false)
        try book.copies(of: kid) { sequence, bytes, outcome in
            proof.compare(copy: bytes, sequence: sequence, outcome: outcome)
        }
        proof.endCopies()
        return found + proof.findings.map { "\($0.code.rawValue) \($0.sequence)" }
    }
}
