public import Crypto
import HTTPClient
public import LedgerMessages

/// Why pairing failed.
public enum PairingError: Error, Equatable, Sendable {
    /// The ledger does not answer at this address.
    case unreachable
    /// The ledger refuses: its code ("pairing-code", "other-merchant", "rate-limited").
    case refused(code: String)
    /// The answer is not a ledger's.
    case malformed
}

/// Makes a terminal known to a ledger: `POST /v1/terminals` with a one-time code.
///
/// - Parameter url: the ledger's address without a slash at the end.
/// - Throws: `PairingError`.
public func pair(
    url: String, code: String, publicKey: Ed25519PublicKey
) throws(PairingError) -> PairingAnswer {
    let client = HTTPClient(
        timeout: .seconds(20), connectTimeout: .seconds(5), answerLimit: 64 << 10)
    let exchange: HTTPExchange
    do {
        exchange = try client.send(
            method: "POST", url: url + "/v1/terminals",
            headers: [("Content-Type", "application/cbor")],
            body: PairingRequest(code: code, publicKey: publicKey).encoded)
    } catch { throw .unreachable }
    guard exchange.status == 200 || exchange.status == 201 else {
        throw .refused(code: Problem(exchange.body).code)
    }
    guard let answer = try? PairingAnswer(exchange.body) else { throw .malformed }
    return answer
}
