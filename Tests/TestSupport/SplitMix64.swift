/// A reproducible stream of numbers (Steele, Lea, Flood 2014): a failing seed can be run again.
public struct SplitMix64: RandomNumberGenerator {
    private var state: UInt64

    /// The stream of a seed.
    public init(_ seed: UInt64) { state = seed }

    /// The next number.
    public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        return word ^ (word >> 31)
    }

    /// A number below `bound`, which is small.
    public mutating func next(_ bound: UInt64) -> UInt64 { next() % bound }

    /// So many bytes, a number each.
    public mutating func bytes(_ count: Int) -> [UInt8] {
        (0..<count).map { _ in UInt8.random(in: 0...255, using: &self) }
    }
}
