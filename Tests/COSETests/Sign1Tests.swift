import COSE
import Crypto
import TestSupport
import Testing

@Suite struct Sign1Tests {
    private func key(_ fill: UInt8 = 1) throws -> Ed25519PrivateKey {
        try Ed25519PrivateKey(seed: SecretBytes([UInt8](repeating: fill, count: 32)))
    }

    private func message(_ key: borrowing Ed25519PrivateKey) -> Sign1 {
        let payload = CBOR.record([1: .unsigned(7), 2: .text("payload")]).encoded
        return Sign1(signing: payload, kid: key.publicKey.kid, key: key)
    }

    @Test func `A signed message is read back, verified and hashed over its own bytes`() throws {
        let key = try key()
        let made = message(key)
        let read = try Sign1(parsing: made.bytes, limit: 256)
        #expect(read == made)
        #expect(read.kid == key.publicKey.kid)
        #expect(try read.verified(by: key.publicKey) == made.payload)
        #expect(read.digest == sha256(made.bytes))
    }

    @Test func `Any bit changed in any byte is refused`() throws {
        let key = try key()
        let bytes = message(key).bytes
        for index in bytes.indices {
            for bit in 0..<8 {
                var changed = bytes
                changed[index] ^= 1 << UInt8(bit)
                let payload = try? Sign1(parsing: changed, limit: 256)
                    .verified(by: key.publicKey)
                #expect(payload == nil, "byte \(index) bit \(bit)")
            }
        }
    }

    @Test func `Cut or prolonged it is refused`() throws {
        let bytes = message(try key()).bytes
        for count in 0..<bytes.count {
            #expect(throws: COSEError.truncated, "\(count) bytes") {
                try Sign1(parsing: Array(bytes.prefix(count)), limit: 256)
            }
        }
        #expect(throws: COSEError.trailingBytes) { try Sign1(parsing: bytes + [0], limit: 256) }
        #expect(throws: COSEError.tooLarge(limit: 64)) { try Sign1(parsing: bytes, limit: 64) }
    }

    @Test func `Another key does not verify it, whatever kid it carries`() throws {
        let first = try key(1)
        let second = try key(2)
        let pretending = Sign1(signing: [0x00], kid: first.publicKey.kid, key: second)
        let read = try Sign1(parsing: pretending.bytes, limit: 256)
        #expect(read.kid == first.publicKey.kid)
        #expect(throws: COSEError.badSignature) { try read.verified(by: first.publicKey) }
        #expect(throws: COSEError.badSignature) {
            try message(first).verified(by: second.publicKey)
        }
    }

    @Test func `The kid belongs to what is signed`() throws {
        let key = try key()
        let made = message(key)
        let kid = key.publicKey.kid
        let start = try #require(
            made.bytes.indices.first { Array(made.bytes[$0...].prefix(8)) == kid })
        var changed = made.bytes
        changed[start] ^= 1
        let read = try Sign1(parsing: changed, limit: 256)
        #expect(read.kid != kid)
        #expect(throws: COSEError.badSignature) { try read.verified(by: key.publicKey) }
    }

    /// A message with this protected header and these parts, as CBOR.
    private func shape(
        tag: UInt64 = 18, protected: CBOR = .record([1: .integer(-8), 4: .bytes([1, 2, 3, 4])]),
        unprotected: CBOR = .map([]), payload: CBOR = .bytes([0]),
        signature: CBOR = .bytes([UInt8](repeating: 0, count: 64)), more: [CBOR] = []
    ) -> [UInt8] {
        CBOR.tagged(
            tag, .array([.bytes(protected.encoded), unprotected, payload, signature] + more)
        ).encoded
    }

    @Test func `A message of another shape is refused before any signature is looked at`() throws {
        _ = try Sign1(parsing: shape(), limit: 256)
        let kid = CBOR.bytes([1, 2, 3, 4])
        let wrong: [[UInt8]] = [
            shape(tag: 17), shape(tag: 98), shape(more: [.null]),
            shape(unprotected: .record([4: kid])), shape(unprotected: .null),
            shape(payload: .null), shape(payload: .text("a")),
            shape(signature: .bytes([UInt8](repeating: 0, count: 63))),
            shape(signature: .bytes([UInt8](repeating: 0, count: 65))),
            shape(protected: .record([1: .integer(-7), 4: kid])),
            shape(protected: .record([1: .integer(-8)])),
            shape(protected: .record([4: kid])),
            shape(protected: .record([1: .integer(-8), 4: kid, 5: .null])),
            shape(protected: .record([1: .integer(-8), 4: .bytes([1, 2, 3])])),
            shape(protected: .record([1: .integer(-8), 4: .text("abcd")])),
            shape(protected: .array([])), CBOR.array([]).encoded, [0xd2, 0x80],
        ]
        for (index, bytes) in wrong.enumerated() {
            #expect(throws: COSEError.self, "case \(index)") {
                try Sign1(parsing: bytes, limit: 256)
            }
        }
    }

    @Test func `Twenty thousand random or mutilated messages neither trap nor verify`() throws {
        let key = try key()
        let good = message(key).bytes
        for seed in 0..<20_000 as Range<UInt64> {
            var generator = SplitMix64(seed)
            var bytes = good
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                let index = Int.random(in: bytes.indices, using: &generator)
                switch generator.next() % 4 {
                case 0: bytes[index] = UInt8.random(in: 0...255, using: &generator)
                case 1: bytes.insert(UInt8.random(in: 0...255, using: &generator), at: index)
                case 2: if bytes.count > 1 { bytes.remove(at: index) }
                default: bytes = generator.bytes(Int.random(in: 1...140, using: &generator))
                }
            }
            guard bytes != good, let read = try? Sign1(parsing: bytes, limit: 256) else { continue }
            #expect((try? read.verified(by: key.publicKey)) == nil, "seed \(seed)")
        }
    }
}
