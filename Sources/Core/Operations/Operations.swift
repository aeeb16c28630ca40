// Operations: what happens at a checkout, as values: amounts, entries, evidence, policy, limits.
//
// Purpose: FORMATS §2 (entries), §3 (transaction digest, evidence), §4 (policy) and the limit rule.
// Promises: money is an integer number of cents with checked arithmetic; decisions are pure.
// Does not promise: that an entry is stored or settled (Journal, LedgerBook).
// Threads: values; any thread.
// Units: cents; milliseconds or seconds since the Unix epoch as each name says.

/// Why a body, policy or amount is refused.
public enum OperationError: Error, Equatable, Sendable {
    /// A sum or difference leaves 0...`Amount.max`.
    case amountOutOfRange
    /// Signed content is not of the shape FORMATS states; names the field.
    case malformed(String)
}
