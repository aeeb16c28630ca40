import CardEmulation
import Synchronization

/// A card's memory and random numbers that can be taken back to a marked moment, so that the very
/// commands of one conversation can be sent again and get the very answers.
final class CardPast: CardStorage, CardRandomness {
    private struct Content {
        var memory: CardMemory?
        var marked: CardMemory?
        var randomness = ScriptedRandomness([])
    }

    private let content = Mutex(Content())

    /// Starts with `memory`.
    func keep(_ memory: CardMemory) { content.withLock { $0.memory = memory } }

    /// What `rewind` goes back to.
    func mark() { content.withLock { $0.marked = $0.memory } }

    /// Back to the mark: seen by the card when it is powered next.
    func rewind() {
        content.withLock { content in
            content.memory = content.marked
            content.randomness = ScriptedRandomness([])
        }
    }

    func commit(_ memory: CardMemory) throws(CardStorageError) { keep(memory) }

    func load() throws(CardStorageError) -> CardMemory {
        guard let memory = content.withLock({ $0.memory }) else { throw .powerCut }
        return memory
    }

    func bytes(_ count: Int) -> [UInt8] {
        content.withLock { $0.randomness.bytes(count) }
    }
}
