import COSE
import Crypto
import Foundation
import Journal
import KeyStore
import LedgerMessages
import Linux
import Operations
import TestSupport
import Testing
import Threads
import Tokens

@testable import LedgerClient

/// L1 and L5: authorisations in time, and what is believed of policies and deny-lists.
@Suite struct LinkTests {
    private func card(_ serial: Int64) -> CardNumber { CardNumber(serial: serial)! }

    @Test func `A policy the ledger signed for this terminal is believed and kept`() throws {
        let bench = try LinkBench()
        bench.offer(bench.policy(3))
        bench.link.start()
        #expect(bench.eventually { bench.link.policy?.version == 3 })
        #expect(bench.reloaded().policy == bench.policy(3))

        let stranger = try SigningKey.create()
        let refused: [(Policy, SigningKey?)] = [
            (bench.policy(4), stranger), (bench.policy(2), nil),
            (bench.policy(5, terminal: stranger.publicKey.kid), nil),
        ]
        for (policy, signer) in refused {
            bench.offer(policy, by: signer)
            #expect(bench.turns(2))
            #expect(bench.link.policy == bench.policy(3))
            #expect(bench.reloaded().policy == bench.policy(3))
        }
        bench.offer(bench.policy(6, merchant: "Boulangerie"))
        #expect(bench.eventually { bench.link.policy?.merchant == "Boulangerie" })
        #expect(bench.reloaded().policy?.version == 6)
        // A ledger that was restored counts again from before, and what it issues is later.
        bench.offer(bench.policy(4, merchant: "Boulangerie", issued: 11))
        #expect(bench.eventually { bench.link.policy?.version == 4 })
    }

    @Test func `A stored policy that was changed on disk is as good as absent`() throws {
        let bench = try LinkBench()
        bench.offer(bench.policy(3))
        bench.link.start()
        #expect(bench.eventually { bench.link.policy != nil })
        let path = bench.folder + "/policy.cose"
        var bytes = try Files.read(path, atMost: Policy.sizeMax)
        bytes[bytes.count / 2] ^= 1
        try Files.writeAtomically(bytes, to: path)
        #expect(bench.reloaded().policy == nil)
    }

    @Test func `The deny-list follows signed deltas, and survives a restart`() throws {
        let bench = try LinkBench()
        bench.offer(since: 0, epoch: 2, added: [1, 2])
        bench.link.start()
        #expect(bench.eventually { bench.link.isDenied(card(1)) && bench.link.isDenied(card(2)) })
        bench.offer(since: 2, epoch: 3, added: [3], removed: [1])
        #expect(bench.eventually { bench.link.isDenied(card(3)) })
        #expect(!bench.link.isDenied(card(1)))
        let again = bench.reloaded()
        #expect([1, 2, 3].map { again.isDenied(card($0)) } == [false, true, true])
        #expect(bench.turns(1))
        #expect(bench.ledger.state.read { $0.denySince.last } == "3")
    }

    @Test func `A forged, an older or an unconnected deny-list changes nothing, on disk neither`()
        throws
    {
        let bench = try LinkBench()
        bench.offer(since: 0, epoch: 5, added: [1])
        bench.link.start()
        #expect(bench.eventually { bench.link.isDenied(card(1)) })
        let stranger = try SigningKey.create()
        let wrong: [(UInt64, UInt64, SigningKey?)] = [
            (0, 9, stranger), (5, 9, stranger), (0, 4, nil), (0, 5, nil), (3, 5, nil), (6, 9, nil),
            (3, 9, nil),
        ]
        for (since, epoch, signer) in wrong {
            bench.offer(since: since, epoch: epoch, added: [2], removed: [1], by: signer)
            #expect(bench.turns(2))
            for link in [bench.link, bench.reloaded()] {
                #expect(
                    link.isDenied(card(1)) && !link.isDenied(card(2)),
                    "from \(since) to \(epoch)")
            }
        }
        // What follows is still taken, and still there after a restart.
        bench.offer(since: 5, epoch: 6, added: [7])
        #expect(bench.eventually { bench.link.isDenied(card(7)) })
        let again = bench.reloaded()
        #expect(again.isDenied(card(1)) && again.isDenied(card(7)))
    }

    @Test func `What cannot be written is not believed either, and asked for again`() throws {
        let bench = try LinkBench()
        bench.offer(bench.policy(3))
        bench.offer(since: 0, epoch: 2, added: [1])
        bench.link.start()
        #expect(bench.eventually { bench.link.policy != nil && bench.link.isDenied(card(1)) })
        let paths = ["/policy.cose", "/deny-list.cose"].map { bench.folder + $0 }
        let before = try paths.map { try Files.read($0, atMost: Policy.sizeMax) }
        for path in paths {
            try Files.remove(path)
            try Files.makeDirectory(path)
        }
        bench.offer(bench.policy(4))
        bench.offer(since: 2, epoch: 3, added: [2])
        #expect(bench.turns(2))
        #expect(bench.link.policy?.version == 3)
        // Were it believed, what comes next would be stored behind a hole.
        #expect(!bench.link.isDenied(card(2)))
        #expect(bench.ledger.state.read { $0.denySince.last } == "2")
        for (path, bytes) in zip(paths, before) {
            try FileManager.default.removeItem(atPath: path)
            try Files.writeAtomically(bytes, to: path)
        }
        #expect(
            bench.eventually { bench.link.policy?.version == 4 && bench.link.isDenied(card(2)) })
        let again = bench.reloaded()
        #expect(again.policy?.version == 4)
        #expect(again.isDenied(card(1)) && again.isDenied(card(2)))
    }

    /// It would be the highest time seen from there on, and stand in the journal for good.
    @Test func `A time that no id can hold is neither the ledger's nor a contact's`() throws {
        let bench = try LinkBench()
        let last: UInt64 = (1 << 48) - 1
        for (time, isTime) in [(last, true), (last + 1, false), (.max, false)] {
            try writeContact(time, in: bench.folder)
            #expect(bench.reloaded().lastContact == (isTime ? time : nil))
            #expect(ledgerTime(Array("{\"ms\":\(time)}".utf8)) == (isTime ? time : nil))
        }
    }

    @Test func `The balance of another card is nobody's`() throws {
        let bench = try LinkBench()
        let calls = LedgerCalls(link: bench.link, timeout: .seconds(20))
        let answer = CardBalanceAnswer(card: card(42), cents: 900, available: 700)
        bench.ledger.set { $0.balance = answer }
        #expect(calls.balance(of: card(42)) == answer)
        #expect(calls.balance(of: card(43)) == nil)
    }

    @Test func `A page that welcomes everybody answers no tap, and is no contact`() throws {
        let bench = try LinkBench()
        bench.ledger.set { $0.isWelcoming = true }
        bench.link.state.update { $0.lastContact = 1 }
        let calls = LedgerCalls(link: bench.link, timeout: .seconds(20))
        #expect(calls.balance(of: card(42)) == nil)
        #expect(!bench.link.isReachable && bench.link.lastContact == 1)
        #expect(calls.authorise(request()) == .unreachable)
        #expect(!bench.link.isReachable && bench.link.lastContact == 1)
    }

    private func request() -> AuthorisationRequest {
        AuthorisationRequest(
            entry: EntryID(milliseconds: 1), card: card(42), amount: Amount(cents: 100)!,
            sun: .sdm(
                piccData: [UInt8](repeating: 1, count: 16), mac: [UInt8](repeating: 2, count: 8),
                digest: [UInt8](repeating: 3, count: 16)))
    }

    private func timed(
        _ link: LedgerLink
    ) -> (answer: AuthorisationAnswer, spent: Duration) {
        let start = ContinuousClock.now
        let answer = link.authorise(request()).wait(atMost: LedgerLink.authorisationLimit)
        return (answer, ContinuousClock.now - start)
    }

    /// The ledger's answer. One that a busy machine brings after its time is asked for again.
    private func answered(_ bench: LinkBench) -> AuthorisationAnswer {
        for _ in 0..<5 {
            let answer = timed(bench.link).answer
            if answer != .unreachable { return answer }
            #expect(bench.eventually { bench.link.isReachable })
        }
        return .unreachable
    }

    @Test func `An unreachable ledger is told at once`() throws {
        let bench = try LinkBench()
        let spent = Promised.best(within: .milliseconds(500)) {
            let (answer, spent) = timed(bench.link)
            #expect(answer == .unreachable)
            return spent
        }
        #expect(spent < .milliseconds(500))
    }

    @Test func `Answers of the ledger arrive, each for its own question`() throws {
        let bench = try LinkBench()
        bench.link.start()
        #expect(bench.eventually { bench.link.isReachable })
        let missing = try #require(Amount(cents: 7))
        let answers: [AuthorisationAnswer] = [
            .approved(id: [UInt8](repeating: 1, count: 16), rearm: true), .useOfflineRules,
            .insufficient(missing: missing), .declined(code: "card-blocked"),
        ]
        for answer in answers {
            bench.ledger.set { $0.authorisation = answer }
            #expect(answered(bench) == answer)
        }
    }

    @Test func `A stalled ledger is unreachable within 800 ms, its late answer nobody's`()
        throws
    {
        // Room for a machine that runs other things; the ledger would take 3 s.
        let spent = try Promised.best(within: .milliseconds(1_400)) {
            let bench = try LinkBench()
            bench.link.start()
            #expect(bench.eventually { bench.link.isReachable })
            let id = [UInt8](repeating: 9, count: 16)
            bench.ledger.set { state in
                state.authorisation = .approved(id: id, rearm: true)
                state.delay = { $0 == 1 ? .seconds(3) : .zero }
            }
            let (answer, spent) = timed(bench.link)
            #expect(answer == .unreachable)
            bench.ledger.set { $0.authorisation = .declined(code: "other") }
            #expect(bench.eventually { bench.link.isReachable })
            #expect(answered(bench) == .declined(code: "other"))
            return spent
        }
        #expect(spent >= .milliseconds(700) && spent < .milliseconds(1_400))
    }

    @Test func `A reply that comes too late is not taken for the answer to the next call`() throws {
        let bench = try LinkBench()
        let late = AuthorisationAnswer.approved(id: [UInt8](repeating: 9, count: 16), rearm: true)
        bench.ledger.set { state in
            state.authorisation = late
            state.delay = { $0 == 1 ? .seconds(6) : .zero }
        }
        let calls = LedgerCalls(link: bench.link, timeout: .seconds(3))
        #expect(calls.authorise(request()) == .unreachable)
        #expect(!bench.link.isReachable)
        bench.ledger.set { $0.authorisation = .useOfflineRules }
        #expect(calls.time() != nil)
        #expect(calls.authorise(request()) == .useOfflineRules)
    }

    @Test func `A contact is remembered in the time this terminal lives by`() throws {
        let bench = try LinkBench()
        let month: Int64 = 30 * 86_400_000
        bench.ledger.set { $0.clockAhead = month }
        bench.link.start()
        #expect(bench.eventually { bench.link.lastContact != nil && bench.turns(1) })
        let local = Int64(Clock.realtimeMilliseconds())
        let offset = try #require(bench.link.measuredClockOffset)
        #expect(abs(offset - month) < 10_000)
        let expected = Clock.synchronised() ? local : local + month
        let contact = Int64(try #require(bench.link.lastContact))
        #expect(abs(contact - expected) < 30_000)
    }
}
