import COSE
import Crypto
import TestSupport
import Testing
import Tokens

@Suite struct TokenTests {
    private static let now: UInt64 = 1_800_000_000

    private static let number = CardNumber(serial: 42)!
    private static let lastNumber = CardNumber(serial: 99_999_999_999)!

    private func issuer(_ fill: UInt8 = 5) throws -> Ed25519PrivateKey {
        try Ed25519PrivateKey(seed: SecretBytes([UInt8](repeating: fill, count: 32)))
    }

    private func token(
        uid: [UInt8] = [4, 1, 2, 3, 4, 5, 6], issued: UInt64 = now - 100,
        expires: UInt64 = now + 100, epoch: UInt8 = 1, cardClass: CardClass = .member
    ) throws -> CardToken {
        try #require(
            CardToken(
                number: Self.number, issued: issued, expires: expires,
                uid: uid, epoch: epoch, cardClass: cardClass))
    }

    private func rules(_ issuers: [Ed25519PublicKey]) -> TokenRules {
        TokenRules(
            issuers: issuers, revokedKids: [], classes: [.member, .professional], epochs: [1, 2])
    }

    private func carried(
        _ token: CardToken, by key: borrowing Ed25519PrivateKey
    ) throws -> CarriedToken {
        try CarriedToken(token.signed(by: key).bytes)
    }

    @Test func `A good token is believed, and its claims are those signed`() throws {
        let key = try issuer()
        let token = try token()
        let carried = try carried(token, by: key)
        let claims = try rules([key.publicKey]).verify(carried, now: Self.now) { _ in false }
        #expect(claims == token)
        #expect(carried.hash == sha256(carried.message.bytes))
        #expect(carried.message.kid == Array(key.publicKey.kid.prefix(4)))
    }

    @Test func `A token of a seven-byte card has at most 128 bytes; no longer one is read`() throws
    {
        let key = try issuer()
        let last = UInt64(UInt32.max)
        let largest = try #require(
            CardToken(
                number: Self.lastNumber, issued: last, expires: last,
                uid: [UInt8](repeating: 255, count: 7), epoch: 255, cardClass: .training))
        let bytes = largest.signed(by: key).bytes
        #expect(bytes.count <= CardToken.sizeMax)
        #expect(try CarriedToken(bytes).claims == largest)
        // Dates after 2106 take eight bytes each: such a token is refused, not cut.
        let later = try #require(
            CardToken(
                number: Self.lastNumber, issued: last + 1, expires: last + 1,
                uid: [UInt8](repeating: 255, count: 7), epoch: 255, cardClass: .training))
        #expect(later.signed(by: key).bytes.count > CardToken.sizeMax)
        #expect(throws: TokenRefusal.malformed) { try carried(later, by: key) }
    }

    @Test func `Each rule refuses with its own case`() throws {
        let key = try issuer()
        let stranger = try issuer(6)
        var rules = rules([key.publicKey])
        func refusal(
            _ carried: CarriedToken, _ rules: TokenRules, denied: Bool = false
        ) -> TokenRefusal? {
            do throws(TokenRefusal) {
                _ = try rules.verify(carried, now: Self.now) { _ in denied }
                return nil
            } catch { return error }
        }
        let good = try carried(try token(), by: key)
        #expect(refusal(good, rules) == nil)
        #expect(refusal(try carried(try token(), by: stranger), rules) == .unknownIssuer)
        #expect(refusal(good, rules, denied: true) == .denied)
        let last = try carried(try token(expires: Self.now + 1), by: key)
        #expect(refusal(last, rules) == nil)
        #expect(refusal(try carried(try token(expires: Self.now), by: key), rules) == .expired)
        let edge = Self.now + TokenRules.skew
        let late = edge + 100
        #expect(refusal(try carried(try token(issued: edge, expires: late), by: key), rules) == nil)
        let future = try carried(try token(issued: edge + 1, expires: late), by: key)
        #expect(refusal(future, rules) == .notYetValid)
        let year2096: UInt64 = 4_000_000_000
        let far = try carried(try token(issued: year2096, expires: year2096), by: key)
        #expect(refusal(far, rules) == .notYetValid)
        let foreign = try carried(try token(cardClass: .training), by: key)
        #expect(refusal(foreign, rules) == .classNotAccepted)
        let old = try carried(try token(epoch: 3), by: key)
        #expect(refusal(old, rules) == .epochNotAccepted)
        rules.revokedKids = [good.message.kid]
        #expect(refusal(good, rules) == .revokedIssuer)
    }

    @Test func `A stranger who carries the issuer's kid is refused by the signature`() throws {
        let key = try issuer()
        let stranger = try issuer(6)
        let good = try carried(try token(), by: key)
        let forged = try CarriedToken(
            Sign1(signing: good.message.payload, kid: good.message.kid, key: stranger).bytes)
        #expect(throws: TokenRefusal.badSignature) {
            try rules([key.publicKey]).verify(forged, now: Self.now) { _ in false }
        }
    }

    @Test func `Claims of another shape are malformed`() throws {
        let key = try issuer()
        let kid = Array(key.publicKey.kid.prefix(4))
        let number = Self.number.digits
        let good: KeyValuePairs<Int64, CBOR?> = [
            2: .text(number), 4: .unsigned(20), 6: .unsigned(10),
            8: .record([3: .bytes([1, 2, 3, 4, 1])]), -65537: .unsigned(0),
        ]
        func carried(_ changes: [Int64: CBOR?], kid: [UInt8]? = nil) -> [UInt8] {
            var fields = Dictionary(uniqueKeysWithValues: good.map { ($0.key, $0.value) })
            for (key, value) in changes { fields.updateValue(value, forKey: key) }
            let pairs = fields.compactMap { key, value in
                value.map { CBOR.Pair(.integer(key), $0) }
            }
            return Sign1(
                signing: CBOR.map(pairs).encoded, kid: kid ?? Array(key.publicKey.kid.prefix(4)),
                key: key
            ).bytes
        }
        _ = try CarriedToken(carried([:]))
        let wrong: [[Int64: CBOR?]] = [
            [2: nil], [4: nil], [6: nil], [8: nil],
            [-65537: nil], [2: .text("000000000421")], [2: .text("0000 0000 0422")],
            [2: .unsigned(42)], [4: .text("20")], [4: .integer(-1)], [4: .unsigned(9)],
            [6: .bytes([1])], [8: .bytes([1, 2, 3, 4, 1])], [8: .record([3: .bytes([])])],
            [8: .record([3: .bytes([1])])], [8: .record([3: .bytes([1, 2, 3, 1])])],
            [8: .record([1: .bytes([1, 2, 3, 4, 1])])],
            [8: .record([3: .bytes([1, 2, 3, 4, 1]), 4: .null])],
            [-65537: .unsigned(3)], [-65537: .unsigned(.max)], [9: .null],
        ]
        for (index, changes) in wrong.enumerated() {
            #expect(throws: TokenRefusal.malformed, "case \(index)") {
                try CarriedToken(carried(changes))
            }
        }
        #expect(throws: TokenRefusal.malformed) {
            try CarriedToken(carried([:], kid: kid + [0, 0, 0, 0]))
        }
        #expect(throws: TokenRefusal.malformed) { try CarriedToken([]) }
    }

    @Test func `Any bit changed in a token is refused`() throws {
        let key = try issuer()
        let rules = rules([key.publicKey])
        let bytes = try token().signed(by: key).bytes
        for index in bytes.indices {
            for bit in 0..<8 {
                var changed = bytes
                changed[index] ^= 1 << UInt8(bit)
                let claims = try? rules.verify(
                    CarriedToken(changed), now: Self.now, isDenied: { _ in false })
                #expect(claims == nil, "byte \(index) bit \(bit)")
            }
        }
    }

    @Test func `Twenty thousand random tokens neither trap nor are believed`() throws {
        let key = try issuer()
        let rules = rules([key.publicKey])
        let good = try token().signed(by: key)
        for seed in 0..<20_000 as Range<UInt64> {
            var generator = SplitMix64(seed)
            var payload = good.payload
            for _ in 0..<Int.random(in: 1...3, using: &generator) {
                let index = Int.random(in: payload.indices, using: &generator)
                payload[index] = UInt8.random(in: 0...255, using: &generator)
            }
            guard payload != good.payload else { continue }
            // The signature of another payload: only the parser stands between it and belief.
            let parts: [CBOR] = [
                .bytes(CBOR.record([1: .integer(-8), 4: .bytes(good.kid)]).encoded), .map([]),
                .bytes(payload), .bytes(Array(good.bytes.suffix(64))),
            ]
            let bytes = CBOR.tagged(18, .array(parts)).encoded
            guard let carried = try? CarriedToken(bytes) else { continue }
            #expect((try? rules.verify(carried, now: Self.now) { _ in false }) == nil)
        }
    }
}
