import Cards
import NFC
import PCSC
import Threads

/// The reader service: one thread that watches and hands cards to the desk.
public final class CardReader: Sendable {
    /// A turn while a card lies there and is not wanted yet.
    private static let shortTurn: UInt32 = 50
    /// A turn while nothing happens; a change ends it at once.
    private static let longTurn: UInt32 = 500
    /// Pause before a lost daemon or a card that did not open is tried again.
    private static let retry = Duration.milliseconds(250)

    /// Where the reader stands.
    public enum State: Sendable {
        case idle, waitingForCard, processing, waitingForRemoval
    }

    private let choice: ReaderChoice
    let desk: any CardDesk
    let times: ChipTimes
    let shared = Monitor(Shared())

    struct Shared {
        var machine = ReaderMachine()
        var isStopping = false
        var thread: NamedThread?
        var reopenings = 0
        var overruns = 0
        /// When the call to the chip that runs now should be back.
        var due: ContinuousClock.Instant?
        /// The thread's last turn; nil before it starts.
        var lastTurn: ContinuousClock.Instant?
        /// Why no reader is there.
        var trouble: ReaderError?
    }

    /// A service for a desk; nothing runs before `start`. libnfc starts here, if it is chosen.
    public convenience init(choice: ReaderChoice, desk: any CardDesk) {
        self.init(choice: choice, desk: desk, times: ChipTimes())
    }

    init(choice: ReaderChoice, desk: any CardDesk, times: ChipTimes) {
        self.choice = choice
        self.desk = desk
        self.times = times
        if case .nfc = choice { NFCLibrary.start() }
    }

    /// Where the reader stands.
    public var state: State {
        switch shared.read({ $0.machine.state }) {
        case .idle: .idle
        case .waitingForCard: .waitingForCard
        case .processing: .processing
        case .waitingForRemoval: .waitingForRemoval
        }
    }

    /// Starts the thread.
    public func start() {
        shared.update { $0.lastTurn = .now }
        let thread = NamedThread.start("reader") { self.run() }
        shared.update { $0.thread = thread }
    }

    /// Ends the thread and waits for it: at most a second, or the rest of a conversation (D2).
    public func stop() {
        let thread = shared.update { shared in
            shared.isStopping = true
            return shared.thread.take()
        }
        thread?.join()
    }

    /// How the chip behind libnfc behaves; always well with PC/SC, whose daemon sees to that.
    public var health: ReaderHealth {
        shared.read { shared in
            ReaderHealth(
                reopenings: shared.reopenings, overruns: shared.overruns,
                isStalled: shared.due.map { $0 < ContinuousClock.now } ?? false)
        }
    }

    /// How long the thread has not come by: at most about a second while it is well (D2), a
    /// conversation's length while it holds a card. Zero before `start`.
    public var silence: Duration {
        shared.read { $0.lastTurn.map { $0.duration(to: .now) } ?? .zero }
    }

    /// True for a chip behind libnfc: on pins or a serial line, with no plug for a person.
    public var isChip: Bool { if case .nfc = choice { true } else { false } }

    /// Why no card can come: no service, no reader, or a reader that fails; nil while one is there.
    public var trouble: ReaderError? { shared.read { $0.trouble } }

    /// Asked at every turn of the thread, which so shows that it lives.
    var isStopping: Bool {
        shared.read { shared in
            shared.lastTurn = .now
            return shared.isStopping
        }
    }

    /// Sessions with the daemon, one after another (D4).
    private func run() {
        while !isStopping {
            if case .nfc(let connstring) = choice {
                serveChip(connstring)
            } else {
                do throws(PCSCError) {
                    let context = try Context()
                    try session(context)
                } catch {
                    note(ReaderError(error))
                    lose()
                }
            }
            pause(Self.retry)
        }
    }

    func note(_ trouble: ReaderError?) { shared.update { $0.trouble = trouble } }

    /// The daemon, the last reader or the chip is gone.
    func lose() {
        for effect in change({ $0.lose() }) { tell(effect) }
    }

    /// Waits, unless it is to stop.
    func pause(_ duration: Duration) {
        _ = shared.wait(atMost: duration) { $0.isStopping ? true : nil }
    }

    func change(
        _ body: (inout ReaderMachine) -> [ReaderMachine.Effect]
    ) -> [ReaderMachine.Effect] {
        shared.update { body(&$0.machine) }
    }

    /// One session: ends when the daemon goes.
    private func session(_ context: borrowing Context) throws(PCSCError) {
        var states = [ReaderState(name: ReaderState.plugAndPlay)]
        while !isStopping {
            let names = choice.select(try context.readers())
            note(names.isEmpty ? .noReader : nil)
            states = refreshed(states, names)
            let isLying = states.contains { $0.isPresent }
            let turn = isLying && state == .waitingForCard ? Self.shortTurn : Self.longTurn
            do throws(PCSCError) {
                _ = try context.statusChange(&states, milliseconds: turn)
            } catch {
                // A reader that vanished between the two calls: ask again for the list.
                guard error.code == PCSCError.unknownReader else { throw error }
                states = [ReaderState(name: ReaderState.plugAndPlay)]
                continue
            }
            for index in states.indices { states[index].current = states[index].event }
            let holding = states.dropFirst().filter(\.isPresent).map {
                ReaderMachine.Held(name: $0.name, events: $0.event >> 16)
            }
            let isWanted = !holding.isEmpty && desk.wantsCard
            let effects = change {
                $0.see(readers: names, holding: holding, isWanted: isWanted)
            }
            for effect in effects { perform(effect, context) }
        }
    }

    /// Keeps what is known of readers that stay.
    private func refreshed(_ states: [ReaderState], _ names: [String]) -> [ReaderState] {
        let queue = states.first ?? ReaderState(name: ReaderState.plugAndPlay)
        let known = names.map { name in
            states.first { $0.name == name } ?? ReaderState(name: name)
        }
        return [queue] + known
    }

    private func perform(_ effect: ReaderMachine.Effect, _ context: borrowing Context) {
        guard case .process(let name) = effect else { return tell(effect) }
        do throws(PCSCError) {
            var connection = try context.open(name)
            desk.card(&connection)
            _ = connection.end()
            let leavesFree = desk.leavesCardFree
            shared.update { $0.machine.processed(leavesFree: leavesFree) }
        } catch {
            // Mute, held by another program, or gone already: the next turns see which.
            shared.update { $0.machine.refused() }
            pause(Self.retry)
        }
    }

    func tell(_ effect: ReaderMachine.Effect) {
        switch effect {
        case .process: break
        case .announce(let name): desk.readerChanged(name)
        case .tellRemoved: desk.cardRemoved()
        case .tellSeveral: desk.severalCards()
        }
    }
}
