import COSE
import Crypto
import LedgerMessages
import Operations
import TestSupport
import Testing
import Tokens

@testable import LedgerBook

/// Operations of a journal that was set aside, entered again in the chain that goes on.
@Suite struct SetAsideTests {
    private static let hour = 60 * Sunday.minute

    /// An operation that the card signed in a branch that no ledger has.
    struct Stray {
        let body: EntryBody
        let id: EntryID
        let origin: SetAside

        func entered(_ till: Till, time: UInt64 = Sunday.noon + 9 * SetAsideTests.hour) -> [UInt8] {
            till.append(body, id: id, time: time, setAside: origin)
        }
    }

    private func stray(
        _ till: Till, _ card: SoftwareCard, _ cents: Int64, hours: UInt64 = 1,
        counter: UInt32? = nil, signedFor: Till? = nil, signedCents: Int64? = nil
    ) throws -> Stray {
        let time = Sunday.noon + hours * Self.hour
        let id = EntryID(milliseconds: time)
        let digest = (signedFor ?? till).digest(id, signedCents ?? cents, card.number)
        let evidence =
            try counter.map { try card.read(digest: digest, counter: $0) }
            ?? card.read(digest: digest)
        return Stray(
            body: .payment(till.payment(card, cents, evidence)), id: id,
            origin: SetAside(
                sequence: 7, hash: sha256(id.bytes), time: time, clockTrust: .untrusted))
    }

    private func stray(
        _ till: Till, _ card: SoftwareCard, hours: UInt64, kind: EntryKind, quantity: Int64,
        _ body: (CardProof) -> EntryBody
    ) throws -> Stray {
        let time = Sunday.noon + hours * Self.hour
        let id = EntryID(milliseconds: time)
        let proof = try till.proof(kind, quantity, id, card)
        return Stray(
            body: body(proof), id: id,
            origin: SetAside(
                sequence: 7, hash: sha256(id.bytes), time: time, clockTrust: .untrusted))
    }

    @Test(arguments: Store.all)
    func `a recovered payment is booked once, however often it is entered`(store: Store) throws {
        let ledger = try TestLedger(store)
        let (till, card) = (try ledger.till(), try ledger.card())
        let found = try stray(till, card, 400)
        let entry = found.entered(till)
        let receipt = try ledger.sendRaw(till, [entry])
        #expect(try ledger.balance(card) == 9_600 && ledger.taken() == 400)
        #expect(try ledger.sendRaw(till, [entry]) == receipt, "sent again")
        #expect(try ledger.outcome(till, found.entered(till)) == .duplicate, "entered again")
        #expect(try ledger.balance(card) == 9_600 && ledger.taken() == 400)
        let findings = try ledger.book.audit()
        #expect(findings.faults == [] && findings.entries == 2)
        #expect(
            findings.flagged.map(\.reason) == ["recovered", "recovered"]
                && findings.flagged.map(\.sequence) == [1, 2])
        #expect(try ledger.book.held() == [] && ledger.book.blockReasons() == [])
    }

    @Test(arguments: Store.all)
    func `what the card did not sign for this terminal books nothing`(store: Store) throws {
        let ledger = try TestLedger(store)
        let (till, other, card) = (try ledger.till(), try ledger.otherTill(), try ledger.card())
        let foreign = try stray(till, card, 400, signedFor: other)
        let raised = try stray(till, card, 400, signedCents: 399)
        #expect(
            try ledger.send(till, [foreign.entered(till), raised.entered(till)]).outcomes == [
                .declined(code: "evidence-digest"), .declined(code: "evidence-digest"),
            ])
        #expect(try ledger.balance(card) == 10_000 && ledger.taken() == 0)
        // Neither has taken the counter from the true one.
        let true1 = try stray(till, card, 400, counter: 1)
        #expect(try ledger.outcome(till, true1.entered(till)) == .settled)
        #expect(try ledger.book.audit().faults == [])
    }

    @Test(arguments: Store.all)
    func `a counter that another operation has booked is a copy's`(store: Store) throws {
        let ledger = try TestLedger(store)
        let (till, other, card) = (try ledger.till(), try ledger.otherTill(), try ledger.card())
        #expect(try ledger.outcome(other, other.pay(card, 100, counter: 5)) == .settled)
        let copy = try stray(till, card, 400, counter: 5)
        #expect(try ledger.outcome(till, copy.entered(till)) == .held(code: "counter-repeated"))
        #expect(try ledger.book.blockReasons().map(\.reason) == ["counter-repeated"])
        #expect(try ledger.taken() == 100)
        #expect(try ledger.book.audit().faults == [])
    }

    @Test(arguments: Store.all)
    func `a card that was used since is not blocked: a person decides`(store: Store) throws {
        for usedHere in [false, true] {
            let ledger = try TestLedger(store)
            let (till, other, card) = (try ledger.till(), try ledger.otherTill(), try ledger.card())
            let place = usedHere ? till : other
            let since = try place.pay(card, 100, time: Sunday.noon + 3 * Self.hour, counter: 9)
            #expect(try ledger.outcome(place, since) == .settled)
            let first = try stray(till, card, 400, hours: 1, counter: 4)
            let next = try stray(till, card, 30, hours: 2, counter: 5)
            #expect(
                try ledger.send(till, [first.entered(till), next.entered(till)]).outcomes == [
                    .held(code: "recovered-lower"), .held(code: "recovered-lower"),
                ])
            #expect(try ledger.book.blockReasons() == [] && ledger.taken() == 100)
            let held = try ledger.book.held()
            #expect(
                held.map(\.cents) == [400, 30]
                    && held.map(\.reason).allSatisfy { $0 == "recovered-lower" })
            try ledger.book.decide(
                terminal: till.kid, sequence: held[0].sequence, release: true, reason: "seen",
                now: Sunday.noon)
            try ledger.book.decide(
                terminal: till.kid, sequence: held[1].sequence, release: false, reason: "unseen",
                now: Sunday.noon)
            #expect(try ledger.balance(card) == 9_500)
            let findings = try ledger.book.audit()
            #expect(findings.faults == [] && findings.flagged.contains { $0.reason == "released" })
        }
    }

    /// It was entered hours after it happened: that says nothing of where the card was then.
    @Test(arguments: Store.all)
    func `a recovered payment makes nobody else's payment a copy`(store: Store) throws {
        let ledger = try TestLedger(store)
        let (till, other, card) = (try ledger.till(), try ledger.otherTill(), try ledger.card())
        let found = try stray(till, card, 400, hours: 1, counter: 12)
        let now = Sunday.noon + 9 * Self.hour
        #expect(try ledger.outcome(till, found.entered(till, time: now)) == .settled)
        // The card pays elsewhere a second after the entry, by clocks that are sure.
        let after = try other.pay(card, 100, time: now + 1_000, counter: 14)
        // And what an offline stall took at five o'clock comes last.
        let stall = try ledger.till()
        #expect(try ledger.outcome(other, after) == .settled)
        let late = try stall.pay(card, 50, time: Sunday.noon + 5 * Self.hour, counter: 13)
        #expect(try ledger.outcome(stall, late) == .settled)
        let earlier = try stall.pay(card, 10, time: Sunday.noon + 6 * Self.hour, counter: 15)
        #expect(try ledger.outcome(stall, earlier) == .settled)
        #expect(try ledger.book.blockReasons() == [])
        #expect(try ledger.balance(card) == 9_440)
        #expect(try ledger.book.audit().faults == [])
    }

    @Test(arguments: Store.all)
    func `refunds, top-ups and actions keep to the rules of their own day`(store: Store) throws {
        let ledger = try TestLedger(store)
        let (till, card) = (try ledger.till(), try ledger.card())
        let paid = try stray(till, card, 400)
        let back = try stray(till, card, hours: 2, kind: .refund, quantity: 150) {
            .refund(Refund(amount: Amount(cents: 150)!, proof: $0, payment: paid.id))
        }
        let tooMuch = try stray(till, card, hours: 2, kind: .refund, quantity: 251) {
            .refund(Refund(amount: Amount(cents: 251)!, proof: $0, payment: paid.id))
        }
        let cash = try stray(till, card, hours: 3, kind: .topUp, quantity: 500) {
            .topUp(TopUp(amount: Amount(cents: 500)!, proof: $0, means: .cash))
        }
        // The catalogue allows six meals a day.
        let meals = try [4, 5, 30].map { hours in
            try stray(till, card, hours: hours, kind: .action, quantity: 4_000) {
                .action(
                    EcoAction(
                        code: "repas", quantity: 4_000, proof: $0,
                        parcours: .cuisinesContributives))
            }
        }
        let all = [paid, back, tooMuch, cash] + meals
        let late = Sunday.noon + 40 * Self.hour
        let outcomes = try ledger.send(till, all.map { $0.entered(till, time: late) }).outcomes
        #expect(
            outcomes == [
                .settled, .settled, .declined(code: "refund-over-remainder"), .settled, .settled,
                .held(code: "action-over-limit"), .settled,
            ])
        #expect(try ledger.balance(card) == 10_250)
        #expect(try ledger.book.audit().faults == [])
    }

    /// Any bytes in the mark's place are refused or are the same mark, and change no sum.
    @Test func `a hostile mark is refused whole`() throws {
        let ledger = try TestLedger(.sqlite)
        let (till, card) = (try ledger.till(), try ledger.card())
        let found = try stray(till, card, 400)
        let entry = Entry(
            sequence: 1, id: found.id, previous: [UInt8](repeating: 0, count: 32),
            time: Sunday.noon, clockTrust: .untrusted, body: found.body, setAside: found.origin)
        let payload = entry.item.encoded
        var random = SplitMix64(1)
        var (refused, taken) = (0, 0)
        for _ in 0..<4_000 {
            var bytes = payload
            // The mark is the last field.
            let place = bytes.count - 1 - Int(random.next() % 52)
            bytes[place] = UInt8(truncatingIfNeeded: random.next())
            let message = till.signer.sign(payload: bytes)
            do throws(BookError) {
                let batch = try VerifiedBatch(message.bytes, key: till.signer.publicKey)
                let mark = batch.items[0].entry.setAside
                #expect(mark?.hash.count == 32 && mark?.sequence ?? 0 > 0)
                taken += 1
            } catch {
                guard case .malformed = error else {
                    Issue.record("\(error)")
                    continue
                }
                refused += 1
            }
        }
        #expect(refused > 300 && taken > 300)
        #expect(try ledger.book.audit().entries == 0)
    }
}
