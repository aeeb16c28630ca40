// LedgerMessages: what terminal and ledger say to each other (FORMATS §5), as pure codecs.
//
// Purpose: receipts, deny-list deltas, pairing, authorisation, request signatures (RFC 9421).
// Promises: strict decoding with typed errors; a signed message is believed only when verified.
// Does not promise: delivery (LedgerClient) or booking (LedgerBook).
// Threads: values; any thread. Units: cents, seconds.

/// Bytes a request or answer body may have (a batch of entries is the largest).
public let messageSizeMax = 4 << 20

/// Entries in one batch at most (FORMATS §5).
public let batchCountMax = 1_000

/// Why a message is refused.
public enum MessageError: Error, Equatable, Sendable {
    /// Not of the shape FORMATS states; names the message.
    case malformed(String)
    /// Signed by another key, or altered.
    case notAuthentic(String)
}
