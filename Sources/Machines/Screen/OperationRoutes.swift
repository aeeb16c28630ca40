import HTTPServer
import Journal
import Operations
import Terminal
import Tokens

/// Orders and questions beside selling.
extension Routes {
    /// One order, read strictly, given, answered.
    func operationOrder(_ request: HTTPRequest) throws(Problem) -> HTTPResponse {
        if request.path == "/api/sign-in" { return try signIn(request) }
        if request.path == "/api/enrol" { return try enrol(request) }
        if request.path == "/api/again" {
            _ = try EmptyOrder.read(request)
            return try again()
        }
        return try perform(Self.order(of: request))
    }

    /// The terminal's order that a request spells.
    private static func order(of request: HTTPRequest) throws(Problem) -> Terminal.Order {
        switch request.path {
        case "/api/refund":
            let body = try RefundOrder.read(request)
            return .refund(
                of: try identifier(body.id),
                amount: try AmountOrder(amountCents: body.amountCents).amount())
        case "/api/reverse":
            let body = try ReversalOrder.read(request)
            return .reverse(try identifier(body.id), reason: try .named(body.reason))
        case "/api/top-up":
            let body = try TopUpOrder.read(request)
            return .topUp(
                amount: try AmountOrder(amountCents: body.amountCents).amount(),
                means: try .named(body.means))
        case "/api/act":
            let body = try ActionOrder.read(request)
            return .act(code: body.code, quantity: body.quantity)
        case "/api/report":
            let body = try ReportOrder.read(request)
            guard let card = CardNumber(body.card), card.digits == body.card else {
                throw .bodyInvalid
            }
            return .report(card, try .named(body.what), by: try .named(body.reporter))
        case "/api/close": return .close(try .named(CloseOrder.read(request).period))
        case "/api/train": return .train(try TrainOrder.read(request).on)
        default: break
        }
        let plain: [String: Terminal.Order] = [
            "/api/check": .checkCard, "/api/pay-part": .payPart, "/api/pay-rest": .payRest,
            "/api/drop-rest": .dropRest, "/api/sign-out": .signOut,
            "/api/enrol-begin": .beginEnrolment, "/api/enrol-again": .enrolAgain,
            "/api/enrol-end": .endLane,
        ]
        guard let order = plain[request.path] else { throw .notFound }
        _ = try EmptyOrder.read(request)
        return order
    }

    private func perform(_ order: Terminal.Order) throws(Problem) -> HTTPResponse {
        switch try answered(control.perform(order)) {
        case .armed(let armed):
            if order == .enrolAgain {
                memory.keep(.enrolment, of: armed.id)
            } else if order == .payPart {
                memory.keepWhole(of: armed.id)
            } else {
                memory.keep(.order(order), of: armed.id)
            }
            return Self.document(ArmedView(armed, now: monotonicMilliseconds()))
        case .recorded(let id): return Self.document(["id": id.description])
        case .closed(_, let id):
            guard let slip = control.slip(id) else { return Self.nothing }
            return Self.document(ClosureView(slip))
        case .done: return Self.nothing
        }
    }

    private func again() throws(Problem) -> HTTPResponse {
        switch memory.order {
        case nil, .enrolment: throw .noSuchOperation
        case .order(let order): return try perform(order)
        case .payment(let amount):
            let armed = try answered(control.arm(amount: amount))
            memory.keep(.payment(amount), of: armed.id)
            return Self.document(ArmedView(armed, now: monotonicMilliseconds()))
        }
    }

    private func signIn(_ request: HTTPRequest) throws(Problem) -> HTTPResponse {
        let body = try SignInOrder.read(request)
        let role = try Role.named(body.role)
        var pin = Array(body.pin.utf8)
        let session = try answered(control.signIn(role, pin: &pin))
        return Self.document(RoleView(session, now: monotonicMilliseconds()))
    }

    /// The list of operations, filtered.
    func journal(_ request: HTTPRequest) throws(Problem) -> HTTPResponse {
        var query = JournalQuery()
        var seen: Set<String> = []
        for (name, value) in request.query {
            guard seen.insert(name).inserted else { throw .queryInvalid }
            switch name {
            case "limit": query.limit = try Self.limit(value)
            case "before":
                guard let before = UInt64(value), "\(before)" == value else {
                    throw .queryInvalid
                }
                query.before = before
            case "card":
                guard value.utf8.count == 4, value.utf8.allSatisfy({ (0x30...0x39).contains($0) })
                else { throw .queryInvalid }
                query.lastFour = value
            case "kind":
                guard let kind = EntryKind.allCases.first(where: { $0.name == value }) else {
                    throw .queryInvalid
                }
                query.kinds = [kind]
            case "status":
                let table: [String: JournalQuery.Status] = [
                    "pending": .pending, "settled": .settled, "rejected": .rejected,
                ]
                guard let status = table[value] else { throw .queryInvalid }
                query.status = status
            default: throw .queryInvalid
            }
        }
        return Self.document(JournalView(control.find(query)))
    }
}
