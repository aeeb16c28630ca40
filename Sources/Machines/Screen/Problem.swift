import FoundationEssentials
import HTTPServer
import Operations
import Terminal

/// A refusal as RFC 9457 problem+json: `type` is about:blank, `code` says which one.
struct Problem: Error, Equatable, Sendable {
    let status: Int
    /// Stable, for programs.
    let code: String
    /// For people who read logs.
    let title: String
    /// Code of the terminal's refusal (`Refusal.code`), when that is the reason.
    var refusal: String?
    /// The message of that refusal, when it is a rule's.
    var message: RefusalMessage?
    /// What the message names: cents, or thousandths of an action's unit.
    var left: Int64?
    /// The role that has to sign in.
    var role: String?
    /// Tries that are left before a lock.
    var triesLeft: Int?
    /// How long a lock lasts.
    var waitSeconds: UInt64?
    /// `Allow`, on 405.
    var allow: String?

    static let malformedJSON = Problem(400, "malformed-json", "The body is not JSON")
    static let sessionMissing = Problem(401, "session-missing", "Load the page first")
    static let hostNotAllowed = Problem(403, "host-not-allowed", "Not served under this name")
    static let originNotAllowed = Problem(403, "origin-not-allowed", "Asked by another site")
    static let tokenInvalid = Problem(403, "token-invalid", "The page's token is missing or old")
    static let notFound = Problem(404, "not-found", "No such resource")
    static let noSuchOperation = Problem(404, "no-such-operation", "No such operation is armed")
    static let busy = Problem(409, "busy", "Another operation is under way")
    static let bodyTooLarge = Problem(413, "body-too-large", "The body is over 4 KiB")
    static let notJSON = Problem(415, "media-type-not-json", "Send application/json")
    static let bodyInvalid = Problem(422, "body-invalid", "A field is missing, unknown or wrong")
    static let amountInvalid = Problem(422, "amount-invalid", "The amount is out of range")
    static let limitInvalid = Problem(422, "limit-invalid", "limit is 1 to 500")
    static let languageUnknown = Problem(422, "language-unknown", "No such language here")
    static let queryInvalid = Problem(422, "query-invalid", "No such filter")
    static let exportFailed = Problem(507, "export-failed", "The file cannot be written")
    static let tooManyScreens = Problem(429, "too-many-screens", "Too many pages are open")

    static func methodNotAllowed(_ allow: String) -> Problem {
        var problem = Problem(405, "method-not-allowed", "Not this method")
        problem.allow = allow
        return problem
    }

    private init(_ status: Int, _ code: String, _ title: String) {
        self.status = status
        self.code = code
        self.title = title
    }

    /// What the terminal answered.
    init(_ refusal: ControlRefusal) {
        switch refusal {
        case .busy: self = .busy
        case .amountInvalid: self = .amountInvalid
        case .noSuchOperation: self = .noSuchOperation
        case .outOfService(let reason):
            self.init(409, "out-of-service", "The terminal is out of service")
            self.refusal = reason.code
            message = RefusalMessage(reason)
        case .rule(let rule):
            self.init(409, "rule", "A rule forbids it")
            self.refusal = rule.code
            message = RefusalMessage(rule)
            left = Refusal.rule(rule).left
        case .roleNeeded(let needed):
            self.init(403, "role-needed", "A role has to sign in")
            role = needed.name
        case .pinMissing: self.init(409, "pin-missing", "This role has no PIN")
        case .pinWrong(let left):
            self.init(403, "pin-wrong", "Not this PIN")
            triesLeft = left
        case .pinLocked(let seconds):
            self.init(429, "pin-locked", "Too many wrong PINs")
            waitSeconds = seconds
        case .unknownResult: self.init(503, "unknown-result", "Nobody knows yet")
        case .printerMissing: self.init(409, "printer-missing", "There is no receipt printer")
        case .printerBusy: self.init(429, "printer-busy", "Too many receipts wait")
        }
    }

    /// The answer to send.
    var response: HTTPResponse {
        struct Document: Encodable {
            let type = "about:blank"
            let status: Int
            let code: String
            let title: String
            let refusal: String?
            let message: RefusalMessage?
            let left: Int64?
            let role: String?
            let triesLeft: Int?
            let waitSeconds: UInt64?
        }
        let document = Document(
            status: status, code: code, title: title, refusal: refusal, message: message,
            left: left, role: role, triesLeft: triesLeft, waitSeconds: waitSeconds)
        var headers = [("Content-Type", "application/problem+json"), ("Cache-Control", "no-store")]
        if let allow { headers.append(("Allow", allow)) }
        if status == 401 { headers.append(("WWW-Authenticate", "Eco-Session")) }
        return HTTPResponse(status: status, headers: headers, body: json(document))
    }
}

/// JSON with keys in order; values of ours always encode.
func json(_ value: some Encodable) -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return (try? encoder.encode(value)).map { Array($0) } ?? Array("{}".utf8)
}
