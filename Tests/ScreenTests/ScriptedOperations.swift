import Journal
import Operations
import Receipts
import Terminal
import Threads
import Tokens

/// Orders beside selling: they are noted and move the stage as the terminal's do.
extension ScriptedCheckout {
    static let pin = Array("2468".utf8)

    func perform(_ order: Terminal.Order) -> Result<OrderReply, ControlRefusal> {
        monitor.update { state in
            if let needed = state.neededRole, state.snapshot.session?.role != needed {
                return .failure(.roleNeeded(needed))
            }
            if let refusal = state.refusal { return .failure(refusal) }
            state.orders.append(order)
            state.snapshot.version += 1
            return reply(to: order, &state)
        }
    }

    private func reply(
        to order: Terminal.Order, _ state: inout State
    ) -> Result<OrderReply, ControlRefusal> {
        var amount = Amount.zero
        let purpose: Purpose
        switch order {
        case .refund(let payment, let money):
            (purpose, amount) = (.refund(of: payment), money)
        case .topUp(let money, let means): (purpose, amount) = (.topUp(means), money)
        case .checkCard: purpose = .cardCheck
        case .act(let code, let quantity): purpose = .action(code: code, quantity: quantity)
        case .payPart:
            guard case .refused(_, let whole?, .insufficient(let missing)) = state.snapshot.stage,
                let part = try? whole.subtracting(missing)
            else { return .failure(.noSuchOperation) }
            (purpose, amount) = (.payment(completes: nil), part)
        case .payRest:
            guard let rest = state.snapshot.rest else { return .failure(.noSuchOperation) }
            (purpose, amount) = (.payment(completes: rest.first), rest.missing)
        case .dropRest:
            state.snapshot.rest = nil
            return .success(.done)
        case .train(let isOn):
            state.snapshot.isTraining = isOn
            return .success(.done)
        case .signOut:
            state.snapshot.session = nil
            return .success(.done)
        case .beginEnrolment: return .success(.done)
        case .enrolAgain:
            guard let last = state.enrolments.last else { return .failure(.noSuchOperation) }
            purpose = Samples.enrolment(last.order)
        case .endLane:
            state.snapshot.lane = nil
            state.snapshot.session = nil
            state.snapshot.stage = .amountEntry
            return .success(.done)
        case .reverse, .report: return .success(.recorded(Samples.id))
        case .close:
            return .success(.closed(Samples.closure, id: Samples.id))
        }
        let armed = Armed(
            id: EntryID(milliseconds: 1_764_000_000_000), amount: amount,
            deadline: Self.now() + 60_000, purpose: purpose,
            isTraining: state.snapshot.isTraining)
        state.snapshot.stage = .presentCard(armed)
        return .success(.armed(armed))
    }

    /// What was told is kept here alone, for a test to compare, and overwritten as by the terminal.
    func enrol(
        _ order: EnrolmentOrder, personal: inout [UInt8]
    ) -> Result<Armed, ControlRefusal> {
        let told = personal
        for index in personal.indices { personal[index] = 0 }
        return monitor.update { state in
            if let needed = state.neededRole, state.snapshot.session?.role != needed {
                return .failure(.roleNeeded(needed))
            }
            if let refusal = state.refusal { return .failure(refusal) }
            state.enrolments.append((order, told))
            return .success(present(Samples.enrolment(order), isLane: order.isLane, &state))
        }
    }

    private func present(_ purpose: Purpose, isLane: Bool, _ state: inout State) -> Armed {
        let armed = Armed(
            id: EntryID(milliseconds: 1_764_000_000_000), amount: .zero,
            deadline: Self.now() + 60_000, purpose: purpose,
            isTraining: state.snapshot.isTraining)
        state.snapshot.stage = .presentCard(armed)
        if isLane { state.snapshot.lane = Lane(purpose: purpose, role: .enroller) }
        state.snapshot.version += 1
        return armed
    }

    func applicationLink(of enrolment: EntryID) -> String? {
        state.link.map { "\($0)/carte#n=\(Samples.card("4821").digits)&e=\(enrolment)" }
    }

    func signIn(_ role: Role, pin: inout [UInt8]) -> Result<RoleSession, ControlRefusal> {
        let isRight = pin == Self.pin
        return monitor.update { state in
            guard isRight else {
                state.wrongPINs += 1
                return state.wrongPINs < 3
                    ? .failure(.pinWrong(triesLeft: 10 - state.wrongPINs))
                    : .failure(.pinLocked(seconds: 95))
            }
            let session = RoleSession(role: role, until: Self.now() + RoleSession.length)
            state.snapshot.session = session
            state.snapshot.version += 1
            return .success(session)
        }
    }

    func isRecorded(_ id: EntryID) -> Bool? { true }

    var catalogue: [CatalogueAction] { state.catalogue }

    var consentTexts: [ConsentText] { Samples.consents }

    /// The lines of `operations` as payments of a journal.
    func find(_ query: JournalQuery) -> JournalPage {
        if query.kinds == [.closure] { return JournalPage(lines: state.closures, next: nil) }
        let lines = state.operations.map { Samples.line($0) } + state.others
        let found = lines.filter { line in
            (query.kinds.isEmpty || query.kinds.contains(line.entry.body.kind))
                && (query.lastFour == nil || line.entry.body.card?.lastFour == query.lastFour)
                && (query.status == nil || query.status == Samples.status(line))
        }
        return JournalPage(lines: Array(found.prefix(query.limit)), next: nil)
    }

    func standing(_ id: EntryID) -> EntryStanding? { nil }

    func totals(days: ClosedRange<UInt64>) -> PeriodTotals { Samples.totals }

}

/// Receipts, closures on paper.
extension ScriptedCheckout {
    var terminal: [UInt8] { [0x8A, 0x41, 0x22, 0x07, 0, 0, 0, 0] }

    func receipt(_ id: EntryID) -> Receipt? {
        if state.closures.contains(where: { $0.entry.id == id }) { return nil }
        let line = state.others.first { $0.entry.id == id }
        return Receipt(
            line ?? Samples.line(Samples.operations[0], id: id), referred: nil, action: nil,
            merchant: state.snapshot.merchant)
    }

    func slip(_ id: EntryID) -> ClosureSlip? {
        let made = state.closures.first { $0.entry.id == id }
        guard made != nil || id == Samples.id else { return nil }  // `close` answers this id
        var closure = Samples.closure
        if case .closure(let found)? = made?.entry.body { closure = found }
        return Samples.slip(closure, id: id)
    }

    func nextSlip(
        _ period: ClosurePeriod
    ) -> (slip: ClosureSlip, forbidden: RuleRefusal?)? {
        let closure = Samples.closure(
            period, number: 42, unsent: UInt64(clamping: snapshot.queue.count))
        return (Samples.slip(closure, id: nil), state.forbidden)
    }

    func print(_ id: EntryID, _ language: ReceiptLanguage) -> Result<Void, ControlRefusal> {
        monitor.update { state in
            guard state.snapshot.printer != .none else { return .failure(.printerMissing) }
            state.printed.append(id)
            return .success(())
        }
    }
}
