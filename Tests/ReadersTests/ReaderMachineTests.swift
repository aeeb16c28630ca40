import Testing

@testable import Readers

/// The pure machine: what the thread does next.
@Suite struct ReaderMachineTests {
    private typealias Held = ReaderMachine.Held

    private func machine(
        _ readers: [String] = ["A", "B"]
    ) -> ReaderMachine {
        var machine = ReaderMachine()
        _ = machine.see(readers: readers, holding: [], isWanted: false)
        return machine
    }

    @Test func `A reader is announced once, and its loss too`() {
        var machine = ReaderMachine()
        #expect(machine.see(readers: [], holding: [], isWanted: true) == [])
        #expect(machine.see(readers: ["A"], holding: [], isWanted: true) == [.announce("A")])
        #expect(machine.state == .waitingForCard)
        #expect(machine.see(readers: ["A"], holding: [], isWanted: true) == [])
        #expect(machine.see(readers: [], holding: [], isWanted: true) == [.announce(nil)])
        #expect(machine.state == .idle)
        #expect(machine.lose() == [])
    }

    @Test func `A card that lies there is processed as soon as it is wanted`() {
        var machine = machine()
        let lying = [Held(name: "A", events: 1)]
        #expect(machine.see(readers: ["A"], holding: lying, isWanted: false) == [])
        #expect(machine.see(readers: ["A"], holding: lying, isWanted: true) == [.process("A")])
        #expect(machine.state == .processing)
    }

    @Test func `A processed card is not processed again before it left`() {
        var machine = machine()
        let lying = [Held(name: "A", events: 1)]
        _ = machine.see(readers: ["A"], holding: lying, isWanted: true)
        machine.processed()
        for _ in 0..<3 {
            #expect(machine.see(readers: ["A"], holding: lying, isWanted: true) == [])
        }
        #expect(machine.state == .waitingForRemoval)
        #expect(machine.see(readers: ["A"], holding: [], isWanted: true) == [.tellRemoved])
        let back = [Held(name: "A", events: 3)]
        #expect(machine.see(readers: ["A"], holding: back, isWanted: true) == [.process("A")])
    }

    @Test func `A card that was only looked at is processed where it lies, once it is wanted`() {
        var machine = machine()
        let lying = [Held(name: "A", events: 1)]
        _ = machine.see(readers: ["A"], holding: lying, isWanted: true)
        machine.processed(leavesFree: true)
        #expect(machine.see(readers: ["A"], holding: lying, isWanted: false) == [])
        #expect(machine.see(readers: ["A"], holding: lying, isWanted: true) == [.process("A")])
    }

    @Test func `A card that left and came back between two looks has left`() {
        var machine = machine()
        _ = machine.see(readers: ["A"], holding: [Held(name: "A", events: 1)], isWanted: true)
        machine.processed()
        let back = [Held(name: "A", events: 3)]
        #expect(machine.see(readers: ["A"], holding: back, isWanted: true) == [.tellRemoved])
        #expect(machine.see(readers: ["A"], holding: back, isWanted: true) == [.process("A")])
    }

    @Test func `A card that did not open is tried again`() {
        var machine = machine()
        let lying = [Held(name: "A", events: 1)]
        _ = machine.see(readers: ["A"], holding: lying, isWanted: true)
        machine.refused()
        #expect(machine.state == .waitingForCard)
        #expect(machine.see(readers: ["A"], holding: lying, isWanted: true) == [.process("A")])
    }

    @Test func `Two cards are told once an operation, and the one that stays is processed`() {
        var machine = machine()
        let both = [Held(name: "A", events: 1), Held(name: "B", events: 1)]
        let readers = ["A", "B"]
        #expect(machine.see(readers: readers, holding: both, isWanted: false) == [])
        #expect(machine.see(readers: readers, holding: both, isWanted: true) == [.tellSeveral])
        #expect(machine.see(readers: readers, holding: both, isWanted: true) == [])
        #expect(machine.see(readers: readers, holding: both, isWanted: false) == [])
        #expect(machine.see(readers: readers, holding: both, isWanted: true) == [.tellSeveral])
        let one = [both[1]]
        #expect(machine.see(readers: readers, holding: one, isWanted: true) == [.process("B")])
    }

    @Test func `A reader that goes takes its card along`() {
        var machine = machine()
        _ = machine.see(readers: ["A"], holding: [Held(name: "A", events: 1)], isWanted: true)
        machine.processed()
        #expect(
            machine.see(readers: [], holding: [], isWanted: true) == [.tellRemoved, .announce(nil)])
        var other = self.machine()
        _ = other.see(readers: ["A"], holding: [Held(name: "A", events: 1)], isWanted: true)
        other.processed()
        #expect(
            other.see(readers: ["B"], holding: [], isWanted: true) == [
                .tellRemoved, .announce("B"),
            ])
    }

    /// Every sequence of looks of length six: never a second conversation without a removal
    /// between, never a removal told without a conversation before.
    @Test func `No sequence of looks breaks the order of conversation and removal`() {
        let looks: [(readers: [String], holding: [Held])] = [
            ([], []), (["A"], []), (["A"], [Held(name: "A", events: 1)]),
            (["A", "B"], [Held(name: "A", events: 1), Held(name: "B", events: 2)]),
            (["A", "B"], [Held(name: "B", events: 4)]),
        ]
        var conversations = 0
        for word in 0..<(5 * 5 * 5 * 5 * 5 * 5) {
            var machine = ReaderMachine()
            var isOpen = false
            var rest = word
            for _ in 0..<6 {
                let look = looks[rest % 5]
                rest /= 5
                let effects = machine.see(
                    readers: look.readers, holding: look.holding, isWanted: true)
                for effect in effects {
                    switch effect {
                    case .process(let name):
                        #expect(!isOpen && look.readers.contains(name))
                        isOpen = true
                        conversations += 1
                        machine.processed()
                    case .tellRemoved:
                        #expect(isOpen)
                        isOpen = false
                    default: break
                    }
                }
            }
        }
        #expect(conversations > 15_625)
    }

    @Test func `A choice never takes a SAM slot`() {
        let names = ["ACS ACR1252 PICC 00", "ACS ACR1252 SAM 00", "HID OMNIKEY 5022 01"]
        #expect(ReaderChoice.any.select(names) == [names[0], names[2]])
        #expect(ReaderChoice.name("HID").select(names) == [names[2]])
        #expect(ReaderChoice.name("hid").select(names).isEmpty)
        #expect(ReaderChoice.index(1).select(names) == [names[2]])
        #expect(ReaderChoice.index(2).select(names).isEmpty)
        #expect(ReaderChoice.index(-1).select(names).isEmpty)
    }
    @Test func `A choice is read as a person writes it`() {
        #expect(ReaderChoice("") == .any)
        #expect(ReaderChoice("1") == .index(1))
        #expect(ReaderChoice("ACS ACR") == .name("ACS ACR"))
        #expect(ReaderChoice("nfc:pn532_uart:/dev/ttyAMA0") == .nfc("pn532_uart:/dev/ttyAMA0"))
        #expect(ReaderChoice.nfc("x").select(["x"]).isEmpty)
    }
}
