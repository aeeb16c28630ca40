import CardEmulation
import Provisioning
import ReaderEmulation
import Readers

/// A reader's field with one software card in it, at the end of a serial line: the real libnfc
/// and a PN532 in software lie between.
final class ChipField {
    let chip: VirtualPN532

    init(_ memory: CardMemory, _ plan: FaultPlan = FaultPlan()) throws {
        chip = try VirtualPN532()
        chip.insert(FaultyCard(SoftwareNTAG424(memory), plan: plan))
    }

    deinit { chip.stop() }

    /// APDUs since the card was laid down.
    var commands: Int { chip.traffic.commands }
    var memory: CardMemory? {
        chip.withCard { (($0 as? FaultyCard)?.card as? SoftwareNTAG424)?.memory } ?? nil
    }

    /// Takes the card off and lays it on again, no fault left.
    func again(_ plan: FaultPlan = FaultPlan()) {
        guard let card = chip.remove() as? FaultyCard else { return }
        chip.insert(FaultyCard(card.card, plan: plan))
        chip.clearLog()
    }

    /// One conversation with the card as `eco-card` has it.
    func conversation<R>(
        _ body: (inout CardConnection) throws(ProvisioningError) -> R
    ) throws -> R {
        try withCard(choice: .nfc(chip.connstring), waiting: .seconds(5), body).get()
    }
}
