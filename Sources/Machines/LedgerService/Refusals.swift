import FoundationEssentials
import HTTPServer
import LedgerBook

/// A refusal of the API (RFC 9457), made into an answer at one place.
struct Refusal: Error, Equatable {
    let status: Int
    let code: String
    let detail: String
    var isRetryable = false
    var expected: UInt64?
    /// Extra header fields.
    var header: [String] = []

    init(
        _ status: Int, _ code: String, _ detail: String, isRetryable: Bool = false,
        expected: UInt64? = nil, header: [String] = []
    ) {
        self.status = status
        self.code = code
        self.detail = detail
        self.isRetryable = isRetryable
        self.expected = expected
        self.header = header
    }

    /// What the book's refusal means to a caller.
    init(_ error: BookError) {
        switch error {
        case .storage, .unusable, .settingsMissing:
            self.init(503, "storage", "The ledger cannot write now.", isRetryable: true)
        case .terminalUnknown:
            self.init(401, "terminal-unknown", "This terminal is not paired.")
        case .terminalRevoked:
            self.init(401, "terminal-revoked", "This terminal was revoked.")
        case .pairingCode:
            self.init(403, "pairing-code", "The code is wrong, used or expired.")
        case .otherMerchant:
            self.init(
                403, "other-merchant",
                "This terminal is another merchant's; it needs a code that was made to move it.")
        case .merchantUnknown:
            self.init(404, "merchant-unknown", "No such merchant.")
        case .malformed(let what): self.init(422, "malformed", what)
        case .tooManyEntries:
            self.init(413, "too-many-entries", "At most 1000 entries a batch.")
        case .entrySignature:
            self.init(422, "entry-signature", "An entry is not signed by this terminal.")
        case .gap(let expected):
            self.init(409, "gap", "Entries are missing.", expected: expected)
        case .fork(let expected):
            self.init(409, "fork", "The ledger knows another chain.", expected: expected)
        case .notHeld: self.init(404, "not-held", "No such held entry.")
        case .notBookable(let code): self.init(409, "not-bookable", "It cannot be booked: \(code).")
        case .cardUnknown: self.init(404, "card-unknown", "No such card.")
        case .cardReplaced: self.init(409, "card-replaced", "Another card has its account.")
        case .cardKnown: self.init(409, "card-known", "Registered with other data.")
        case .topUp: self.init(409, "top-up", "The money was not issued.")
        case .amount: self.init(422, "amount", "Out of the range of money.")
        }
    }

    private struct Document: Encodable {
        let type: String
        let title: String
        let status: Int
        let detail: String
        let code: String
        let retryable: Bool
        let expected: UInt64?
    }

    var response: HTTPResponse {
        let document = Document(
            type: "about:blank", title: Self.title(status), status: status, detail: detail,
            code: code, retryable: isRetryable, expected: expected)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let body = (try? encoder.encode(document)).map { Array($0) } ?? []
        // RFC 9110 §15.5.2: whoever is refused for want of a signature learns what kind is wanted.
        let header = status == 401 ? self.header + ["WWW-Authenticate", "Signature"] : self.header
        let extra = stride(from: 0, to: header.count - 1, by: 2).map {
            (header[$0], header[$0 + 1])
        }
        return HTTPResponse(
            status: status,
            headers: [
                ("Content-Type", "application/problem+json"), ("Cache-Control", "no-store"),
            ] + extra, body: body)
    }

    /// The phrase of the status (RFC 9110 §15), the title of a problem of type about:blank.
    private static func title(_ status: Int) -> String {
        switch status {
        case 400: "Bad Request"
        case 401: "Unauthorized"
        case 403: "Forbidden"
        case 404: "Not Found"
        case 405: "Method Not Allowed"
        case 409: "Conflict"
        case 411: "Length Required"
        case 413: "Content Too Large"
        case 415: "Unsupported Media Type"
        case 422: "Unprocessable Content"
        case 429: "Too Many Requests"
        case 503: "Service Unavailable"
        default: "Error"
        }
    }
}
