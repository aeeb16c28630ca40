import NFC
import Threads

/// How a chip behind libnfc has behaved since the service was made.
public struct ReaderHealth: Equatable, Sendable {
    /// Times it was opened anew because it failed, was late, or had been idle for long.
    public let reopenings: Int
    /// Looks that came back later than their bound.
    public let overruns: Int
    /// A look is late now: whoever watches over the process may end it.
    public let isStalled: Bool
}

/// The clock of a chip's session.
struct ChipTimes: Sendable {
    /// Between two looks.
    var turn = Duration.milliseconds(150)
    /// Between two questions to a chip that has nothing to do.
    var question = Duration.milliseconds(600)
    /// How long the field stays off so that cards forget.
    var darkness = Duration.milliseconds(8)
    /// How long a card has power before it must answer (ISO/IEC 14443-3: 5 ms).
    var light = Duration.milliseconds(6)
    /// How long one look may take: no more than four calls, half a second each.
    var look = Duration.seconds(2)
    /// A chip that saw no card for so long is opened anew.
    var idle = Duration.seconds(600)
    /// Failures in a row that a chip may have.
    var failuresMax = 3
}

/// What one look at the field needs to know of the looks before.
struct ChipField {
    /// Times the chip was opened. A card that was there before comes as a new one: nobody knows
    /// what happened meanwhile. (That it left while the chip is open is seen as an empty field.)
    private var openings: UInt32 = 0
    /// The card that the chip talks with.
    private(set) var target: Target?
    /// A card was found since the field last came on: it would not be found again.
    private var isUsed = false
    private var isDark = false
    let name: String
    private let times: ChipTimes
    private var nextQuestion = ContinuousClock.now

    init(name: String, times: ChipTimes) {
        self.name = name
        self.times = times
    }

    /// The chip was opened.
    mutating func begin() {
        openings &+= 1
        target = nil
        isUsed = false
        isDark = false
    }

    /// The cards in the field, as the machine wants them told: two when one is too many.
    mutating func look(
        _ chip: borrowing Device, isWanted: Bool, pause: (Duration) -> Void
    ) throws(NFCError) -> [ReaderMachine.Held] {
        let held = ReaderMachine.Held(name: name, events: openings)
        if target != nil {
            if try chip.isPresent() { return [held] }
            target = nil
            return []
        }
        guard isWanted else {
            try rest(chip)
            return []
        }
        if isUsed && !isDark {
            try darken(chip)
            pause(times.darkness)
        }
        if isDark {
            try chip.setField(true)
            isDark = false
            pause(times.light)
        }
        let targets = try chip.list()
        isUsed = !targets.isEmpty
        if targets.count == 1 { target = targets.first }
        let names = [held, ReaderMachine.Held(name: name + " (2)", events: openings)]
        return Array(names.prefix(targets.count))
    }

    /// Nothing to do: no field, and a question now and then whether the chip is still there.
    private mutating func rest(_ chip: borrowing Device) throws(NFCError) {
        if !isDark { try darken(chip) }
        guard nextQuestion <= ContinuousClock.now else { return }
        // One that fails is asked again at the next look.
        try chip.ask()
        nextQuestion = ContinuousClock.now + times.question
    }

    private mutating func darken(_ chip: borrowing Device) throws(NFCError) {
        try chip.setField(false)
        isDark = true
        isUsed = false
    }
}

extension CardReader {
    /// Why a chip's session ended.
    private enum Ending { case stopping, idle, failing, late }

    /// Sessions with one chip, until it is gone or the service is to stop.
    func serveChip(_ connstring: String) {
        var field = ChipField(name: connstring, times: times)
        while !isStopping {
            let chip: Device
            do throws(NFCError) { chip = try Device(connstring) } catch {
                note(ReaderError(error))
                return lose()
            }
            note(nil)
            field.begin()
            switch session(chip, &field) {
            case .stopping: return
            case .idle, .failing: shared.update { $0.reopenings += 1 }
            case .late:
                shared.update { shared in
                    shared.reopenings += 1
                    shared.overruns += 1
                }
            }
        }
    }

    /// Looks at the field until the chip has to be closed.
    private func session(_ opened: consuming Device, _ field: inout ChipField) -> Ending {
        var chip = opened
        var failures = 0
        var lastCard = ContinuousClock.now
        while !isStopping {
            let start = ContinuousClock.now
            shared.update { $0.due = start + times.look }
            var effects: [ReaderMachine.Effect] = []
            do throws(NFCError) {
                let held = try field.look(
                    chip, isWanted: desk.wantsCard, pause: { pause($0) })
                failures = 0
                if !held.isEmpty { lastCard = .now }
                let isWanted = !held.isEmpty && desk.wantsCard
                effects = change {
                    $0.see(readers: [field.name], holding: held, isWanted: isWanted)
                }
            } catch {
                failures += 1
            }
            shared.update { $0.due = nil }
            if start.duration(to: .now) > times.look { return .late }
            if failures >= times.failuresMax { return .failing }
            if lastCard.duration(to: .now) > times.idle { return .idle }
            for effect in effects {
                guard case .process = effect, let target = field.target else {
                    tell(effect)
                    continue
                }
                var connection = CardConnection(chip, target)
                desk.card(&connection)
                guard let back = connection.end() else { return .failing }
                chip = back
                let leavesFree = desk.leavesCardFree
                shared.update { $0.machine.processed(leavesFree: leavesFree) }
            }
            pause(times.turn)
        }
        return .stopping
    }
}
