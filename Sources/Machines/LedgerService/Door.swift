import Crypto
import HTTPServer
import LedgerBook
import LedgerMessages
import Threads

/// Who may come in: signatures of paired terminals, each request once; pairing at a slow pace.
final class Door: Sendable {
    /// A nonce is remembered twice the clock difference allowed: until its request is too old.
    static let nonceLife: UInt64 = 2 * RequestSignature.skewMax * 1_000
    /// Nonces kept at most; beyond it the ledger asks for patience rather than forget one.
    static let noncesMax = 200_000
    /// Wrong pairing codes in ten minutes: with 40-bit codes, guessing is hopeless.
    static let pairingFailuresMax = 10
    static let pairingWindow: UInt64 = 600_000

    private struct State {
        var nonces: [String: UInt64] = [:]
        /// The same nonces in order of arrival; those before `first` are forgotten.
        var order: [(nonce: String, time: UInt64)] = []
        var first = 0
        var pairingFailures: [UInt64] = []
    }

    private let shelf: Shelf
    private let state = Monitor(State())

    init(shelf: Shelf) { self.shelf = shelf }

    /// The terminal that signed this request. `id` is the one its path names, if any.
    func terminal(
        of request: HTTPRequest, pathAndQuery: String, id: String?, now: UInt64
    ) throws(Refusal) -> TerminalRecord {
        guard let input = request.header("signature-input"),
            let value = request.header("signature"),
            let digest = request.header("content-digest"),
            let signature = RequestSignature(input: input, signature: value),
            let kid = Hexadecimal.bytes(signature.keyID)
        else { throw Refusal(401, "signature", "The request is not signed as agreed.") }
        let terminal: TerminalRecord?
        do throws(BookError) {
            terminal = try shelf.with { (book) throws(BookError) in try book.terminal(kid: kid) }
        } catch { throw Refusal(error) }
        guard let terminal else { throw Refusal(.terminalUnknown) }
        guard
            signature.verifies(
                method: request.method, pathAndQuery: pathAndQuery, body: request.body,
                contentDigest: digest, key: terminal.key)
        else { throw Refusal(401, "signature", "The signature does not verify.") }
        if terminal.revoked != nil { throw Refusal(.terminalRevoked) }
        if let id, id != terminal.id {
            throw Refusal(403, "other-terminal", "A terminal acts for itself only.")
        }
        let seconds = now / 1_000
        let skew =
            seconds > signature.created
            ? seconds - signature.created : signature.created - seconds
        guard skew <= RequestSignature.skewMax else {
            throw Refusal(401, "clock-skew", "The request's time is too far from the ledger's.")
        }
        try remember(terminal.id + signature.nonce, now: now)
        return terminal
    }

    private func remember(_ nonce: String, now: UInt64) throws(Refusal) {
        try state.read { (state) throws(Refusal) in
            while state.first < state.order.count,
                state.order[state.first].time + Self.nonceLife < now
            {
                state.nonces[state.order[state.first].nonce] = nil
                state.first += 1
            }
            if state.first > 1_024, state.first * 2 > state.order.count {
                state.order.removeFirst(state.first)
                state.first = 0
            }
            guard state.nonces[nonce] == nil else {
                throw Refusal(401, "replayed", "This request was taken before.")
            }
            guard state.nonces.count < Self.noncesMax else {
                throw Refusal(
                    503, "busy", "Too many requests.", isRetryable: true,
                    header: ["Retry-After", "60"])
            }
            state.nonces[nonce] = now
            state.order.append((nonce, now))
        }
    }

    /// Throws 429 when too many wrong codes were tried of late.
    func checkPairingPace(now: UInt64) throws(Refusal) {
        try state.read { (state) throws(Refusal) in
            state.pairingFailures.removeAll { $0 + Self.pairingWindow < now }
            guard state.pairingFailures.count < Self.pairingFailuresMax else {
                throw Refusal(
                    429, "rate-limited", "Too many wrong codes; wait ten minutes.",
                    isRetryable: true, header: ["Retry-After", "600"])
            }
        }
    }

    func notePairingFailure(now: UInt64) { state.read { $0.pairingFailures.append(now) } }
}
