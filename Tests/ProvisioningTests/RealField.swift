import CardEmulation
import PCSC
import Provisioning
import ReaderEmulation
import Readers
import TestSupport

/// One software card in a reader that the real pcscd or the real libnfc drives.
final class RealField {
    let reader: any VirtualReader
    let choice: ReaderChoice
    private let stop: @Sendable () -> Void
    /// Until the reader has seen that its card is gone: pcscd looks every 0.4 s.
    private let untilEmpty: () -> Void

    /// At the end of a serial line: libnfc and a PN532 in software lie between.
    init(chipWith memory: CardMemory, _ plan: FaultPlan = FaultPlan()) throws {
        let chip = try VirtualPN532()
        reader = chip
        choice = .nfc(chip.connstring)
        stop = { chip.stop() }
        untilEmpty = {}
        reader.insert(FaultyCard(SoftwareNTAG424(memory), plan: plan))
    }

    /// In one of the two slots (0 or 1) of the virtual PC/SC reader.
    init(slot: UInt16, _ memory: CardMemory, _ plan: FaultPlan = FaultPlan()) {
        let vpcd = VirtualReaderSlot(
            host: "127.0.0.1", port: VirtualReaderSlot.firstPort + slot)
        reader = vpcd
        choice = .index(Int(slot))
        stop = { vpcd.stop() }
        untilEmpty = { RealField.untilEmpty(Int(slot)) }
        reader.insert(FaultyCard(SoftwareNTAG424(memory), plan: plan))
    }

    deinit { stop() }

    /// APDUs since the card was laid down.
    var commands: Int { reader.traffic.commands }
    var memory: CardMemory? {
        reader.withCard { (($0 as? FaultyCard)?.card as? SoftwareNTAG424)?.memory } ?? nil
    }

    /// Takes the card off and lays a card with this memory on, or the same one again.
    func again(_ memory: CardMemory? = nil, _ plan: FaultPlan = FaultPlan()) {
        guard let card = reader.remove() as? FaultyCard else { return }
        untilEmpty()
        let next = memory.map { SoftwareNTAG424($0) as any SoftwareCard } ?? card.card
        reader.insert(FaultyCard(next, plan: plan))
        reader.clearLog()
    }

    private static func untilEmpty(_ index: Int) {
        let end = ContinuousClock.now + .seconds(60)
        guard let context = try? Context(), let names = try? context.readers(),
            names.indices.contains(index)
        else { return }
        var states = [ReaderState(name: names[index])]
        while ContinuousClock.now < end {
            _ = try? context.statusChange(&states, milliseconds: 500)
            if !states[0].isPresent { return }
            states[0].current = states[0].event
        }
    }

    /// One conversation with the card as `eco-card` has it.
    func conversation<R>(
        _ body: (inout CardConnection) throws(ProvisioningError) -> R
    ) throws -> R {
        try LateChip.withCard(choice: choice, body).get()
    }
}
