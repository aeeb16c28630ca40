import COSE
import Crypto
import LedgerMessages
import Operations
import Testing
import Tokens

/// Messages that are signed, and say what cannot be.
@Suite struct SignedMessageTests {
    private let signer = TestSigner()
    private let zeros = [UInt8](repeating: 0, count: 32)

    private func signed(_ fields: KeyValuePairs<Int64, CBOR?>) -> [UInt8] {
        signer.sign(payload: CBOR.record(fields).encoded).bytes
    }

    @Test func `a receipt has one outcome for each entry, under its ledger's name`() throws {
        let settled = CBOR.array([.unsigned(0)])
        func fields(_ outcomes: Int) -> KeyValuePairs<Int64, CBOR?> {
            [
                1: .bytes([1, 2, 3, 4, 5, 6, 7, 8]), 2: .unsigned(1), 3: .unsigned(2),
                4: .bytes(zeros), 5: .array(Array(repeating: settled, count: outcomes)),
            ]
        }
        _ = try Receipt(signed(fields(2)), ledger: signer.publicKey)
        for count in [0, 1, 3] {
            #expect(throws: MessageError.malformed("receipt"), "\(count)") {
                try Receipt(signed(fields(count)), ledger: signer.publicKey)
            }
        }
        let payload = CBOR.record(fields(2)).encoded
        let other = signer.withKey {
            Sign1(signing: payload, kid: TestSigner().publicKey.kid, key: $0).bytes
        }
        #expect(throws: MessageError.notAuthentic("receipt")) {
            try Receipt(other, ledger: signer.publicKey)
        }
    }

    @Test func `a deny-list leads on, and names cards alone`() throws {
        func list(_ since: UInt64, _ epoch: UInt64, _ removed: String...) throws {
            let bytes = signed([
                1: .unsigned(since), 2: .unsigned(epoch), 3: .array([]),
                4: .array(removed.map { .text($0) }),
            ])
            _ = try DenyListDelta(bytes, ledger: signer.publicKey)
        }
        let number = try #require(CardNumber(serial: 1)).digits
        try list(4, 4, number)
        #expect(throws: MessageError.malformed("deny-list")) { try list(5, 4) }
        #expect(throws: MessageError.malformed("deny-list numbers")) {
            try list(4, 5, number, "12")
        }
    }

    @Test func `an authorisation is asked for some money, and has a whole name`() throws {
        let card = try #require(CardNumber(serial: 1))
        let sun = Evidence.sdm(
            piccData: Array(zeros.prefix(16)), mac: Array(zeros.prefix(8)),
            digest: Array(zeros.prefix(16)))
        func request(_ cents: Int64) throws -> AuthorisationRequest {
            try AuthorisationRequest(
                AuthorisationRequest(
                    entry: EntryID(milliseconds: 1), card: card,
                    amount: #require(Amount(cents: cents)), sun: sun
                ).encoded)
        }
        #expect(try request(1).amount.cents == 1)
        #expect(throws: MessageError.malformed("authorisation request")) { try request(0) }
        for count in [15, 17] {
            let answer = AuthorisationAnswer.approved(
                id: Array(zeros.prefix(count)), rearm: false)
            #expect(throws: MessageError.malformed("approval"), "\(count)") {
                try AuthorisationAnswer(answer.encoded)
            }
        }
    }
}
