import COSE
import Crypto
import Linux
import Tokens

/// Answers for the issuer's keys at a socket, so that the process which talks to cards, readers
/// and files never holds a master nor the PIN: only keys of single cards and finished tokens
/// leave the agent. It cuts no bundles and shows no master, whatever it is asked.
///
/// Who may connect is said by the socket's mode. One request a connection: count (2) || what (1)
/// || body; answer: count (2) || outcome (1) || body. Numbers are big endian.
public struct KeyAgent: ~Copyable {
    private let keys: IssuerKeys
    private let listener: UnixListener
    private static let patience = Duration.seconds(2)

    /// Opens the socket at `path`. `mode` 0600: its owner alone; 0660: its group too.
    /// - Throws: `.alreadyThere` when something is at `path`, `.io`.
    public init(
        _ keys: IssuerKeys, at path: String, mode: UInt32 = 0o600
    ) throws(KeyStoreError) {
        // What throws comes first: Swift 6.2 gives back twice what a thrown init had already set.
        listener = try Self.listener(path, mode)
        self.keys = keys
    }

    private static func listener(
        _ path: String, _ mode: UInt32
    ) throws(KeyStoreError) -> UnixListener {
        guard !Files.exists(path) else { throw .alreadyThere(path) }
        do { return try UnixListener(path, mode: mode) } catch { throw .io("\(error)") }
    }

    /// Answers what comes within `time`. A peer that says nothing is dropped after two seconds.
    /// - Throws: `.io` when the socket fails.
    public borrowing func serve(for time: Duration) throws(KeyStoreError) {
        let connection: UnixConnection?
        do { connection = try listener.accept(timeout: time) } catch { throw .io("\(error)") }
        guard let connection else { return }
        // A peer's fault is the peer's: the next one is served.
        guard let request = try? AgentMessage.read(connection, within: Self.patience) else {
            return
        }
        var answer = answer(request)
        try? answer.write(connection)
        wipe(&answer.body)
    }

    private borrowing func answer(_ request: AgentMessage) -> AgentMessage {
        do throws(KeyStoreError) {
            switch AgentMessage.Request(rawValue: request.what) {
            case .describe:
                return AgentMessage(outcome: .done, keys.issuerKey.bytes + keys.epochs)
            case .cardKey:
                guard request.body.count > 2 else { throw .unsupported("this request") }
                let key = try keys.cardKey(
                    request.body[0], uid: Array(request.body[2...]), epoch: request.body[1])
                return AgentMessage(outcome: .done, key.withBytes { $0 })
            case .signToken:
                guard let token = CardToken(agentBytes: request.body) else {
                    throw .unsupported("this token")
                }
                return AgentMessage(outcome: .done, try keys.sign(token: token).bytes)
            case nil: throw .unsupported("this request")
            }
        } catch .unknownEpoch(let epoch) {
            return AgentMessage(outcome: .unknownEpoch, [epoch])
        } catch {
            return AgentMessage(outcome: .refused, Array("\(error)".utf8.prefix(256)))
        }
    }
}

/// Keys that an agent answers for.
struct AgentCustody: Custody {
    private let path: String
    let issuerKey: Ed25519PublicKey
    let epochs: [UInt8]

    init(_ path: String) throws(KeyStoreError) {
        guard Files.exists(path) else { throw .missing(path) }
        self.path = path
        let body = try Self.ask(path, .describe, [])
        guard body.count > 32, let key = try? Ed25519PublicKey(Array(body.prefix(32))) else {
            throw .io("the agent's answer is not understood")
        }
        issuerKey = key
        epochs = Array(body.dropFirst(32))
    }

    private static func ask(
        _ path: String, _ what: AgentMessage.Request, _ body: [UInt8]
    ) throws(KeyStoreError) -> [UInt8] {
        let answer: AgentMessage
        do {
            let connection = try UnixConnection(path)
            try AgentMessage(what: what.rawValue, body: body).write(connection)
            guard let found = try AgentMessage.read(connection, within: .seconds(30)) else {
                throw KeyStoreError.io("the agent ended the conversation")
            }
            answer = found
        } catch let error as KeyStoreError { throw error } catch { throw .io("\(error)") }
        switch AgentMessage.Outcome(rawValue: answer.what) {
        case .done: return answer.body
        case .unknownEpoch: throw .unknownEpoch(answer.body.first ?? 0)
        case .refused, nil: throw .token(String(decoding: answer.body, as: UTF8.self))
        }
    }

    func cardKey(
        _ number: UInt8, uid: [UInt8], epoch: UInt8
    ) throws(KeyStoreError) -> AES128Key {
        var key = try Self.ask(path, .cardKey, [number, epoch] + (number == 1 ? [0] : uid))
        defer { wipe(&key) }
        do { return try AES128Key(key) } catch { throw .io("the agent gave no key of 16 bytes") }
    }

    /// The agent's token is believed only when it is the one asked for and verifies.
    func sign(token: CardToken) throws(KeyStoreError) -> Sign1 {
        let bytes = try Self.ask(path, .signToken, token.agentBytes)
        guard let carried = try? CarriedToken(bytes), carried.claims == token,
            carried.isSigned(by: issuerKey)
        else { throw .io("the agent signed something else") }
        return carried.message
    }

    private static let ceremony = KeyStoreError.unsupported(
        "an agent makes cards only: bundles and epochs need the keys themselves")

    func sign(bundle: [UInt8]) throws(KeyStoreError) -> Sign1 { throw Self.ceremony }
    func terminalRecords(_ epochs: [UInt8]) throws(KeyStoreError) -> KeyRecords {
        throw Self.ceremony
    }
    func ledgerRecords(_ epochs: [UInt8]) throws(KeyStoreError) -> KeyRecords {
        throw Self.ceremony
    }
    func adding(epoch: UInt8) throws(KeyStoreError) -> any Custody { throw Self.ceremony }
    func retiring(epoch: UInt8) throws(KeyStoreError) -> any Custody { throw Self.ceremony }
    func content() throws(KeyStoreError) -> KeyRecords { throw Self.ceremony }
}

/// What goes over the socket.
struct AgentMessage {
    enum Request: UInt8 {
        case describe = 1
        case cardKey = 2
        case signToken = 3
    }
    enum Outcome: UInt8 {
        case done = 0
        case unknownEpoch = 1
        case refused = 2
    }

    static let sizeMax = 1_024
    let what: UInt8
    var body: [UInt8]

    init(what: UInt8, body: [UInt8]) {
        self.what = what
        self.body = body
    }

    init(outcome: Outcome, _ body: [UInt8]) { self.init(what: outcome.rawValue, body: body) }

    /// Nil: the peer has gone, or says what no peer of ours says.
    static func read(
        _ connection: borrowing UnixConnection, within patience: Duration
    ) throws(LinuxError) -> AgentMessage? {
        guard let head = try connection.read(exactly: 2, timeout: patience) else { return nil }
        let count = Int(head[0]) << 8 | Int(head[1])
        guard (1...sizeMax).contains(count),
            var bytes = try connection.read(exactly: count, timeout: patience)
        else { return nil }
        defer { wipe(&bytes) }
        return AgentMessage(what: bytes[0], body: Array(bytes[1...]))
    }

    func write(_ connection: borrowing UnixConnection) throws(LinuxError) {
        let count = body.count + 1
        var bytes = [UInt8(count >> 8), UInt8(count & 0xFF), what] + body
        defer { wipe(&bytes) }
        try connection.write(bytes)
    }
}

extension CardToken {
    /// class (8) || issued (8) || expires (8) || epoch (1) || number (12 digits) || UID.
    var agentBytes: [UInt8] {
        var bytes: [UInt8] = []
        for value in [cardClass.rawValue, issued, expires] {
            for shift in stride(from: UInt64(56), through: 0, by: -8) {
                bytes.append(UInt8(truncatingIfNeeded: value >> shift))
            }
        }
        return bytes + [epoch] + Array(number.digits.utf8) + uid
    }

    init?(agentBytes bytes: [UInt8]) {
        guard bytes.count > 37 else { return nil }
        let values = (0..<3).map { index in
            bytes[(8 * index)..<(8 * index + 8)].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        }
        guard let cardClass = CardClass(rawValue: values[0]),
            let number = CardNumber(String(decoding: bytes[25..<37], as: UTF8.self))
        else { return nil }
        self.init(
            number: number, issued: values[1], expires: values[2], uid: Array(bytes[37...]),
            epoch: bytes[24], cardClass: cardClass)
    }
}
