import FoundationEssentials
import HTTPServer
import Operations

/// A body of an order: simple fields in alphabetical order, so that its one right spelling can be
/// compared.
protocol OrderBody: Codable {}

/// {"amountCents":1250}
struct AmountOrder: OrderBody {
    let amountCents: Int64

    /// - Throws: `Problem.amountInvalid` unless 1...`Amount.centsMax`.
    func amount() throws(Problem) -> Amount {
        guard amountCents > 0, let amount = Amount(cents: amountCents) else {
            throw .amountInvalid
        }
        return amount
    }
}

/// {"id":"0198…"}: the operation that is meant, so that a late tap cannot hit the next one.
struct OperationOrder: OrderBody {
    let id: String

    /// - Throws: `Problem.bodyInvalid` unless a UUIDv7 in its one text form.
    func entryID() throws(Problem) -> EntryID { try identifier(id) }
}

/// - Throws: `Problem.bodyInvalid` unless a UUIDv7 in its one text form.
func identifier(_ text: String) throws(Problem) -> EntryID {
    guard let entry = EntryID(text: text), entry.description == text else { throw .bodyInvalid }
    return entry
}

/// {"language":"ar"}: what the person before the terminal reads.
struct LanguageOrder: OrderBody { let language: String }

/// {}
struct EmptyOrder: OrderBody {}

/// JSON of any shape.
private struct Anything: Decodable {
    init(from decoder: any Decoder) throws {}
}

extension OrderBody {
    /// Reads a body strictly (S3).
    ///
    /// The decoder alone would take 1250.0 or 125e1 for an integer, ignore unknown fields and pick
    /// one of two equal ones. So the value is written again, and the body, white space apart, must
    /// be that very text.
    /// - Throws: `.bodyTooLarge`, `.notJSON`, `.malformedJSON`, `.bodyInvalid`.
    static func read(_ request: HTTPRequest) throws(Problem) -> Self {
        guard request.body.count <= Routes.bodyLimit else { throw .bodyTooLarge }
        let type = (request.header("content-type") ?? "").lowercased()
        guard ["application/json", "application/json; charset=utf-8"].contains(type) else {
            throw .notJSON
        }
        let order: Self
        do {
            order = try JSONDecoder().decode(Self.self, from: Data(request.body))
        } catch {
            throw isJSON(request.body) ? .bodyInvalid : .malformedJSON
        }
        guard compact(request.body) == json(order) else { throw .bodyInvalid }
        return order
    }

    /// True when the body is JSON of any shape.
    private static func isJSON(_ body: [UInt8]) -> Bool {
        (try? JSONDecoder().decode(Anything.self, from: Data(body))) != nil
    }

    /// The body without the white space of JSON; the strings of an order hold none.
    private static func compact(_ body: [UInt8]) -> [UInt8] {
        body.filter { ![0x20, 0x09, 0x0A, 0x0D].contains($0) }
    }
}
