import Crypto
import Testing

/// Published examples of the primitives; the card vectors have a suite of their own.
@Suite struct CryptoTests {
    /// With the neutral point as key and as R, and zero as S, the equation of RFC 8032, 5.1.7 holds
    /// for every message: such a signature would bind nobody.
    @Test(arguments: [
        "01" + String(repeating: "00", count: 31), "ec" + String(repeating: "ff", count: 30) + "7f",
        String(repeating: "00", count: 32),
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    ])
    func `A key of small order verifies nothing`(point: String) throws {
        let key = try Ed25519PublicKey(#require(Hexadecimal.bytes(point)))
        let signature = [1] + [UInt8](repeating: 0, count: 63)
        for message in UInt8(0)..<16 { #expect(!key.verifies(signature, over: [message])) }
    }

    @Test func `A signature has one spelling`() throws {
        let key = try Ed25519PrivateKey(seed: SecretBytes([UInt8](repeating: 7, count: 32)))
        var signature = key.sign([1, 2, 3])
        #expect(key.publicKey.verifies(signature, over: [1, 2, 3]))
        // The same scalar, the order of the group added: equal in the equation.
        let order = try #require(
            Hexadecimal.bytes("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010"))
        var carry = 0
        for index in 0..<32 {
            carry += Int(signature[32 + index]) + Int(order[index])
            signature[32 + index] = UInt8(carry & 255)
            carry >>= 8
        }
        #expect(carry == 0)
        #expect(!key.publicKey.verifies(signature, over: [1, 2, 3]))
    }

    @Test func `Ed25519 signs RFC 8032 test 1 and refuses a flipped bit`() throws {
        let seed = try #require(
            Hexadecimal.bytes("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"))
        let key = try Ed25519PrivateKey(seed: SecretBytes(seed))
        #expect(
            Hexadecimal.text(key.publicKey.bytes)
                == "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
        var signature = key.sign([])
        #expect(Hexadecimal.text(signature).hasPrefix("e5564300c360ac729086e2cc806e828a"))
        #expect(key.publicKey.verifies(signature, over: []))
        signature[3] ^= 1
        #expect(!key.publicKey.verifies(signature, over: []))
        #expect(!key.publicKey.verifies([], over: []))
    }

    @Test func `HKDF gives RFC 5869 case 1`() throws {
        let input = SecretBytes([UInt8](repeating: 0x0b, count: 22))
        let output = try Sealing.hkdf(
            input, salt: Array(0...12), info: Array(0xf0...0xf9), count: 42)
        let text = output.withBytes { Hexadecimal.text($0) }
        #expect(
            text == "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf"
                + "34007208d5b887185865")
    }

    @Test func `A sealed box opens only with its key, nonce, label and bytes`() throws {
        let key = SecretBytes(randomCount: 32)
        let nonce = randomBytes(12)
        let sealed = try Sealing.seal(
            SecretBytes([1, 2, 3]), key: key, nonce: nonce, associated: [9])
        let opened = try Sealing.open(sealed, key: key, nonce: nonce, associated: [9])
        #expect(opened.withBytes { $0 } == [1, 2, 3])
        for index in sealed.indices {
            var changed = sealed
            changed[index] ^= 0x80
            #expect(throws: CryptoError.notAuthentic) {
                _ = try Sealing.open(changed, key: key, nonce: nonce, associated: [9]).count
            }
        }
        #expect(throws: CryptoError.notAuthentic) {
            _ = try Sealing.open(sealed, key: key, nonce: nonce, associated: [8]).count
        }
        let other = SecretBytes(randomCount: 32)
        #expect(throws: CryptoError.notAuthentic) {
            _ = try Sealing.open(sealed, key: other, nonce: nonce, associated: [9]).count
        }
    }

    @Test func `A wrong length is an error, never a trap`() throws {
        #expect(throws: CryptoError.wrongLength(expected: 16, got: 15)) {
            _ = try AES128Key([UInt8](repeating: 0, count: 15)).cmac([])
        }
        let key = AES128Key.zero()
        #expect(throws: CryptoError.self) { try key.encryptCBC([1, 2, 3]) }
        #expect(throws: CryptoError.self) { try key.encryptCBC([], iv: [1]) }
        #expect(throws: CryptoError.self) { try key.encryptBlock([]) }
    }

    @Test func `Hexadecimal refuses odd counts and foreign characters`() {
        #expect(Hexadecimal.bytes("0aFf") == [0x0a, 0xff])
        #expect(Hexadecimal.bytes("0") == nil)
        #expect(Hexadecimal.bytes("0g") == nil)
        #expect(Hexadecimal.ascii([0xab, 0x01]) == Array("AB01".utf8))
    }
}
