import Linux

/// Why the disk takes nothing, before a card is asked for anything.
public enum StorageFault: Equatable, Sendable {
    /// No room for an entry.
    case full
    /// Mounted read-only, or gone read-only after an error.
    case readOnly

    /// Below this nothing is sold: an entry with its index and the log before it is some ten
    /// kilobytes, and a checkpoint writes them once more.
    public static let roomMin: UInt64 = 1 << 20

    /// The pure half.
    public init?(freeBytes: UInt64, isReadOnly: Bool) {
        if isReadOnly {
            self = .readOnly
        } else if freeBytes < Self.roomMin {
            self = .full
        } else {
            return nil
        }
    }

    /// Looks at the disk under a path; nil when all is well or nobody can tell.
    public static func look(at path: String) -> StorageFault? {
        guard let room = try? Files.room(path) else { return nil }
        return StorageFault(freeBytes: room.freeBytes, isReadOnly: room.isReadOnly)
    }

    /// The fault that is told.
    public var fault: ServiceFault {
        switch self {
        case .full: .diskFull
        case .readOnly: .diskReadOnly
        }
    }
}
