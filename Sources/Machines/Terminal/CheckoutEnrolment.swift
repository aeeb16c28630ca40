import Crypto
import Journal
public import Operations
import Threads
import Tokens

/// Giving cards to people.
extension Checkout {
    /// Personal data of one enrolment at most, bytes.
    public static let personalMax = 4_096

    public func enrol(
        _ order: EnrolmentOrder, personal: inout [UInt8]
    ) -> Result<Armed, ControlRefusal> {
        defer { wipe(&personal) }
        let tellsAnything = !personal.isEmpty
        do throws(ControlRefusal) {
            let role = try authority(.enroller)
            let policy = try policy
            let now = world.clock.moment.milliseconds
            let given = order.consents.map { Consent(textVersion: $0, time: now) }
            try ruled { () throws(RuleRefusal) in
                try policy.check(consents: given, tellsAnything: tellsAnything)
                // What one person tells or lost is never another's.
                guard !order.isLane || (!tellsAnything && order.replaces == nil) else {
                    throw .consentMissing
                }
            }
            try online(policy.rules.enrolmentOffline)
            try checkIdle()
            let sealed = try seal(&personal, policy)
            let purpose = Purpose.enrolment(
                consents: given, sealed: sealed, replaces: order.replaces)
            let (id, start) = (newID, Self.now)
            return .success(
                try refresh { (machine) throws(ControlRefusal) in
                    order.isLane
                        ? try machine.armLane(id, at: start, purpose: purpose, role: role)
                        : try machine.arm(id, .zero, at: start, purpose: purpose, role: role)
                })
        } catch { return .failure(error) }
    }

    /// P6: what a person tells is readable by the ledger alone from here on.
    private func seal(
        _ personal: inout [UInt8], _ policy: Policy
    ) throws(ControlRefusal) -> [UInt8]? {
        if personal.isEmpty { return nil }
        guard let certificate = policy.sealingCertificate, personal.count <= Self.personalMax,
            let sealed = try? Envelope.seal(SecretBytes(personal), certificate: certificate),
            sealed.count <= Enrolment.sealedMax
        else { throw .rule(.sealingImpossible) }
        return sealed
    }

    /// A person comes to the stand.
    func beginEnrolment() throws(ControlRefusal) {
        let policy = try policy
        try online(policy.rules.enrolmentOffline)
        try checkIdle()
        let until = Self.now + RoleSession.standLength
        monitor.update { $0.session?.extend(to: until) }
        refresh { _ in }
    }

    public func applicationLink(of enrolment: EntryID) -> String? {
        guard let base = world.policy?.application,
            let entry = world.standing(enrolment)?.entry,
            case .enrolment(let body) = entry.body, !entry.isTraining
        else { return nil }
        // After "#": what a browser keeps to itself, so that no server on the way logs it.
        return "\(base)/carte#n=\(body.card.digits)&e=\(entry.id)"
    }

    /// The next card of a row, when one is wanted.
    func continueLane(at now: UInt64) {
        guard monitor.read({ $0.machine.wantsNext(at: now) }) else { return }
        let id = newID
        refresh { $0.armNext(id, at: now) }
    }

    /// How many cards were given since the day was closed last.
    func counted(_ outcome: TapOutcome, _ operation: Armed) -> TapOutcome {
        guard operation.isEnrolment, case .accepted(var receipt) = outcome else { return outcome }
        receipt.given = (try? world.journal.openTotals(.day))?.enrolments
        return .accepted(receipt)
    }
}

extension RoleSession {
    /// Lasts at least until then.
    mutating func extend(to end: UInt64) { until = max(until, end) }
}
