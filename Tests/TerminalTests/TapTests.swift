import CardEmulation
import Cards
import Crypto
import Journal
import Operations
import SQLite
import Terminal
import Testing
import Tokens

/// The tap of a card, end to end in one process: real commands, a software card, a real journal.
@Suite struct TapTests {
    @Test(arguments: Stack.allCases)
    func `A payment is accepted in nine APDUs and its evidence proves this operation only`(
        _ stack: Stack
    )
        throws
    {
        let bench = try Bench(stack)
        var card = try bench.card()
        let operation = bench.arm()
        let result = bench.tap(&card, operation)
        let payment = try #require(try bench.payment(operation.id))
        #expect(
            result.outcome
                == .accepted(
                    TapReceipt(
                        amount: operation.amount, isOffline: true,
                        lastFour: payment.card.lastFour)))
        #expect(result.commands.count == 9)
        #expect(result.bytesSent == 215)
        #expect(result.bytesReceived == 497)
        #expect(result.steps == [1, 2, 3, 4])
        #expect(payment.tokenHash == result.binding)
        let uid = card.memory.uid
        let digest = bench.digest(operation, payment.card)
        // Two mirrored reads: the first look at the card, then the evidence.
        #expect(try bench.verifyEvidence(payment.evidence, digest: digest, uid: uid) == 2)
        let others = [
            bench.digest(bench.arm(), payment.card),
            bench.digest(
                Armed(id: operation.id, amount: bench.arm(1_251).amount, deadline: 0),
                payment.card),
            bench.digest(operation, try #require(CardNumber(serial: 999))),
        ]
        guard case .sdm(let piccData, let mac, _) = payment.evidence else { return }
        for other in others {
            let moved = Evidence.sdm(piccData: piccData, mac: mac, digest: other)
            #expect(try bench.verifyEvidence(moved, digest: other, uid: uid) == nil)
        }
        let state = try bench.state(of: &card)
        #expect(state.current?.allowance == CardAllowance(total: operation.amount, count: 1))
        #expect(state.current?.lastEntry == operation.id.short)
    }

    @Test(arguments: Stack.allCases)
    func `The ledger's approval is written down, and re-arms the card when it says so`(
        _ stack: Stack
    )
        throws
    {
        let bench = try Bench(stack)
        var card = try bench.card()
        #expect(bench.tap(&card, bench.arm(500)).isAccepted)
        let id = [UInt8](repeating: 7, count: 16)
        bench.world.set { $0.answer = .approved(id: id, rearm: false) }
        let kept = bench.arm(9_000)
        #expect(bench.tap(&card, kept).isAccepted)
        #expect(try bench.payment(kept.id)?.authorisation == id)
        let state = try bench.state(of: &card).current
        #expect(state?.allowance.total.cents == 500)
        #expect(state?.lastEntry == kept.id.short && state?.flags == 0)
        bench.world.set { $0.answer = .approved(id: id, rearm: true) }
        #expect(bench.tap(&card, bench.arm(9_000)).isAccepted)
        #expect(try bench.state(of: &card).current?.allowance == .unused)
        #expect(bench.world.asked.count == 3)
    }

    @Test(arguments: Stack.allCases)
    func `An operation already in the journal is not booked again`(_ stack: Stack) throws {
        let bench = try Bench(stack)
        var card = try bench.card()
        let operation = bench.arm()
        #expect(bench.tap(&card, operation).isAccepted)
        #expect(bench.tap(&card, operation).isAccepted)
        #expect(bench.entries == 1)
        #expect(try bench.state(of: &card).current?.allowance.count == 1)
    }

    @Test(arguments: Stack.allCases)
    func `The card's own limits hold over operations and across terminals`(_ stack: Stack) throws {
        let bench = try Bench(stack)
        let other = try Bench(stack)
        var card = try bench.card()
        for _ in 0..<2 { #expect(bench.tap(&card, bench.arm(2_000)).isAccepted) }
        #expect(
            bench.tap(&card, bench.arm(1_001)).outcome
                == .refused(.cardLimitReached(left: try #require(Amount(cents: 1_000)))))
        #expect(bench.tap(&card, bench.arm(1_000)).isAccepted)
        #expect(bench.tap(&card, bench.arm(1)).code == "P03")
        #expect(bench.entries == 3 && other.entries == 0)
        var counted = try other.card()
        for _ in 0..<5 { #expect(other.tap(&counted, other.arm(1)).isAccepted) }
        let sixth = other.tap(&counted, other.arm(1)).outcome
        #expect(sixth == .refused(.cardLimitReached(left: .zero)))
    }

    @Test(arguments: Stack.allCases)
    func `Each limit and each answer of the ledger has its code`(_ stack: Stack) throws {
        let bench = try Bench(stack)
        var card = try bench.card()
        #expect(bench.tap(&card, bench.arm(2_001)).code == "P02")
        bench.world.set { $0.secondsWithoutLedger = 86_401 }
        #expect(bench.tap(&card, bench.arm()).code == "P05")
        bench.world.set { $0.secondsWithoutLedger = 0 }
        let missing = try #require(Amount(cents: 3))
        for (answer, code) in [
            (.insufficient(missing: missing), "P01"), (.declined(code: "other"), "P06"),
            (.declined(code: "card-blocked"), "C02"),
        ] as [(AuthorisationAnswer, String)] {
            bench.world.set { $0.answer = answer }
            #expect(bench.tap(&card, bench.arm()).code == code)
        }
        bench.world.set { script in
            script.answer = nil
            script.policy?.limits.terminalCount = 0
        }
        #expect(bench.tap(&card, bench.arm()).code == "P04")
        #expect(bench.entries == 0)
        #expect(try bench.state(of: &card).current?.allowance == .unused)
    }

    @Test(arguments: Stack.allCases)
    func `A card whose state is torn needs the ledger, which repairs it`(_ stack: Stack) throws {
        let bench = try Bench(stack)
        let token = bench.token(uid: BenchIssuer.uid(9))
        var card = try bench.card(token, state: nil)
        #expect(bench.tap(&card, bench.arm()).code == "P07")
        bench.world.set {
            $0.answer = .approved(id: [UInt8](repeating: 7, count: 16), rearm: false)
        }
        #expect(bench.tap(&card, bench.arm()).isAccepted)
        bench.world.set { $0.answer = nil }
        #expect(bench.tap(&card, bench.arm()).isAccepted)
        #expect(try bench.state(of: &card).current?.allowance.count == 1)
    }

    @Test(arguments: Stack.allCases)
    func `An entry that cannot be written is not accepted, and nothing is booked`(_ stack: Stack)
        throws
    {
        let bench = try Bench(stack)
        var card = try bench.card()
        let raw = try Database(path: bench.journal.path, access: .readWrite)
        try raw.script(
            """
            CREATE TRIGGER broken BEFORE INSERT ON entries
            BEGIN SELECT RAISE(ABORT, 'broken'); END
            """)
        let operation = bench.arm()
        #expect(bench.tap(&card, operation).code == "T03")
        #expect(bench.journal.isOpen && bench.entries == 0)
        try raw.run("DROP TRIGGER broken")
        #expect(bench.tap(&card, operation).isAccepted)
        #expect(bench.entries == 1)
        #expect(try bench.state(of: &card).current?.allowance.count == 1)
    }
}
