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
        /// The thread that the pages are drawn from.
        case screen
        /// The page itself, as a browser asks for it.
        case page
    }

    /// What was seen of the parts.
    public struct Signs: Sendable, Equatable {
        /// Since the reader's thread came by.
        public var readerSilence: Duration
        /// Since the clerk came by.
        public var clerkSilence: Duration
        /// Since the journal could be read; zero when it can.
        public var journalUnreadable: Duration
        /// Since the screen's thread came by.
        public var screenSilence: Duration
        /// Since the page answered; zero when it does.
        public var pageSilence: Duration

        /// Signs.
        public init(
            readerSilence: Duration, clerkSilence: Duration, journalUnreadable: Duration,
            screenSilence: Duration, pageSilence: Duration
        ) {
            self.readerSilence = readerSilence
            self.clerkSilence = clerkSilence
            self.journalUnreadable = journalUnreadable
            self.screenSilence = screenSilence
            self.pageSilence = pageSilence
        }
    }

    /// How long a part may take. The reader: a card's power-up and conversation with a slow
    /// ledger, several times over. The clerk: the journal's lock, held by a long list. The
    /// journal: as long as a person needs to see the page's advice, a minute. The screen: what the
    /// clerk may. The page: several of its questions, while all connections are in use.
    public static func limit(of part: Part) -> Duration {
        switch part {
        case .reader: .seconds(15)
        case .clerk: .seconds(10)
        case .journal: .seconds(60)
        case .screen: .seconds(10)
        case .page: .seconds(30)
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
                case .screen: signs.screenSilence
                case .page: signs.pageSilence
                }
            return silence > limit(of: part)
        }
    }
}
