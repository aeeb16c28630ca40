import COSE
import Crypto
import Foundation
import KeyStore
import LedgerMessages
import Linux
import Operations
import TestSupport
import Testing
import Tokens

@testable import Journal

extension JournalBench {
    private static func isJournal(_ name: String) -> Bool {
        name.hasPrefix("journal") && !name.hasSuffix("-shm")
    }

    /// An image of the disk.
    func copy(to image: String) throws {
        try Files.makeDirectory(image)
        for name in try Files.list(folder) where Self.isJournal(name) {
            try FileManager.default.copyItem(
                atPath: "\(folder)/\(name)", toPath: "\(image)/\(name)")
        }
    }

    /// The disk is the image again.
    func putBack(from image: String) throws {
        for name in try Files.list(folder) where name.hasPrefix("journal") {
            try Files.remove("\(folder)/\(name)")
        }
        for name in try Files.list(image) {
            try FileManager.default.copyItem(
                atPath: "\(image)/\(name)", toPath: "\(folder)/\(name)")
        }
    }
}

/// What a journal that was set aside holds is entered again in the chain that goes on.
@Suite struct ClaimTests {
    /// The chain that goes on, and the archive of the branch that was set aside.
    fileprivate struct Fork {
        let bench: JournalBench
        let journal: Journal
        let archive: [UInt8]
        /// By name, the branch's entries.
        var strays: [String: Entry] = [:]

        func claim() throws -> SetAsideClaim { try journal.claim(from: archive) }
        func enter() throws -> SetAsideClaim {
            let found = try claim()
            try journal.enter(found, at: bench.moment())
            return found
        }
    }

    private func proof(_ serial: Int64 = 42) -> CardProof {
        CardProof(
            card: CardNumber(serial: serial)!, tokenHash: [UInt8](repeating: 4, count: 32),
            evidence: .sdm(
                piccData: [UInt8](repeating: 1, count: 16),
                mac: [UInt8](repeating: 2, count: 8), digest: [UInt8](repeating: 3, count: 16)))
    }

    /// Both branches begin with the same entries; `years` of them close before the fork.
    private func fork(years: Int = 0) throws -> Fork {
        let bench = try JournalBench()
        let journal = try bench.open()
        for _ in 0..<years { try bench.year(journal) }
        let common = try bench.append(journal)
        try bench.acknowledge(journal)
        let image = bench.folder + "/image"
        try bench.copy(to: image)
        let branch = try bench.open()
        var strays: [String: Entry] = [:]
        func add(_ name: String, _ body: EntryBody, isTraining: Bool = false) throws {
            strays[name] = try bench.append(branch, body, isTraining: isTraining)
        }
        try add("start", .technicalEvent(TechnicalEvent(code: "start")))
        try add("first", JournalBench.payment(cents: 400))
        let paid = try #require(strays["first"])
        try add(
            "refund",
            .refund(Refund(amount: Amount(cents: 150)!, proof: proof(), payment: paid.id)))
        try add("undone", JournalBench.payment(cents: 900))
        let undone = try #require(strays["undone"])
        try add("undo", .reversal(Reversal(entry: undone.id, reason: .wrongEntry)))
        try add("other", .reversal(Reversal(entry: common.id, reason: .wrongEntry)))
        try add("practice", JournalBench.payment(cents: 5_000), isTraining: true)
        try add("cash", .topUp(TopUp(amount: Amount(cents: 700)!, proof: proof(), means: .cash)))
        try add("lost", .cardEvent(CardEvent(card: proof().card, what: .lost, reporter: .holder)))
        _ = try bench.close(branch, .day)
        try add("second", JournalBench.payment(cents: 30))
        let archive = try JournalArchive.bytes(
            of: bench.path, signer: bench.terminal, made: bench.moment().milliseconds)
        try bench.putBack(from: image)
        let chain = try bench.open()
        try bench.append(chain, JournalBench.payment(cents: 10))
        try bench.acknowledge(chain)
        return Fork(bench: bench, journal: chain, archive: archive, strays: strays)
    }

    @Test(arguments: [0, 2])
    func `Each operation is entered once, in its order, and says where it stood`(years: Int) throws
    {
        let fork = try fork(years: years)
        let before = fork.journal.position.sequence
        let found = try fork.enter()
        #expect(found.common == UInt64(years * 5 + 1))
        let fates = Dictionary(
            uniqueKeysWithValues: found.operations.map { ($0.entry.id, $0.fate) })
        let expected: [(String, ClaimedEntry.Fate?)] = [
            ("start", nil), ("first", .claimed), ("refund", .claimed), ("undone", .cancelled),
            ("undo", .cancelled), ("other", .unsupported), ("practice", nil), ("cash", .claimed),
            ("lost", .claimed), ("second", .claimed),
        ]
        for (name, fate) in expected {
            let id = try #require(fork.strays[name]?.id)
            #expect(fates[id] == fate, "\(name)")
        }
        #expect(found.total(.claimed) == KindTotal(count: 5, sum: 430))
        var next = before
        for name in ["first", "refund", "cash", "lost", "second"] {
            next += 1
            let stray = try #require(fork.strays[name])
            let entry = try #require(try fork.journal.entry(stray.id))
            #expect(entry.sequence == next && entry.body == stray.body, "\(name)")
            #expect(entry.time > stray.time && entry.happened == stray.time)
            #expect(entry.setAside?.sequence == stray.sequence)
            #expect(entry.setAside?.hash.count == 32 && entry.clockTrust == .synchronised)
        }
        #expect(fork.journal.position.sequence == next)
        #expect(fork.journal.unsent.count == 2 && fork.journal.unsent.total.cents == 430)
        let again = try fork.enter()
        #expect(again.total(.claimed).count == 0 && again.total(.known).count == 5)
        #expect(fork.journal.position.sequence == next)
        #expect(try fork.bench.verify().faults == [])
        // A day's closure counts them in the stretch they stand in now.
        let closure = try fork.bench.close(fork.journal, .day)
        #expect(closure.totals.payments.sum >= 430 && closure.totals.refunds.sum == 150)
        #expect(try fork.bench.verify().faults == [])
    }

    /// What a walk over the chain leaves unclaimed.
    private func unclaimed(_ fork: Fork) throws -> KindTotal? {
        var operations = try UnclaimedOperations(
            archive: fork.archive, terminal: fork.bench.terminal.publicKey)
        let verifier = try JournalVerifier(
            path: fork.bench.path, terminal: fork.bench.terminal.publicKey, ledger: nil)
        let found = try verifier.run { entry, _ in operations.see(entry) }
        return operations.total(after: found.archived)
    }

    @Test(arguments: [0, 2])
    func `What nobody has claimed is told by a walk over the chain`(years: Int) throws {
        let fork = try fork(years: years)
        #expect(try unclaimed(fork) == KindTotal(count: 5, sum: 430))
        let whole = try fork.claim()
        let part = SetAsideClaim(
            common: whole.common, operations: Array(whole.operations.prefix(2)))
        try fork.journal.enter(part, at: fork.bench.moment())
        let rest = whole.total(.claimed).count - part.total(.claimed).count
        #expect(try unclaimed(fork)?.count == rest && rest > 0)
        _ = try fork.enter()
        #expect(try unclaimed(fork) == KindTotal())
    }

    @Test func `Years that were purged are not told as unclaimed`() throws {
        let fork = try fork(years: 2)
        try Files.remove(try #require(try JournalFiles.list(fork.bench.path).first?.path))
        #expect(try unclaimed(fork) == KindTotal(count: 5, sum: 430))
        let older = try self.fork()
        _ = try older.enter()
        try older.bench.year(older.journal)
        try older.bench.append(older.journal)
        #expect(try unclaimed(older) == KindTotal())
        try Files.remove(try #require(try JournalFiles.list(older.bench.path).first?.path))
        #expect(try unclaimed(older) == nil, "the fork lies in what is not here")
        #expect(throws: ArchiveError.otherTerminal) {
            let stranger = try self.fork()
            _ = try UnclaimedOperations(
                archive: fork.archive, terminal: stranger.bench.terminal.publicKey)
        }
    }

    @Test func `A reversal of what the chain has is told as one that nothing carries out`() throws {
        let fork = try fork()
        let (undone, undo) = (
            try #require(fork.strays["undone"]), try #require(fork.strays["undo"])
        )
        try fork.bench.append(fork.journal, undone.body, id: undone.id)
        let found = try fork.enter()
        let fates = Dictionary(
            uniqueKeysWithValues: found.operations.map { ($0.entry.id, $0.fate) })
        #expect(fates[undone.id] == .known && fates[undo.id] == .unsupported)
        #expect(try fork.journal.entry(undo.id) == nil)
        #expect(try fork.journal.standing(undone.id)?.isReversed == false)
    }

    @Test func `What was cut off is finished by the same call`() throws {
        let fork = try fork()
        let whole = try fork.claim()
        let part = SetAsideClaim(
            common: whole.common, operations: Array(whole.operations.prefix(2)))
        try fork.journal.enter(part, at: fork.bench.moment())
        // The plan of before is stale by now: what is there stays.
        try fork.journal.enter(whole, at: fork.bench.moment())
        #expect(try fork.claim().total(.known).count == 5)
        #expect(try fork.bench.verify().faults == [])
    }

    @Test func `What was recovered and set aside once more keeps its first place`() throws {
        let fork = try fork()
        let image = fork.bench.folder + "/before"
        try fork.bench.copy(to: image)
        _ = try fork.enter()
        let archive = try JournalArchive.bytes(
            of: fork.bench.path, signer: fork.bench.terminal,
            made: fork.bench.moment().milliseconds)
        let first = try #require(fork.strays["first"])
        let origin = try #require(try fork.journal.entry(first.id)?.setAside)
        try fork.bench.putBack(from: image)
        let journal = try fork.bench.open()
        let found = try journal.claim(from: archive)
        try journal.enter(found, at: fork.bench.moment())
        #expect(found.total(.claimed).count == 5)
        #expect(try journal.entry(first.id)?.setAside == origin)
    }

    @Test func `An archive that is altered, cut, of others or of another chain is refused`() throws
    {
        let fork = try fork()
        let before = fork.journal.position.sequence
        var random = SplitMix64(7)
        for _ in 0..<300 {
            var bytes = fork.archive
            let place = Int(random.next() % UInt64(bytes.count))
            bytes[place] ^= 1 << UInt8(random.next() % 8)
            #expect(throws: ArchiveError.self, "byte \(place)") {
                try fork.journal.claim(from: bytes)
            }
            let cut = Array(fork.archive.prefix(place))
            #expect(throws: ArchiveError.self) { try fork.journal.claim(from: cut) }
        }
        let stranger = try self.fork()
        #expect(throws: ArchiveError.otherTerminal) {
            try fork.journal.claim(from: stranger.archive)
        }
        #expect(fork.journal.position.sequence == before)
    }

    @Test(arguments: [0, 2])
    func `Without a key it is counted until it is entered, or nobody can tell`(years: Int) throws {
        let fork = try fork(years: years)
        let aside = fork.bench.folder + "/old.eco-archive"
        func backlog() throws -> JournalBacklog {
            try JournalBacklog(of: fork.bench.path, setAside: [aside])
        }
        #expect(throws: JournalError.self, "no archive") { try backlog() }
        try Files.writeAtomically(Array(fork.archive.dropLast()), to: aside)
        #expect(throws: JournalError.self, "a part of one") { try backlog() }
        try Files.writeAtomically(fork.archive, to: aside)
        #expect(try backlog().setAside == KindTotal(count: 5, sum: 430))
        #expect(try !backlog().isSettled && backlog().operations == 0)
        let common = try fork.enter().common
        #expect(try backlog().setAside == KindTotal())
        #expect(try backlog().operations == 5)
        try fork.bench.acknowledge(fork.journal)
        #expect(try backlog().isSettled)
        guard years > 0 else { return }
        // The years before the fork may go; those it lies in would take the proof along.
        try Files.remove(try #require(try JournalFiles.list(fork.bench.path).first?.path))
        #expect(try backlog().isSettled)
        #expect(common > 5)
        try fork.bench.year(fork.journal)
        try fork.bench.append(fork.journal)
        while let first = try JournalFiles.list(fork.bench.path).first, first.first <= common {
            try Files.remove(first.path)
        }
        #expect(throws: JournalError.self) { try backlog() }
    }

    @Test func `A fork in years that are not here is refused, never guessed`() throws {
        let fork = try fork(years: 2)
        let year = try #require(try JournalFiles.list(fork.bench.path).first?.path)
        // The branch of a terminal with the same key whose chain is another from its beginning.
        let other = fork.bench.folder + "/other"
        try Files.makeDirectory(other)
        let path = other + "/journal.sqlite"
        let foreign = try Journal(path: path, signer: fork.bench.terminal)
        try fork.bench.append(foreign, JournalBench.payment(cents: 77))
        let archive = try JournalArchive.bytes(
            of: path, signer: fork.bench.terminal, made: fork.bench.moment().milliseconds)
        #expect(try fork.journal.claim(from: archive).common == 0, "the first entry is here")
        try Files.remove(year)
        let journal = try fork.bench.open()
        #expect(throws: ArchiveError.otherChain) { try journal.claim(from: archive) }
        #expect(try journal.claim(from: fork.archive).common == 11)
    }
}
