import Crypto
public import Journal
import LedgerClient
public import Operations
import Threads
import Tokens

/// Everything beside paying. Rules are asked here, where the order is given, and again at the card.
extension Checkout: OperationsControl {
    public func perform(_ order: Order) -> Result<OrderReply, ControlRefusal> {
        do throws(ControlRefusal) {
            if order == .signOut {
                try refresh { (machine) throws(ControlRefusal) in try machine.endLane() }
                monitor.update { $0.session = nil }
                refresh { _ in }
                return .success(.done)
            }
            let role = try authority(for: order)
            return .success(try reply(to: order, role: role))
        } catch { return .failure(error) }
    }

    /// The role that gives the order, if one is signed in; its session begins anew.
    private func authority(for order: Order) throws(ControlRefusal) -> Role? {
        var amount: Amount?
        if case .reverse(let id, _) = order { amount = standing(id)?.entry.body.amount }
        let needed = roleNeeded(
            for: order, rules: world.policy?.rules ?? .standard, amount: amount)
        return try authority(needed)
    }

    func authority(_ needed: Role?) throws(ControlRefusal) -> Role? {
        let now = Self.now
        return try monitor.update { (counter) throws(ControlRefusal) in
            if let session = counter.session, session.until <= now { counter.session = nil }
            if let needed, counter.session?.role.covers(needed) != true {
                throw .roleNeeded(needed)
            }
            counter.session?.extend(to: now + RoleSession.length)
            return counter.session?.role
        }
    }

    private func reply(to order: Order, role: Role?) throws(ControlRefusal) -> OrderReply {
        switch order {
        case .refund(let payment, let amount):
            return try refund(of: payment, amount, role)
        case .reverse(let id, let reason): return try reverse(id, reason, role)
        case .topUp(let amount, let means):
            let policy = try policy
            try ruled { () throws(RuleRefusal) in try policy.checkTopUp(amount) }
            try online(policy.rules.topUpOffline)
            return .armed(try arm(.topUp(means), amount, role))
        case .checkCard: return .armed(try arm(.cardCheck, .zero, role))
        case .act(let code, let quantity):
            let policy = try policy
            try ruled { () throws(RuleRefusal) in
                try policy.action(code).check(quantity: quantity)
            }
            return .armed(try arm(.action(code: code, quantity: quantity), .zero, role))
        case .report(let card, let what, let reporter):
            try checkIdle()
            return try record(
                .cardEvent(CardEvent(card: card, what: what, reporter: reporter)), role)
        case .payPart:
            return .armed(
                try refresh { (machine) throws(ControlRefusal) in
                    try machine.armPart(newID, at: Self.now, role: role)
                })
        case .payRest:
            return .armed(
                try refresh { (machine) throws(ControlRefusal) in
                    try machine.armRest(newID, at: Self.now, role: role)
                })
        case .dropRest: refresh { $0.dropRest() }
        case .close(let period): return try close(period, role)
        case .train(let isOn): try train(isOn, role)
        case .beginEnrolment: try beginEnrolment()
        case .enrolAgain:
            return .armed(
                try refresh { (machine) throws(ControlRefusal) in
                    try machine.armAgain(newID, at: Self.now, role: role)
                })
        case .endLane:
            try refresh { (machine) throws(ControlRefusal) in try machine.endLane() }
        case .signOut: break
        }
        return .done
    }

    // MARK: with a card

    var newID: EntryID { EntryID(milliseconds: world.clock.moment.milliseconds) }

    var policy: Policy {
        get throws(ControlRefusal) {
            guard let policy = world.policy, policy.isValid(at: world.now) else {
                throw .outOfService(.noPolicy)
            }
            return policy
        }
    }

    private func arm(
        _ purpose: Purpose, _ amount: Amount, _ role: Role?
    ) throws(ControlRefusal) -> Armed {
        let id = newID
        return try refresh { (machine) throws(ControlRefusal) in
            try machine.arm(id, amount, at: Self.now, purpose: purpose, role: role)
        }
    }

    func ruled<R>(_ body: () throws(RuleRefusal) -> R) throws(ControlRefusal) -> R {
        do throws(RuleRefusal) { return try body() } catch { throw .rule(error) }
    }

    var isTraining: Bool { monitor.read { $0.machine.isTraining } }

    func online(_ mayBeOffline: Bool) throws(ControlRefusal) {
        guard mayBeOffline || isTraining || world.isReachable else { throw .rule(.needsNetwork) }
    }

    private func refund(
        of payment: EntryID, _ amount: Amount, _ role: Role?
    ) throws(ControlRefusal) -> OrderReply {
        let (standing, isTraining) = (standing(payment), isTraining)
        _ = try ruled { () throws(RuleRefusal) in
            try checkRefund(of: standing, amount: amount, isTraining: isTraining)
        }
        try online(try policy.rules.refundOffline)
        return .armed(try arm(.refund(of: payment), amount, role))
    }

    // MARK: without a card

    func checkIdle() throws(ControlRefusal) {
        try monitor.read { (counter) throws(ControlRefusal) in try counter.machine.checkIdle() }
    }

    private func record(_ body: EntryBody, _ role: Role?) throws(ControlRefusal) -> OrderReply {
        let id = newID
        switch world.commit(body, id: id, role: role, isTraining: isTraining) {
        case .stored: break
        case .notStored: throw .outOfService(.journalUnavailable)
        case .unknown: throw .unknownResult(id)
        }
        refresh { _ in }
        return .recorded(id)
    }

    private func reverse(
        _ id: EntryID, _ reason: ReversalReason, _ role: Role?
    ) throws(ControlRefusal) -> OrderReply {
        try checkIdle()
        let (now, isTraining) = (world.clock.moment.milliseconds, isTraining)
        // One at a time: two pages that ask at once must not both pass the check.
        return try reversals.update { (_) throws(ControlRefusal) in
            let standing = standing(id)
            try ruled { () throws(RuleRefusal) in
                try checkReversal(of: standing, now: now, isTraining: isTraining)
            }
            return try record(.reversal(Reversal(entry: id, reason: reason)), role)
        }
    }

    private func close(
        _ period: ClosurePeriod, _ role: Role?
    ) throws(ControlRefusal) -> OrderReply {
        try checkIdle()
        let id = newID
        do throws(ClosingError) {
            let entry = try world.journal.close(
                period, id: id, at: world.clock.moment,
                operatorCode: role.map { [$0.rawValue] })
            guard case .closure(let closure) = entry.body else { throw .rule(.nothingToClose) }
            world.link.noteNewEntry()
            refresh { _ in }
            return .closed(closure, id: id)
        } catch {
            switch error {
            case .rule(let rule): throw .rule(rule)
            case .journal:
                guard let found = world.lookUp(id) else { throw .unknownResult(id) }
                guard case .closure(let closure) = found?.body else {
                    throw .outOfService(.journalUnavailable)
                }
                return .closed(closure, id: id)
            }
        }
    }

    private func train(_ isOn: Bool, _ role: Role?) throws(ControlRefusal) {
        try refresh { (machine) throws(ControlRefusal) in try machine.train(isOn) }
        let event = TechnicalEvent(code: isOn ? "training-on" : "training-off")
        _ = world.commit(.technicalEvent(event), id: newID, role: role, isTraining: false)
    }

    // MARK: roles

    public func signIn(
        _ role: Role, pin: inout [UInt8]
    ) -> Result<RoleSession, ControlRefusal> {
        guard let pins else {
            wipe(&pin)
            return .failure(.pinMissing)
        }
        do throws(PINBook.Refusal) {
            try pins.check(&pin, for: role, now: world.clock.moment.milliseconds)
            let session = RoleSession(role: role, until: Self.now + RoleSession.length)
            monitor.update { $0.session = session }
            refresh { _ in }
            return .success(session)
        } catch {
            switch error {
            case .missing: return .failure(.pinMissing)
            case .malformed: return .failure(.pinWrong(triesLeft: PINBook.triesMax))
            case .locked(let wait): return .failure(.pinLocked(seconds: wait.map { $0 / 1_000 }))
            case .storage(let what):
                log(LogEvent(.pinStorage, ["detail": "\(what)"]))
                return .failure(.outOfService(.journalUnavailable))
            case .wrong(let left):
                let event = TechnicalEvent(
                    code: "pin-failed", details: "role=\(role) tries-left=\(left)")
                _ = world.commit(.technicalEvent(event), id: newID, role: nil, isTraining: false)
                return .failure(.pinWrong(triesLeft: left))
            }
        }
    }

    // MARK: looking

    public func isRecorded(_ id: EntryID) -> Bool? { world.lookUp(id).map { $0 != nil } }

    public var catalogue: [CatalogueAction] { world.policy?.catalogue ?? [] }

    public var consentTexts: [ConsentText] { world.policy?.consentTexts ?? [] }

    public func find(_ query: JournalQuery) -> JournalPage {
        ((try? world.journal.find(query)) ?? JournalPage(lines: [], next: nil))
            .told(world.link.verdicts)
    }

    public func standing(_ id: EntryID) -> EntryStanding? { world.standing(id) }

    public func totals(days: ClosedRange<UInt64>) -> PeriodTotals {
        (try? world.journal.totals(days: days)) ?? .none
    }
}
