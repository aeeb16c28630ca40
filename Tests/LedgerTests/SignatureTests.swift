import Crypto
import LedgerMessages
import Testing

/// What the signature of a request covers.
@Suite struct SignatureTests {
    private let signer = TestSigner()
    private let body: [UInt8] = [1, 2, 3]

    /// Whether a request signed as PUT /a?since=1 over `body` is taken for the one given.
    private func isTaken(
        method: String = "PUT", path: String = "/a?since=1", body: [UInt8]? = nil,
        digestOf other: [UInt8]? = nil, key: Ed25519PublicKey? = nil,
        input change: (String) -> String = { $0 }
    ) throws -> Bool {
        func headers(_ body: [UInt8]) -> [(String, String)] {
            signer.withKey {
                RequestSignature.headers(
                    method: "PUT", pathAndQuery: "/a?since=1", body: body, created: 100, key: $0)
            }
        }
        let signed = headers(self.body)
        let digest = other.map { headers($0)[0].1 } ?? signed[0].1
        let signature = try #require(
            RequestSignature(input: change(signed[1].1), signature: signed[2].1))
        return signature.verifies(
            method: method, pathAndQuery: path, body: body ?? self.body, contentDigest: digest,
            key: key ?? signer.publicKey)
    }

    @Test func `a signature is for one method, path, query, body, key, time and nonce`() throws {
        #expect(try isTaken())
        #expect(try !isTaken(method: "POST"))
        for path in ["/b?since=1", "/a?since=2", "/a", "/a?", "/a?since=1?"] {
            #expect(try !isTaken(path: path), "\(path)")
        }
        #expect(try !isTaken(body: [1, 2]), "the digest is another body's")
        #expect(try !isTaken(body: [1, 2], digestOf: [1, 2]), "the digest is not what was signed")
        #expect(try !isTaken(key: TestSigner().publicKey))
        #expect(try !isTaken { $0.replacing("created=100", with: "created=101") })
        let nonce = "nonce=\"0123456789abcdef\""
        #expect(try !isTaken { $0.replacing(#/nonce="\w+"/#, with: nonce) })
    }
}
