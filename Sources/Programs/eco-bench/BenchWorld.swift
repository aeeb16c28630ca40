import Crypto
import Journal
import KeyStore
import Operations
import Terminal
import Tokens

/// A terminal's world without a network: the policy's limits never end the run.
final class BenchWorld: TapWorld {
    private let journal: Journal
    private let keys: TerminalKeys
    let policy: Policy?
    let terminal: [UInt8]
    let now: UInt64

    init(journal: Journal, keys: IssuerKeys, terminal: [UInt8], now: UInt64) throws {
        self.journal = journal
        self.keys = try keys.terminalBundle()
        self.terminal = terminal
        self.now = now
        policy = Self.policy(issuer: keys, terminal: terminal, now: now)
    }

    /// A policy whose limits are the largest there are.
    static func policy(issuer: IssuerKeys, terminal: [UInt8], now: UInt64) -> Policy {
        let most = Amount(cents: Amount.centsMax) ?? .zero
        return Policy(
            version: 1, issued: now, expires: now + 86_400, terminal: terminal, merchant: "bench",
            limits: OfflineLimits(
                payment: most, cardTotal: most, cardCount: .max, terminalTotal: most,
                terminalCount: .max, hours: .max),
            classes: CardClass.allCases, issuers: [issuer.issuerKey], revokedKids: [],
            epochs: [1], languages: ["fr"])
    }

    var unsent: UnsentTotals { UnsentTotals(total: .zero, count: 0, secondsWithoutLedger: 0) }

    func isDenied(_ number: CardNumber) -> Bool { false }

    func terminalKey(uid: [UInt8], epoch: UInt8) -> AES128Key? {
        try? keys.terminalKey(uid: uid, epoch: epoch)
    }

    func authorise(
        _ id: EntryID, card: CardNumber, amount: Amount, sun: Evidence
    ) -> (any PendingAnswer)? { nil }

    func commit(_ body: EntryBody, for operation: Armed) -> CommitResult {
        let moment = Moment(milliseconds: now * 1_000, trust: .synchronised)
        return (try? journal.append(body, id: operation.id, at: moment)) == nil
            ? .notStored : .stored
    }

    var isReachable: Bool { false }
    func standing(_ id: EntryID) -> EntryStanding? { (try? journal.standing(id)) ?? nil }
    func actions(_ code: String, of card: CardNumber, isTraining: Bool) -> ActionDay { .none }
    func isGiven(_ card: CardNumber, isTraining: Bool) -> Bool { false }
    func balance(of card: CardNumber) -> (any PendingBalance)? { nil }

    func note(_ refusal: Refusal, reason: String) {}
}
