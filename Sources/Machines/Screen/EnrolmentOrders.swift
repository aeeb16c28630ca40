import Crypto
import HTTPServer
import Operations
import Terminal
import Tokens

/// {"consents":["carte-2026-1"],"lane":false,"personal":[65,109],"replaces":"123456789012"}
///
/// `personal` is UTF-8, byte by byte: no text is made of it on its way to the seal. `replaces` is
/// left out for a first card.
struct EnrolOrder: OrderBody {
    /// Bytes of what a person may tell at a stand.
    static let personalMax = 512

    let consents: [String]
    let lane: Bool
    var personal: [UInt8]
    let replaces: String?

    /// - Throws: `Problem.bodyInvalid` for a number that is none, versions that are none, or bytes
    ///   that are no plain text.
    func order() throws(Problem) -> EnrolmentOrder {
        guard consents.count <= Enrolment.consentsMax,
            consents.allSatisfy({ (1...32).contains($0.utf8.count) }),
            personal.count <= Self.personalMax, Self.isPlain(personal),
            !lane || (personal.isEmpty && replaces == nil)
        else { throw .bodyInvalid }
        var old: CardNumber?
        if let replaces {
            guard let card = CardNumber(replaces), card.digits == replaces else {
                throw .bodyInvalid
            }
            old = card
        }
        return EnrolmentOrder(consents: consents, replaces: old, isLane: lane)
    }

    /// UTF-8 without what steers a terminal or turns the direction of writing: somebody reads it
    /// later in a window of text.
    static func isPlain(_ bytes: [UInt8]) -> Bool {
        var decoder = UTF8()
        var rest = bytes.makeIterator()
        while true {
            switch decoder.decode(&rest) {
            case .emptyInput: return true
            case .error: return false
            case .scalarValue(let scalar):
                switch scalar.value {
                case 0..<0x20, 0x7F..<0xA0, 0x2028...0x202E, 0x2066...0x2069: return false
                default: break
                }
            }
        }
    }
}

/// Giving cards.
extension Routes {
    /// The order is remembered by its kind alone: nothing that a person told can be given twice.
    func enrol(_ request: HTTPRequest) throws(Problem) -> HTTPResponse {
        var body = try EnrolOrder.read(request)
        defer { wipe(&body.personal) }
        let order = try body.order()
        let armed = try answered(control.enrol(order, personal: &body.personal))
        memory.keep(.enrolment, of: armed.id)
        return Self.document(ArmedView(armed, now: monotonicMilliseconds()))
    }

    /// The QR symbol of a card that was given: /qr/enrolment.svg?id=UUID.
    func enrolmentSymbol(_ request: HTTPRequest) throws(Problem) -> HTTPResponse {
        guard request.query.count == 1, let (name, value) = request.query.first, name == "id" else {
            throw .queryInvalid
        }
        guard let link = control.applicationLink(of: try identifier(value)),
            let image = QRImage.svg(link)
        else { throw .notFound }
        return HTTPResponse(
            status: 200,
            headers: [("Content-Type", "image/svg+xml"), ("Cache-Control", "no-store")],
            body: image)
    }
}

/// The answer of /api/consents, in the order of the policy.
struct ConsentsView: Encodable {
    struct Text: Encodable {
        let version: String
        let required: Bool
        /// By language.
        let texts: [String: String]
    }

    let consents: [Text]

    init(_ texts: [ConsentText]) {
        consents = texts.map {
            Text(version: $0.version, required: $0.isRequired, texts: $0.texts.texts)
        }
    }
}

/// A row of cards.
struct LaneView: Encodable {
    let count: Int
    let lastFour: String?

    init(_ lane: Lane) {
        count = lane.count
        lastFour = lane.lastFour
    }
}
