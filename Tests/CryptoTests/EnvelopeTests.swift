import Crypto
import Testing

/// CMS EnvelopedData to one recipient.
@Suite struct EnvelopeTests {
    private let name = Array("Amina Benali, 06 12 34 56 78".utf8)

    @Test func `Only the recipient reads it, and the text stands nowhere in it`() throws {
        let recipient = try EnvelopeRecipient(seconds: 1_800_000_000)
        let other = try EnvelopeRecipient(seconds: 1)
        let sealed = try Envelope.seal(SecretBytes(name), certificate: recipient.certificate)
        #expect(sealed.count < name.count + 500)
        #expect(!sealed.indices.contains { sealed[$0...].starts(with: Array("Amina".utf8)) })
        let opened = try Envelope.open(
            sealed, certificate: recipient.certificate, key: recipient.key)
        #expect(opened.withBytes { $0 } == name)
        #expect(throws: CryptoError.notAuthentic) {
            try Envelope.open(sealed, certificate: other.certificate, key: other.key)
                .withBytes { $0 }
        }
        let again = try Envelope.seal(SecretBytes(name), certificate: recipient.certificate)
        #expect(again != sealed, "every message has a key of its own")
    }

    @Test func `What is no certificate, no message or no text is refused`() throws {
        let recipient = try EnvelopeRecipient(seconds: 1_800_000_000)
        #expect(throws: CryptoError.self) {
            try Envelope.seal(SecretBytes(name), certificate: [1, 2, 3])
        }
        #expect(throws: CryptoError.self) {
            try Envelope.seal(SecretBytes([]), certificate: recipient.certificate)
        }
        let sealed = try Envelope.seal(SecretBytes(name), certificate: recipient.certificate)
        for end in stride(from: 0, to: sealed.count - 1, by: 7) {
            #expect(throws: CryptoError.self) {
                try Envelope.open(
                    Array(sealed[..<end]), certificate: recipient.certificate, key: recipient.key
                ).withBytes { $0 }
            }
        }
    }
}
