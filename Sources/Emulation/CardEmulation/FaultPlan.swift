import Crypto

/// Why a fault specification was not understood.
public enum FaultPlanError: Error, Equatable, Sendable, CustomStringConvertible {
    /// This part is none of `tear@N lost@N gone@N mute@N flip@N sw=HHHH@N answer=HEX@N` with N in
    /// 1...1000000 and 2...258 bytes of an answer.
    case notUnderstood(String)

    /// A sentence without a full stop.
    public var description: String {
        switch self {
        case .notUnderstood(let part): "'\(part)' is no fault"
        }
    }
}

/// What goes wrong, and at which command.
///
/// Commands are counted from 1 over the life of the card value, through every power-off.
public struct FaultPlan: Equatable, Sendable {
    /// One way to go wrong at one command.
    public enum Fault: Equatable, Sendable {
        /// `tear`: the card leaves before the command reaches it.
        case tearBefore
        /// `lost`: the card executes, then leaves; the answer is lost.
        case tearAfter
        /// `gone`: the answer arrives, then the card leaves.
        case leave
        /// `mute`: the command is not executed, and no answer comes until the next power-on.
        case mute
        /// `flip`: one bit of the answer changes on its way, in the middle of it.
        case flip
        /// `sw=HHHH`: the command is not executed; the answer is this status alone.
        case status(UInt16)
        /// `answer=HEX`: the card executes, and another answer (2...258 bytes) arrives in place of
        /// its own: somebody between card and reader lies.
        case answer([UInt8])
    }

    /// The faults by command number.
    public private(set) var faults: [Int: Fault]

    /// Faults at command numbers of 1 and more.
    public init(_ faults: [Int: Fault] = [:]) { self.faults = faults }

    /// Reads `tear@3` or `mute@2,sw=6A82@9`: parts with a comma between; of two for the same
    /// command the later one counts.
    public init(_ specification: String) throws(FaultPlanError) {
        faults = [:]
        for part in specification.split(separator: ",", omittingEmptySubsequences: false) {
            guard let (number, fault) = Self.parse(part) else {
                throw .notUnderstood(String(part.prefix(40)))
            }
            faults[number] = fault
        }
    }

    private static func parse(_ part: Substring) -> (Int, Fault)? {
        let halves = part.split(separator: "@", omittingEmptySubsequences: false)
        guard halves.count == 2, halves[1].utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            let number = Int(halves[1]), (1...1_000_000).contains(number)
        else { return nil }
        switch halves[0] {
        case "tear": return (number, .tearBefore)
        case "lost": return (number, .tearAfter)
        case "gone": return (number, .leave)
        case "mute": return (number, .mute)
        case "flip": return (number, .flip)
        default: break
        }
        if halves[0].hasPrefix("answer="), let bytes = Hexadecimal.bytes(halves[0].dropFirst(7)),
            (2...258).contains(bytes.count)
        {
            return (number, .answer(bytes))
        }
        guard halves[0].hasPrefix("sw="),
            let bytes = Hexadecimal.bytes(halves[0].dropFirst(3)),
            bytes.count == 2
        else { return nil }
        return (number, .status(UInt16(bytes[0]) << 8 | UInt16(bytes[1])))
    }
}

/// A card that goes wrong as planned.
public struct FaultyCard: SoftwareCard {
    /// The card underneath; what a fault prevents never reaches it.
    public private(set) var card: any SoftwareCard
    /// What goes wrong and when.
    public var plan: FaultPlan
    /// Commands that came, whatever became of them.
    public private(set) var commands = 0
    /// True from a tear until the next power-on.
    public private(set) var hasLeft = false
    private var isMute = false

    /// Wraps `card`.
    public init(_ card: any SoftwareCard, plan: FaultPlan) {
        self.card = card
        self.plan = plan
    }

    /// That of the card.
    public var atr: [UInt8] { card.atr }
    /// That of the card.
    public var identity: ContactlessIdentity { card.identity }
    /// That of the card.
    public var workingTime: Duration { card.workingTime }

    /// The card is back, and no longer mute.
    public mutating func powerOn() {
        hasLeft = false
        isMute = false
        card.powerOn()
    }

    /// That of the card.
    public mutating func powerOff() { card.powerOff() }

    /// The card's answer, or what is left of it.
    public mutating func respond(to command: [UInt8]) -> [UInt8] {
        commands += 1
        guard !hasLeft && !isMute else { return [] }
        switch plan.faults[commands] {
        case nil: return card.respond(to: command)
        case .tearBefore:
            leave()
            return []
        case .tearAfter:
            _ = card.respond(to: command)
            leave()
            return []
        case .leave:
            let answer = card.respond(to: command)
            leave()
            return answer
        case .mute:
            isMute = true
            card.powerOff()
            return []
        case .flip:
            var answer = card.respond(to: command)
            if !answer.isEmpty { answer[answer.count / 2] ^= 1 << UInt8(commands % 8) }
            return answer
        case .status(let word):
            return [UInt8(word >> 8), UInt8(word & 0xFF)]
        case .answer(let bytes):
            _ = card.respond(to: command)
            return bytes
        }
    }

    private mutating func leave() {
        hasLeft = true
        card.powerOff()
    }
}
