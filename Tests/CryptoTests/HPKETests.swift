import Testing

@testable import Crypto

/// HPKE against RFC 9180 A.1.1 (the key encapsulation, which is the same for every cipher) and
/// against the CFRG's vectors for AES-256-GCM.
@Suite struct HPKETests {
    private func key(_ text: String) throws -> X25519PrivateKey {
        try X25519PrivateKey(SecretBytes(try #require(Hexadecimal.bytes(text))))
    }

    private let info = Hexadecimal.bytes("4f6465206f6e2061204772656369616e2055726e")!
    private let plain = Hexadecimal.bytes(
        "4265617574792069732074727574682c20747275746820626561757479")!
    private let associated = Hexadecimal.bytes("436f756e742d30")!
    private let recipient = "497b4502664cfea5d5af0b39934dac72242a74f8480451e1aee7d6a53320333d"
    private let ephemeral = "179d4b53b6365c45b600c4163b61d95cbc2f4d9e36f1695558dce265ab8bab11"
    private let sealed =
        "e5d84cd531cfb583096e7cfa9641bd3079cf3a91cda813c52deb5f512be99319"
        + "80a41de125a925cdad859d5b7a"

    @Test func `The shared secret is that of RFC 9180 A_1_1`() throws {
        let ephemeral = try key("52c4a758a802cd8b936eceea314432798d5baf2d7e9235dc084ab1b9cfa2f736")
        let recipient = try key("4612c550263fc8ad58375df3f557aac531d26850903e55a9f23f21d8534e8ac8")
        let encapsulated = ephemeral.publicKey.bytes
        #expect(
            Hexadecimal.text(encapsulated)
                == "37fda3567bdbd628e88668c3c8d7e97d1d1253b6d4ea6d44c150f741f1bf4431")
        #expect(
            Hexadecimal.text(recipient.publicKey.bytes)
                == "3948cfe0ad1ddb695d780e59077195da6c56506b027329794ab02bca80815c4d")
        for agreed in [
            Part(try ephemeral.agree(with: recipient.publicKey)),
            Part(try recipient.agree(with: ephemeral.publicKey)),
        ] {
            let shared = try HPKE.sharedSecret(
                agreed.secret, encapsulated, recipient.publicKey)
            #expect(
                shared.withBytes { Hexadecimal.text($0) }
                    == "fe0e18c9f024ce43799ae393c7e8fe8fce9d218875e8227b0187c04e7d2ea1fc")
        }
    }

    private final class Part {
        let secret: SecretBytes
        init(_ secret: consuming SecretBytes) { self.secret = secret }
    }

    @Test func `Sealing and opening give the published AES-256-GCM vector`() throws {
        let recipient = try key(recipient)
        let message = try HPKE.seal(
            SecretBytes(plain), to: recipient.publicKey, info: info, associated: associated,
            ephemeral: try key(ephemeral))
        #expect(
            Hexadecimal.text(message.encapsulated)
                == "6c93e09869df3402d7bf231bf540fadd35cd56be14f97178f0954db94b7fc256")
        #expect(Hexadecimal.text(message.sealed) == sealed)
        let opened = try HPKE.open(
            message, with: recipient, info: info, associated: associated)
        #expect(opened.withBytes { $0 } == plain)
    }

    @Test func `Another recipient, use, associated data or byte opens nothing`() throws {
        let own = try key(recipient)
        let message = try HPKE.seal(
            SecretBytes(plain), to: own.publicKey, info: info, associated: associated)
        #expect(
            try HPKE.open(message, with: own, info: info, associated: associated)
                .withBytes { $0 } == plain)
        #expect(throws: CryptoError.notAuthentic) {
            _ = try HPKE.open(message, with: try key(ephemeral), info: info, associated: associated)
        }
        #expect(throws: CryptoError.notAuthentic) {
            _ = try HPKE.open(message, with: own, info: info + [0], associated: associated)
        }
        #expect(throws: CryptoError.notAuthentic) {
            _ = try HPKE.open(message, with: own, info: info, associated: [])
        }
        for index in message.sealed.indices {
            var bytes = message.sealed
            bytes[index] ^= 1
            let bad = HPKE.Message(encapsulated: message.encapsulated, sealed: bytes)
            #expect(throws: CryptoError.notAuthentic) {
                _ = try HPKE.open(bad, with: own, info: info, associated: associated)
            }
        }
        for index in message.encapsulated.indices {
            var bytes = message.encapsulated
            bytes[index] ^= 1
            let bad = HPKE.Message(encapsulated: bytes, sealed: message.sealed)
            #expect(throws: CryptoError.notAuthentic) {
                _ = try HPKE.open(bad, with: own, info: info, associated: associated)
            }
        }
    }

    @Test func `A point of small order is nobody's key`() throws {
        let zero = try X25519PublicKey([UInt8](repeating: 0, count: 32))
        #expect(throws: CryptoError.invalidKey) {
            _ = try HPKE.seal(SecretBytes([1]), to: zero, info: [], associated: [])
        }
        #expect(throws: CryptoError.wrongLength(expected: 32, got: 31)) {
            _ = try X25519PublicKey([UInt8](repeating: 9, count: 31))
        }
    }

    @Test func `Key unwrap gives RFC 3394 4_3 and refuses a flipped bit`() throws {
        let wrapping = SecretBytes(Array(0...31))
        var wrapped = try #require(
            Hexadecimal.bytes("64e8c3f9ce0f5ba263e9777905818a2a93c8191e7d6e8ae7"))
        #expect(
            try Sealing.unwrap(wrapped, key: wrapping).withBytes { Hexadecimal.text($0) }
                == "00112233445566778899aabbccddeeff")
        for index in wrapped.indices {
            wrapped[index] ^= 0x80
            #expect(throws: CryptoError.notAuthentic) {
                _ = try Sealing.unwrap(wrapped, key: wrapping)
            }
            wrapped[index] ^= 0x80
        }
        #expect(throws: CryptoError.notAuthentic) { _ = try Sealing.unwrap([], key: wrapping) }
    }
}
