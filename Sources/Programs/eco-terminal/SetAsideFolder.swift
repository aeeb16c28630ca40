import Linux

/// Where `journal recover` puts a journal that an old image had.
enum SetAsideFolder {
    private static let prefix = "set-aside-"

    /// Of a terminal's folder; `now` in milliseconds since the Unix epoch.
    static func path(in directory: String, at now: UInt64) -> String {
        "\(directory)/\(prefix)\(now)"
    }

    static func archive(in folder: String) -> String { folder + "/old.eco-archive" }

    /// The archives that lie in a terminal's folder, oldest first.
    static func archives(in directory: String) -> [String] {
        let names = (try? Files.list(directory)) ?? []
        return names.filter { $0.hasPrefix(prefix) }.sorted()
            .map { archive(in: directory + "/" + $0) }.filter { Files.exists($0) }
    }
}
