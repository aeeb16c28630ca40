// COSE: deterministic CBOR (RFC 8949 §4.2) and COSE_Sign1 (RFC 9052) over libcbor.
//
// Purpose: the one mechanism that signs everything: tokens, entries, policies, deny-lists,
// receipts. Promises: what is encoded is deterministic; what is decoded is strict: trailing bytes,
// indefinite lengths, duplicate keys, non-shortest heads, depth over 8, floats and sizes over the
// stated limit are refused with a typed error; a signature is checked over the bytes received.
// Does not promise: map order of foreign encoders is not enforced (any COSE library may write
// ours). Threads: values; any thread.
// Units: sizes in bytes.
//
// `unsafe` appears here because this target is itself the border to a C library.

/// Why bytes are not what they should be.
public enum COSEError: Error, Equatable, Sendable {
    /// Over the size limit (bytes).
    case tooLarge(limit: Int)
    /// The bytes end inside an item.
    case truncated
    /// Bytes follow the item.
    case trailingBytes
    /// An indefinite length, float, undefined or reserved item.
    case unsupportedItem
    /// A head longer than its value needs.
    case notShortest
    /// A map key that stands twice.
    case duplicateKey
    /// Nested deeper than 8.
    case tooDeep
    /// Text that is not UTF-8.
    case notText
    /// Well-formed, but not the shape expected; names the field.
    case unexpectedShape(String)
    /// The signature does not verify.
    case badSignature
}
