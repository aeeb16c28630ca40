import CCBOR

/// One CBOR item, of the kinds this project writes.
public indirect enum CBOR: Equatable, Sendable {
    case unsigned(UInt64)
    /// The value is -1 - n.
    case negative(UInt64)
    case bytes([UInt8])
    case text(String)
    case array([CBOR])
    case map([Pair])
    case tagged(UInt64, CBOR)
    case bool(Bool)
    case null

    /// A key and its value.
    public struct Pair: Equatable, Sendable {
        /// The key.
        public let key: CBOR
        /// The value.
        public let value: CBOR
        /// A key and its value.
        public init(_ key: CBOR, _ value: CBOR) {
            self.key = key
            self.value = value
        }
    }

    /// An integer of either sign.
    public static func integer(_ value: Int64) -> CBOR {
        value >= 0 ? .unsigned(UInt64(value)) : .negative(UInt64(-1 - value))
    }

    /// A map with integer keys; pairs whose value is nil are left out.
    public static func record(_ fields: KeyValuePairs<Int64, CBOR?>) -> CBOR {
        .map(fields.compactMap { key, value in value.map { Pair(.integer(key), $0) } })
    }

    /// The number of an unsigned item.
    public var unsigned: UInt64? { if case .unsigned(let value) = self { value } else { nil } }
    /// The number of an integer item that fits 64 bits signed.
    public var integer: Int64? {
        switch self {
        case .unsigned(let value): Int64(exactly: value)
        case .negative(let value): Int64(exactly: value).map { -1 - $0 }
        default: nil
        }
    }
    /// The bytes of a byte string.
    public var bytes: [UInt8]? { if case .bytes(let value) = self { value } else { nil } }
    /// The text of a text string.
    public var text: String? { if case .text(let value) = self { value } else { nil } }
    /// The items of an array.
    public var array: [CBOR]? { if case .array(let value) = self { value } else { nil } }
    /// The pairs of a map.
    public var map: [Pair]? { if case .map(let value) = self { value } else { nil } }
    /// The truth value.
    public var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
    /// The value at an integer key of a map.
    public subscript(key: Int64) -> CBOR? { map?.first { $0.key == .integer(key) }?.value }
}

// MARK: encoding

extension CBOR {
    /// The deterministic encoding (RFC 8949 §4.2.1): shortest heads, map keys in bytewise order.
    public var encoded: [UInt8] {
        var output: [UInt8] = []
        output.reserveCapacity(512)
        append(to: &output)
        return output
    }

    /// Pairs in the order of their encoded keys.
    private static func sorted(_ pairs: [Pair]) -> [Pair] {
        let encoded = pairs.map { ($0.key.encoded, $0) }
        return encoded.sorted { $0.0.lexicographicallyPrecedes($1.0) }.map(\.1)
    }

    /// True when the keys are integers in the order of their encodings, as our own maps are.
    private static func isAscending(_ pairs: [Pair]) -> Bool {
        pairs.indices.dropFirst().allSatisfy { index in
            switch (pairs[index - 1].key, pairs[index].key) {
            case (.unsigned(let left), .unsigned(let right)): left < right
            case (.negative(let left), .negative(let right)): left < right
            case (.unsigned, .negative): true
            default: false
            }
        }
    }

    private func append(to output: inout [UInt8]) {
        switch self {
        case .unsigned(let value):
            unsafe Self.head(&output) { unsafe cbor_encode_uint(value, $0, $1) }
        case .negative(let value):
            unsafe Self.head(&output) { unsafe cbor_encode_negint(value, $0, $1) }
        case .bytes(let bytes):
            unsafe Self.head(&output) { unsafe cbor_encode_bytestring_start(bytes.count, $0, $1) }
            output += bytes
        case .text(let text):
            let bytes = text.utf8
            unsafe Self.head(&output) { unsafe cbor_encode_string_start(bytes.count, $0, $1) }
            output += bytes
        case .array(let items):
            unsafe Self.head(&output) { unsafe cbor_encode_array_start(items.count, $0, $1) }
            for item in items { item.append(to: &output) }
        case .map(let pairs):
            unsafe Self.head(&output) { unsafe cbor_encode_map_start(pairs.count, $0, $1) }
            for pair in Self.isAscending(pairs) ? pairs : Self.sorted(pairs) {
                pair.key.append(to: &output)
                pair.value.append(to: &output)
            }
        case .tagged(let tag, let item):
            unsafe Self.head(&output) { unsafe cbor_encode_tag(tag, $0, $1) }
            item.append(to: &output)
        case .bool(let value):
            unsafe Self.head(&output) { unsafe cbor_encode_bool(value, $0, $1) }
        case .null:
            unsafe Self.head(&output) { unsafe cbor_encode_null($0, $1) }
        }
    }

    /// Runs one libcbor buffer encoder; a head has at most 9 bytes.
    private static func head(
        _ output: inout [UInt8], _ encode: (UnsafeMutablePointer<UInt8>, Int) -> Int
    ) {
        unsafe withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 9) { buffer in
            let count = unsafe encode(buffer.baseAddress!, 9)
            precondition(count > 0 && count <= 9, "COSE: libcbor encoder wrote no head")
            for index in 0..<count { unsafe output.append(buffer[index]) }
        }
    }
}

// MARK: decoding

extension CBOR {
    /// Depth of nesting accepted.
    public static let depthMax = 8

    /// Decodes exactly one item that fills `bytes`.
    /// - Throws: `COSEError`; see the rules at the top of COSE.swift.
    public static func decode(_ bytes: [UInt8], limit: Int) throws(COSEError) -> CBOR {
        guard bytes.count <= limit else { throw .tooLarge(limit: limit) }
        var reader = CBORReader(bytes)
        let item = try reader.item(depth: 0)
        guard reader.position == bytes.count else { throw .trailingBytes }
        return item
    }

    /// Cuts a CBOR sequence (RFC 8742) into the bytes of its items, at most `count` of them and
    /// each at most `itemLimit` long (nil: `limit`): no more than that is read as values at a time,
    /// which take many times the memory of their bytes.
    /// - Throws: `COSEError`.
    public static func sequence(
        _ bytes: [UInt8], count: Int, limit: Int, itemLimit: Int? = nil
    ) throws(COSEError) -> [[UInt8]] {
        guard bytes.count <= limit else { throw .tooLarge(limit: limit) }
        var reader = CBORReader(bytes)
        var items: [[UInt8]] = []
        let longest = itemLimit ?? limit
        while reader.position < bytes.count {
            guard items.count < count else { throw .tooLarge(limit: count) }
            let start = reader.position
            reader.end = start + min(bytes.count - start, longest)
            do throws(COSEError) { _ = try reader.item(depth: 0) } catch {
                let isCut = error == .truncated && reader.end < bytes.count
                throw isCut ? .tooLarge(limit: longest) : error
            }
            items.append(Array(bytes[start..<reader.position]))
        }
        return items
    }
}
