import Operations
import Receipts
import Terminal
import Testing

/// What a restart would cut short, for each state of a checkout.
@Suite struct InterruptionTests {
    private static let armed = Armed(
        id: EntryID(milliseconds: 1), amount: .zero, deadline: 1)

    private static let stages: [(Stage, [String])] = [
        (.amountEntry, []), (.outOfService(.readerAbsent), []),
        (.presentCard(armed), ["operation"]), (.reading(armed, step: 2), ["operation"]),
        (.removedTooSoon(armed), ["torn"]), (.unknownResult(armed), ["unknown-result"]),
        (.refused(id: nil, amount: nil, .readerAbsent), ["result"]),
        (
            .accepted(
                id: armed.id, amount: .zero, offline: true, lastFour: "0024", cardPresent: false),
            ["result"]
        ),
    ]

    private func snapshot(_ stage: Stage) -> Snapshot {
        Snapshot(
            version: 1, stage: stage, network: .online,
            queue: .init(count: 3, total: .zero, oldest: 1, rejected: 1), reader: .absent,
            clockTrust: .synchronised, merchant: "", offlineLimit: nil)
    }

    @Test func `A checkout that shows its keypad may be restarted, whatever waits to be sent`() {
        for (stage, words) in Self.stages { #expect(snapshot(stage).underWay == words) }
    }

    @Test func `What a restart would forget holds it up`() {
        var shown = snapshot(.amountEntry)
        shown.rest = Rest(first: Self.armed.id, missing: .zero)
        #expect(shown.underWay == ["split"])
        shown.rest = nil
        shown.session = RoleSession(role: .manager, until: 1)
        #expect(shown.underWay == ["role"])
        shown.session = nil
        shown.isTraining = true
        #expect(shown.underWay == ["training"])
        shown.isTraining = false
        shown.printer = .printing
        #expect(shown.underWay == ["printing"])
        shown.printer = .idle
        #expect(shown.underWay == [])
    }
}
