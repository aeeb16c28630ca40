import CCBOR

/// Walks CBOR bytes head by head with libcbor's streaming decoder.
struct CBORReader {
    private let bytes: [UInt8]
    private(set) var position = 0
    /// Where what may be read ends: what an item lacks then, it lacks here.
    var end: Int

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
        end = bytes.count
    }

    /// One item and all it holds.
    mutating func item(depth: Int) throws(COSEError) -> CBOR {
        guard depth <= CBOR.depthMax else { throw .tooDeep }
        switch try head() {
        case .unsigned(let value): return .unsigned(value)
        case .negative(let value): return .negative(value)
        case .bytes(let range): return .bytes(Array(bytes[range]))
        case .text(let range):
            guard let text = String(validating: bytes[range], as: UTF8.self) else {
                throw .notText
            }
            return .text(text)
        case .array(let count): return .array(try items(count, depth: depth))
        case .map(let count): return .map(try pairs(count, depth: depth))
        case .tag(let tag): return .tagged(tag, try item(depth: depth + 1))
        case .bool(let value): return .bool(value)
        case .null: return .null
        }
    }

    private mutating func items(_ count: UInt64, depth: Int) throws(COSEError) -> [CBOR] {
        guard count <= UInt64(end - position) else { throw .truncated }
        var items: [CBOR] = []
        for _ in 0..<count { items.append(try item(depth: depth + 1)) }
        return items
    }

    private mutating func pairs(_ count: UInt64, depth: Int) throws(COSEError) -> [CBOR.Pair] {
        guard count <= UInt64(end - position) / 2 else { throw .truncated }
        var pairs: [CBOR.Pair] = []
        var keys = SeenKeys()
        for _ in 0..<count {
            let start = position
            let key = try item(depth: depth + 1)
            guard keys.insert(start..<position, of: bytes) else { throw .duplicateKey }
            pairs.append(CBOR.Pair(key, try item(depth: depth + 1)))
        }
        return pairs
    }

    /// The encoded keys of one map. While they ascend, as in every deterministic map, none can
    /// repeat and none is copied.
    private struct SeenKeys {
        private var ranges: [Range<Int>] = []
        private var set: Set<[UInt8]>?

        /// False for a key that was there.
        mutating func insert(_ range: Range<Int>, of bytes: [UInt8]) -> Bool {
            if set == nil {
                let isAscending =
                    ranges.last.map { bytes[$0].lexicographicallyPrecedes(bytes[range]) } ?? true
                if isAscending {
                    ranges.append(range)
                    return true
                }
                set = Set(ranges.map { Array(bytes[$0]) })
            }
            return set?.insert(Array(bytes[range])).inserted ?? false
        }
    }

    // MARK: heads

    private enum Head {
        case unsigned(UInt64)
        case negative(UInt64)
        case bytes(Range<Int>)
        case text(Range<Int>)
        case array(UInt64)
        case map(UInt64)
        case tag(UInt64)
        case bool(Bool)
        case null
    }

    /// What a libcbor callback saw; `argument` is the value or the length.
    private struct Seen {
        enum Kind { case unsigned, negative, bytes, text, array, map, tag, bool, null }
        var kind: Kind?
        var argument: UInt64 = 0
    }

    /// Reads one head (and the bytes of a string). Calls `cbor_stream_decode`.
    private mutating func head() throws(COSEError) -> Head {
        guard position < end else { throw .truncated }
        if bytes[position] >> 5 == 6 { return try tagHead() }
        var seen = Seen()
        let start = position
        let result = unsafe bytes.withUnsafeBufferPointer { buffer in
            unsafe withUnsafeMutablePointer(to: &seen) { context in
                var callbacks = Self.callbacks
                return unsafe cbor_stream_decode(
                    buffer.baseAddress! + start, end - start, &callbacks, context)
            }
        }
        switch result.status {
        case CBOR_DECODER_FINISHED: break
        case CBOR_DECODER_NEDATA: throw .truncated
        default: throw .unsupportedItem
        }
        guard let kind = seen.kind else { throw .unsupportedItem }
        position += result.read
        let isString = kind == .bytes || kind == .text
        let content = isString ? Int(seen.argument) : 0
        if kind != .bool && kind != .null {
            guard result.read - content == Self.headSize(seen.argument) else {
                throw .notShortest
            }
        }
        let range = (position - content)..<position
        switch kind {
        case .unsigned: return .unsigned(seen.argument)
        case .negative: return .negative(seen.argument)
        case .bytes: return .bytes(range)
        case .text: return .text(range)
        case .array: return .array(seen.argument)
        case .map: return .map(seen.argument)
        case .tag: return .tag(seen.argument)
        case .bool: return .bool(seen.argument == 1)
        case .null: return .null
        }
    }

    /// A tag's head, read as the unsigned head it is but for its major type: libcbor before 0.9
    /// (Debian 12) refuses the tags 5 to 20, and COSE_Sign1 is tag 18.
    private mutating func tagHead() throws(COSEError) -> Head {
        var copy = Array(bytes[position..<min(position + 9, end)])
        copy[0] &= 0x1f
        var reader = CBORReader(copy)
        guard case .unsigned(let tag) = try reader.head() else { throw .unsupportedItem }
        position += reader.position
        return .tag(tag)
    }

    /// Bytes of the shortest head with this argument.
    private static func headSize(_ argument: UInt64) -> Int {
        switch argument {
        case 0..<24: 1
        case 24..<0x100: 2
        case 0x100..<0x1_0000: 3
        case 0x1_0000..<0x1_0000_0000: 5
        default: 9
        }
    }

    private static func note(
        _ context: UnsafeMutableRawPointer?, _ kind: Seen.Kind, _ value: UInt64
    ) {
        guard let context = unsafe context else { return }
        unsafe context.assumingMemoryBound(to: Seen.self).pointee =
            Seen(kind: kind, argument: value)
    }

    /// Indefinite lengths, floats, undefined and break keep libcbor's empty callbacks: no kind is
    /// noted, so they are refused.
    private static let callbacks: cbor_callbacks = {
        var callbacks = cbor_empty_callbacks
        unsafe callbacks.uint8 = { unsafe note($0, .unsigned, UInt64($1)) }
        unsafe callbacks.uint16 = { unsafe note($0, .unsigned, UInt64($1)) }
        unsafe callbacks.uint32 = { unsafe note($0, .unsigned, UInt64($1)) }
        unsafe callbacks.uint64 = { unsafe note($0, .unsigned, $1) }
        unsafe callbacks.negint8 = { unsafe note($0, .negative, UInt64($1)) }
        unsafe callbacks.negint16 = { unsafe note($0, .negative, UInt64($1)) }
        unsafe callbacks.negint32 = { unsafe note($0, .negative, UInt64($1)) }
        unsafe callbacks.negint64 = { unsafe note($0, .negative, $1) }
        unsafe callbacks.byte_string = { unsafe note($0, .bytes, UInt64($2)) }
        unsafe callbacks.string = { unsafe note($0, .text, UInt64($2)) }
        unsafe callbacks.array_start = { unsafe note($0, .array, UInt64(truncatingIfNeeded: $1)) }
        unsafe callbacks.map_start = { unsafe note($0, .map, UInt64(truncatingIfNeeded: $1)) }
        unsafe callbacks.tag = { unsafe note($0, .tag, UInt64($1)) }
        unsafe callbacks.boolean = { unsafe note($0, .bool, $1 ? 1 : 0) }
        unsafe callbacks.null = { unsafe note($0, .null, 0) }
        return callbacks
    }()
}
