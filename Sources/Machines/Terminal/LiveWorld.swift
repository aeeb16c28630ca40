import COSE
public import Crypto
public import Journal
public import KeyStore
public import LedgerClient
import LedgerMessages
import Linux
public import Operations
public import Tokens

/// The world of a real terminal: journal, ledger link, key store, clock.
public final class LiveWorld: TapWorld {
    let journal: Journal
    let link: LedgerLink
    private let keys: TerminalKeys
    /// The terminal's kid, 8 bytes.
    public let terminal: [UInt8]
    private let log: @Sendable (LogEvent) -> Void
    /// What was known when this run began, and the time since boot then, both milliseconds.
    private let began: (known: UInt64, sinceBoot: UInt64)

    /// Joins the parts. `log` takes events, which name no identity.
    public init(
        journal: Journal, link: LedgerLink, keys: TerminalKeys, terminal: [UInt8],
        log: @escaping @Sendable (LogEvent) -> Void
    ) {
        self.journal = journal
        self.link = link
        self.keys = keys
        self.terminal = terminal
        self.log = log
        began = (Self.known(journal, link), Clock.bootNanoseconds() / 1_000_000)
    }

    /// The highest time that this terminal has seen.
    private static func known(_ journal: Journal, _ link: LedgerLink) -> UInt64 {
        let issued = (link.policy?.issued ?? 0).multipliedReportingOverflow(by: 1_000)
        return max(
            journal.lastTime, link.lastContact ?? 0, issued.overflow ? 0 : issued.partialValue)
    }

    public var policy: Policy? { link.policy }

    /// The clock with everything known. Time passes also under a clock that stands: what was known
    /// at the start is older by what this run has lasted.
    public var clock: TerminalClock {
        let lasted = max(Clock.bootNanoseconds() / 1_000_000, began.sinceBoot) - began.sinceBoot
        let ends = link.policy?.expires.multipliedReportingOverflow(by: 1_000)
        return .read(
            ledgerOffset: link.measuredClockOffset,
            floor: max(Self.known(journal, link), began.known &+ lasted),
            ceiling: ends.flatMap { $0.overflow ? nil : $0.partialValue })
    }

    public var now: UInt64 { clock.latest / 1_000 }

    public var unsent: UnsentTotals {
        let unsent = journal.unsent
        let contact = (link.lastContact ?? 0) / 1_000
        let now = now
        return UnsentTotals(
            total: unsent.total, count: unsent.count,
            secondsWithoutLedger: now > contact ? now - contact : 0)
    }

    public func isDenied(_ number: CardNumber) -> Bool { link.isDenied(number) }

    public func terminalKey(uid: [UInt8], epoch: UInt8) -> AES128Key? {
        try? keys.terminalKey(uid: uid, epoch: epoch)
    }

    public func authorise(
        _ id: EntryID, card: CardNumber, amount: Amount, sun: Evidence
    ) -> (any PendingAnswer)? {
        guard link.isReachable else { return nil }
        let request = AuthorisationRequest(entry: id, card: card, amount: amount, sun: sun)
        return LinkAnswer(pending: link.authorise(request))
    }

    private struct LinkAnswer: PendingAnswer {
        let pending: PendingAuthorisation
        func value() -> AuthorisationAnswer { pending.wait(atMost: LedgerLink.authorisationLimit) }
    }

    public var isReachable: Bool { link.isReachable }

    public func standing(_ id: EntryID) -> EntryStanding? {
        (try? journal.standing(id)) ?? nil
    }

    /// A journal that cannot be read says nothing: its append will fail as well (J6).
    public func actions(_ code: String, of card: CardNumber, isTraining: Bool) -> ActionDay {
        let day = UTCDay.number(clock.moment.milliseconds)
        let found = try? journal.actions(code, of: card, day: day, isTraining: isTraining)
        return found ?? .none
    }

    /// The newest word about the card is that it was given. A journal that cannot be read says
    /// nothing: its append will fail as well (J6).
    public func isGiven(_ card: CardNumber, isTraining: Bool) -> Bool {
        var query = JournalQuery(
            lastFour: card.lastFour, kinds: [.enrolment, .cardEvent], limit: JournalQuery.limitMax)
        while let page = try? journal.find(query) {
            for line in page.lines where line.entry.body.card == card {
                switch line.entry.body {
                case .enrolment where line.entry.isTraining == isTraining: return true
                case .cardEvent(let event) where event.what == .returned: return false
                default: break
                }
            }
            guard let next = page.next else { return false }
            query.before = next
        }
        return false
    }

    public func balance(of card: CardNumber) -> (any PendingBalance)? {
        guard link.isReachable else { return nil }
        return LinkBalance(pending: link.balance(of: card))
    }

    private struct LinkBalance: PendingBalance {
        let pending: PendingCardBalance
        func value() -> Int64? { pending.wait(atMost: LedgerLink.authorisationLimit)?.available }
    }

    public func commit(_ body: EntryBody, for operation: Armed) -> CommitResult {
        commit(
            body, id: operation.id, role: operation.role, isTraining: operation.isTraining)
    }

    /// T1, T4: append; when the write fails, read the journal again and look the id up.
    func commit(
        _ body: EntryBody, id: EntryID, role: Role?, isTraining: Bool
    ) -> CommitResult {
        do {
            _ = try journal.append(
                body, id: id, at: clock.moment, operatorCode: role.map { [$0.rawValue] },
                isTraining: isTraining)
            link.noteNewEntry()
            return .stored
        } catch {
            switch error {
            case .alreadyRecorded: return .stored
            case .suspended(let what), .unusable(let what), .refused(let what):
                log(LogEvent(.journalWriteFailed, ["detail": "\(what)"]))
                return lookUp(id).map { $0 == nil ? .notStored : .stored } ?? .unknown
            }
        }
    }

    /// The entry with this id, after reading the journal again if need be. The outer nil means that
    /// the journal cannot be read.
    func lookUp(_ id: EntryID) -> Entry?? {
        do {
            if !journal.isOpen { try journal.reopen() }
            return .some(try journal.entry(id))
        } catch {
            log(LogEvent(.journalUnreadable, ["detail": "\(error)"]))
            return nil
        }
    }

    public func note(_ refusal: Refusal, reason: String) {
        log(LogEvent(.cardRefused, ["code": refusal.code, "reason": reason]))
    }
}
