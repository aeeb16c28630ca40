import COSE
import HTTPClient
import Journal
import LedgerMessages
import Linux
import Operations
import Threads

// A ledger that was restored from a backup older than receipts it gave out: its head is an entry of
// ours that has its receipt, and not the last one. What it has lost is sent again from the journal,
// in the batches of the receipts that stand here, byte for byte. A receipt says the same again by
// the same bytes (Ed25519 is deterministic), so a ledger that decides alike holds afterwards what
// it held before. What it decides otherwise now is told by an entry of the chain; the receipt of
// then stays here as well, and `eco-ledger audit` names every such entry (copy-outcome).

/// What was sent again, as an entry of the chain tells it.
struct Resent {
    /// The event's code.
    static let code = "restore"
    let from: UInt64
    private(set) var to: UInt64
    /// "57 settled>held:counter-lower".
    private var differences: [String] = []

    init(from: UInt64) {
        self.from = from
        to = from - 1
    }

    var isEmpty: Bool { to < from }

    mutating func note(_ before: Receipt, _ now: Receipt) {
        to = now.to
        for (index, pair) in zip(before.outcomes, now.outcomes).enumerated()
        where !Self.isSame(pair.0, pair.1) {
            differences.append(
                "\(before.from + UInt64(index)) \(Self.word(pair.0))>\(Self.word(pair.1))")
        }
    }

    /// A duplicate was settled once, and is not settled a second time.
    private static func isSame(_ before: Outcome, _ now: Outcome) -> Bool {
        func isBooked(_ outcome: Outcome) -> Bool { outcome == .settled || outcome == .duplicate }
        return before == now || (isBooked(before) && isBooked(now))
    }

    private static func word(_ outcome: Outcome) -> String {
        switch outcome {
        case .settled: "settled"
        case .duplicate: "duplicate"
        case .declined(let code): "declined:" + code
        case .held(let code): "held:" + code
        }
    }

    /// At most 256 bytes: the first differences, and how many there are.
    var event: TechnicalEvent {
        var details = "ledger forgot \(from)-\(to); differ \(differences.count)"
        for difference in differences {
            guard details.utf8.count + difference.utf8.count + 2 <= 240 else {
                details += " …"
                break
            }
            details += "; " + difference
        }
        return TechnicalEvent(code: Self.code, details: details)
    }
}

extension Drainer {
    /// Sends what the ledger has forgotten: entries above `head` that have their receipt here. An
    /// answer that is lost on the way is asked for again, even when the ledger's head is up again.
    func sendAgain(_ calls: LedgerCalls, after head: UInt64) -> Turn {
        var resent: Resent
        if let begun = link.state.read({ $0.resent }), begun.to <= head {
            resent = begun
        } else {
            // An answer that came late says little: two have to say it.
            guard case .at(head) = askHead(calls) else { return .again }
            resent = Resent(from: head + 1)
        }
        setSending(true)
        defer { setSending(false) }
        let turn = sendAgain(calls, &resent)
        link.state.read { $0.resent = turn == .done ? nil : resent }
        if turn == .done, !resent.isEmpty { record(resent) }
        return turn
    }

    private func sendAgain(_ calls: LedgerCalls, _ resent: inout Resent) -> Turn {
        let last = link.journal.position.acknowledged
        while resent.to < last, !link.state.read({ $0.isStopping }) {
            let found: ReceiptedBatch?
            do { found = try link.journal.receipted(resent.to + 1) } catch { return .again }
            // Purged with its year: only the archive has it.
            guard let found, let before = try? Receipt(found.receipt, ledger: link.address.key)
            else { return refuse(.ledgerForgot) }
            switch calls.send(found.entries) {
            case .unreachable: return .again
            case .refused(_, let code, _):
                return code == "gap" ? .again : refuse(.refused(code: code))
            case .answered(let exchange):
                guard let now = try? Receipt(exchange.body, ledger: link.address.key),
                    now.terminal == before.terminal, now.from == before.from, now.to == before.to,
                    now.head == before.head
                else { return .again }
                resent.note(before, now)
            }
        }
        return .done
    }

    /// An entry says it, so that both sides know; if the disk fails now, the audit says it.
    private func record(_ resent: Resent) {
        let now = Clock.realtimeMilliseconds()
        let offset = link.measuredClockOffset ?? 0
        let time = UInt64(clamping: Int64(clamping: now) &+ offset)
        let moment =
            Clock.synchronised()
            ? Moment(milliseconds: now, trust: .synchronised)
            : Moment(milliseconds: time, trust: .monotonicSinceSync)
        _ = try? link.journal.append(
            .technicalEvent(resent.event), id: EntryID(milliseconds: moment.milliseconds),
            at: moment)
    }
}
