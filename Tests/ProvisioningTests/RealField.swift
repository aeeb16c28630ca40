import CardEmulation
import Provisioning
import ReaderEmulation
import Readers

/// One software card in a reader that the real pcscd or the real libnfc drives.
final class RealField {
    let reader: any VirtualReader
    let choice: ReaderChoice
    private let stop: @Sendable () -> Void

    /// At the end of a serial line: libnfc and a PN532 in software lie between.
    init(chipWith memory: CardMemory, _ plan: FaultPlan = FaultPlan()) throws {
        let chip = try VirtualPN532()
        reader = chip
        choice = .nfc(chip.connstring)
        stop = { chip.stop() }
        reader.insert(FaultyCard(SoftwareNTAG424(memory), plan: plan))
    }

    /// In one of the two slots (0 or 1) of the virtual PC/SC reader.
    init(slot: UInt16, _ memory: CardMemory, _ plan: FaultPlan = FaultPlan()) {
        let vpcd = VirtualReaderSlot(
            host: "127.0.0.1", port: VirtualReaderSlot.firstPort + slot)
        reader = vpcd
        choice = .index(Int(slot))
        stop = { vpcd.stop() }
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
        let next = memory.map { SoftwareNTAG424($0) as any SoftwareCard } ?? card.card
        reader.insert(FaultyCard(next, plan: plan))
        reader.clearLog()
    }

    /// One conversation with the card as `eco-card` has it.
    func conversation<R>(
        _ body: (inout CardConnection) throws(ProvisioningError) -> R
    ) throws -> R {
        try withCard(choice: choice, waiting: .seconds(5), body).get()
    }
}
