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
    /// Nonces of one terminal kept at most, so that no other one waits for it: thirty requests a
    /// second.
    static let ownNoncesMax = 20_000
    /// Wrong pairing codes in ten minutes, from one network and from all. A code has 40 bits and
    /// lives as long: guessing is hopeless at either pace, and whoever guesses keeps out himself.
    static let pairingFailuresMax = 10
    static let allPairingFailuresMax = 1_000
    static let pairingWindow: UInt64 = 600_000

    private struct State {
        var nonces: [String: UInt64] = [:]
        /// The same nonces in order of arrival; those before `first` are forgotten.
        var order: [(nonce: String, terminal: String, time: UInt64)] = []
        var first = 0
        /// How many each terminal has.
        var own: [String: Int] = [:]
        var pairingFailures: [(origin: String, time: UInt64)] = []

        mutating func forget(before now: UInt64) {
            while first < order.count, order[first].time + Door.nonceLife < now {
                let (nonce, terminal, _) = order[first]
                nonces[nonce] = nil
                let left = own[terminal, default: 1] - 1
                own[terminal] = left > 0 ? left : nil
                first += 1
            }
            if first > 1_024, first * 2 > order.count {
                order.removeFirst(first)
                first = 0
            }
        }
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
        try remember(terminal.id + signature.nonce, of: terminal.id, now: now)
        return terminal
    }

    func remember(_ nonce: String, of terminal: String, now: UInt64) throws(Refusal) {
        try state.read { (state) throws(Refusal) in
            state.forget(before: now)
            guard state.nonces[nonce] == nil else {
                throw Refusal(401, "replayed", "This request was taken before.")
            }
            let own = state.own[terminal, default: 0]
            guard state.nonces.count < Self.noncesMax, own < Self.ownNoncesMax else {
                throw Refusal(
                    503, "busy", "Too many requests.", isRetryable: true,
                    header: ["Retry-After", "60"])
            }
            state.nonces[nonce] = now
            state.own[terminal] = own + 1
            state.order.append((nonce, terminal, now))
        }
    }

    /// Throws 429 when too many wrong codes came of late from there, or from everywhere.
    func checkPairingPace(of origin: String, now: UInt64) throws(Refusal) {
        try state.read { (state) throws(Refusal) in
            state.pairingFailures.removeAll { $0.time + Self.pairingWindow < now }
            let own = state.pairingFailures.count { $0.origin == origin }
            guard own < Self.pairingFailuresMax,
                state.pairingFailures.count < Self.allPairingFailuresMax
            else {
                throw Refusal(
                    429, "rate-limited", "Too many wrong codes; wait ten minutes.",
                    isRetryable: true, header: ["Retry-After", "600"])
            }
        }
    }

    func notePairingFailure(of origin: String, now: UInt64) {
        state.read { $0.pairingFailures.append((origin, now)) }
    }
}
