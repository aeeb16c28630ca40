import CardEmulation
import Cards
import ReaderEmulation
import Readers
import Terminal
import TestSupport
import Testing

/// The ways from a tap to a software card.
enum Stack: String, CaseIterable, Sendable, CustomTestStringConvertible {
    /// One process, no reader between.
    case memory
    /// The real libnfc, a serial line, a PN532 in software.
    case libnfc

    var testDescription: String { rawValue }
}

extension BenchFault {
    /// The same mishap as a card's own plan.
    var planned: FaultPlan.Fault {
        switch self {
        case .beforeSend: .tearBefore
        case .afterSend: .tearAfter
        case .afterReply: .leave
        case .mute: .mute
        }
    }
}

extension VirtualPN532 {
    /// Presents the card once through libnfc; it comes back as it left.
    func present(
        _ card: inout SoftwareNTAG424, _ fault: (BenchFault, Int)?, to tap: Tap
    ) -> TapOutcome {
        clearLog()
        let plan = FaultPlan(fault.map { [$0.1: $0.0.planned] } ?? [:])
        insert(FaultyCard(card, plan: plan))
        defer {
            if let left = (remove() as? FaultyCard)?.card as? SoftwareNTAG424 { card = left }
        }
        do throws(ReaderError) {
            let result = try LateChip.withCard(choice: .nfc(connstring)) {
                (connection) throws(CardError) -> TapOutcome in
                var profile = NTAG424Card(connection)
                let outcome = tap.run(&profile)
                connection = profile.end()
                return outcome
            }
            return (try? result.get()) ?? .unknown
        } catch {
            Issue.record("the reader failed: \(error)")
            return .unknown
        }
    }
}
