/// The parts of a problem+json document (RFC 9457) a terminal acts on.
///
/// Written by our own ledger in one flat object; read leniently, believed for nothing but talk and
/// `expected`: a full JSON parser has no place in this floor.
public struct Problem: Equatable, Sendable {
    /// The `code` member, "unknown" when absent.
    public let code: String
    /// The `expected` member: the sequence number the ledger wants next.
    public let expected: UInt64?

    /// Reads at most 4,096 bytes.
    public init(_ body: [UInt8]) {
        let text = String(decoding: body.prefix(4_096), as: UTF8.self)
        code = Self.member("code", in: text).flatMap(Self.quoted) ?? "unknown"
        expected = Self.member("expected", in: text).flatMap { value in
            UInt64(value.prefix { $0.isNumber })
        }
    }

    /// What follows `"name":`.
    private static func member(_ name: String, in text: String) -> Substring? {
        guard let range = firstRange(of: "\"\(name)\":", in: text) else { return nil }
        return text[range.upperBound...].drop { $0 == " " }
    }

    private static func firstRange(of needle: String, in text: String) -> Range<String.Index>? {
        var start = text.startIndex
        while start < text.endIndex {
            if text[start...].hasPrefix(needle) {
                return start..<text.index(start, offsetBy: needle.count)
            }
            start = text.index(after: start)
        }
        return nil
    }

    private static func quoted(_ value: Substring) -> String? {
        guard value.first == "\"" else { return nil }
        let inside = value.dropFirst().prefix { $0 != "\"" && $0 != "\\" }
        return inside.utf8.count <= 64 ? String(inside) : nil
    }
}
