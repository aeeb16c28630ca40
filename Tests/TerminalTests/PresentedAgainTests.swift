import Foundation
import Journal
import Linux
import Operations
import ReaderEmulation
import Readers
import Testing

@testable import Terminal

/// A card that comes after its result, and what is proposed then.
@Suite struct PresentedAgainTests {
    private static let id = EntryID(milliseconds: 1_764_000_000_000)
    private static let amount = Amount(cents: 1_250) ?? .zero
    private static let card: [UInt8] = Array(repeating: 7, count: 32)
    private static let other: [UInt8] = Array(repeating: 8, count: 32)

    /// A machine whose payment was accepted, the card taken away.
    private func accepted() throws -> CheckoutMachine {
        var machine = CheckoutMachine()
        _ = try machine.arm(Self.id, Self.amount, at: 0)
        _ = machine.cardFound()
        machine.bind(Self.card)
        machine.finish(
            .accepted(TapReceipt(amount: Self.amount, isOffline: false, lastFour: "0016")),
            at: 1_000)
        #expect(!machine.watchesCard && !machine.wantsCard)
        machine.cardRemoved()
        #expect(machine.watchesCard && !machine.wantsCard)
        return machine
    }

    @Test func `The same card is said to be done, and that stands four more seconds`() throws {
        var machine = try accepted()
        machine.looked(at: Self.card, 4_500)
        #expect(machine.isPresentedAgain && !machine.watchesCard)
        machine.tick(at: 8_000)
        #expect(machine.isPresentedAgain)
        machine.tick(at: 8_500)
        #expect(machine.stage == .amountEntry && !machine.isPresentedAgain)
    }

    @Test(arguments: [other, nil]) func `Another card is nothing, and is looked at once`(
        _ hash: [UInt8]?
    ) throws {
        var machine = try accepted()
        machine.looked(at: hash, 2_000)
        #expect(!machine.isPresentedAgain && !machine.watchesCard && machine.hasLooked)
        // Its own operation begins: it may lie there already.
        _ = try machine.arm(EntryID(milliseconds: 1_764_000_000_001), Self.amount, at: 3_000)
        #expect(machine.wantsCard && !machine.hasLooked)
    }

    @Test func `Nothing is watched before a result, nor after a refusal`() throws {
        var machine = CheckoutMachine()
        #expect(!machine.watchesCard)
        _ = try machine.arm(Self.id, Self.amount, at: 0)
        _ = machine.cardFound()
        machine.bind(Self.card)
        machine.finish(.refused(.blocked), at: 1_000)
        machine.cardRemoved()
        machine.looked(at: Self.card, 2_000)
        #expect(!machine.watchesCard && !machine.isPresentedAgain)
    }

    /// Over reader, libnfc and chip: the journal gets one entry, however often the card comes.
    @Test func `An action proposes what is near; its card, back again, is counted once`() throws {
        let bench = try LiveBench()
        let link = bench.folder + "/pn532"
        let chip = try VirtualPN532(link: link)
        let checkout = Checkout(world: bench.world) { _ in }
        let reader = CardReader(choice: .nfc("pn532_uart:" + link), desk: checkout)
        checkout.start()
        reader.start()
        defer {
            reader.stop()
            checkout.stop()
            chip.stop()
        }
        #expect(waits(checkout) { $0.reader != .absent && $0.stage == .amountEntry })
        let order = Order.act(code: Bench.meals.code, quantity: 2_000)
        guard case .armed(let armed) = try checkout.perform(order).get() else {
            Issue.record("an action is armed")
            return
        }
        chip.insert(bench.card)
        var near: [Opportunity] = []
        #expect(
            waits(checkout) { shown in
                guard case .completed(let done) = shown.stage, done.operation == armed else {
                    return false
                }
                near = done.opportunities
                return !near.isEmpty
            }, "\(checkout.snapshot.stage)")
        #expect(near == [.place("Table ouverte")])
        let card = try #require(chip.remove())
        #expect(
            waits(checkout) { shown in
                if case .completed(let done) = shown.stage { !done.isCardPresent } else { false }
            })
        chip.insert(card)
        #expect(waits(checkout) { $0.isPresentedAgain }, "\(checkout.snapshot.stage)")
        #expect(bench.journal.position.sequence == 1)
        #expect(checkout.find(JournalQuery(kinds: [.action])).lines.count == 1)
    }
}
