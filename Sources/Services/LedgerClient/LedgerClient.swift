// LedgerClient: the terminal's side of the ledger (FORMATS §5).
//
// Purpose: forward entries and keep receipts, pull policy, deny-list and verdicts, ask for
// authorisations.
// Promises:
//   L1  Nothing here ever blocks a tap: a tap reads published state and waits for an
//       authorisation no longer than it says.
//   L2  An entry is sent with the bytes the journal holds: never signed again, never renumbered.
//   L3  One drainer at a time; an entry leaves the outbox only with a receipt that verifies.
//   L4  Network faults, 408, 425, 429 and 5xx are tried again, 1 s to 60 s with jitter; 401, 403
//       and a chain the ledger does not know stop the link and call a person.
//   L5  A policy, deny-list or verdict is believed only when the ledger's key signed it, for this
//       terminal, and is not older than the one in force.
//   L6  A ledger that was restored from a backup gets again what it had receipted and has lost.
// Does not promise: delivery while there is no network.
// Threads: "ledger" drains and pulls; "authorise" asks. State is published under a lock.
// Units: seconds and milliseconds as named.

public import COSE
public import Crypto
import HTTPClient
public import Journal
public import LedgerMessages
import Linux
public import Operations
import Threads
public import Tokens

/// Where the ledger is and who it is.
public struct LedgerAddress: Sendable {
    /// "https://ledger.example", without a slash at the end.
    public let url: String
    /// Whose signatures are believed.
    public let key: Ed25519PublicKey
    /// An address.
    public init(url: String, key: Ed25519PublicKey) {
        self.url = url
        self.key = key
    }
}

/// How the terminal stands with its ledger.
public enum Standing: Equatable, Sendable {
    /// Nothing wrong.
    case good
    /// The ledger refuses this terminal (401, 403): its code.
    case refused(code: String)
    /// The ledger knows later entries than this journal, or others: an old image was restored, or
    /// the chain forked. Nothing is served.
    case chainUnknown
    /// The ledger was restored from before entries that it receipted and that this terminal holds
    /// no more: its archives have them. Nothing is served.
    case ledgerForgot
}

/// The live link to the ledger.
public final class LedgerLink: Sendable {
    /// Longest wait for an authorisation (FORMATS §5).
    public static let authorisationLimit = Duration.milliseconds(800)

    let address: LedgerAddress
    let signer: any MessageSigner
    let journal: Journal
    let store: LinkStore
    let version: String
    let pace: LinkPace
    let state: Monitor<LinkState>
    private let requests = Monitor<Requests>(Requests())

    private struct Requests {
        var waiting: (AuthorisationRequest, PendingAuthorisation)?
        var balance: (CardNumber, PendingCardBalance)?
        var isStopping = false
    }

    /// Reads what earlier runs stored in `directory`; nothing is sent before `start`. `version` is
    /// the program's, for the association's view.
    public init(
        address: LedgerAddress, signer: any MessageSigner, journal: Journal, directory: String,
        version: String = "?", pace: LinkPace = .standard
    ) {
        self.version = version
        self.pace = pace
        self.address = address
        self.signer = signer
        self.journal = journal
        store = LinkStore(directory: directory, ledger: address.key, terminal: signer.publicKey.kid)
        state = Monitor(store.load())
    }

    /// Starts both threads. They end with `stop`.
    public func start() {
        let drainer = Drainer(link: self)
        let ledger = NamedThread.start("ledger") { drainer.run() }
        let authorise = NamedThread.start("authorise") { self.runAuthorisations() }
        state.update { $0.threads = [ledger, authorise] }
    }

    /// Ends both threads and waits for them; a call under way ends by its own time-out.
    public func stop() {
        requests.update { $0.isStopping = true }
        let threads = state.update { state in
            state.isStopping = true
            defer { state.threads = [] }
            return state.threads
        }
        for thread in threads { thread.join() }
    }

    /// The policy in force, or nil; whether it is still valid is the caller's question.
    public var policy: Policy? { state.read { $0.policy } }
    /// True when the ledger answered the last call.
    public var isReachable: Bool { state.read { $0.isReachable } }
    /// How the terminal stands.
    public var standing: Standing { state.read { $0.standing } }
    /// True while a batch is being sent.
    public var isSending: Bool { state.read { $0.isSending } }
    /// When the ledger last answered, milliseconds since the Unix epoch; nil when it never did.
    public var lastContact: UInt64? { state.read { $0.lastContact } }
    /// True when the number is on the deny-list.
    public func isDenied(_ number: CardNumber) -> Bool {
        state.read { $0.denied.contains(number) }
    }

    /// What the association decided of held entries, by their numbers.
    public var verdicts: [UInt64: Verdict] { state.read { $0.verdicts?.byNumber ?? [:] } }

    /// Milliseconds to add to the local clock to get the ledger's; nil before it answered in this
    /// run.
    public var measuredClockOffset: Int64? {
        state.read { $0.clockOffset(at: Clock.realtimeMilliseconds()) }
    }

    /// Wakes the drainer: send what waits and pull what is new, now.
    public func sendNow() {
        state.update { state in
            state.isNudged = true
            state.reported = nil
        }
    }

    /// Says that an entry was appended. It does not shorten a back-off (L4).
    public func noteNewEntry() { state.update { $0.hasNewEntry = true } }

    /// Waits until anything a screen shows about the link may have changed.
    public func waitForChange(after version: UInt64, atMost limit: Duration) -> UInt64? {
        state.wait(atMost: limit) { $0.version != version ? $0.version : nil }
    }

    /// Asks for an authorisation beside the card exchange. Answers `.unreachable` at once when the
    /// ledger is not reachable (L1).
    public func authorise(_ request: AuthorisationRequest) -> PendingAuthorisation {
        let pending = PendingAuthorisation()
        guard isReachable else {
            pending.answer(.unreachable)
            return pending
        }
        requests.update { requests in
            requests.waiting?.1.answer(.unreachable)
            requests.waiting = (request, pending)
        }
        return pending
    }

    /// Asks what a card has. Answers nothing at once when the ledger is not reachable (L1).
    public func balance(of card: CardNumber) -> PendingCardBalance {
        let pending = PendingCardBalance()
        guard isReachable else {
            pending.answer(nil)
            return pending
        }
        requests.update { requests in
            requests.balance?.1.answer(nil)
            requests.balance = (card, pending)
        }
        return pending
    }

    private func runAuthorisations() {
        let calls = LedgerCalls(link: self, timeout: Self.authorisationLimit)
        while true {
            let next = requests.wait(atMost: .seconds(3_600)) { requests -> Next? in
                if requests.isStopping { return .stop }
                if let (request, pending) = requests.waiting {
                    requests.waiting = nil
                    return .ask(request, pending)
                }
                guard let (card, pending) = requests.balance else { return nil }
                requests.balance = nil
                return .read(card, pending)
            }
            switch next {
            case .none: continue
            case .stop: return
            case .ask(let request, let pending): pending.answer(calls.authorise(request))
            case .read(let card, let pending): pending.answer(calls.balance(of: card))
            }
        }
    }

    private enum Next {
        case stop
        case ask(AuthorisationRequest, PendingAuthorisation)
        case read(CardNumber, PendingCardBalance)
    }
}

/// An authorisation that is under way.
public final class PendingAuthorisation: Sendable {
    private let monitor = Monitor<AuthorisationAnswer?>(nil)

    init() {}

    func answer(_ answer: AuthorisationAnswer) {
        monitor.update { $0 = $0 ?? answer }
    }

    /// Waits at most `limit`; then it is `.unreachable`.
    public func wait(atMost limit: Duration) -> AuthorisationAnswer {
        monitor.wait(atMost: limit) { $0 } ?? .unreachable
    }
}

/// A balance that is under way.
public final class PendingCardBalance: Sendable {
    private struct State {
        var isAnswered = false
        var balance: CardBalanceAnswer?
    }

    private let monitor = Monitor(State())

    init() {}

    func answer(_ balance: CardBalanceAnswer?) {
        monitor.update { state in
            if !state.isAnswered { state = State(isAnswered: true, balance: balance) }
        }
    }

    /// Waits at most `limit`; nil when the ledger does not say.
    public func wait(atMost limit: Duration) -> CardBalanceAnswer? {
        monitor.wait(atMost: limit) { $0.isAnswered ? .some($0.balance) : nil } ?? nil
    }
}
