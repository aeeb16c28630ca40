import Operations
import TestSupport
import Testing

@testable import Terminal

/// A walk through the machine with seeded events; what must always hold is checked at each step.
@Suite struct MachineWalkTests {
    /// What the walk knows of the world beside the machine.
    struct World {
        var machine = CheckoutMachine()
        var now: UInt64 = 1
        var count: UInt64 = 0
        /// Ids a tap stored in the journal, and those shown as accepted.
        var stored: Set<EntryID> = []
        var shown: Set<EntryID> = []
        var current: EntryID?
        var bound: [UInt8]?
    }

    /// A tap: the journal stores at most once for an id, whatever the outcome says.
    private func tap(_ world: inout World, _ steps: inout SplitMix64) {
        guard let armed = world.machine.cardFound() else { return }
        #expect(armed.id == world.current)
        let card = [UInt8(steps.next(2))]
        if let binding = world.machine.binding, binding != card {
            world.machine.finish(.refused(.anotherCard), at: world.now)
            return
        }
        if steps.next(8) > 0 { world.machine.bind(card) }
        world.bound = world.machine.binding
        let receipt = TapReceipt(amount: armed.amount, isOffline: true, lastFour: "0000")
        switch steps.next(6) {
        case 0, 1:
            #expect(world.stored.insert(armed.id).inserted, "an id was committed twice")
            world.machine.finish(.accepted(receipt), at: world.now)
        case 2: world.machine.finish(.torn, at: world.now)
        case 3: world.machine.finish(.refused(.blocked), at: world.now)
        case 4:
            if steps.next(2) == 0 { world.stored.insert(armed.id) }
            world.machine.finish(.unknown, at: world.now)
        default: break
        }
    }

    private func step(_ world: inout World, _ steps: inout SplitMix64) {
        world.now += steps.next(10) == 0 ? 61_000 : steps.next(900)
        switch steps.next(12) {
        case 0, 1:
            world.count += 1
            let id = EntryID(milliseconds: world.count)
            let amount = Amount(cents: Int64(world.count)) ?? .zero
            if (try? world.machine.arm(id, amount, at: world.now)) != nil {
                world.current = id
                #expect(world.machine.binding == nil)
            }
        case 2: if let id = world.current { try? world.machine.cancel(id) }
        case 3: if let id = world.current { _ = try? world.machine.extend(id) }
        case 4: try? world.machine.acknowledge()
        case 5, 6, 7: tap(&world, &steps)
        case 8:
            if case .reading(let armed, _) = world.machine.stage {
                // A tap that was left open ends torn.
                #expect(!world.stored.contains(armed.id))
                world.machine.finish(.torn, at: world.now)
            }
            if case .unknownResult(let armed) = world.machine.stage {
                let receipt = TapReceipt(amount: armed.amount, isOffline: true, lastFour: "0000")
                world.machine.resolve(
                    world.stored.contains(armed.id) ? receipt : nil, at: world.now)
            }
        case 9: world.machine.cardRemoved()
        case 10: world.machine.setService(steps.next(3) == 0 ? .noPolicy : nil)
        default:
            if steps.next(20) == 0 { world.machine.severalCards(at: world.now) }
            world.machine.tick(at: world.now)
        }
    }

    /// What holds at every step.
    private func check(_ world: inout World, before: Stage, _ seed: UInt64) {
        let machine = world.machine
        if case .accepted(let id, let amount, _, _, _) = machine.stage {
            #expect(world.stored.contains(id), "seed \(seed): accepted but not stored (T1)")
            if case .accepted(id, _, _, _, _) = before {
            } else {
                #expect(world.shown.insert(id).inserted, "seed \(seed): accepted twice (T2)")
            }
            #expect(amount > .zero)
        }
        #expect(!(machine.wantsCard && machine.armed == nil), "seed \(seed)")
        if let armed = machine.armed {
            #expect(armed.id == world.current, "seed \(seed): an id changed on the way (T2)")
        } else {
            let name = MachineTests.name(machine.stage)
            let isResting = name == .amountEntry || name == .outOfService
            #expect(!isResting || machine.binding == nil, "seed \(seed)")
        }
        if case .unknownResult = before {
            let name = MachineTests.name(machine.stage)
            let isResolved = name == .accepted || name == .refused
            #expect(machine.stage == before || isResolved, "seed \(seed): unknown was left (T4)")
        }
        switch machine.stage {
        case .presentCard, .removedTooSoon, .accepted, .completed, .refused:
            #expect(machine.until != nil)
        case .amountEntry, .outOfService, .reading, .unknownResult: #expect(machine.until == nil)
        }
    }

    @Test func `In two hundred walks of a thousand steps nothing is accepted twice or unstored`() {
        var accepted = 0
        for seed in 0..<200 as Range<UInt64> {
            var steps = SplitMix64(seed)
            var world = World()
            for _ in 0..<1_000 {
                let before = world.machine.stage
                step(&world, &steps)
                check(&world, before: before, seed)
            }
            accepted += world.shown.count
        }
        #expect(accepted > 2_000)
    }
}
