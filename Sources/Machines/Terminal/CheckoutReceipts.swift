import Journal
import LedgerClient
import Linux
public import Operations
public import Receipts
import Threads

/// Receipts and slips: read from the journal when they are asked for, never kept.
extension Checkout {
    public func receipt(_ id: EntryID) -> Receipt? {
        guard var line = (try? world.journal.line(id)) ?? nil else { return nil }
        line.verdict = world.link.verdicts[line.entry.sequence]
        let referred = line.entry.body.reference.flatMap { (try? world.journal.entry($0)) ?? nil }
        let catalogue = catalogue
        let action = [line.entry.body, referred?.body].compactMap { body in
            guard case .action(let done)? = body else { return nil as CatalogueAction? }
            return catalogue.first { $0.code == done.code }
        }.first
        return Receipt(
            line, referred: referred, action: action, merchant: world.policy?.merchant ?? "")
    }

    public func slip(_ id: EntryID) -> ClosureSlip? {
        guard let entry = (try? world.journal.entry(id)) ?? nil,
            case .closure(let closure) = entry.body
        else { return nil }
        // The entry before a closure is the last one it covers.
        return ClosureSlip(
            merchant: world.policy?.merchant ?? "", closure: closure,
            time: LocalTime(milliseconds: entry.time), id: id, lastHash: entry.previous,
            catalogue: catalogue)
    }

    public func nextSlip(
        _ period: ClosurePeriod
    ) -> (slip: ClosureSlip, forbidden: RuleRefusal?)? {
        guard let next = try? world.journal.nextClosure(period) else { return nil }
        let slip = ClosureSlip(
            merchant: world.policy?.merchant ?? "", closure: next.closure, time: nil, id: nil,
            lastHash: next.lastHash, catalogue: catalogue)
        return (slip, next.forbidden)
    }

    public func print(
        _ id: EntryID, _ language: ReceiptLanguage
    ) -> Result<Void, ControlRefusal> {
        guard let printer else { return .failure(.printerMissing) }
        let (receipt, slip) = (receipt(id), slip(id))
        guard receipt != nil || slip != nil else { return .failure(.noSuchOperation) }
        let role = monitor.read { $0.session?.role }
        let job = PrintJob {
            guard let copy = self.tracePrint(of: id, role) else { return nil }
            // What the ledger answered meanwhile is told as well.
            return (self.receipt(id) ?? receipt)?.paper(language, copy: copy)
                ?? slip?.paper(language, copy: copy)
        }
        guard printer.submit(job) else { return .failure(.printerBusy) }
        refresh { _ in }
        return .success(())
    }

    /// The copy's number; nil when the journal did not take the trace.
    private func tracePrint(of id: EntryID, _ role: Role?) -> UInt64? {
        let moment = world.clock.moment
        let copy = try? world.journal.tracePrint(
            of: id, id: EntryID(milliseconds: moment.milliseconds), at: moment,
            operatorCode: role.map { [$0.rawValue] })
        if copy == nil { log(LogEvent(.receiptNotTraced)) } else { world.link.noteNewEntry() }
        return copy
    }

    public var terminal: [UInt8] { world.terminal }

    /// The printer's news, for the page.
    public func printerChanged() { refresh { _ in } }
}
