public import Tokens

/// One row as the state file holds it.
public struct BatchCard: Equatable, Sendable {
    /// The row's name.
    public let sequence: Int
    /// Its number, from the manifest or made when it was planned.
    public let number: CardNumber
    /// Its alias.
    public let alias: String
    /// Opaque; may be empty.
    public let accountReference: String
    /// What stands on the label; may be empty.
    public let printLabel: String
    /// Its class.
    public let cardClass: CardClass
    /// Where it stands.
    public let state: BatchState
    /// 7 bytes, once a card has it; masked wherever people see it.
    public let uid: [UInt8]?
    /// Bit n: key n is changed.
    public let keysChanged: UInt8
    /// Whether NXP signed the UID; nil before it is verified.
    public let isOriginal: Bool?
    /// Runs that ended before the card was whole.
    public let failures: Int
    /// When it was verified, milliseconds; nil before.
    public let finished: UInt64?
}

/// What holds for every card of a batch, fixed when it is begun.
public struct BatchSettings: Equatable, Sendable {
    /// Key epoch.
    public let epoch: UInt8
    /// Host name of the cards' address.
    public let host: String
    /// Seconds a card is valid for.
    public let validity: UInt64
    /// The class of rows that name none.
    public let cardClass: CardClass
    /// A card whose UID NXP did not sign is refused.
    public let requiresOriginal: Bool

    /// Settings.
    public init(
        epoch: UInt8, host: String, validity: UInt64, cardClass: CardClass, requiresOriginal: Bool
    ) {
        self.epoch = epoch
        self.host = host
        self.validity = validity
        self.cardClass = cardClass
        self.requiresOriginal = requiresOriginal
    }
}

/// How many rows stand where.
public struct BatchCounts: Equatable, Sendable {
    /// All rows.
    public var total = 0
    /// Whole cards.
    public var done = 0
    /// Of these, handed to the register.
    public var registered = 0
    /// Begun, and somewhere half done.
    public var halfDone = 0
    /// Given up.
    public var spoiled = 0
    /// Not begun.
    public var planned: Int { total - done - halfDone - spoiled }
    /// Nothing is left to prepare.
    public var isComplete: Bool { done + spoiled == total }
}
