import Cards
import Operations
import Testing

/// What a card remembers of its last operation, and where the next record goes.
@Suite struct CardStateTests {
    private static let id = EntryID(milliseconds: 1_800_000_000_000)
    private static let spent = CardAllowance(total: eco(1_500), count: 3)

    private static func eco(_ cents: Int64) -> Amount { Amount(cents: cents)! }

    private static func record(
        _ sequence: UInt32 = 7, flags: UInt8 = CardStateRecord.counted
    ) -> CardStateRecord {
        CardStateRecord(
            sequence: sequence, allowance: spent, flags: flags, lastEntry: id.short,
            lastAmount: 400, lastTime: 1)
    }

    private static let empty = [UInt8](repeating: 0, count: CardStateRecord.size)

    @Test func `Only what this very operation had counted is taken off again`() throws {
        let counted = try CardState(Self.record().bytes + Self.empty)
        #expect(counted.isResuming(Self.id, amount: Self.eco(400)))
        #expect(
            counted.allowance(before: Self.id, amount: Self.eco(400))
                == CardAllowance(total: Self.eco(1_100), count: 2))
        // Half an id may be another terminal's as well: the amount must be the same too.
        #expect(!counted.isResuming(Self.id, amount: Self.eco(1_500)))
        #expect(counted.allowance(before: Self.id, amount: Self.eco(1_500)) == Self.spent)
        let other = EntryID(milliseconds: 1_800_000_000_001)
        #expect(!counted.isResuming(other, amount: Self.eco(400)))
        #expect(counted.allowance(before: other, amount: Self.eco(400)) == Self.spent)
        let authorised = try CardState(Self.record(flags: 0).bytes + Self.empty)
        #expect(authorised.isResuming(Self.id, amount: Self.eco(400)))
        #expect(authorised.allowance(before: Self.id, amount: Self.eco(400)) == Self.spent)
    }

    @Test func `The record that counts is never the one that is written next`() throws {
        let (old, new) = (Self.record(7), Self.record(8))
        for (file, current, next) in [
            (old.bytes + new.bytes, new, 0), (new.bytes + old.bytes, new, 32),
            (old.bytes + Self.empty, old, 32), (Self.empty + old.bytes, old, 0),
        ] {
            let state = try CardState(file)
            #expect(state.current == current && state.nextOffset == next)
        }
        #expect(try CardState(Self.empty + Self.empty).current == nil)
    }

    @Test func `A record of which one bit is wrong is none`() {
        let bytes = Self.record().bytes
        #expect(CardStateRecord(bytes) == Self.record())
        for place in bytes.indices {
            for bit in 0..<8 {
                var torn = bytes
                torn[place] ^= 1 << UInt8(bit)
                #expect(CardStateRecord(torn) == nil, "byte \(place) bit \(bit)")
            }
        }
    }
}
