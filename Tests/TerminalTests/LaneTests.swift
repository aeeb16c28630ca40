import CardEmulation
import Foundation
import Journal
import Linux
import Operations
import ReaderEmulation
import Readers
import Testing
import Threads
import Tokens

@testable import Terminal

/// A row of cards: in the machine alone, and with the whole checkout over libnfc.
@Suite struct LaneTests {
    private static let start: UInt64 = 1_000
    private static let purpose = Purpose.enrolment(
        consents: [Consent(textVersion: "a", time: 1)], sealed: nil)

    private static let ids = (UInt64(0)...20).map { EntryID(milliseconds: $0) }
    private static func id(_ number: UInt64) -> EntryID { ids[Int(number)] }

    private func receipt(_ lastFour: String) -> TapReceipt {
        TapReceipt(amount: .zero, isOffline: true, lastFour: lastFour)
    }

    private func machine() throws -> CheckoutMachine {
        var machine = CheckoutMachine()
        _ = try machine.armLane(
            Self.id(1), at: Self.start, purpose: Self.purpose, role: .enroller)
        return machine
    }

    /// The next card comes at `now`, if the row wants one; its operation.
    private func next(
        _ machine: inout CheckoutMachine, _ number: UInt64, at now: UInt64
    ) -> Armed? {
        machine.tick(at: now)
        machine.armNext(Self.id(number), at: now)
        guard case .presentCard(let armed) = machine.stage else { return nil }
        return armed
    }

    @Test func `Cards follow one another without a touch, each under an id of its own`() throws {
        var machine = try machine()
        var now = Self.start
        for number in UInt64(1)...5 {
            let armed = machine.cardFound()
            #expect(armed?.id == Self.id(number) && armed?.purpose == Self.purpose)
            #expect(armed?.role == .enroller)
            machine.finish(.accepted(receipt("000\(number)")), at: now)
            #expect(machine.lane?.count == Int(number))
            #expect(machine.lane?.lastFour == "000\(number)")
            // It lies there still: however long, nothing is wanted and nothing is counted.
            now += 60_000
            #expect(next(&machine, number + 1, at: now) == nil)
            #expect(!machine.wantsCard && machine.lane?.count == Int(number))
            machine.cardRemoved()
            #expect(next(&machine, number + 1, at: now)?.id == Self.id(number + 1))
        }
    }

    @Test func `A result can be seen for a second even if the card is gone at once`() throws {
        var machine = try machine()
        _ = machine.cardFound()
        machine.finish(.accepted(receipt("0001")), at: Self.start)
        machine.cardRemoved()
        let end = Self.start + CheckoutMachine.laneGivenFor
        #expect(next(&machine, 2, at: end - 1) == nil)
        #expect(next(&machine, 2, at: end) != nil)
    }

    @Test func `A refused card does not count, says so, and the row goes on`() throws {
        var machine = try machine()
        _ = machine.cardFound()
        machine.finish(.refused(.rule(.alreadyGiven)), at: Self.start)
        #expect(machine.stage == .refused(id: Self.id(1), amount: .zero, .rule(.alreadyGiven)))
        #expect(machine.lane?.count == 0)
        let end = Self.start + CheckoutMachine.laneRefusedFor
        #expect(next(&machine, 2, at: end - 1) == nil)
        #expect(next(&machine, 2, at: end)?.id == Self.id(2))
        // Torn: the same card may come back, but the row does not wait for it for ever.
        _ = machine.cardFound()
        machine.finish(.torn, at: end)
        #expect(machine.wantsCard)
        #expect(next(&machine, 3, at: end + CheckoutMachine.laneReturnFor)?.id == Self.id(3))
        // A touch shortens a refusal.
        _ = machine.cardFound()
        machine.finish(.refused(.rule(.cardUnfit)), at: end + 20_000)
        try machine.acknowledge()
        #expect(next(&machine, 4, at: end + 20_000)?.id == Self.id(4))
    }

    @Test func `Nothing else is sold while a row runs, and one order ends it`() throws {
        for finish in [TapOutcome.accepted(receipt("0001")), .refused(.rule(.cardUnfit))] {
            var machine = try machine()
            #expect(throws: ControlRefusal.busy) {
                try machine.arm(Self.id(9), Amount(cents: 100)!, at: Self.start)
            }
            _ = machine.cardFound()
            #expect(throws: ControlRefusal.busy) { try machine.endLane() }
            machine.finish(finish, at: Self.start)
            #expect(throws: ControlRefusal.busy) {
                try machine.arm(Self.id(9), Amount(cents: 100)!, at: Self.start)
            }
            #expect(throws: ControlRefusal.busy) { try machine.train(true) }
            try machine.endLane()
            #expect(machine.stage == .amountEntry && machine.lane == nil)
            #expect(next(&machine, 2, at: Self.start + 100_000) == nil)
        }
        var machine = try machine()
        try machine.cancel(Self.id(1))
        #expect(machine.lane == nil)
    }

    @Test func `A row waits ten minutes for a card, then ends by itself`() throws {
        var machine = try machine()
        var now = Self.start
        var number: UInt64 = 1
        while now < Self.start + CheckoutMachine.laneIdleFor - 60_000 {
            now += 60_000
            number += 1
            #expect(next(&machine, number, at: now)?.id == Self.id(number), "at \(now)")
        }
        now += 60_000
        #expect(next(&machine, number + 1, at: now) == nil)
        #expect(machine.stage == .amountEntry && machine.lane == nil)
    }

    @Test func `Out of service ends a row at its next card`() throws {
        var machine = try machine()
        _ = machine.cardFound()
        machine.finish(.accepted(receipt("0001")), at: Self.start)
        machine.cardRemoved()
        machine.setService(.noPolicy)
        #expect(next(&machine, 2, at: Self.start + 5_000) == nil)
        #expect(machine.stage == .outOfService(.noPolicy) && machine.lane == nil)
    }

    @Test func `A reader that is gone ends a row at its next card, and begins none`() throws {
        var machine = try machine()
        _ = machine.cardFound()
        machine.finish(.accepted(receipt("0001")), at: Self.start)
        machine.cardRemoved()
        machine.setReader(.readerAbsent)
        #expect(next(&machine, 2, at: Self.start + 5_000) == nil)
        #expect(machine.stage == .outOfService(.readerAbsent) && machine.lane == nil)
        #expect(throws: ControlRefusal.outOfService(.readerAbsent)) {
            try machine.armLane(
                Self.id(3), at: Self.start + 6_000, purpose: Self.purpose, role: .enroller)
        }
    }

    @Test func `Another card after a refusal takes what was sealed, once, under a new id`() throws {
        var machine = CheckoutMachine()
        let sealed = Purpose.enrolment(consents: [], sealed: [1, 2, 3])
        #expect(throws: ControlRefusal.noSuchOperation) {
            try machine.armAgain(Self.id(2), at: 0, role: nil)
        }
        _ = try machine.arm(Self.id(1), .zero, at: Self.start, purpose: sealed, role: .enroller)
        _ = machine.cardFound()
        machine.finish(.refused(.rule(.alreadyGiven)), at: Self.start)
        machine.tick(at: Self.start + CheckoutMachine.refusedFor)
        let again = try machine.armAgain(Self.id(2), at: Self.start, role: .enroller)
        #expect(again.purpose == sealed && again.id == Self.id(2))
        _ = machine.cardFound()
        machine.finish(.accepted(receipt("0001")), at: Self.start)
        #expect(throws: ControlRefusal.noSuchOperation) {
            try machine.armAgain(Self.id(3), at: Self.start, role: nil)
        }
        // Given up, it is forgotten: the next person's card never carries it.
        _ = try machine.arm(Self.id(4), .zero, at: Self.start, purpose: sealed, role: .enroller)
        _ = machine.cardFound()
        machine.finish(.refused(.rule(.cardUnfit)), at: Self.start)
        try machine.acknowledge()
        _ = try machine.arm(Self.id(5), Amount(cents: 1)!, at: Self.start)
        _ = machine.cardFound()
        machine.finish(.refused(.timedOut), at: Self.start)
        #expect(throws: ControlRefusal.noSuchOperation) {
            try machine.armAgain(Self.id(6), at: Self.start, role: nil)
        }
    }

    @Test func `The role stays signed in as long as the row, and no longer`() throws {
        let bench = try OrderBench()
        try bench.signIn(.enroller)
        var nothing: [UInt8] = []
        let order = EnrolmentOrder(consents: ["a"], isLane: true)
        _ = try bench.checkout.enrol(order, personal: &nothing).get()
        let checkout = bench.checkout
        checkout.monitor.update { $0.session?.until = 1 }
        checkout.start()
        defer { checkout.stop() }
        // The clerk has looked since: the session's end was put off.
        let kept = checkout.monitor.wait(atMost: .seconds(60)) { counter in
            counter.session.flatMap { $0.until > Checkout.now ? true : nil }
        }
        #expect(kept == true)
        _ = try checkout.perform(.endLane).get()
        #expect(checkout.snapshot.session == nil && checkout.snapshot.lane == nil)
        #expect(checkout.snapshot.stage == .amountEntry)
    }

    @Test func `What one person tells or lost never goes with a row`() throws {
        let bench = try OrderBench()
        try bench.signIn(.enroller)
        var told = Array("Amina".utf8)
        let lane = EnrolmentOrder(consents: ["a"], isLane: true)
        #expect(throws: ControlRefusal.rule(.consentMissing)) {
            try bench.checkout.enrol(lane, personal: &told).get()
        }
        #expect(told.allSatisfy { $0 == 0 })
        var nothing: [UInt8] = []
        let lost = EnrolmentOrder(
            consents: ["a"], replaces: CardNumber(serial: 7)!, isLane: true)
        #expect(throws: ControlRefusal.rule(.consentMissing)) {
            try bench.checkout.enrol(lost, personal: &nothing).get()
        }
    }

    @Test func `Over libnfc: cards are laid one after another, one of them twice`() throws {
        let bench = try OrderBench()
        let link = bench.folder + "/pn532"
        let chip = try VirtualPN532(link: link)
        let checkout = bench.checkout
        let reader = CardReader(choice: .nfc("pn532_uart:" + link), desk: checkout)
        checkout.start()
        reader.start()
        defer {
            reader.stop()
            checkout.stop()
            chip.stop()
        }
        #expect(waits(checkout) { $0.reader != .absent })
        try bench.signIn(.enroller)
        var nothing: [UInt8] = []
        let order = EnrolmentOrder(consents: ["a"], isLane: true)
        let first = try checkout.enrol(order, personal: &nothing).get()
        for number in 1...3 {
            chip.insert(
                try OrderBench.card(UInt8(number), serial: Int64(100 + number), bench.issuer))
            #expect(
                waits(checkout) { $0.lane?.count == number },
                "\(checkout.snapshot.stage)")
            #expect(checkout.snapshot.session?.role == .enroller)
            let card = try #require(chip.remove())
            #expect(
                waits(checkout) {
                    if case .presentCard(let armed) = $0.stage {
                        armed.id != first.id
                    } else {
                        false
                    }
                }, "\(checkout.snapshot.stage)")
            guard number == 2 else { continue }
            // The card just given is laid again.
            chip.insert(card)
            #expect(
                waits(checkout) {
                    if case .refused(_, _, .rule(.alreadyGiven)) = $0.stage { true } else { false }
                }, "\(checkout.snapshot.stage)")
            chip.remove()
            #expect(
                waits(checkout) {
                    $0.stage != .amountEntry && $0.lane?.count == 2
                })
            #expect(
                waits(checkout) {
                    if case .presentCard = $0.stage { true } else { false }
                })
        }
        _ = try checkout.perform(.endLane).get()
        #expect(try bench.journal.openTotals(.day).enrolments == 3)
        let entries = checkout.find(JournalQuery(kinds: [.enrolment])).lines.map(\.entry)
        #expect(Set(entries.compactMap(\.body.card)).count == 3)
        #expect(entries.allSatisfy { $0.operatorCode == [Role.enroller.rawValue] })
        #expect(checkout.snapshot.session == nil)
    }
}
