import Operations

/// Who may do what at a terminal. The raw value is the operator of an entry (FORMATS §2, field 8).
public enum Role: UInt8, CaseIterable, Sendable {
    /// Sells, records actions, refunds below the threshold. Needs no PIN.
    case cashier = 1
    /// Everything a cashier may, without thresholds; closes months and years.
    case manager = 2
    /// Gives cards to people.
    case enroller = 3
    /// Looks after the machine.
    case technician = 4
}

/// A role that signed in.
public struct RoleSession: Equatable, Sendable {
    /// How long a session lives after its last order, milliseconds.
    public static let length: UInt64 = 120_000
    /// How long it lives once a person has come to the stand, milliseconds.
    public static let standLength: UInt64 = 600_000
    /// The role.
    public let role: Role
    /// When it ends, milliseconds of the monotonic clock.
    public var until: UInt64

    /// A session.
    public init(role: Role, until: UInt64) {
        self.role = role
        self.until = until
    }
}

/// The role an order needs; nil when anybody at the terminal may give it. Pure.
func roleNeeded(for order: Order, rules: OperationRules, amount: Amount?) -> Role? {
    switch order {
    case .refund(_, let amount): amount > rules.refundThreshold ? .manager : nil
    case .reverse: (amount ?? .zero) > rules.refundThreshold ? .manager : nil
    case .topUp(let amount, _): amount > rules.topUpThreshold ? .manager : nil
    case .close(.month), .close(.year): .manager
    case .beginEnrolment, .enrolAgain: .enroller
    case .checkCard, .act, .report, .payPart, .payRest, .dropRest, .close(.day), .train, .signOut,
        .endLane:
        nil
    }
}

extension Role {
    /// True when somebody signed in as `self` may do what needs `needed`.
    func covers(_ needed: Role) -> Bool {
        self == needed || (self == .manager && needed != .technician)
    }
}
