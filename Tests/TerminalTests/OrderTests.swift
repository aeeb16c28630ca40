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

    @Test func `What was sold yesterday is not reversed today, but refunded`() throws {
        let bench = try OrderBench()
        let yesterday = Clock.realtimeMilliseconds() - UTCDay.length
        let id = EntryID(milliseconds: yesterday)
        let sold = Payment(
            amount: Amount(cents: 500)!, card: CardNumber(serial: 42)!,
            tokenHash: [UInt8](repeating: 4, count: 32),
            evidence: .sdm(
                piccData: [UInt8](repeating: 1, count: 16), mac: [UInt8](repeating: 2, count: 8),
                digest: [UInt8](repeating: 3, count: 16)),
            authorisation: nil)
        _ = try bench.journal.append(
            .payment(sold), id: id, at: Moment(milliseconds: yesterday, trust: .synchronised))
        let reverse = Order.reverse(id, reason: .wrongEntry)
        #expect(failure(bench.checkout.perform(reverse)) == .rule(.dayClosed))
        #expect(bench.checkout.standing(id)?.refundable.cents == 500)
        #expect(bench.journal.position.sequence == 1)
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

    @Test func `What is practised is practice in the journal too, whoever does it`() throws {
        let bench = try OrderBench()
        try bench.signIn(.manager)
        _ = try bench.checkout.perform(.train(true)).get()
        let paid = try bench.pay(1_000)
        let lost = Order.report(CardNumber(serial: 42)!, .lost, by: .holder)
        let undo = Order.reverse(paid, reason: .wrongEntry)
        for order in [lost, undo] {
            guard case .recorded(let id) = try bench.checkout.perform(order).get() else {
                Issue.record("not recorded")
                return
            }
            let entry = try #require(try bench.journal.entry(id))
            #expect(entry.isTraining && entry.operatorCode == [Role.manager.rawValue])
        }
        #expect(try bench.journal.entry(paid)?.isTraining == true)
        #expect(bench.journal.unsent.count == 0)
        let again = try bench.pay(500)
        _ = try bench.checkout.perform(.train(false)).get()
        // A true order does not touch what was practised, nor the other way round.
        #expect(
            failure(bench.checkout.perform(.reverse(again, reason: .other)))
                == .rule(.trainingMismatch))
        let real = try bench.pay(300)
        #expect(try bench.journal.entry(real)?.isTraining == false)
        _ = try bench.checkout.perform(.train(true)).get()
        let cross: [Order] = [
            .reverse(real, reason: .other), .refund(of: real, amount: Amount(cents: 1)!),
        ]
        for order in cross {
            #expect(failure(bench.checkout.perform(order)) == .rule(.trainingMismatch))
        }
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
        // A refund of it may be at the card just now.
        #expect(failure(bench.checkout.perform(.reverse(id, reason: .doubled))) == .busy)
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
