import Journal
import Operations
import Tokens

/// What a person may do next: ranked here, from this journal's own lines of her card and the signed
/// policy. Nothing is asked of anybody and nothing is kept.
extension Checkout {
    /// Days of actions that count as recent.
    private static let recentDays: UInt64 = 90

    func suggest(after outcome: TapOutcome, of operation: Armed) {
        guard let card = card(of: outcome, operation), let policy = world.policy else { return }
        let today = UTCDay.number(world.clock.moment.milliseconds)
        let since = today > Self.recentDays ? today - Self.recentDays : 0
        let recent = try? world.journal.recentActions(
            of: card, since: since, isTraining: operation.isTraining)
        let near = opportunities(
            after: recent ?? [], catalogue: policy.catalogue, places: policy.places,
            here: policy.merchant)
        refresh { $0.suggest(near, after: operation.id) }
    }

    /// The card of an action that was recorded, or of a check that found it valid.
    private func card(of outcome: TapOutcome, _ operation: Armed) -> CardNumber? {
        switch outcome {
        case .checked(let report): report.standing == .valid ? report.number : nil
        case .accepted:
            if case .action = operation.purpose {
                world.lookUp(operation.id).flatMap { $0?.body.card }
            } else {
                nil
            }
        case .refused, .torn, .unknown: nil
        }
    }
}
