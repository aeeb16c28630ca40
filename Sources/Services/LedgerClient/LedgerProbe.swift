public import COSE
import Crypto
import HTTPClient
public import LedgerMessages
import Linux
public import Operations
public import Tokens

/// What earlier runs of the link stored, read and verified anew; nothing is written.
public struct StoredNews: Sendable {
    /// The policy; nil when none is stored, or the stored one does not verify.
    public let policy: Policy?
    /// What the association decided of held entries, by their numbers; empty when what is stored
    /// does not verify.
    public let verdicts: [UInt64: Verdict]
    /// Blocked cards.
    public let denied: Set<CardNumber>
    /// How far the deny-list goes.
    public let denyEpoch: UInt64
    /// False when a part of the stored deny-list does not verify or does not follow.
    public let isDenyListWhole: Bool
    /// When the ledger last answered, milliseconds since the Unix epoch.
    public let lastContact: UInt64?

    /// Reads `directory`. `terminal` is its kid, 8 bytes.
    public init(directory: String, address: LedgerAddress, terminal: [UInt8]) {
        let store = LinkStore(directory: directory, ledger: address.key, terminal: terminal)
        let state = store.load()
        policy = state.policy
        verdicts = state.verdicts?.byNumber ?? [:]
        denied = state.denied
        denyEpoch = state.denyEpoch
        isDenyListWhole = store.denyListParts() == state.denyDeltas
        lastContact = state.lastContact
    }
}

/// One look at the ledger: asks with the terminal's signature, believes what verifies, stores
/// nothing.
public struct LedgerProbe: Equatable, Sendable {
    /// Longest wait for each of the three calls.
    public static let limit = Duration.seconds(5)

    /// Why there is no answer to look at.
    public enum Fault: Error, Equatable, Sendable {
        /// Nobody answered: libcurl's words, or the status.
        case unreachable(String)
        /// The ledger refuses this terminal: its code.
        case refused(code: String)
        /// Whoever answered is not the ledger this terminal is paired with.
        case otherLedger
    }

    /// How long the three calls took together, milliseconds.
    public let milliseconds: UInt64
    /// The ledger's clock minus ours, milliseconds.
    public let clockOffset: Int64
    /// The last entry of this terminal that the ledger has; 0 for none.
    public let sequence: UInt64
    /// The hash of that entry, 32 bytes.
    public let hash: [UInt8]
    /// The policy it gives now.
    public let policy: Policy

    /// Asks for the time, this terminal's last entry and its policy.
    public static func ask(
        _ address: LedgerAddress, signer: any MessageSigner
    ) throws(Fault) -> LedgerProbe {
        let client = HTTPClient(
            timeout: limit, connectTimeout: limit, answerLimit: messageSizeMax)
        let start = Clock.monotonicNanoseconds()
        let answer = try get(client, address, "/v1/time", signer, offset: 0)
        guard let time = ledgerTime(answer) else { throw .otherLedger }
        let offset = Int64(clamping: time) &- Int64(clamping: Clock.realtimeMilliseconds())
        let kid = signer.publicKey.kid
        let place = "/v1/terminals/\(Hexadecimal.text(kid))/"
        let head = try get(client, address, place + "entries/head", signer, offset: offset)
        let given = try get(client, address, place + "policy", signer, offset: offset)
        let store = LinkStore(directory: "", ledger: address.key, terminal: kid)
        guard let item = try? CBOR.decode(head, limit: 256), let sequence = item[1]?.unsigned,
            let hash = item[2]?.bytes, let policy = try? store.policy(given)
        else { throw .otherLedger }
        return LedgerProbe(
            milliseconds: (Clock.monotonicNanoseconds() - start) / 1_000_000,
            clockOffset: offset, sequence: sequence, hash: hash, policy: policy)
    }

    private static func get(
        _ client: HTTPClient, _ address: LedgerAddress, _ path: String,
        _ signer: any MessageSigner, offset: Int64
    ) throws(Fault) -> [UInt8] {
        let created = (Int64(clamping: Clock.realtimeMilliseconds()) &+ offset) / 1_000
        let headers = signer.withKey { key in
            RequestSignature.headers(
                method: "GET", pathAndQuery: path, body: [], created: UInt64(clamping: created),
                key: key)
        }
        let exchange: HTTPExchange
        do {
            exchange = try client.send(
                method: "GET", url: address.url + path, headers: headers, body: nil)
        } catch { throw .unreachable(error.message) }
        switch exchange.status {
        case 200: return exchange.body
        case 408, 425, 429, 500...599: throw .unreachable("status \(exchange.status)")
        default:
            guard isProblem(exchange) else { throw .unreachable("status \(exchange.status)") }
            throw .refused(code: Problem(exchange.body).code)
        }
    }
}
