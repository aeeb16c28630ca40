import Glibc
import Linux

/// Where `journal recover` puts a journal that an old image had.
enum SetAsideFolder {
    private static let prefix = "set-aside-"

    /// Of a terminal's folder; `now` in milliseconds since the Unix epoch.
    static func path(in directory: String, at now: UInt64) -> String {
        "\(directory)/\(prefix)\(now)"
    }

    static func archive(in folder: String) -> String { folder + "/old.eco-archive" }

    /// The archives that lie in a terminal's folder, oldest first; also one that is gone from
    /// beside the journal it was made of.
    static func archives(in directory: String) throws(LinuxError) -> [String] {
        var archives: [String] = []
        for name in try Files.list(directory) where name.hasPrefix(prefix) {
            let folder = directory + "/" + name
            let inside: [String]
            do throws(LinuxError) { inside = try Files.list(folder) } catch {
                guard error.code != ENOTDIR else { continue }
                throw error
            }
            let isJournal = inside.contains { $0.hasPrefix("journal") && $0.hasSuffix(".sqlite") }
            if isJournal || Files.exists(archive(in: folder)) {
                archives.append(archive(in: folder))
            }
        }
        return archives
    }
}
