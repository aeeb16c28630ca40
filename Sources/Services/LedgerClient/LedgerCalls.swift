import COSE
import Crypto
import HTTPClient
import LedgerMessages
import Linux
import Operations
import Threads
import Tokens

/// What a call came to, sorted by what the caller does next (L4).
enum CallResult<Answer> {
    case answered(Answer)
    /// Try again later.
    case unreachable
    /// The ledger answered with an error that trying again does not mend.
    case refused(status: Int, code: String, expected: UInt64?)
}

/// Signed HTTP calls to the ledger, one connection, one thread.
struct LedgerCalls {
    private let link: LedgerLink
    private let client: HTTPClient
    private let timeout: Duration

    init(link: LedgerLink, timeout: Duration) {
        self.link = link
        self.timeout = timeout
        client = HTTPClient(
            timeout: timeout, connectTimeout: min(timeout, .seconds(5)),
            answerLimit: messageSizeMax)
    }

    private var terminal: String { Hexadecimal.text(link.signer.publicKey.kid) }

    /// Sends a batch of entries (a CBOR sequence). L2: the bytes are the journal's.
    func send(_ batch: [UInt8]) -> CallResult<HTTPExchange> {
        call(
            "POST", "/v1/terminals/\(terminal)/entries", body: batch,
            headers: [("Content-Type", "application/cbor-seq")])
    }

    /// The ledger's idea of this terminal's last entry.
    func head() -> CallResult<HTTPExchange> {
        call("GET", "/v1/terminals/\(terminal)/entries/head")
    }

    /// The policy, or 304 when `tag` is still right.
    func policy(tag: String?) -> CallResult<HTTPExchange> {
        call(
            "GET", "/v1/terminals/\(terminal)/policy",
            headers: tag.map { [("If-None-Match", $0)] } ?? [])
    }

    /// What was decided of held entries, or 304 when `tag` is still right.
    func verdicts(tag: String?) -> CallResult<HTTPExchange> {
        call(
            "GET", "/v1/terminals/\(terminal)/verdicts",
            headers: tag.map { [("If-None-Match", $0)] } ?? [])
    }

    /// Says how this terminal is.
    func report(_ status: TerminalStatus) -> CallResult<HTTPExchange> {
        call(
            "PUT", "/v1/terminals/\(terminal)/status", body: status.encoded,
            headers: [("Content-Type", "application/cbor")])
    }

    /// The deny-list from an epoch on.
    func denyList(since epoch: UInt64) -> CallResult<HTTPExchange> {
        call("GET", "/v1/deny-list?since=\(epoch)")
    }

    /// The ledger's clock, milliseconds; nil when it does not answer.
    func time() -> UInt64? {
        let before = Clock.monotonicNanoseconds()
        guard case .answered(let milliseconds) = call("GET", "/v1/time", reading: ledgerTime)
        else { return nil }
        return milliseconds + (Clock.monotonicNanoseconds() - before) / 2_000_000
    }

    /// Asks for an authorisation; anything but a clear answer is `.unreachable`.
    func authorise(_ request: AuthorisationRequest) -> AuthorisationAnswer {
        let result = call(
            "POST", "/v1/authorizations", body: request.encoded,
            headers: [("Content-Type", "application/cbor")],
            reading: { try? AuthorisationAnswer($0) })
        switch result {
        case .answered(let answer): return answer
        case .unreachable: return .unreachable
        case .refused: return .useOfflineRules
        }
    }

    /// What a card has; nil when the ledger does not say, or speaks of another card.
    func balance(of card: CardNumber) -> CardBalanceAnswer? {
        let result = call(
            "GET", "/v1/cards/\(card.digits)/balance",
            reading: { try? CardBalanceAnswer($0) })
        guard case .answered(let answer) = result, answer.card == card else { return nil }
        return answer
    }

    /// A call whose answer is read by the caller.
    private func call(
        _ method: String, _ path: String, body: [UInt8] = [], headers: [(String, String)] = []
    ) -> CallResult<HTTPExchange> {
        exchange(method, path, body, headers) { $0 }
    }

    /// A call whose body `reading` takes, or it is nothing that the ledger says.
    private func call<Answer>(
        _ method: String, _ path: String, body: [UInt8] = [], headers: [(String, String)] = [],
        reading: ([UInt8]) -> Answer?
    ) -> CallResult<Answer> {
        exchange(method, path, body, headers) { reading($0.body) }
    }

    private func exchange<Answer>(
        _ method: String, _ path: String, _ body: [UInt8], _ headers: [(String, String)],
        reading: (HTTPExchange) -> Answer?
    ) -> CallResult<Answer> {
        let offset = link.measuredClockOffset ?? 0
        let created = (Int64(clamping: Clock.realtimeMilliseconds()) &+ offset) / 1_000
        let signed = link.signer.withKey { key in
            RequestSignature.headers(
                method: method, pathAndQuery: path, body: body,
                created: UInt64(clamping: created), key: key)
        }
        let exchange: HTTPExchange
        do {
            exchange = try client.send(
                method: method, url: link.address.url + path, headers: headers + signed,
                body: method == "GET" ? nil : body, timeout: timeout)
        } catch {
            note(reachable: false)
            return .unreachable
        }
        switch exchange.status {
        case 200, 201, 204, 304:
            // A hotspot's page has a good status too. It is no contact: the hours that a terminal
            // sells without its ledger go on.
            let answer = reading(exchange)
            note(reachable: answer != nil)
            return answer.map { .answered($0) } ?? .unreachable
        case 408, 425, 429, 500...599:
            note(reachable: false)
            return .unreachable
        default:
            let problem = Problem(exchange.body)
            // Whoever answers without the ledger's own words is not the ledger: a hotspot's page,
            // a proxy. A replay is what libcurl makes of a kept connection that broke after the
            // ledger had taken the request: the next call has a nonce of its own.
            guard isProblem(exchange), problem.code != "replayed" else {
                note(reachable: false)
                return .unreachable
            }
            note(reachable: true)
            return .refused(
                status: exchange.status, code: problem.code, expected: problem.expected)
        }
    }

    /// Publishes whether the ledger answered, and when: by the clock this terminal lives by, its
    /// own when it is synchronised, else the ledger's. While neither is known the time is left out.
    private func note(reachable: Bool) {
        let local = Clock.realtimeMilliseconds()
        let isSynchronised = Clock.synchronised()
        let contact: (now: UInt64, before: UInt64?)? = link.state.update { state in
            if state.isReachable != reachable { state.version += 1 }
            state.isReachable = reachable
            let offset = isSynchronised ? 0 : state.clockOffset(at: local)
            guard reachable, let offset else { return nil }
            let before = state.lastContact
            let now = UInt64(clamping: Int64(clamping: local) &+ offset)
            state.lastContact = now
            return (now, before)
        }
        if let contact { link.store.save(contact: contact.now, before: contact.before) }
    }
}

/// The answer of `/v1/time`, exactly `{"ms":N}` in the 48 bits that an id has for it; nil for
/// anything else: whatever page a hotspot shows must not set a clock.
func ledgerTime(_ body: [UInt8]) -> UInt64? {
    let text = String(decoding: body.prefix(64), as: UTF8.self)
    guard body.count <= 64, text.hasPrefix("{\"ms\":"), text.hasSuffix("}") else { return nil }
    let digits = text.dropFirst(6).dropLast()
    guard digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
    return UInt64(digits).flatMap { $0 <= EntryID.millisecondsMax ? $0 : nil }
}

/// True for an error that is said as the ledger says its own (RFC 9457).
func isProblem(_ exchange: HTTPExchange) -> Bool {
    exchange.headers.contains {
        $0.name == "content-type" && $0.value.hasPrefix("application/problem+json")
    }
}
