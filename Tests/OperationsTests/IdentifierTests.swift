import COSE
import Crypto
import Operations
import Testing
import Tokens

@Suite struct IdentifierTests {
    @Test func `An id is a version 7 UUID of its time`() {
        for time in [0, 1, 1_800_000_000_000, 0xFFFF_FFFF_FFFF] as [UInt64] {
            let id = EntryID(milliseconds: time)
            #expect(id.bytes.prefix(6).reduce(0) { $0 << 8 | UInt64($1) } == time)
            #expect(id.bytes[6] >> 4 == 7 && id.bytes[8] >> 6 == 2)
            #expect(EntryID(text: id.description) == id)
            #expect(id.description.count == 36)
            #expect(id.short == Array(id.bytes.prefix(8)))
        }
        #expect(Set((0..<2_000).map { _ in EntryID(milliseconds: 5) }).count == 2_000)
    }

    @Test func `Ids of later times sort later`() {
        let ids = (0..<200).map { EntryID(milliseconds: $0 * 1_000_003) }
        #expect(
            zip(ids, ids.dropFirst()).allSatisfy {
                $0.bytes.lexicographicallyPrecedes($1.bytes)
            })
    }

    @Test func `What is no version 7 UUID is no id`() {
        var bytes = EntryID(milliseconds: 1).bytes
        #expect(EntryID(Array(bytes.dropLast())) == nil)
        #expect(EntryID(bytes + [0]) == nil)
        bytes[6] = 0x40
        #expect(EntryID(bytes) == nil)
        bytes[6] = 0x70
        bytes[8] = 0x40
        #expect(EntryID(bytes) == nil)
        #expect(EntryID(text: "") == nil)
        #expect(EntryID(text: "018f3c2a-0000-7000-8000-00000000000g") == nil)
    }

    @Test(arguments: ["000000000000", "000000000018", "0000 0000 0422", "453201511285"])
    func `A number with Luhn's digit is one`(text: String) throws {
        let number = try #require(CardNumber(text))
        #expect(CardNumber(number.digits) == number)
        #expect(CardNumber(number.description) == number)
        #expect(number.digits.hasSuffix(number.lastFour) && number.lastFour.count == 4)
    }

    @Test(arguments: [
        "", "0", "00000000000", "0000000000000", "000000000010", "00000000001a", "-00000000018",
        "０００００００００００ ０", "00000000001８",
    ])
    func `What has not Luhn's digit or not twelve digits is no number`(text: String) {
        #expect(CardNumber(text) == nil)
    }

    @Test func `Any one digit wrong is noticed`() throws {
        for serial in [0, 42, 123_456_789, 99_999_999_999] as [Int64] {
            let digits = Array(try #require(CardNumber(serial: serial)).digits.utf8)
            for index in digits.indices {
                for digit in UInt8(0x30)...0x39 where digit != digits[index] {
                    var wrong = digits
                    wrong[index] = digit
                    #expect(CardNumber(String(decoding: wrong, as: UTF8.self)) == nil)
                }
            }
        }
        #expect(CardNumber(serial: -1) == nil)
        #expect(CardNumber(serial: 100_000_000_000) == nil)
    }

    @Test func `A policy is read back as written and refused when cut`() throws {
        let key = try Ed25519PrivateKey(seed: SecretBytes([UInt8](repeating: 1, count: 32)))
        let policy = Policy(
            version: 3, issued: 10, expires: 20, terminal: key.publicKey.kid, merchant: "Épicerie",
            limits: .standard, classes: [.anonymous, .member], issuers: [key.publicKey],
            revokedKids: [[1, 2, 3, 4]], epochs: [1, 2], languages: ["fr"])
        let bytes = policy.item.encoded
        #expect(try Policy(payload: bytes) == policy)
        #expect(policy.isValid(at: 19) && !policy.isValid(at: 20))
        for key in 1...11 as ClosedRange<Int64> {
            let pairs = policy.item.map!.filter { $0.key != .integer(key) }
            #expect(throws: OperationError.self, "without \(key)") {
                try Policy(payload: CBOR.map(pairs).encoded)
            }
        }
        for count in 0..<bytes.count {
            #expect(throws: OperationError.self) {
                try Policy(payload: Array(bytes.prefix(count)))
            }
        }
        // An item that cannot be read is not passed over: it may be a key that was revoked.
        for (key, wrong) in [
            (7, .unsigned(99)), (8, .bytes([1])), (9, .bytes([1, 2, 3])),
            (9, .bytes([1, 2, 3, 4, 5])), (9, .text("abcd")), (10, .unsigned(256)),
            (11, .unsigned(1)),
        ] as [(Int64, CBOR)] {
            let pairs = policy.item.map!.map { pair in
                guard pair.key == .integer(key) else { return pair }
                return CBOR.Pair(pair.key, .array((pair.value.array ?? []) + [wrong]))
            }
            #expect(throws: OperationError.malformed("policy lists"), "\(key): \(wrong)") {
                try Policy(payload: CBOR.map(pairs).encoded)
            }
        }
    }
}
