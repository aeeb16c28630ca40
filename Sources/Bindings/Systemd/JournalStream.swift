import CSystemd
import Glibc

/// The system's journal, for entries with fields.
public enum JournalStream {
    /// How much an entry matters (syslog(3)).
    public enum Priority: Int32, Sendable {
        case error = 3
        case warning = 4
        case notice = 5
        case information = 6
    }

    /// Whether stderr leads into the journal: JOURNAL_STREAM names the very socket that
    /// descriptor 2 is. Calls `fstat`.
    public static let isStandardError: Bool = {
        guard let value = getenv("JOURNAL_STREAM") else { return false }
        let parts = String(cString: value).split(separator: ":")
        var found = stat()
        guard parts.count == 2, fstat(2, &found) == 0 else { return false }
        return UInt64(parts[0]) == UInt64(found.st_dev) && UInt64(parts[1]) == UInt64(found.st_ino)
    }()

    /// Sends one entry. `fields`: names of A…Z, 0…9 and _ with their values, MESSAGE among them.
    /// False when no journal takes it. Calls `sd_journal_sendv`.
    public static func send(
        priority: Priority, fields: [(name: String, value: String)]
    ) -> Bool {
        let all = [("PRIORITY", "\(priority.rawValue)")] + fields.map { ($0.name, $0.value) }
        var bytes: [UInt8] = []
        var ends: [Int] = []
        for (name, value) in all {
            bytes += Array("\(name)=\(value)".utf8)
            ends.append(bytes.count)
        }
        return bytes.withUnsafeMutableBytes { bytes in
            var start = 0
            let parts = ends.map { end in
                defer { start = end }
                return iovec(
                    iov_base: bytes.baseAddress.map { $0 + start }, iov_len: end - start)
            }
            return sd_journal_sendv(parts, Int32(parts.count)) == 0
        }
    }
}
