import COSE
import Crypto
import TestSupport
import Testing

/// The strict decoder and the deterministic encoder (RFC 8949 §4.2).
@Suite struct CBORTests {
    /// Bytes and why they are refused.
    struct Refused: CustomTestStringConvertible, Sendable {
        let hex: String
        let error: COSEError
        var testDescription: String { "\(hex) is \(error)" }
        init(_ hex: String, _ error: COSEError) {
            self.hex = hex
            self.error = error
        }
    }

    static let notShortest: [Refused] = [
        // unsigned, negative, byte string, text, array, map, tag: at each width.
        "1817", "190017", "1900ff", "1a0000ffff", "1a00000017", "1b00000000ffffffff",
        "1b0000000000000001", "3817", "3900ff", "3a0000ffff", "3b00000000ffffffff",
        "580161", "58020102", "59000161", "5a0000000161", "5b000000000000000161", "5800",
        "780161", "79000161", "7a0000000161", "7b000000000000000161", "7800",
        "980100", "99000100", "9a0000000100", "9b000000000000000100", "9800",
        "b8010000", "b900010000", "ba000000010000", "bb00000000000000010000", "b800",
        "d81200", "d9001200", "da0000001200", "db000000000000001200",
    ].map { Refused($0, .notShortest) }

    static let unsupported: [Refused] = [
        // Indefinite lengths, a lone break, floats, undefined, simple values, reserved heads.
        "5f4101ff", "7f6161ff", "9f01ff", "bf0101ff", "5fff", "9fff", "bfff", "ff",
        "f90000", "f93c00", "fa3f800000", "fb3ff0000000000000", "f97e00", "f7", "f0", "e0",
        "f818", "f8ff", "1c", "1d", "1e", "3c", "5c", "7d", "9e", "bc", "dc", "df00", "fc",
    ].map { Refused($0, .unsupportedItem) }

    static let others: [Refused] = [
        Refused("", .truncated), Refused("0000", .trailingBytes), Refused("0100", .trailingBytes),
        Refused("a10101f6", .trailingBytes), Refused("a201010102", .duplicateKey),
        Refused("a2616101616102", .duplicateKey), Refused("a24101004101f6", .duplicateKey),
        Refused("a1a20101010200", .duplicateKey),
        Refused("a201010100", .duplicateKey), Refused("61ff", .notText),
        Refused("62c328", .notText), Refused("63eda080", .notText),
        Refused("818181818181818181" + "00", .tooDeep),
        Refused("d2d2d2d2d2d2d2d2d2" + "00", .tooDeep),
        Refused("a100a100a100a100a100a100a100a100a100" + "00", .tooDeep),
        Refused("9bffffffffffffffff", .truncated), Refused("bbffffffffffffffff", .truncated),
        Refused("5bffffffffffffffff", .truncated), Refused("7b7fffffffffffffff", .truncated),
        Refused("9a7fffffff00", .truncated), Refused("ba7fffffff0000", .truncated),
        Refused("5affffffff00", .truncated),
    ]

    @Test(arguments: notShortest + unsupported + others)
    func `Bytes that are not strict CBOR are refused by name`(_ row: Refused) throws {
        let bytes = try #require(Hexadecimal.bytes(row.hex))
        #expect(throws: row.error) { try CBOR.decode(bytes, limit: 64) }
    }

    @Test func `The same refusals hold inside an array and as a map's key`() throws {
        for row in Self.notShortest + Self.unsupported {
            let bytes = try #require(Hexadecimal.bytes(row.hex))
            #expect(throws: row.error, "\(row.hex)") {
                try CBOR.decode([0x81] + bytes, limit: 64)
            }
            #expect(throws: row.error, "\(row.hex)") {
                try CBOR.decode([0xa1] + bytes + [0x00], limit: 64)
            }
        }
    }

    @Test func `Eight levels are read, nine are not`() throws {
        let eight = (0..<8).reduce(CBOR.unsigned(7)) { item, _ in .array([item]) }
        #expect(try CBOR.decode(eight.encoded, limit: 64) == eight)
        #expect(throws: COSEError.tooDeep) {
            try CBOR.decode(CBOR.array([eight]).encoded, limit: 64)
        }
    }

    @Test func `A size over the limit is refused before anything is read`() {
        #expect(throws: COSEError.tooLarge(limit: 3)) {
            try CBOR.decode([0xff, 0xff, 0xff, 0xff], limit: 3)
        }
        #expect(throws: COSEError.tooLarge(limit: 3)) {
            try CBOR.sequence([0, 0, 0, 0], count: 9, limit: 3)
        }
    }

    /// One item of every kind at every width of head.
    static let everything = CBOR.map([
        .init(.integer(-8), .array([.unsigned(0), .unsigned(23), .unsigned(24), .unsigned(255)])),
        .init(.unsigned(1), .array([.unsigned(256), .unsigned(65_535), .unsigned(65_536)])),
        .init(.unsigned(2), .array([.unsigned(.max), .negative(.max), .negative(0)])),
        .init(.unsigned(3), .array([.unsigned(4_294_967_295), .unsigned(4_294_967_296)])),
        .init(.text("é"), .bytes([UInt8](repeating: 7, count: 24))),
        .init(.bytes([1]), .text(String(repeating: "x", count: 256))),
        .init(.unsigned(100), .tagged(18, .array([.bool(true), .bool(false), .null]))),
        .init(.unsigned(101), .tagged(1_000_000, .map([]))),
        .init(.unsigned(102), .bytes([UInt8](repeating: 9, count: 65_536))),
    ])

    @Test func `Cut after any byte it is truncated`() {
        let small = CBOR.map(Array(Self.everything.map!.dropLast())).encoded
        for count in 0..<small.count {
            #expect(throws: COSEError.truncated, "\(count) bytes") {
                try CBOR.decode(Array(small.prefix(count)), limit: 1 << 20)
            }
        }
    }

    @Test func `What was written is read back, whatever the order it was given in`() throws {
        let bytes = Self.everything.encoded
        let read = try CBOR.decode(bytes, limit: 1 << 20)
        #expect(read.encoded == bytes)
        var generator = SplitMix64(1)
        for _ in 0..<20 {
            let shuffled = CBOR.map(Self.everything.map!.shuffled(using: &generator))
            #expect(shuffled.encoded == bytes)
        }
        let keys = try #require(read.map).map(\.key.encoded)
        #expect(zip(keys, keys.dropFirst()).allSatisfy { $0.lexicographicallyPrecedes($1) })
        #expect(read[-8]?.array?.count == 4)
        #expect(read[2]?.array?[0].unsigned == .max)
        #expect(read[2]?.array?[0].integer == nil)
    }

    @Test func `Integers at the edges of 64 bits keep their value`() throws {
        for value in [Int64.min, -4_294_967_297, -257, -1, 0, 1, 23, 24, .max] {
            let read = try CBOR.decode(CBOR.integer(value).encoded, limit: 9)
            #expect(read.integer == value)
        }
        #expect(try CBOR.decode(CBOR.negative(.max).encoded, limit: 9).integer == nil)
    }

    @Test func `A sequence is cut into its items and holds no more than allowed`() throws {
        let items: [CBOR] = [.unsigned(1), .text("a"), .map([])]
        let bytes = items.flatMap(\.encoded)
        #expect(try CBOR.sequence(bytes, count: 3, limit: 64) == items.map(\.encoded))
        #expect(throws: COSEError.tooLarge(limit: 2)) {
            try CBOR.sequence(bytes, count: 2, limit: 64)
        }
        #expect(throws: COSEError.truncated) {
            try CBOR.sequence(bytes + [0x61], count: 9, limit: 64)
        }
        #expect(try CBOR.sequence([], count: 0, limit: 0) == [])
    }

    @Test func `An item of a sequence is read no further than it may be long`() throws {
        let items = [CBOR.unsigned(1), .bytes([UInt8](repeating: 7, count: 30)), .text("end")]
        let bytes = items.flatMap(\.encoded)
        let cut = try CBOR.sequence(bytes, count: 3, limit: 64, itemLimit: 32)
        #expect(cut == items.map(\.encoded))
        // Whatever it lacks: the rest of a string, items, pairs, a head, what a tag names.
        for long in [
            items[1], .array(Array(repeating: .unsigned(1), count: 31)),
            .array([.array([.text("012345678"), .text("0123456789012345678")])]),
            .map((0..<16).map { CBOR.Pair(.unsigned($0), .null) }),
            .array([.text("012345678901234567890123456"), .unsigned(1 << 40)]),
            .array([.text("012345678901234567890123456"), .tagged(1 << 40, .null)]),
        ] {
            #expect(throws: COSEError.tooLarge(limit: 31)) {
                try CBOR.sequence(
                    long.encoded + items[2].encoded, count: 9, limit: 4_096, itemLimit: 31)
            }
        }
        #expect(throws: COSEError.truncated, "the last one is cut, not long") {
            try CBOR.sequence(bytes.dropLast(), count: 9, limit: 64, itemLimit: 32)
        }
        // A claim of many items costs nothing, and items that take 64 times their bytes stop early.
        let flood = [0x9A, 0x00, 0x40, 0x00, 0x00] + [UInt8](repeating: 0xF6, count: 4 << 20)
        #expect(throws: COSEError.tooLarge(limit: 16_384)) {
            try CBOR.sequence(flood, count: 9, limit: flood.count, itemLimit: 16_384)
        }
    }

    @Test func `Twenty thousand random strings are refused or read, and what is read is exact`() {
        var readable = 0
        for seed in 0..<20_000 as Range<UInt64> {
            var generator = SplitMix64(seed)
            var bytes = generator.bytes(Int.random(in: 0...48, using: &generator))
            // Half of them start as something that could be ours.
            if seed % 2 == 0, !bytes.isEmpty { bytes[0] = 0x80 | bytes[0] & 0x23 }
            guard let item = try? CBOR.decode(bytes, limit: 64) else { continue }
            readable += 1
            // Only the order of a map's keys is free: sizes agree, a second round is a fixpoint.
            #expect(item.encoded.count == bytes.count, "seed \(seed)")
            #expect((try? CBOR.decode(item.encoded, limit: 64))?.encoded == item.encoded)
        }
        #expect(readable > 100)
    }
}
