import Glibc

/// Secrets that the service manager hands to this process, as files in a folder of its own.
public enum Credentials {
    /// The folder; nil when none was handed over.
    public static var directory: String? {
        getenv("CREDENTIALS_DIRECTORY").map { String(cString: $0) }
    }

    /// The file of a credential; nil when it was not handed over. A name has no slash.
    public static func path(_ name: String) -> String? {
        guard let directory, !name.isEmpty, !name.utf8.contains(UInt8(ascii: "/")) else {
            return nil
        }
        let path = directory + "/" + name
        return Files.exists(path) ? path : nil
    }

    /// Whether a path is one of them: only the manager and this process reach that folder, and on
    /// a tmpfs its access list makes the group's bit appear in the mode.
    public static func contain(_ path: String) -> Bool {
        directory.map { path.hasPrefix($0 + "/") } ?? false
    }
}
