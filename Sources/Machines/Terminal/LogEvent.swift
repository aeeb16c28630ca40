/// One thing that happened, for the service's log. No identity, key or name stands in it: cards
/// and people are never named, an operation is its random id.
public struct LogEvent: Sendable, Equatable {
    /// What happened. The raw value stands in lines; `messageID` is what a catalogue explains.
    public enum Kind: String, CaseIterable, Sendable {
        /// The checkout is open.
        case started = "start"
        /// The checkout closes.
        case stopped = "stop"
        /// A part of the program does not move: no sign of life is given.
        case wedged
        /// Something this terminal needs is missing or broken; the sentence says what to do.
        case fault
        /// What was missing is there again.
        case mended
        /// A reader came or went.
        case readerChanged = "reader-changed"
        /// The chip was opened anew.
        case readerReopened = "reader-reopened"
        /// The chip does not answer in time.
        case readerStalled = "reader-stalled"
        /// The chip answers again.
        case readerAnswers = "reader-answers"
        /// A conversation with a card has ended.
        case tap
        /// A card was refused for what it is.
        case cardRefused = "card-refused"
        /// The journal did not take an entry.
        case journalWriteFailed = "journal-write-failed"
        /// The journal cannot be read.
        case journalUnreadable = "journal-unreadable"
        /// PINs cannot be read or kept.
        case pinStorage = "pin-storage"
        /// A card came while a result stood: the card of that result, or another one.
        case cardAfterResult = "card-after-result"
        /// The receipt printer did not print.
        case printerTrouble = "printer-trouble"
        /// The journal did not take a print's trace, so nothing was printed.
        case receiptNotTraced = "receipt-not-traced"

        /// 32 hexadecimal digits, the same for ever: journalctl finds entries and their
        /// explanation by it.
        public var messageID: String {
            switch self {
            case .started: "df8bd9373a644ab19a1e4b83f9a58807"
            case .stopped: "ff156c6285c04d46a970f2b2c987eb38"
            case .wedged: "1f7855bfc0de4052a2bca71b8a285ed7"
            case .fault: "56a10f31d72d4543b5fa92c95ba37e80"
            case .mended: "7116a08de068461188dad114b744ee70"
            case .readerChanged: "74a4cc7f9f6344ca982fbb68aec5521c"
            case .readerReopened: "53b46c3bb8a6444b8111097b6625a8dd"
            case .readerStalled: "c4f9a72362174ebb81c5be642a94e061"
            case .readerAnswers: "c7003d41f2634e64b270d79a472a3423"
            case .tap: "80641aa093804572a9975223b50d7ade"
            case .cardRefused: "cb69a1f3679e4097a370130fb4b58703"
            case .journalWriteFailed: "11f085e018d8446884efe13bf78d8fbd"
            case .journalUnreadable: "344c4f56f4894ff7b7ea6f9d7e3e9f80"
            case .pinStorage: "76e928b990f54cbeb32d9c7ac593a8ed"
            case .cardAfterResult: "e1a7c9540b8d4f36a2d05f7be3164c89"
            case .printerTrouble: "3f96d2b817a04ce5918be07c42ad6f10"
            case .receiptNotTraced: "b4e03a6f5d2948718c6f19ea70d3b25c"
            }
        }
    }

    /// One word about it.
    public struct Field: Sendable, Equatable {
        /// Small letters and hyphens, e.g. "operation".
        public let name: String
        /// Any text of one line.
        public let value: String

        /// The name in a journal entry: "ECO_OP_ID" for "operation", else e.g. "ECO_OUTCOME".
        public var journalName: String {
            name == "operation"
                ? "ECO_OP_ID" : "ECO_" + name.uppercased().replacing("-", with: "_")
        }
    }

    /// What happened.
    public let kind: Kind
    /// In the order they are told.
    public let fields: [Field]
    /// One sentence that says what to do, where somebody has to do something.
    public let sentence: String?

    /// An event.
    public init(
        _ kind: Kind, _ fields: KeyValuePairs<String, String> = [:], sentence: String? = nil
    ) {
        self.kind = kind
        self.fields = fields.map { Field(name: $0.key, value: $0.value) }
        self.sentence = sentence
    }

    /// "event=tap operation=… outcome=…", with the sentence after a colon.
    public var text: String {
        let words = ["event=" + kind.rawValue] + fields.map { $0.name + "=" + $0.value }
        return words.joined(separator: " ") + (sentence.map { ": " + $0 } ?? "")
    }
}
