/// A contactless card that answers command APDUs (ISO/IEC 7816-4).
public protocol SoftwareCard: Sendable {
    /// The answer to reset a PC/SC reader reports for this card.
    var atr: [UInt8] { get }
    /// What it shows to a contactless reader, from power-on to power-off.
    var identity: ContactlessIdentity { get }
    /// True once the card has left the field by itself; the reader's link then drops it.
    var hasLeft: Bool { get }
    /// The time the last command took inside the card, beyond `AirPace`'s share of it.
    var workingTime: Duration { get }
    /// The field comes on: volatile state starts anew.
    mutating func powerOn()
    /// The field goes off: volatile state is lost.
    mutating func powerOff()
    /// Executes one command; the answer ends with two status bytes. Empty: the card is mute.
    mutating func respond(to command: [UInt8]) -> [UInt8]
}

extension SoftwareCard {
    /// A random UID and no more, unless it says otherwise.
    public var identity: ContactlessIdentity { .unnamed }
    /// A card stays in the field unless it says otherwise.
    public var hasLeft: Bool { false }
    /// No time of its own unless it says otherwise.
    public var workingTime: Duration { .zero }
}
