/// What the reader's thread does next, as a pure state machine.
///
///            reader found                 card present & wanted              conversation over
///     idle ─────────────▶ waitingForCard ───────────────────────▶ processing ───────────────┐
///      ▲                    ▲    │  ▲ ▲                               │                      │
///      │                    │    │  │ └──── card could not be opened ─┘                      │
///      │ reader lost        │    │  └───────────── card left ─── waitingForRemoval ◀──────────┘
///      └────────────────────┴────┘ (from any state)
struct ReaderMachine: Equatable {
    enum State: Equatable, Sendable { case idle, waitingForCard, processing, waitingForRemoval }

    /// What the thread has to do.
    enum Effect: Equatable {
        /// Tell the desk which reader there is.
        case announce(String?)
        /// Open this reader's card and hand it over.
        case process(String)
        case tellRemoved
        case tellSeveral
    }

    /// A reader that holds a card, and the daemon's count of comings and goings there.
    struct Held: Equatable {
        let name: String
        let events: UInt32
    }

    private(set) var state = State.idle
    private(set) var reader: String?
    private var processedEvents: UInt32 = 0
    private var toldSeveral = false

    /// The readers of the choice as they are now, and which of them hold a card.
    mutating func see(
        readers: [String], holding: [Held], isWanted: Bool
    ) -> [Effect] {
        guard let name = reader.flatMap({ readers.contains($0) ? $0 : nil }) ?? readers.first
        else { return lose() }
        var effects: [Effect] = []
        if state == .idle || name != reader {
            if state == .waitingForRemoval { effects.append(.tellRemoved) }
            reader = name
            state = .waitingForCard
            effects.append(.announce(name))
        }
        switch state {
        case .idle, .processing: break
        case .waitingForCard: effects += offer(holding, isWanted)
        case .waitingForRemoval:
            // A count that moved means the card left and came back between two looks.
            if !holding.contains(Held(name: name, events: processedEvents)) {
                state = .waitingForCard
                effects.append(.tellRemoved)
            }
        }
        return effects
    }

    private mutating func offer(_ holding: [Held], _ isWanted: Bool) -> [Effect] {
        if holding.count < 2 || !isWanted { toldSeveral = false }
        guard isWanted, let holder = holding.first else { return [] }
        if holding.count > 1 {
            defer { toldSeveral = true }
            return toldSeveral ? [] : [.tellSeveral]
        }
        reader = holder.name
        processedEvents = holder.events
        state = .processing
        return [.process(holder.name)]
    }

    /// The conversation is over: the card must leave first (D3), unless it was left free.
    mutating func processed(leavesFree: Bool = false) {
        precondition(state == .processing, "readers: no conversation was open (D3)")
        state = leavesFree ? .waitingForCard : .waitingForRemoval
    }

    /// The card could not be powered: it is tried again while it lies there.
    mutating func refused() {
        precondition(state == .processing, "readers: no conversation was open (D3)")
        state = .waitingForCard
    }

    /// The daemon or the last reader is gone.
    mutating func lose() -> [Effect] {
        guard state != .idle || reader != nil else { return [] }
        let effects: [Effect] = state == .waitingForRemoval ? [.tellRemoved] : []
        self = ReaderMachine()
        return effects + [.announce(nil)]
    }
}
