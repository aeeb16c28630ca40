/// A receipt or a closure that goes to paper, as a technical event (kind 9): "receipt",
/// "entry=UUID copy=N". It counts in no total.
public struct ReceiptTrace: Equatable, Sendable {
    /// What is printed.
    public let entry: EntryID
    /// 0 for the first print; more: DUPLICATA of that number.
    public let copy: UInt64

    private static let code = "receipt"

    /// A trace.
    public init(entry: EntryID, copy: UInt64) {
        self.entry = entry
        self.copy = copy
    }

    /// The trace an event is; nil for every other event.
    public init?(_ event: TechnicalEvent) {
        let words = event.details.split(separator: " ", omittingEmptySubsequences: false)
        guard event.code == Self.code, words.count == 2, words[0].hasPrefix("entry="),
            words[1].hasPrefix("copy="), let entry = EntryID(text: String(words[0].dropFirst(6))),
            let copy = UInt64(words[1].dropFirst(5))
        else { return nil }
        self.init(entry: entry, copy: copy)
        guard self.event == event else { return nil }
    }

    /// The event that says it, in its one spelling.
    public var event: TechnicalEvent {
        TechnicalEvent(code: Self.code, details: "entry=\(entry) copy=\(copy)")
    }
}
