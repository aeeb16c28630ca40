import TestSupport

/// What happens on a market day, in a seeded random order.
struct DayScript {
    enum Errand: Equatable {
        /// By hand: by keys on the page in Chromium; else by the page's own orders, with its token.
        case pay(byHand: Bool)
        /// Of an earlier payment, to its card.
        case refund
        /// Of an earlier payment; of one so large that the manager must sign in; of an action.
        case reversePayment
        case reverseLarge
        case reverseAction
        case act(byHand: Bool)
        case enrol
        /// The ledger is gone, or takes connections and says nothing.
        case cut(isFrozen: Bool)
        case restore
        case crashBrowser
        case killTerminal
    }

    /// How often something happens on a whole day.
    struct Counts: Equatable {
        var payments = 300
        var refunds = 12
        var actions = 40
        var enrolments = 25
        /// One each of a payment, a large payment and an action.
        let reversals = 3
        let cuts = 4
        var crashes = 5
        let kills = 2

        /// A part of a day; what is there at all happens at least once.
        init(scale: Double) {
            func part(_ whole: Int) -> Int { max(1, Int((Double(whole) * scale).rounded())) }
            payments = max(24, part(payments))
            refunds = part(refunds)
            actions = max(4, part(actions))
            enrolments = part(enrolments)
            crashes = part(crashes)
        }
    }

    let counts: Counts
    private(set) var errands: [Errand]

    /// `byHand` of each kind are done on the page.
    init(_ counts: Counts, payByHand: Int, actByHand: Int, dice: inout SplitMix64) {
        self.counts = counts
        // The large payment that is reversed is one of the three hundred.
        errands = (0..<counts.payments - 1).map { .pay(byHand: $0 < payByHand) }
        errands += (0..<counts.actions).map { .act(byHand: $0 < actByHand) }
        errands += [Errand](repeating: .refund, count: counts.refunds)
        errands += [Errand](repeating: .enrol, count: counts.enrolments)
        errands += [.reversePayment, .reverseLarge, .reverseAction]
        errands.shuffle(using: &dice)
        placeCuts(&dice)
        for _ in 0..<counts.crashes { insert(.crashBrowser, &dice) }
        for _ in 0..<counts.kills { insert(.killTerminal, &dice) }
    }

    private mutating func insert(_ errand: Errand, _ dice: inout SplitMix64) {
        errands.insert(errand, at: .random(in: 0...errands.count, using: &dice))
    }

    /// One cut in each quarter of the day, as long as a card's own limits surely allow.
    private mutating func placeCuts(_ dice: inout SplitMix64) {
        let quarter = errands.count / counts.cuts
        let length = min(25, quarter / 2)
        for cut in (0..<counts.cuts).reversed() {
            let start = cut * quarter + .random(in: 0..<quarter - length, using: &dice)
            errands.insert(.restore, at: start + length)
            errands.insert(.cut(isFrozen: cut % 2 == 1), at: start)
        }
    }
}

/// What the books should say at the end, kept beside the day by the test itself.
struct DayBook {
    struct Payment {
        let card: Int
        let cents: Int64
        let day: UInt64
        var refunded: Int64 = 0
        var isReversed = false
    }

    struct Action {
        let card: Int
        let code: String
        let quantity: Int64
        let day = Midnight.today
        var isReversed = false
    }

    /// By the id of the entry.
    var payments: [String: Payment] = [:]
    var actions: [String: Action] = [:]
    /// Cents of each refund.
    var refunds: [Int64] = []
    /// Targets.
    var reversals: [String] = []
    /// Cards.
    var enrolments: [Int] = []
    /// Operations beyond the script's: what is to be reversed must be of today.
    var extraPayments = 0
    var extraActions = 0
    /// Balances, cents.
    var balances: [Int64]

    mutating func pay(_ id: String, _ card: Int, _ cents: Int64) {
        payments[id] = Payment(card: card, cents: cents, day: Midnight.today)
        balances[card] -= cents
    }

    mutating func refund(_ id: String, _ cents: Int64) {
        guard let payment = payments[id] else { return }
        payments[id]?.refunded += cents
        refunds.append(cents)
        balances[payment.card] += cents
    }

    mutating func reverse(_ id: String) {
        reversals.append(id)
        actions[id]?.isReversed = true
        guard let payment = payments[id] else { return }
        payments[id]?.isReversed = true
        balances[payment.card] += payment.cents
    }

    var paid: Int64 { payments.values.reduce(0) { $0 + $1.cents } }
    var reversed: Int64 { payments.values.reduce(0) { $0 + ($1.isReversed ? $1.cents : 0) } }
    var refunded: Int64 { refunds.reduce(0, +) }
    var takings: Int64 { paid - refunded - reversed }

    /// Thousandths that count, by code.
    var quantities: [String: Int64] {
        var sums: [String: Int64] = [:]
        for action in actions.values {
            sums[action.code, default: 0] += action.isReversed ? 0 : action.quantity
        }
        return sums
    }

    /// A payment that may still be refunded or reversed.
    func correctible(_ dice: inout SplitMix64) -> String? {
        payments.filter { !$0.value.isReversed && $0.value.refunded == 0 }
            .filter { $0.value.cents <= 2_000 }.keys.sorted().randomElement(using: &dice)
    }
}
