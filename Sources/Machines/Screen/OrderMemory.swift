import Operations
import Synchronization
import Terminal

/// What the last armed operation was ordered as: after a refusal "another card" and "start again"
/// mean that very order. A refund that is asked for again must never become a payment.
final class OrderMemory: Sendable {
    /// An order with a card.
    enum Kept: Equatable, Sendable {
        case payment(Amount)
        case order(Terminal.Order)
        /// A card for a person. What she told is the terminal's, sealed: `enrolAgain` finds it.
        case enrolment

        /// True when it takes money.
        var isPayment: Bool {
            switch self {
            case .payment, .order(.payRest), .order(.payPart): true
            case .order, .enrolment: false
            }
        }
    }

    private let last = Mutex<(id: EntryID, kept: Kept)?>(nil)

    func keep(_ kept: Kept, of id: EntryID) { last.withLock { $0 = (id, kept) } }

    /// A part was armed under `id`: asked for again, the whole sum is meant. Nothing was paid yet.
    func keepWhole(of id: EntryID) {
        last.withLock { last in
            if let whole = last?.kept { last = (id, whole) }
        }
    }

    /// The last order.
    var order: Kept? { last.withLock { $0?.kept } }

    /// The order of the operation `id`; nil when it is another one's.
    func order(of id: EntryID?) -> Kept? {
        last.withLock { $0?.id == id ? $0?.kept : nil }
    }
}
