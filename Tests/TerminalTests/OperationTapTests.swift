import CardEmulation
import Cards
import Crypto
import Journal
import Operations
import Terminal
import Testing
import Tokens

extension Bench {
    static let meals = CatalogueAction(
        code: "repas", parcours: .cuisinesContributives, unit: .piece,
        labels: Words(["fr": "Repas"]), purpose: Words(["fr": "Partager"]), operationLimit: 5_000,
        dayLimit: 6_000, dayCount: 3)

    func arm(_ purpose: Purpose, cents: Int64 = 0, isTraining: Bool = false) -> Armed {
        Armed(
            id: EntryID(milliseconds: Self.now * 1_000), amount: Amount(cents: cents)!,
            deadline: .max, purpose: purpose, isTraining: isTraining)
    }

    /// A bench where every operation may be done.
    static func open(_ stack: Stack = .memory) throws -> Bench {
        let bench = try Bench(stack)
        bench.world.set { script in
            script.isReachable = true
            script.policy?.catalogue = [meals]
            script.policy?.classes = CardClass.allCases
            script.policy?.consentTexts = [
                ConsentText(version: "a", isRequired: true, texts: Words(["fr": "Oui"]))
            ]
        }
        return bench
    }
}

/// Operations that are no payment, at the card: limits, exactly once, and what is refused.
@Suite struct OperationTapTests {
    enum Kind: CaseIterable, Sendable { case refund, topUp, action }

    /// A bench, a card, and an operation of the kind, ready to tap.
    private func ready(
        _ kind: Kind, _ stack: Stack = .memory
    ) throws -> (Bench, SoftwareNTAG424, Armed) {
        let bench = try Bench.open(stack)
        var card = try bench.card()
        switch kind {
        case .refund:
            let paid = bench.arm(1_000)
            #expect(bench.tap(&card, paid).isAccepted)
            return (bench, card, bench.arm(.refund(of: paid.id), cents: 400))
        case .topUp: return (bench, card, bench.arm(.topUp(.cash), cents: 5_000))
        case .action: return (bench, card, bench.arm(.action(code: "repas", quantity: 2_000)))
        }
    }

    @Test(arguments: Kind.allCases)
    func `The card signs kind and quantity in seven APDUs, and its state stays`(kind: Kind) throws {
        var (bench, card, operation) = try ready(kind)
        let before = try bench.state(of: &card)
        let result = bench.tap(&card, operation)
        #expect(result.isAccepted && result.commands.count == 7)
        #expect(try bench.state(of: &card) == before)
        let body = try #require(try bench.journal.entry(operation.id)?.body)
        let proof = try #require(body.proof)
        for other in EntryKind.allCases {
            let digest = transactionDigest(
                terminal: bench.world.terminal, entry: operation.id, kind: other,
                quantity: try #require(body.signedQuantity), card: proof.card)
            let counter = try bench.verifyEvidence(
                proof.evidence, digest: digest, uid: card.memory.uid)
            #expect((counter != nil) == (other == body.kind))
        }
    }

    @Test(arguments: Kind.allCases, Stack.allCases)
    func `Torn at any APDU and presented again, there is one entry; cancelled, none`(
        kind: Kind, stack: Stack
    ) throws {
        for fault in BenchFault.allCases {
            for place in 1...7 {
                var (bench, card, operation) = try ready(kind, stack)
                let before = bench.entries
                let torn = bench.tap(&card, operation, fault: (fault, place))
                if fault == .afterReply, place == 7 {
                    #expect(torn.isAccepted && bench.entries == before + 1)
                } else {
                    #expect(torn.outcome == .torn && bench.entries == before, "\(fault) \(place)")
                }
                #expect(bench.tap(&card, operation, binding: torn.binding).isAccepted)
                #expect(bench.tap(&card, operation, binding: torn.binding).isAccepted)
                #expect(bench.entries == before + 1, "\(fault) \(place)")
            }
        }
    }

    @Test func `A refund goes to the card that paid, up to the payment and not a cent above`()
        throws
    {
        let bench = try Bench.open()
        var (card, other) = (try bench.card(1), try bench.card(2))
        let paid = bench.arm(1_000)
        #expect(bench.tap(&card, paid).isAccepted)
        func refund(_ cents: Int64, of id: EntryID? = nil) -> Armed {
            bench.arm(.refund(of: id ?? paid.id), cents: cents)
        }
        #expect(bench.tap(&card, refund(1_001)).code == "O04")
        #expect(bench.tap(&other, refund(1_000)).code == "O05")
        #expect(bench.tap(&card, refund(1, of: EntryID(milliseconds: 5))).code == "O02")
        bench.world.set { $0.isReachable = false }
        #expect(bench.tap(&card, refund(600)).code == "O01")
        bench.world.set { $0.policy?.rules.refundOffline = true }
        #expect(bench.tap(&card, refund(600)).isAccepted)
        #expect(bench.tap(&card, refund(401)).code == "O04")
        let last = refund(400)
        #expect(bench.tap(&card, last).isAccepted)
        #expect(bench.tap(&card, refund(1)).code == "O04")
        #expect(bench.tap(&card, refund(1, of: last.id)).code == "O03")
    }

    @Test func `Top-ups keep to the policy, actions to the card's day`() throws {
        let bench = try Bench.open()
        var (card, other) = (try bench.card(1), try bench.card(2))
        #expect(bench.tap(&card, bench.arm(.topUp(.cash), cents: 10_000)).isAccepted)
        #expect(bench.tap(&card, bench.arm(.topUp(.cash), cents: 10_001)).code == "O10")
        bench.world.set { $0.isReachable = false }
        #expect(bench.tap(&card, bench.arm(.topUp(.cash), cents: 100)).code == "O01")
        func act(_ quantity: Int64, _ code: String = "repas") -> Armed {
            bench.arm(.action(code: code, quantity: quantity))
        }
        #expect(bench.tap(&card, act(5_001)).code == "A02")
        #expect(bench.tap(&card, act(1_500)).code == "A02")
        #expect(bench.tap(&card, act(1_000, "autre")).code == "A01")
        #expect(bench.tap(&card, act(5_000)).isAccepted)
        #expect(
            bench.tap(&card, act(2_000)).outcome
                == .refused(.rule(.actionLimitReached(left: 1_000))))
        #expect(bench.tap(&card, act(1_000)).isAccepted)
        #expect(bench.tap(&card, act(1_000)).code == "A03")
        #expect(bench.tap(&other, act(5_000)).isAccepted, "each card has a day of its own")
        bench.world.set { $0.now += 86_400 }
        bench.world.set { $0.policy?.expires += 86_400 }
        let late = try bench.card(
            bench.token(uid: BenchIssuer.uid(3), expires: Bench.now + 200_000))
        var tomorrow = late
        #expect(bench.tap(&tomorrow, act(5_000)).isAccepted)
    }

    @Test func `A card check writes nothing and says what is known`() throws {
        let bench = try Bench.open()
        var card = try bench.card()
        #expect(bench.tap(&card, bench.arm(700)).isAccepted)
        let (memory, entries) = (card.memory, bench.entries)
        bench.world.set { $0.balance = 4_200 }
        func report() throws -> CardReport {
            let result = bench.tap(&card, bench.arm(.cardCheck))
            guard case .checked(let report) = result.outcome else {
                throw Refusal.cardFault
            }
            return report
        }
        var found = try report()
        #expect(found.standing == .valid && found.balance == 4_200)
        #expect(found.spentOffline?.total.cents == 700)
        bench.world.set { $0.isReachable = false }
        #expect(try report().balance == nil)
        bench.world.set { $0.denied = [found.number] }
        found = try report()
        #expect(found.standing == .blocked && found.spentOffline == nil)
        bench.world.set { $0.denied = [] }
        bench.world.set { $0.policy?.classes = [] }
        #expect(try report().standing == .notAcceptedHere)
        #expect(bench.entries == entries)
        #expect(card.memory.files == memory.files)
    }

    @Test func `In training nothing is counted, and a training card moves no money`() throws {
        let bench = try Bench.open()
        var card = try bench.card()
        let practice = bench.arm(.payment(completes: nil), cents: 5_000, isTraining: true)
        #expect(bench.tap(&card, practice).isAccepted)
        #expect(try bench.journal.entry(practice.id)?.isTraining == true)
        #expect(try bench.state(of: &card).current?.allowance == .unused)
        #expect(bench.journal.unsent.count == 0 && bench.world.asked.isEmpty)
        #expect(try bench.journal.openTotals(.day) == .none)
        let uid = BenchIssuer.uid(8)
        var training = try bench.card(bench.token(uid: uid, cardClass: .training))
        #expect(bench.tap(&training, bench.arm(100)).code == "O09")
        let again = bench.arm(.payment(completes: nil), cents: 100, isTraining: true)
        #expect(bench.tap(&training, again).isAccepted)
        #expect(bench.tap(&card, bench.arm(.refund(of: practice.id), cents: 1)).code == "O09")
        // Practising on line is not "accepted offline", although nobody was asked.
        for isReachable in [true, false] {
            bench.world.set { $0.isReachable = isReachable }
            let more = bench.arm(.payment(completes: nil), cents: 100, isTraining: true)
            guard case .accepted(let receipt) = bench.tap(&card, more).outcome else {
                Issue.record("not accepted")
                continue
            }
            #expect(receipt.isOffline == !isReachable)
        }
    }

    @Test func `An enrolment needs its consents and keeps what was sealed`() throws {
        let bench = try Bench.open()
        var card = try bench.card()
        func enrol(_ versions: [String]) -> Armed {
            let consents = versions.map { Consent(textVersion: $0, time: 1) }
            return bench.arm(.enrolment(consents: consents, sealed: [1, 2, 3]))
        }
        #expect(bench.tap(&card, enrol([])).code == "E01")
        #expect(bench.tap(&card, enrol(["a", "b"])).code == "E01")
        #expect(bench.tap(&card, enrol(["a", "a"])).code == "E01")
        bench.world.set { $0.isReachable = false }
        let done = enrol(["a"])
        let result = bench.tap(&card, done)
        #expect(result.isAccepted && result.commands.count == 4)
        guard case .enrolment(let body) = try bench.journal.entry(done.id)?.body else {
            Issue.record("no enrolment")
            return
        }
        #expect(body.sealed == [1, 2, 3] && body.tokenHash == result.binding)
        var next = try bench.card(2)
        bench.world.set { $0.policy?.rules.enrolmentOffline = false }
        #expect(bench.tap(&next, enrol(["a"])).code == "O01")
        bench.world.set { $0.isReachable = true }
        #expect(bench.tap(&next, enrol(["a"])).isAccepted)
    }
}
