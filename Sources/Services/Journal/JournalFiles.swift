import Linux

/// The names of a journal's files: `journal.sqlite` is the first year's, `journal-N.sqlite` begins
/// with entry N. The greatest N is the file that takes entries.
public enum JournalFiles {
    private static let suffix = ".sqlite"

    /// The files there are, oldest first, with the number of their first entry; none where there
    /// is no such folder.
    /// - Throws: `JournalError.unusable` when nobody can tell: a folder that cannot be listed is
    ///   no empty one.
    static func list(_ path: String) throws(JournalError) -> [(first: UInt64, path: String)] {
        let (folder, name) = split(path)
        let names: [String]
        do throws(LinuxError) { names = try Files.list(folder.isEmpty ? "." : folder) } catch {
            guard error.isMissing else { throw .unusable("\(folder) \(error)") }
            names = []
        }
        return names.compactMap { found in
            first(of: found, name).map { (first: $0, path: folder + found) }
        }.sorted { $0.first < $1.first }
    }

    /// True when a journal is there, whole or with its first years archived.
    /// - Throws: `JournalError.unusable` when nobody can tell.
    public static func exist(_ path: String) throws(JournalError) -> Bool {
        try !list(path).isEmpty
    }

    /// The path of the file that begins with entry `first`.
    static func path(_ path: String, first: UInt64) -> String {
        first == 1 ? path : "\(stem(path))-\(first)\(path.hasSuffix(suffix) ? suffix : "")"
    }

    private static func stem(_ path: String) -> String {
        path.hasSuffix(suffix) ? String(path.dropLast(suffix.count)) : path
    }

    private static func split(_ path: String) -> (folder: String, name: String) {
        guard let slash = path.lastIndex(of: "/") else { return ("", path) }
        return (String(path[...slash]), String(path[path.index(after: slash)...]))
    }

    /// The number in a name, written as this program writes it; nil for another file.
    private static func first(of found: String, _ name: String) -> UInt64? {
        if found == name { return 1 }
        let digits = found.dropFirst(stem(name).count + 1).prefix { ("0"..."9").contains($0) }
        guard let first = UInt64(digits), first > 1, first <= UInt64(Int64.max),
            path(name, first: first) == found
        else { return nil }
        return first
    }
}
