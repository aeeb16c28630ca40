/// Whether the process deserves to live on: the pure half of the watchdog. A part that does not
/// move for longer than anything it waits for is wedged; then no sign of life is given, and the
/// service manager ends the process and starts it anew. A journal that answers with an error is
/// shown on the page and tried again, so only one that stays unreadable counts: a new process
/// reads it with new descriptors.
public enum HealthCheck {
    /// A part that must move.
    public enum Part: String, CaseIterable, Sendable {
        /// The thread that talks with readers and cards.
        case reader
        /// The thread that turns time and news into stages.
        case clerk
        /// The journal's file.
        case journal
    }

    /// What was seen of the parts.
    public struct Signs: Sendable, Equatable {
        /// Since the reader's thread came by.
        public var readerSilence: Duration
        /// Since the clerk came by.
        public var clerkSilence: Duration
        /// Since the journal could be read; zero when it can.
        public var journalUnreadable: Duration

        /// Signs.
        public init(
            readerSilence: Duration, clerkSilence: Duration, journalUnreadable: Duration
        ) {
            self.readerSilence = readerSilence
            self.clerkSilence = clerkSilence
            self.journalUnreadable = journalUnreadable
        }
    }

    /// How long a part may take. The reader: a card's power-up and conversation with a slow
    /// ledger, several times over. The clerk: the journal's lock, held by a long list. The
    /// journal: as long as a person needs to see the page's advice, a minute.
    public static func limit(of part: Part) -> Duration {
        switch part {
        case .reader: .seconds(15)
        case .clerk: .seconds(10)
        case .journal: .seconds(60)
        }
    }

    /// The parts that do not move; none: the process is well.
    public static func wedged(_ signs: Signs) -> [Part] {
        Part.allCases.filter { part in
            let silence =
                switch part {
                case .reader: signs.readerSilence
                case .clerk: signs.clerkSilence
                case .journal: signs.journalUnreadable
                }
            return silence > limit(of: part)
        }
    }
}
