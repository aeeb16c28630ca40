public import Linux

/// Why a memory could not be kept or found again.
public enum CardStorageError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The power went (see `PowerCut`).
    case powerCut
    /// The file system refused.
    case file(LinuxError)
    /// What the file holds is no card.
    case content(CardMemoryError)

    /// A sentence without a full stop.
    public var description: String {
        switch self {
        case .powerCut: "the power was cut"
        case .file(let error): "\(error)"
        case .content(let error): "\(error)"
        }
    }
}

/// Where a card's memory is kept without power.
public protocol CardStorage: Sendable {
    /// Keeps `memory`, whole or not at all: after an error `load` gives the old one or the new.
    mutating func commit(_ memory: CardMemory) throws(CardStorageError)
    /// What was kept last.
    mutating func load() throws(CardStorageError) -> CardMemory
}

/// Keeps the memory in this process.
public struct TransientStorage: CardStorage {
    private var memory: CardMemory

    /// Starts with `memory`.
    public init(_ memory: CardMemory) { self.memory = memory }

    /// Never fails.
    public mutating func commit(_ memory: CardMemory) throws(CardStorageError) {
        self.memory = memory
    }

    /// Never fails.
    public mutating func load() throws(CardStorageError) -> CardMemory { memory }
}

/// Keeps the memory in an image file, replaced whole at each commit and fsynced.
public struct ImageStorage: CardStorage {
    /// The image file.
    public let path: String

    /// Does not touch the file.
    public init(path: String) { self.path = path }

    /// Calls `rename` after `fsync`: the file is the old image or the new one.
    public mutating func commit(_ memory: CardMemory) throws(CardStorageError) {
        do throws(LinuxError) {
            try Files.writeAtomically(memory.image, to: path)
        } catch {
            throw .file(error)
        }
    }

    /// Reads the file and checks every byte.
    public mutating func load() throws(CardStorageError) -> CardMemory {
        let bytes: [UInt8]
        do throws(LinuxError) {
            bytes = try Files.read(path, atMost: CardMemory.imageSize)
        } catch {
            throw .file(error)
        }
        do throws(CardMemoryError) {
            return try CardMemory(image: bytes)
        } catch {
            throw .content(error)
        }
    }
}

/// Cuts the power at one commit of another storage: the card goes mute until powered on again.
public struct PowerCut: CardStorage {
    /// What the interrupted commit leaves behind.
    public enum Outcome: Sendable, CaseIterable {
        /// The old memory.
        case old
        /// The new memory, although the card never learns it.
        case new
    }

    private var storage: any CardStorage
    private let index: Int
    private let outcome: Outcome
    private var count = 0

    /// The power goes at commit number `index`, counted from 1 over the life of this value, once.
    public init(_ storage: any CardStorage, at index: Int, leaves outcome: Outcome) {
        self.storage = storage
        self.index = index
        self.outcome = outcome
    }

    /// Fails with `powerCut` at the chosen commit.
    public mutating func commit(_ memory: CardMemory) throws(CardStorageError) {
        count += 1
        if count != index { return try storage.commit(memory) }
        if outcome == .new { try storage.commit(memory) }
        throw .powerCut
    }

    /// What the storage underneath kept.
    public mutating func load() throws(CardStorageError) -> CardMemory { try storage.load() }
}
