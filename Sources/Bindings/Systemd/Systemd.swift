// Systemd: what a service says to its manager and to the journal, and what it is handed
// (libsystemd).
//
// Purpose: readiness, status and signs of life; sockets that systemd opened for this process;
// journal entries with fields.
// Promises:
//   Y1  Without systemd nothing happens: no manager is told, no socket is taken, `JournalStream`
//       says that stderr is no journal.
//   Y2  What cannot be delivered is lost in silence: a service never fails because nobody listens.
//   Y3  Inherited sockets are taken once; what this process starts does not inherit them again.
// Does not promise: that a message arrives; a journal entry's place in the source.
// Threads: any, but `ServiceManager.takeListeners` (it changes the environment): before any other
// thread is started.
// Units: `Duration`.

import CSystemd
import Glibc

/// One sentence of the notify protocol (sd_notify(3)).
public enum ServiceNews: Sendable, Equatable {
    /// The service is up.
    case ready
    /// The service is about to end.
    case stopping
    /// The service looked after itself and is well; the watchdog's clock starts anew.
    case alive
    /// One line for `systemctl status`; line ends become spaces.
    case status(String)
    /// Starting takes longer: give it this much from now, whole seconds.
    case extendStart(Duration)

    /// The line of the protocol, e.g. "READY=1".
    var line: String {
        switch self {
        case .ready: "READY=1"
        case .stopping: "STOPPING=1"
        case .alive: "WATCHDOG=1"
        case .status(let text):
            "STATUS=" + String(text.map { $0.isNewline ? " " : $0 })
        case .extendStart(let time):
            "EXTEND_TIMEOUT_USEC=\(max(time.components.seconds, 1) * 1_000_000)"
        }
    }
}

/// A listening socket that systemd opened.
public struct InheritedListener: Sendable, Equatable {
    /// `FileDescriptorName=` of the socket unit.
    public let name: String
    /// The descriptor; closes on exec. It belongs to whoever took it.
    public let descriptor: Int32
}

/// The manager that started this process, if one did.
public enum ServiceManager {
    /// Whether somebody listens to news.
    public static var isPresent: Bool { getenv("NOTIFY_SOCKET") != nil }

    /// Tells the manager, in one message. Calls `sd_notify`.
    public static func tell(_ news: [ServiceNews]) {
        sd_notify(0, news.map(\.line).joined(separator: "\n"))
    }

    /// How long the manager waits for `.alive` before it ends this process; nil: it does not.
    /// Calls `sd_watchdog_enabled`.
    public static var patience: Duration? {
        var microseconds: UInt64 = 0
        guard sd_watchdog_enabled(0, &microseconds) > 0 else { return nil }
        return .microseconds(Int64(clamping: microseconds))
    }

    /// The sockets handed to this process; none at a second call (Y3).
    /// Calls `sd_listen_fds_with_names`.
    public static func takeListeners() -> [InheritedListener] {
        var names: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
        let count = sd_listen_fds_with_names(1, &names)
        guard count > 0, let names else { return [] }
        defer { free(names) }
        return (0..<Int(count)).map { index in
            let name = names[index].map { String(cString: $0) } ?? ""
            free(names[index])
            return InheritedListener(
                name: name, descriptor: SD_LISTEN_FDS_START + Int32(index))
        }
    }
}
