import Linux
import Systemd
import Terminal
import Threads

/// Where the service's events go: into the system's journal with their fields, or to stderr as
/// lines.
struct ServiceLog: Sendable {
    /// The terminal's kid in hexadecimal, once it is known.
    var terminal: String?
    /// What was written, in numbers.
    let tally = Monitor(EventTally())

    /// Writes one event.
    func write(_ event: LogEvent) {
        tally.update { $0.add(event) }
        guard JournalStream.isStandardError else { return Console.error(event.text) }
        var fields: [(name: String, value: String)] = [
            ("MESSAGE", event.sentence ?? event.text), ("MESSAGE_ID", event.kind.messageID),
            ("SYSLOG_IDENTIFIER", "eco-terminal"), ("ECO_EVENT", event.kind.rawValue),
        ]
        if let terminal { fields.append(("ECO_TERMINAL", terminal)) }
        fields += event.fields.map { ($0.journalName, $0.value) }
        if !JournalStream.send(priority: Self.priority(event.kind), fields: fields) {
            Console.error(event.text)
        }
    }

    private static func priority(_ kind: LogEvent.Kind) -> JournalStream.Priority {
        switch kind {
        case .wedged, .fault, .journalWriteFailed, .journalUnreadable, .pinStorage,
            .receiptNotTraced:
            .error
        case .readerStalled, .cardRefused, .printerTrouble: .warning
        case .started, .stopped, .mended, .readerReopened: .notice
        case .readerChanged, .readerAnswers, .tap, .cardAfterResult: .information
        }
    }
}
