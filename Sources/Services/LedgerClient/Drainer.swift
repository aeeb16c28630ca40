import COSE
import Crypto
import HTTPClient
import Journal
import LedgerMessages
import Linux
import Operations
import Threads

/// The "ledger" thread: contact, policy, deny-list, entries, in a loop that never ends but by stop.
///
///     probe ──answered──▶ pull ──▶ send until empty ──▶ wait (nudge, 15 s) ────────────┐
///       ▲  └─no answer─▶ back off (1 s … 60 s, jitter) ◀──any fault──────────────────┘
///
/// A refusal (L4) keeps probing once a minute: a person may have mended it at the ledger.
/// `LinkPace` has the times.
struct Drainer: Sendable {
    /// Bytes of one batch, about.
    static let batchSize = 512 << 10
    /// Deltas kept before the deny-list is pulled whole.
    private static let deltasMax = 500
    /// Between two words of how this terminal is.
    private static let reportSpacing: UInt64 = 60_000_000_000
    let link: LedgerLink

    func run() {
        let pace = link.pace
        let calls = LedgerCalls(link: link, timeout: pace.call)
        var backoff = Backoff(pace)
        while !link.state.read({ $0.isStopping }) {
            let turn = turn(calls)
            link.journal.checkpoint()
            switch turn {
            case .done:
                backoff = Backoff(pace)
                wait(pace.idle)
            case .again: wait(backoff.next(), wakesForEntries: false)
            case .refused: wait(pace.refused, wakesForEntries: false)
            }
        }
    }

    enum Turn { case done, again, refused }

    private func turn(_ calls: LedgerCalls) -> Turn {
        guard let time = calls.time() else { return .again }
        link.state.update {
            $0.ledgerSinceBoot =
                Int64(clamping: time) - Int64(clamping: Clock.bootNanoseconds() / 1_000_000)
        }
        let head: UInt64
        switch askHead(calls) {
        case .at(let sequence): head = sequence
        case .none(let turn): return turn
        }
        report(calls)
        pullPolicy(calls)
        pullDenyList(calls)
        if head < link.journal.position.acknowledged || link.state.read({ $0.resent != nil }) {
            switch sendAgain(calls, after: head) {
            case .done: break
            case let other: return other
            }
        }
        return send(calls)
    }

    enum Head {
        /// The last entry of ours that the ledger has; its hash is ours too.
        case at(UInt64)
        case none(Turn)
    }

    /// The first contact tells an old image from a late one, and a ledger that was restored from a
    /// backup older than its receipts.
    func askHead(_ calls: LedgerCalls) -> Head {
        switch calls.head() {
        case .unreachable: return .none(.again)
        case .refused(_, let code, _): return .none(refuse(.refused(code: code)))
        case .answered(let exchange):
            guard let item = try? CBOR.decode(exchange.body, limit: 256),
                let sequence = item[1]?.unsigned, let hash = item[2]?.bytes
            else { return .none(.again) }
            guard sequence <= UInt64(Int64.max) else { return .none(.again) }
            let known: [UInt8]?
            do { known = try link.journal.hash(of: sequence) } catch {
                // A journal that cannot be read now says nothing about the chain.
                return .none(.again)
            }
            guard sequence == 0 || known == hash else { return .none(refuse(.chainUnknown)) }
            setStanding(.good)
            return .at(sequence)
        }
    }

    /// Says how this terminal is, at most once a minute. The association looks at it; whether it
    /// arrives changes nothing here.
    private func report(_ calls: LedgerCalls) {
        let now = Clock.monotonicNanoseconds()
        // Noted before it is said: a person who asks meanwhile means what comes after.
        let (isDue, before) = link.state.read { state in
            let before = state.reported
            let isDue = before.map { now - $0 >= Self.reportSpacing } ?? true
            if isDue { state.reported = now }
            return (isDue, before)
        }
        guard isDue else { return }
        let unsent = link.journal.unsent
        let status = TerminalStatus(
            last: link.journal.position.sequence, unsentCents: unsent.total.cents,
            oldest: unsent.oldest, version: link.version, clock: Clock.realtimeMilliseconds())
        if case .answered = calls.report(status) {
        } else {
            link.state.read { if $0.reported == now { $0.reported = before } }
        }
        pullVerdicts(calls)
    }

    /// Asks for them while an entry is held or declined. An older ledger does not know the call,
    /// which changes nothing.
    private func pullVerdicts(_ calls: LedgerCalls) {
        let (known, tag) = link.state.read { ($0.verdicts, $0.verdictTag) }
        guard let rejected = try? link.journal.rejectedCount(), rejected > 0,
            case .answered(let exchange) = calls.verdicts(tag: tag), exchange.status == 200,
            let list = try? link.store.verdicts(exchange.body),
            // L5: what was decided is never forgotten again.
            list.newest >= known?.newest ?? 0,
            (try? link.store.save(verdicts: exchange.body)) != nil
        else { return }
        let newTag = exchange.headers.first { $0.name == "etag" }?.value
        link.state.update { state in
            if state.verdicts != list { state.version += 1 }
            state.verdicts = list
            state.verdictTag = newTag
        }
    }

    private func pullPolicy(_ calls: LedgerCalls) {
        let tag = link.state.read { $0.policyTag }
        guard case .answered(let exchange) = calls.policy(tag: tag), exchange.status == 200,
            let policy = try? link.store.policy(exchange.body)
        else { return }
        // L5: an older policy never replaces a newer one. A restored ledger counts again from
        // where it was, but what it issues now is later than all it issued before.
        let (version, issued) = (link.policy?.version ?? 0, link.policy?.issued ?? 0)
        guard policy.version >= version || policy.issued > issued else { return }
        let newTag = exchange.headers.first { $0.name == "etag" }?.value
        guard (try? link.store.save(policy: exchange.body)) != nil else { return }
        link.state.update { state in
            state.policy = policy
            state.policyTag = newTag
            state.version += 1
        }
    }

    private func pullDenyList(_ calls: LedgerCalls) {
        let (known, deltas) = link.state.read { ($0.denyEpoch, $0.denyDeltas) }
        // A long file is asked for whole, which starts it anew.
        let epoch = deltas < Self.deltasMax ? known : 0
        guard case .answered(let exchange) = calls.denyList(since: epoch), exchange.status == 200,
            let delta = try? DenyListDelta(exchange.body, ledger: link.address.key),
            // L5, and before it is stored: a delta that does not fit would hide those after it.
            delta.epoch > known || (epoch == 0 && delta.epoch == known),
            delta.since == 0 || delta.since == known,
            (try? link.store.save(delta: delta, bytes: exchange.body)) != nil
        else { return }
        link.state.update { state in
            if state.apply(delta) { state.version += 1 }
        }
    }

    /// Sends batches until the outbox is empty (L2, L3).
    private func send(_ calls: LedgerCalls) -> Turn {
        defer { setSending(false) }
        while !link.state.read({ $0.isStopping }) {
            guard
                let batch = try? link.journal.nextBatch(
                    count: link.pace.batchCount, sizeMax: Self.batchSize)
            else { return .again }
            if batch.isEmpty { return .done }
            setSending(true)
            switch calls.send(batch.flatMap(\.bytes)) {
            case .unreachable: return .again
            case .refused(_, let code, let expected):
                let isChain = code == "gap" || code == "fork"
                // A gap whose next number we have sent before means that a receipt was lost here,
                // or that the ledger has forgotten entries: the next look at its head tells which.
                if code == "gap", let expected, expected <= link.journal.position.sequence {
                    return .again
                }
                return refuse(isChain ? .chainUnknown : .refused(code: code))
            case .answered(let exchange):
                guard let receipt = try? Receipt(exchange.body, ledger: link.address.key),
                    (try? link.journal.store(receipt, bytes: exchange.body)) != nil,
                    receipt.to >= batch[0].sequence
                else { return .again }
                link.state.update { $0.version += 1 }
            }
        }
        return .done
    }

    func refuse(_ standing: Standing) -> Turn {
        setStanding(standing)
        return .refused
    }

    private func setStanding(_ standing: Standing) {
        link.state.update { state in
            if state.standing != standing { state.version += 1 }
            state.standing = standing
        }
    }

    func setSending(_ isSending: Bool) {
        link.state.update { state in
            if state.isSending != isSending { state.version += 1 }
            state.isSending = isSending
        }
    }

    /// Sleeps until a person asks, a stop, or (when there is nothing to wait out) a new entry.
    private func wait(_ limit: Duration, wakesForEntries: Bool = true) {
        _ = link.state.wait(atMost: limit) { state -> Bool? in
            guard state.isNudged || state.isStopping || (wakesForEntries && state.hasNewEntry)
            else { return nil }
            state.isNudged = false
            state.hasNewEntry = false
            return true
        }
    }
}
