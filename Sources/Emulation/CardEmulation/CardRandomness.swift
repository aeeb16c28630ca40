import Crypto

/// Where a card takes its random bytes from. The order of the draws of `SoftwareNTAG424`:
/// EV2First part 1: RndB (16), then TI (4); NonFirst part 1: RndB (16); a mirrored read with
/// encrypted PICC data: its padding (5 bytes when UID and counter are both in it); a power-on with
/// the random identifier switched on: its last 3 bytes.
public protocol CardRandomness: Sendable {
    /// `count` bytes, 1...16.
    mutating func bytes(_ count: Int) -> [UInt8]
}

/// The operating system's generator.
public struct SystemRandomness: CardRandomness {
    /// The only one there is.
    public init() {}

    /// Fresh random bytes.
    public mutating func bytes(_ count: Int) -> [UInt8] { randomBytes(count) }
}

/// Given draws first, so that a test replays published bytes; then a reproducible stream.
public struct ScriptedRandomness: CardRandomness {
    private var draws: [[UInt8]]
    private var state: UInt64

    /// Each draw answers one call of its own length; a call of another length leaves it waiting
    /// and takes from the stream of `seed` (SplitMix64).
    public init(_ draws: [[UInt8]], seed: UInt64 = 0) {
        self.draws = draws
        state = seed
    }

    /// The next scripted draw if it has `count` bytes, else bytes of the stream.
    public mutating func bytes(_ count: Int) -> [UInt8] {
        if let next = draws.first, next.count == count { return draws.removeFirst() }
        return (0..<max(0, count)).map { _ in
            state &+= 0x9E37_79B9_7F4A_7C15
            var word = state
            word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
            word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
            return UInt8(truncatingIfNeeded: word ^ (word >> 31))
        }
    }
}
