import CardEmulation
import Foundation
import Journal
import Linux
import Operations
import ReaderEmulation
import Readers
import Terminal
import TestSupport
import Testing

/// The whole way but the page: checkout, reader service, libnfc, line, chip, card, journal.
@Suite struct CheckoutOverChipTests {
    private func isAccepted(_ shown: Snapshot, _ id: EntryID) -> Bool {
        if case .accepted(id, _, _, _, _) = shown.stage { true } else { false }
    }

    @Test func `Torn, finished, the line pulled and back, two cards: each payment is booked once`()
        throws
    {
        let bench = try LiveBench()
        let link = bench.folder + "/pn532"
        var chip = try VirtualPN532(link: link)
        defer { chip.stop() }
        let checkout = Checkout(world: bench.world) { _ in }
        let reader = CardReader(choice: .nfc("pn532_uart:" + link), desk: checkout)
        checkout.start()
        reader.start()
        defer {
            reader.stop()
            checkout.stop()
        }
        #expect(waits(checkout) { $0.reader != .absent && $0.stage == .amountEntry })
        let first = try checkout.arm(amount: #require(Amount(cents: 500))).get()
        // The answer to the write of the card's state is lost.
        chip.insert(FaultyCard(bench.card, plan: try FaultPlan("lost@6")))
        #expect(waits(checkout) { $0.stage == .removedTooSoon(first) })
        #expect(bench.journal.position.sequence == 0)
        let torn = try #require(chip.remove())
        chip.insert(torn)
        #expect(waits(checkout) { isAccepted($0, first.id) }, "\(checkout.snapshot.stage)")
        #expect(bench.journal.position.sequence == 1)
        let card = try #require(chip.remove())

        let spent = try Promised.best(within: .seconds(2)) {
            let told = Promised.time {
                chip.stop()
                #expect(waits(checkout) { $0.reader == .absent })
            }
            let found = try Promised.time {
                chip = try VirtualPN532(link: link)
                #expect(waits(checkout) { $0.reader != .absent })
            }
            return max(told, found)
        }
        #expect(spent < .seconds(2))
        _ = checkout.acknowledge()
        #expect(waits(checkout) { $0.stage == .amountEntry })

        chip.insert(card)
        chip.second.insert(SoftwareNTAG424(try .factory(uid: BenchIssuer.uid(9))))
        let crowded = try checkout.arm(amount: #require(Amount(cents: 700))).get()
        let amount = crowded.amount
        #expect(
            waits(checkout) {
                $0.stage == .refused(id: crowded.id, amount: amount, .twoCards)
            }, "\(checkout.snapshot.stage)")
        chip.second.remove()
        _ = checkout.acknowledge()
        let second = try checkout.arm(amount: amount).get()
        #expect(waits(checkout) { isAccepted($0, second.id) }, "\(checkout.snapshot.stage)")
        #expect(bench.journal.position.sequence == 2)
    }
}
