import TestSupport

/// What the network does to one request, or to its answer.
enum Fault: Equatable, Sendable, CustomStringConvertible {
    /// Both ways end after so many thousandths of the request.
    case cutRequest(Int)
    /// The ledger has the request; its answer ends after so many thousandths.
    case cutReply(Int)
    /// The request goes nowhere, and nothing is said.
    case stallRequest
    /// The ledger has the request; nothing is said.
    case stallReply
    /// The answer comes in so many pieces, with pauses.
    case drip(Int)
    /// The ledger gets the request twice; whoever asked gets this one of the two answers.
    case doubleRequest(gets: Int)
    /// The answer comes twice on one connection.
    case doubleReply
    /// The answer of an earlier request comes in place of this one's.
    case lateReply
    /// A whole answer, but its body ends after so many thousandths.
    case shortReply(Int)
    /// 200 with a body that is not the ledger's.
    case wrongBody(Int)
    /// An error of a proxy or of the ledger: its status, whether it is problem+json, and whether
    /// the ledger has had the request all the same.
    case storm(Int, isProblem: Bool, isBooked: Bool)
    /// The connection is reset, before the ledger has the request or after.
    case reset(isBooked: Bool)

    /// The kinds that are counted: a fault by its name, and by the side it acts on.
    static let kinds = [
        "cut-request", "cut-reply", "stall-request", "stall-reply", "drip", "double-request-first",
        "double-request-second", "double-reply", "late-reply", "short-reply", "wrong-body",
        "storm-problem", "storm-bare", "storm-booked", "reset-before", "reset-after",
    ]

    /// The kind it counts as.
    var kind: String {
        switch self {
        case .cutRequest: "cut-request"
        case .cutReply: "cut-reply"
        case .stallRequest: "stall-request"
        case .stallReply: "stall-reply"
        case .drip: "drip"
        case .doubleRequest(let gets): gets == 1 ? "double-request-first" : "double-request-second"
        case .doubleReply: "double-reply"
        case .lateReply: "late-reply"
        case .shortReply: "short-reply"
        case .wrongBody: "wrong-body"
        case .storm(_, _, true): "storm-booked"
        case .storm(_, let isProblem, false): isProblem ? "storm-problem" : "storm-bare"
        case .reset(let isBooked): isBooked ? "reset-after" : "reset-before"
        }
    }

    var description: String { kind }
}

/// Which fault meets the n-th request of which terminal: nothing but its numbers decides, so the
/// same seed gives the same faults however threads run.
struct FaultPlan: Sendable {
    let seed: UInt64
    /// Of a thousand requests, how many are met by a fault, storms apart.
    var perMille: UInt64 = 150
    /// Of a thousand stretches of requests, how many are a storm.
    var storms: UInt64 = 30
    private static let stretch = 5
    private static let statuses = [500, 502, 503, 504, 429, 408, 425, 599]

    init(seed: UInt64) { self.seed = seed }

    /// One of each kind, in the order of `Fault.kinds`.
    private static func samples(_ share: Int) -> [Fault] {
        [
            .cutRequest(share), .cutReply(share), .stallRequest, .stallReply, .drip(3),
            .doubleRequest(gets: 1), .doubleRequest(gets: 2), .doubleReply, .lateReply,
            .shortReply(share), .wrongBody(share % 6),
            .storm(503, isProblem: true, isBooked: false),
            .storm(502, isProblem: false, isBooked: false),
            .storm(500, isProblem: false, isBooked: true), .reset(isBooked: false),
            .reset(isBooked: true),
        ]
    }

    private func dice(_ terminal: Int, _ number: Int, _ what: UInt64) -> SplitMix64 {
        var mixer = SplitMix64(seed ^ what &* 0xD134_2543_DE82_EF95)
        var inner = SplitMix64(mixer.next() ^ UInt64(terminal) << 32 ^ UInt64(number))
        return SplitMix64(inner.next())
    }

    /// The fault, or nil. Numbers from 0. Each kind comes early at some terminals, so that a short
    /// run meets the rare ones too.
    func fault(terminal: Int, request: Int) -> Fault? {
        let kinds = Fault.kinds.count
        if request == terminal / kinds + 1 {
            var dice = dice(terminal, request, 3)
            let share = Int(dice.next(1_001))
            let shift = Int(seed % UInt64(kinds))
            return Self.samples(share)[(terminal + shift) % kinds]
        }
        var storm = dice(terminal, request / Self.stretch, 1)
        if storm.next(1_000) < storms {
            let place = storm.next(UInt64(Self.statuses.count)) + UInt64(request % Self.stretch)
            return .storm(
                Self.statuses[Int(place) % Self.statuses.count], isProblem: storm.next(2) == 0,
                isBooked: storm.next(3) == 0)
        }
        var dice = dice(terminal, request, 2)
        guard dice.next(1_000) < perMille else { return nil }
        let share = Int(dice.next(1_001))
        return switch dice.next(100) {
        case 0..<12: .cutRequest(share)
        case 12..<26: .cutReply(share)
        case 26..<27: .stallRequest
        case 27..<29: .stallReply
        case 29..<37: .drip(2 + Int(dice.next(12)))
        case 37..<43: .doubleRequest(gets: 1)
        case 43..<49: .doubleRequest(gets: 2)
        case 49..<57: .doubleReply
        case 57..<65: .lateReply
        case 65..<74: .shortReply(share)
        case 74..<86: .wrongBody(Int(dice.next(6)))
        case 86..<93: .reset(isBooked: false)
        default: .reset(isBooked: true)
        }
    }
}
