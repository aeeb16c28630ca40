import Operations
import Terminal
import Tokens

/// {"amountCents":500,"id":"0198…"}: gives back part of a payment.
struct RefundOrder: OrderBody {
    let amountCents: Int64
    let id: String
}

/// {"id":"0198…","reason":"wrongEntry"}
struct ReversalOrder: OrderBody {
    let id: String
    let reason: String
}

/// {"amountCents":2000,"means":"cash"}
struct TopUpOrder: OrderBody {
    let amountCents: Int64
    let means: String
}

/// {"code":"repas-vegetarien","quantity":1000}: thousandths of the action's unit.
struct ActionOrder: OrderBody {
    let code: String
    let quantity: Int64
}

/// {"card":"123456789012","reporter":"holder","what":"lost"}
struct ReportOrder: OrderBody {
    let card: String
    let reporter: String
    let what: String
}

/// {"period":"day"}
struct CloseOrder: OrderBody { let period: String }

/// {"on":true}
struct TrainOrder: OrderBody { let on: Bool }

/// {"pin":"123456","role":"manager"}
struct SignInOrder: OrderBody {
    let pin: String
    let role: String
}

/// A value of the terminal that a page names by a word.
protocol Worded: CaseIterable { var name: String { get } }

extension Worded {
    /// - Throws: `Problem.bodyInvalid` for a word that is none.
    static func named(_ name: String) throws(Problem) -> Self {
        guard let found = allCases.first(where: { $0.name == name }) else { throw .bodyInvalid }
        return found
    }
}

extension Role: Worded {
    var name: String {
        switch self {
        case .cashier: "cashier"
        case .manager: "manager"
        case .enroller: "enroller"
        case .technician: "technician"
        }
    }
}

extension ReversalReason: Worded {
    var name: String {
        switch self {
        case .wrongEntry: "wrongEntry"
        case .customerGaveUp: "customerGaveUp"
        case .doubled: "doubled"
        case .other: "other"
        }
    }
}

extension TopUpMeans: Worded {
    var name: String {
        switch self {
        case .cash: "cash"
        case .bankCard: "bankCard"
        case .other: "other"
        }
    }
}

extension CardEventKind: Worded {
    var name: String {
        switch self {
        case .lost: "lost"
        case .found: "found"
        case .damaged: "damaged"
        case .cloneSuspected: "cloneSuspected"
        case .returned: "returned"
        }
    }
}

extension CardReporter: Worded {
    var name: String {
        switch self {
        case .holder: "holder"
        case .merchant: "merchant"
        case .association: "association"
        case .somebodyElse: "somebodyElse"
        }
    }
}

extension ClosurePeriod: Worded {
    var name: String {
        switch self {
        case .day: "day"
        case .month: "month"
        case .year: "year"
        }
    }
}

extension EntryKind: Worded {
    var name: String {
        switch self {
        case .payment: "payment"
        case .refund: "refund"
        case .reversal: "reversal"
        case .topUp: "topUp"
        case .action: "action"
        case .enrolment: "enrolment"
        case .cardEvent: "cardEvent"
        case .closure: "closure"
        case .technicalEvent: "technicalEvent"
        }
    }
}

extension CardClass: Worded {
    var name: String {
        switch self {
        case .anonymous: "anonymous"
        case .member: "member"
        case .professional: "professional"
        case .training: "training"
        }
    }
}
